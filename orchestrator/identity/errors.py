"""Errors of identity. What SQL refuses (a name that is taken, a used set-up link) is
`orchestrator.store.errors`.

IdentityError
├── WrongPassword        wrong_password: no such account, or not its password (not told apart)
├── TooManyTries         rate_limited: wait `retry_after` seconds
└── LinkRefused          the join link cannot be used
    ├── LinkInvalid      link_invalid: damaged, or made by another installation
    ├── LinkExpired      link_expired
    └── LinkRevoked      link_revoked: the host made a new one
"""

from orchestrator.protocol.reasons import Reason


class IdentityError(Exception):
    """Base; `reason` is stable and travels on the wire, the message says what to do."""

    reason = Reason.INTERNAL_ERROR


class WrongPassword(IdentityError):
    reason = Reason.WRONG_PASSWORD


class TooManyTries(IdentityError):
    reason = Reason.RATE_LIMITED

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many tries; wait {max(1, round(retry_after))} s and try again")
        self.retry_after = retry_after


class LinkRefused(IdentityError):
    reason = Reason.LINK_INVALID


class LinkInvalid(LinkRefused):
    reason = Reason.LINK_INVALID


class LinkExpired(LinkRefused):
    reason = Reason.LINK_EXPIRED


class LinkRevoked(LinkRefused):
    reason = Reason.LINK_REVOKED
