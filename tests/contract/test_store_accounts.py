"""Accounts, recordings and audit on SQLite and on PostgreSQL alike."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.accounts import Accounts
from orchestrator.store.audit import Audit, AuditEntry
from orchestrator.store.database import Database
from orchestrator.store.errors import (
    RecordNotFound,
    SetupDone,
    SetupTokenInvalid,
    UsernameTaken,
)
from orchestrator.store.recordings import Recordings
from orchestrator.store.session_log import SessionLog
from tests.orchestrator.consultation.driver import scheduled


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


async def test_an_account_is_made_once_and_found(accounts: Accounts) -> None:
    made = await accounts.create("chen", "hash", {"host", "archivist"}, at=1.0)
    assert await accounts.get("chen") == made
    assert made.roles == ("archivist", "host")
    assert await accounts.get("nobody") is None
    with pytest.raises(UsernameTaken):
        await accounts.create("chen", "other", {"admin"}, at=2.0)
    assert (await accounts.count(), await accounts.list_all()) == (1, [made])


async def test_no_account_is_called_like_the_server(accounts: Accounts) -> None:
    with pytest.raises(UsernameTaken):
        await accounts.create("server", "hash", {"host"}, at=1.0)


async def test_logins_hold_until_they_expire_or_end(accounts: Accounts) -> None:
    await accounts.create("chen", "hash", {"host"}, at=1.0)
    await accounts.add_login("t1", "chen", at=1.0, expires_at=100.0)
    await accounts.add_login("t2", "chen", at=1.0, expires_at=100.0)
    found = await accounts.find_login("t1", 99.0)
    assert found is not None
    assert found.username == "chen"
    assert await accounts.find_login("t1", 100.0) is None
    await accounts.end_login("t1")
    await accounts.end_login("t1")
    assert await accounts.find_login("t1", 2.0) is None
    assert await accounts.find_login("t2", 2.0) is not None
    with pytest.raises(RecordNotFound):
        await accounts.add_login("t3", "nobody", at=1.0, expires_at=2.0)


async def test_a_new_password_and_disabling_end_all_logins(accounts: Accounts) -> None:
    await accounts.create("chen", "hash", {"host"}, at=1.0)
    await accounts.add_login("t1", "chen", at=1.0, expires_at=100.0)
    await accounts.set_password("chen", "new")
    assert await accounts.find_login("t1", 2.0) is None
    await accounts.add_login("t2", "chen", at=1.0, expires_at=100.0)
    await accounts.set_roles("chen", {"admin"})
    found = await accounts.find_login("t2", 2.0)
    assert found is not None
    assert (found.roles, found.password_hash) == (("admin",), "new")
    await accounts.set_disabled("chen", disabled=True)
    await accounts.set_disabled("chen", disabled=False)
    assert await accounts.find_login("t2", 2.0) is None
    with pytest.raises(RecordNotFound):
        await accounts.set_password("nobody", "x")


async def test_a_disabled_account_has_no_login(accounts: Accounts) -> None:
    await accounts.create("chen", "hash", {"host"}, at=1.0)
    await accounts.set_disabled("chen", disabled=True)
    await accounts.add_login("t1", "chen", at=1.0, expires_at=100.0)
    assert await accounts.find_login("t1", 2.0) is None


async def test_set_up_works_once(accounts: Accounts) -> None:
    await accounts.offer_setup("old", at=1.0, expires_at=100.0)
    await accounts.offer_setup("token", at=2.0, expires_at=100.0)
    with pytest.raises(SetupTokenInvalid):
        await accounts.redeem_setup("old", "admin", "hash", {"admin"}, at=3.0)
    with pytest.raises(SetupTokenInvalid):
        await accounts.redeem_setup("token", "admin", "hash", {"admin"}, at=100.0)
    made = await accounts.redeem_setup("token", "admin", "hash", {"admin"}, at=3.0)
    assert made == await accounts.get("admin")
    with pytest.raises(SetupDone):
        await accounts.redeem_setup("token", "other", "hash", {"admin"}, at=4.0)
    with pytest.raises(SetupDone):
        await accounts.offer_setup("third", at=5.0, expires_at=100.0)


async def test_of_two_who_set_up_at_once_one_is_first(accounts: Accounts) -> None:
    await accounts.offer_setup("token", at=1.0, expires_at=100.0)

    async def redeem(name: str) -> bool:
        try:
            await accounts.redeem_setup("token", name, "hash", {"admin"}, at=2.0)
        except (SetupDone, SetupTokenInvalid):
            return False
        return True

    results = await asyncio.gather(*(redeem(f"admin{i}") for i in range(5)))
    assert results.count(True) == 1
    assert await accounts.count() == 1


async def _session(database: Database) -> None:
    session = scheduled()
    await SessionLog(database).append("s1", 0, session.log, state=session.state)


async def test_recordings_go_from_state_to_state(database: Database) -> None:
    await _session(database)
    recordings = Recordings(database)
    made = await recordings.add("rec1", "s1", "远程会诊", "rec1", at=1.0)
    assert await recordings.add("rec1", "s1", "远程会诊", "rec1", at=9.0) == made
    await recordings.set_state("rec1", "captured", ended_at=61.0)
    await recordings.set_state("rec1", "finalizing", progress=0.5)
    await recordings.set_state("rec1", "failed", error="disk_full")
    await recordings.set_state("rec1", "ready", progress=1.0, duration=60.0, size=5_000_000_000)
    found = await recordings.get("rec1")
    assert found is not None
    assert (found.state, found.error, found.ended_at) == ("ready", None, 61.0)
    assert (found.item.size, found.item.session_title) == (5_000_000_000, "远程会诊")
    await recordings.add("rec2", "s1", "远程会诊", "rec2", at=2.0)
    assert [r.recording_id for r in await recordings.list_all(session_id="s1")] == [
        "rec2",
        "rec1",
    ]
    assert [r.recording_id for r in await recordings.list_all(states=["ready"])] == ["rec1"]
    assert await recordings.list_all(session_id="s2") == []
    assert await recordings.get("rec9") is None
    with pytest.raises(RecordNotFound):
        await recordings.set_state("rec9", "ready")
    with pytest.raises(RecordNotFound):
        await recordings.add("rec9", "s9", "", "rec9", at=1.0)


async def test_audit_entries_are_kept_in_order_and_never_changed(database: Database) -> None:
    audit = Audit(database)
    for number in range(5):
        entry = AuditEntry(
            at=float(number),
            actor="chen",
            action="recording.download",
            target=f"rec{number % 2}",
            address="127.0.0.1",
            details={"文件": "program.webm"},
        )
        await audit.append(entry)
    newest = await audit.read(limit=2)
    assert [e.at for e in newest] == [4.0, 3.0]
    assert newest[0].details == {"文件": "program.webm"}
    older = await audit.read(before=newest[-1].audit_id)
    assert [e.at for e in older] == [2.0, 1.0, 0.0]
    assert [e.at for e in await audit.read(target="rec1")] == [3.0, 1.0]

    async def tamper(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM audit"))

    with pytest.raises(DBAPIError, match="append-only"):
        await database.run(tamper)
