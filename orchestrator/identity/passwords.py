"""Password hashing with argon2id, off the event loop.

One hash takes tens of milliseconds and 64 MiB (the second recommendation of RFC 9106), so only a
few run at once, however many logins arrive.
"""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2

_UNKNOWN = (
    "$argon2id$v=19$m=65536,t=3,p=4$fezffJwFEGEmUfepw204TA$"
    "FqKhzWHNOC8/mY0FLPMIZ6j32Nd9xm0qvz7JYyhjfrM"
)
"""Verified when no such account exists: a wrong name takes as long as a wrong password."""


class Passwords:
    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """`hasher`: parameters other than argon2-cffi's defaults (RFC 9106 low memory)."""
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return the encoded hash, with parameters and salt in it."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` belongs to `encoded`; None (no such account) takes as long."""
        async with self._slots:
            return await asyncio.to_thread(self._matches, encoded, password)

    def _matches(self, encoded: str | None, password: str) -> bool:
        try:
            self._hasher.verify(encoded or _UNKNOWN, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None
