"""Errors of identity.

IdentityError
├── WrongPassword        wrong_password: no such account, or not its password (not told apart)
├── TooManyTries         rate_limited: wait `retry_after` seconds
├── SetupDone            setup_done: an account exists already
├── SetupTokenInvalid    setup_token_invalid: not the token of this first start
├── UsernameTaken        conflict: choose another name
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


class SetupDone(IdentityError):
    reason = Reason.SETUP_DONE


class SetupTokenInvalid(IdentityError):
    reason = Reason.SETUP_TOKEN_INVALID


class UsernameTaken(IdentityError):
    reason = Reason.CONFLICT


class LinkRefused(IdentityError):
    reason = Reason.LINK_INVALID


class LinkInvalid(LinkRefused):
    reason = Reason.LINK_INVALID


class LinkExpired(LinkRefused):
    reason = Reason.LINK_EXPIRED


class LinkRevoked(LinkRefused):
    reason = Reason.LINK_REVOKED
