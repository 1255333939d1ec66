"""Why the store could not do something. Codes are those of `orchestrator.protocol.reasons`.

StoreError
├── VersionConflict      conflict: somebody appended first; load, decide again, append again
├── CommandRepeated      conflict: this key has an outcome already (it is in `outcome`)
├── UsernameTaken        conflict
├── SetupDone            setup_done: an account exists already
├── SetupTokenInvalid    setup_token_invalid: unknown, used or expired
├── RecordNotFound       not_found
├── DatabaseDamaged      database_damaged: what is on disk is not what was written
├── DatabaseTooNew       config_invalid: a newer version has written it
├── DatabaseUrlInvalid   config_invalid
├── AlreadyRunning       already_running: another orchestrator has this file open
├── ReadOnly             read_only
├── DiskFull             disk_full
└── Unavailable          unavailable: the database does not answer
"""

import sqlite3
from typing import Any

from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StoreError(Exception):
    """Base; `code` travels on the wire, the message says what to do."""

    code = "internal_error"


class VersionConflict(StoreError):
    """The log is no longer at the expected version."""

    code = "conflict"


class CommandRepeated(StoreError):
    """This key was carried out before; nothing was appended now. `outcome` is the first one."""

    code = "conflict"

    def __init__(self, outcome: Any) -> None:
        super().__init__("this command was carried out before")
        self.outcome = outcome


class UsernameTaken(StoreError):
    code = "conflict"


class SetupDone(StoreError):
    code = "setup_done"


class SetupTokenInvalid(StoreError):
    code = "setup_token_invalid"


class RecordNotFound(StoreError):
    code = "not_found"


class DatabaseDamaged(StoreError):
    code = "database_damaged"


class DatabaseTooNew(StoreError):
    code = "config_invalid"


class DatabaseUrlInvalid(StoreError):
    code = "config_invalid"


class AlreadyRunning(StoreError):
    code = "already_running"


class ReadOnly(StoreError):
    code = "read_only"


class DiskFull(StoreError):
    code = "disk_full"


class Unavailable(StoreError):
    code = "unavailable"


_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def translate(error: BaseException, place: str) -> StoreError | None:
    """The StoreError for what a driver raised, or None when it is no condition of the machine.

    `place` names the database for people (a path, or a URL without its password).
    """
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    seen = 0
    while cause is not None and seen < 5:
        known = _translate_one(cause, place)
        if known is not None:
            return known
        cause, seen = cause.__cause__, seen + 1
    if isinstance(error, PoolTimeout | DisconnectionError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return Unavailable(f"the database {place} does not answer; it is tried again")
    return None


def _translate_one(cause: BaseException, place: str) -> StoreError | None:
    if isinstance(cause, sqlite3.Error):
        return _translate_sqlite(cause, place)
    state = getattr(cause, "sqlstate", None)
    if state == "53100":
        return DiskFull(f"the disk of the database {place} is full; free some space")
    if state == "25006":
        return ReadOnly(f"the database {place} is read-only; give the primary server's address")
    if state in {"XX001", "XX002"}:
        return DatabaseDamaged(f"the database {place} reports damaged data; restore a backup")
    if isinstance(cause, OSError) or str(state)[:2] in {"08", "57", "53"}:
        return Unavailable(f"the database {place} does not answer ({cause}); check that it runs")
    return None


def _translate_sqlite(cause: sqlite3.Error, place: str) -> StoreError | None:
    # Extended result codes carry the primary one in their low byte.
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _DAMAGED:
        return damaged(place, str(cause))
    if code in _READ_ONLY:
        return ReadOnly(
            f"the database {place} cannot be written ({cause}); give this user write permission "
            "to the file and its folder"
        )
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"the disk of the database {place} is full; free some space")
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Unavailable(f"the database {place} cannot be used now ({cause}); check its disk")
    return None


def damaged(place: str, finding: str) -> DatabaseDamaged:
    """What to do with a damaged file: never start over it, never throw it away."""
    return DatabaseDamaged(
        f"the database {place} is damaged ({finding}). Nothing was changed. Keep this file and "
        "those beside it (-wal, -shm) for rescue, then put back a backup under this name and "
        "start again"
    )
