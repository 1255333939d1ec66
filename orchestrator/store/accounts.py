"""Accounts, their logins and the one-time set-up link. Only hashes are stored; who makes them
(argon2 for passwords, SHA-256 for random tokens) is `orchestrator.identity`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.consultation.view import Role
from orchestrator.store.database import Database
from orchestrator.store.errors import (
    RecordNotFound,
    SetupDone,
    SetupTokenInvalid,
    UsernameTaken,
)
from orchestrator.store.tables import accounts, logins, setup_tokens

RESERVED_NAMES = frozenset({"server"})
"""The session log says `server` for what nobody commanded."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    username: str
    password_hash: str
    roles: tuple[Role, ...]
    disabled: bool
    created_at: float


class Accounts:
    """All accounts of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, username: str, password_hash: str, roles: Collection[Role], *, at: float
    ) -> AccountRecord:
        """A new account. Raises UsernameTaken."""
        record = AccountRecord(username, password_hash, tuple(sorted(roles)), False, at)
        try:
            await self._database.run(lambda c: _insert(c, record))
        except IntegrityError as error:
            raise UsernameTaken(
                f"there is an account {username} already; choose another name"
            ) from error
        return record

    async def get(self, username: str) -> AccountRecord | None:
        """The account, disabled or not."""
        found = await self._select(select(accounts).where(accounts.c.username == username))
        return found[0] if found else None

    async def list_all(self) -> list[AccountRecord]:
        """All accounts by name."""
        return await self._select(select(accounts).order_by(accounts.c.username))

    async def count(self) -> int:
        """How many accounts there are: none means that set-up is needed."""
        return await self._database.run(_count)

    async def set_password(self, username: str, password_hash: str) -> None:
        """Ends all logins of the account too. Raises RecordNotFound."""
        await self._update(username, {"password_hash": password_hash}, end_logins=True)

    async def set_roles(self, username: str, roles: Collection[Role]) -> None:
        """Takes effect with the next request. Raises RecordNotFound."""
        await self._update(username, {"roles": ",".join(sorted(roles))}, end_logins=False)

    async def set_disabled(self, username: str, *, disabled: bool) -> None:
        """A disabled account has no logins. Raises RecordNotFound."""
        await self._update(username, {"disabled": disabled}, end_logins=disabled)

    # --- logins ---

    async def add_login(
        self, token_hash: str, username: str, *, at: float, expires_at: float
    ) -> None:
        """Remember a login; forget those that have expired. Raises RecordNotFound."""

        async def operation(connection: AsyncConnection) -> None:
            await connection.execute(delete(logins).where(logins.c.expires_at <= at))
            await connection.execute(
                insert(logins),
                [
                    {
                        "token_hash": token_hash,
                        "username": username,
                        "created_at": at,
                        "expires_at": expires_at,
                    }
                ],
            )

        try:
            await self._database.run(operation)
        except IntegrityError as error:
            raise RecordNotFound(f"there is no account {username}") from error

    async def find_login(self, token_hash: str, now: float) -> AccountRecord | None:
        """The account of a login that holds now; None when it ended or the account is disabled."""
        query = (
            select(accounts)
            .join(logins, logins.c.username == accounts.c.username)
            .where(
                logins.c.token_hash == token_hash,
                logins.c.expires_at > now,
                accounts.c.disabled.is_(False),
            )
        )
        found = await self._select(query)
        return found[0] if found else None

    async def renew_login(self, token_hash: str, *, now: float, expires_at: float) -> bool:
        """Prolong a login that still holds; False when it has ended."""

        async def operation(connection: AsyncConnection) -> bool:
            result = await connection.execute(
                update(logins)
                .where(logins.c.token_hash == token_hash, logins.c.expires_at > now)
                .values(expires_at=expires_at)
            )
            return bool(result.rowcount == 1)

        return await self._database.run(operation)

    async def end_login(self, token_hash: str) -> None:
        """Log out; an unknown login is no error."""

        async def operation(connection: AsyncConnection) -> None:
            await connection.execute(delete(logins).where(logins.c.token_hash == token_hash))

        await self._database.run(operation)

    # --- the first start ---

    async def offer_setup(self, token_hash: str, *, at: float, expires_at: float) -> None:
        """Make this the only set-up token. Raises SetupDone when an account exists."""

        async def operation(connection: AsyncConnection) -> None:
            if await _count(connection):
                raise SetupDone("set-up is done already; sign in")
            await connection.execute(delete(setup_tokens))
            await connection.execute(
                insert(setup_tokens),
                [{"token_hash": token_hash, "created_at": at, "expires_at": expires_at}],
            )

        await self._database.run(operation)

    async def redeem_setup(
        self,
        token_hash: str,
        username: str,
        password_hash: str,
        roles: Collection[Role],
        *,
        at: float,
    ) -> AccountRecord:
        """Make the first account with a token that works once.

        Raises SetupDone, SetupTokenInvalid, UsernameTaken; of two at the same time one is first.
        """
        record = AccountRecord(username, password_hash, tuple(sorted(roles)), False, at)

        async def operation(connection: AsyncConnection) -> None:
            used = await connection.execute(
                update(setup_tokens)
                .where(
                    setup_tokens.c.token_hash == token_hash,
                    setup_tokens.c.used_at.is_(None),
                    setup_tokens.c.expires_at > at,
                )
                .values(used_at=at)
            )
            if await _count(connection):
                raise SetupDone("set-up is done already; sign in")
            if used.rowcount != 1:
                raise SetupTokenInvalid(
                    "this set-up link is not valid any more; start the server again for a new one"
                )
            await _insert(connection, record)

        await self._database.run(operation)
        return record

    # --- inside ---

    async def _select(self, query: Select[Any]) -> list[AccountRecord]:
        async def operation(connection: AsyncConnection) -> Sequence[Row[Any]]:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows

        return [
            AccountRecord(
                username=row.username,
                password_hash=row.password_hash,
                roles=cast("tuple[Role, ...]", tuple(row.roles.split(","))),
                disabled=row.disabled,
                created_at=row.created_at,
            )
            for row in await self._database.run(operation)
        ]

    async def _update(self, username: str, values: dict[str, Any], *, end_logins: bool) -> None:
        async def operation(connection: AsyncConnection) -> None:
            result = await connection.execute(
                update(accounts).where(accounts.c.username == username).values(**values)
            )
            if result.rowcount != 1:
                raise RecordNotFound(f"there is no account {username}")
            if end_logins:
                await connection.execute(delete(logins).where(logins.c.username == username))

        await self._database.run(operation)


async def _count(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(accounts))).scalar_one()


async def _insert(connection: AsyncConnection, record: AccountRecord) -> None:
    if record.username in RESERVED_NAMES:
        raise UsernameTaken(f"the name {record.username} is the server's; choose another name")
    await connection.execute(
        insert(accounts),
        [
            {
                "username": record.username,
                "password_hash": record.password_hash,
                "roles": ",".join(record.roles),
                "disabled": record.disabled,
                "created_at": record.created_at,
            }
        ],
    )
