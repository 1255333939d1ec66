"""The queue, on a real catalogue and with real child processes that speak as a finalizer does."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.archive.finalization import Finalization
from orchestrator.archive.recordings import Archive
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import Actor
from orchestrator.store.database import Database, open_database
from orchestrator.store.recordings import RecordingRecord, Recordings, RecordingState
from orchestrator.store.session_log import SessionLog

pytestmark = pytest.mark.integration

HOST = Actor(roles=frozenset({"host"}), account="host")
FINALIZER = """
import json, pathlib, sys, time
folder, timeline = pathlib.Path(sys.argv[2]), json.loads(pathlib.Path(sys.argv[4]).read_text())
runs = folder / "runs"
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
print(json.dumps({"progress": 0.5, "stage": "program"}), flush=True)
if (folder / "hang").exists():
    time.sleep(60)
if (folder / "bad").exists():
    print(json.dumps({"error": {"code": "no_media", "message": "nothing was captured"}}))
    raise SystemExit(1)
print(json.dumps({"done": True, "duration": timeline["recording_stopped_at"]
                  - timeline["recording_started_at"], "size": 7}))
"""
ARGV = (sys.executable, "-u", "-c", FINALIZER)


class House:
    """Catalogue, log and archive of one installation."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self.catalogue = Recordings(database)
        self.log = SessionLog(database)
        self.sessions = Sessions(self.log)
        self.finalization = self.another()
        self.archive = Archive(self.catalogue, self.log, folder, self.finalization)

    def another(self) -> Finalization:
        """The queue as a new process would make it."""
        return Finalization(self.catalogue, self.log, self.folder, argv=ARGV)

    async def recorded(self, number: int) -> str:
        """A session that was recorded from start to end; its recording is not captured yet."""
        session_id, recording_id = f"s{number}", f"r{number}"
        venues = (c.NewVenue(venue_id="v1", name="A", kind="main"),)
        create = c.CreateSession(session_id=session_id, title="T", venues=venues)
        await self.sessions.create(create, HOST)
        for command in (c.OpenSession(), c.StartRecording(recording_id=recording_id)):
            await self.sessions.execute(session_id, HOST, command)
        await self.sessions.execute(session_id, HOST, c.EndSession())
        (self.folder / recording_id).mkdir(parents=True)
        await self.archive.recording_started(session_id, recording_id, recording_id, at=1.0)
        return recording_id

    async def get(self, recording_id: str) -> RecordingRecord:
        record = await self.catalogue.get(recording_id)
        assert record is not None
        return record

    async def reaches(self, recording_id: str, state: RecordingState) -> RecordingRecord:
        async with asyncio.timeout(20):
            while (await self.get(recording_id)).state != state:
                await asyncio.sleep(0.02)
        return await self.get(recording_id)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await open_database(f"sqlite:///{tmp_path}/p.sqlite3")
    found = House(database, tmp_path / "recordings")
    yield found
    await found.finalization.close()
    await found.sessions.close()
    await database.close()


async def test_captured_becomes_ready(house: House) -> None:
    await house.finalization.start()
    await house.finalization.start()
    recording_id = await house.recorded(1)
    await house.archive.recording_captured(recording_id, at=5.0)
    record = await house.reaches(recording_id, "ready")
    assert (record.progress, record.size, record.error) == (1.0, 7, None)
    assert record.ended_at == 5.0
    timeline = json.loads((house.folder / recording_id / "timeline.json").read_text())
    assert timeline["session_id"] == "s1"
    assert timeline["venues"] == {"v1": "A"}


async def test_a_failure_has_a_code_and_can_be_tried_again(house: House) -> None:
    await house.finalization.start()
    recording_id = await house.recorded(1)
    bad = house.folder / recording_id / "bad"
    bad.touch()
    await house.archive.recording_captured(recording_id, at=5.0)
    record = await house.reaches(recording_id, "failed")
    assert record.error == "no_media: nothing was captured"
    bad.unlink()
    await house.archive.finalize_again(recording_id)
    assert (await house.reaches(recording_id, "ready")).error is None


async def test_a_missing_folder_or_log_fails_alone(house: House) -> None:
    await house.finalization.start()
    gone, good = await house.recorded(1), await house.recorded(2)
    (house.folder / gone).rmdir()
    await house.catalogue.add("r9", "s1", "T", "r9", at=1.0)
    for recording_id in (gone, "r9", good):
        await house.archive.recording_captured(recording_id, at=5.0)
    assert "recording_missing" in str((await house.reaches(gone, "failed")).error)
    assert "no_such_recording" in str((await house.reaches("r9", "failed")).error)
    await house.reaches(good, "ready")


async def test_what_a_crash_left_is_taken_up_again(house: House) -> None:
    first = await house.recorded(1)
    second = await house.recorded(2)
    hang = house.folder / first / "hang"
    hang.touch()
    await house.finalization.start()
    await house.archive.recording_captured(first, at=5.0)
    await house.archive.recording_captured(second, at=6.0)
    await house.reaches(first, "finalizing")
    async with asyncio.timeout(20):
        while (await house.get(first)).progress == 0:
            await asyncio.sleep(0.02)
    await house.finalization.close()
    assert (await house.get(first)).state == "finalizing"
    assert (await house.get(second)).state == "captured"
    hang.unlink()
    house.finalization = house.another()
    await house.finalization.start()
    await house.reaches(first, "ready")
    await house.reaches(second, "ready")
    assert (house.folder / first / "runs").read_text() == "xx"
    assert (house.folder / second / "runs").read_text() == "x"
