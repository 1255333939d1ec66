"""Accounts at the door: set-up on the first start, signing in and out, whose a cookie is."""

import time
from collections.abc import Callable, Iterable

import structlog

from orchestrator.broker.rate_limit import Rate, RateLimiter
from orchestrator.consultation.view import Role
from orchestrator.identity.errors import TooManyTries, WrongPassword
from orchestrator.identity.passwords import Passwords
from orchestrator.identity.principal import Principal
from orchestrator.identity.tokens import new_token, token_hash
from orchestrator.protocol.rest import Account
from orchestrator.store.accounts import AccountRecord, Accounts
from orchestrator.store.errors import SetupDone

log = structlog.get_logger(__name__)

LOGIN_SECONDS = 12 * 3600.0
"""A login ends so long after it was last renewed."""

SETUP_SECONDS = 7 * 86400.0
TRIES_PER_NAME = Rate(limit=10, period=300.0)
"""Of one name from one address: nobody can lock out somebody else."""

TRIES_PER_ADDRESS = Rate(limit=50, period=300.0)
FIRST_ROLES: tuple[Role, ...] = ("admin",)


class Logins:
    """Usage: `first_start_link` at start, then `sign_in` gives the token of the cookie
    `plenary_account`, and `who` turns it into a principal."""

    def __init__(
        self,
        accounts: Accounts,
        limiter: RateLimiter,
        passwords: Passwords,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._limiter = limiter
        self._passwords = passwords
        self._clock = clock

    async def setup_needed(self) -> bool:
        """True until the first account exists."""
        return await self._accounts.count() == 0

    async def first_start_link(self, public_url: str) -> str | None:
        """The one-time link that makes the first account, None when there is one. Each call makes
        the earlier link void; the token is after `#`, so that no server or proxy logs it."""
        if not await self.setup_needed():
            return None
        token, now = new_token(), self._clock()
        await self._accounts.offer_setup(token_hash(token), at=now, expires_at=now + SETUP_SECONDS)
        return f"{public_url.rstrip('/')}/host#setup={token}"

    async def set_up(self, token: str, username: str, password: str) -> tuple[Account, str]:
        """Make the first account, an admin; return it and its login token.

        Raises store.SetupDone, store.SetupTokenInvalid.
        """
        if not await self.setup_needed():  # before the costly hash
            raise SetupDone("set-up is done already; sign in")
        record = await self._accounts.redeem_setup(
            token_hash(token),
            username,
            await self._passwords.hash(password),
            FIRST_ROLES,
            at=self._clock(),
        )
        log.info("setup_done", account=username)
        return _account(record), await self._login(username)

    async def sign_in(self, username: str, password: str, address: str) -> tuple[Account, str]:
        """Return the account and a new login token. Tries that fail are counted.

        Raises WrongPassword, TooManyTries.
        """
        limits = (
            (f"login:{address}", TRIES_PER_ADDRESS),
            (f"login:{address}:{token_hash(username)[:16]}", TRIES_PER_NAME),
        )
        for key, rate in limits:
            verdict = await self._limiter.allow(key, rate)
            if not verdict.allowed:
                raise TooManyTries(verdict.retry_after)
        record = await self._accounts.get(username)
        usable = record is not None and not record.disabled
        stored = record.password_hash if record is not None and usable else None
        if not await self._passwords.verify(stored, password) or record is None:
            raise WrongPassword("name or password is wrong; names are case-sensitive")
        for key, rate in limits:
            await self._limiter.refund(key, rate)
        return _account(record), await self._login(username)

    async def sign_out(self, token: str) -> None:
        """End a login; an unknown one is no error."""
        await self._accounts.end_login(token_hash(token))

    async def who(self, token: str) -> Principal | None:
        """Whose login this is; None when it has ended."""
        record = await self._accounts.find_login(token_hash(token), self._clock())
        if record is None:
            return None
        return Principal(roles=frozenset(record.roles), account=record.username)

    async def renew(self, token: str) -> bool:
        """Prolong a login that holds, to `LOGIN_SECONDS` from now; False when it has ended."""
        now = self._clock()
        return await self._accounts.renew_login(
            token_hash(token), now=now, expires_at=now + LOGIN_SECONDS
        )

    async def create(self, username: str, password: str, roles: Iterable[Role]) -> Account:
        """A further account. Raises store.UsernameTaken."""
        hashed = await self._passwords.hash(password)
        return _account(await self._accounts.create(username, hashed, set(roles), at=self._clock()))

    async def list_all(self) -> tuple[Account, ...]:
        """All accounts by name."""
        return tuple(_account(record) for record in await self._accounts.list_all())

    async def _login(self, username: str) -> str:
        token, now = new_token(), self._clock()
        await self._accounts.add_login(
            token_hash(token), username, at=now, expires_at=now + LOGIN_SECONDS
        )
        return token


def _account(record: AccountRecord) -> Account:
    return Account(username=record.username, roles=record.roles)
