"""From a capture and a session log to a recording that plays, by the real finalizer."""

import asyncio
from pathlib import Path

import av
import pytest

from orchestrator.archive.finalization import Finalization
from orchestrator.archive.recordings import Archive
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import Actor
from orchestrator.store.database import open_database
from orchestrator.store.recordings import Recordings
from orchestrator.store.session_log import SessionLog
from tests.sfu.finalizer.recorded import START, UNIX, write_recording
from tests.sfu.recorder.clips import picture, sound
from tests.sfu.recorder.feeder import Stream

pytestmark = pytest.mark.integration

HOST = Actor(roles=frozenset({"host"}), account="host")
LENGTH = 4.0


class Clock:
    now = UNIX - 10

    def __call__(self) -> float:
        return self.now


async def consult(sessions: Sessions, clock: Clock) -> None:
    """A session whose recording begins with the capture; b1 has the floor from second 1 to 3."""
    venues = (
        c.NewVenue(venue_id="v1", name="主会场", kind="main"),
        c.NewVenue(venue_id="v2", name="北京"),
    )
    await sessions.create(c.CreateSession(session_id="s1", title="会商", venues=venues), HOST)
    script: list[tuple[float, c.Command]] = [
        (-5, c.OpenSession()),
        (-4, c.StartSession()),
        (0, c.StartRecording(recording_id="rec1")),
        (1, c.GrantFloor(venue_id="v2")),
        (3, c.RevokeFloor(venue_id="v2")),
        (LENGTH, c.StopRecording()),
    ]
    for at, command in script:
        clock.now = UNIX + at
        await sessions.execute("s1", HOST, command)


async def test_a_capture_becomes_a_program_with_chapters(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/p.sqlite3")
    recordings, clock = tmp_path / "recordings", Clock()
    folder = recordings / "rec1"
    folder.mkdir(parents=True)
    camera = Stream(1, "v1", "camera", picture((200, 30, 30), LENGTH, gop=25), START)
    voice = Stream(11, "v1", "microphone", sound(440.0, LENGTH), START)
    write_recording(folder, [camera, voice], [(0.0, 1, "video", camera), (0.0, 1, "audio", voice)])
    log = SessionLog(database)
    sessions, catalogue = Sessions(log, now=clock), Recordings(database)
    queue = Finalization(catalogue, log, recordings)
    archive = Archive(catalogue, log, recordings, queue)
    await consult(sessions, clock)
    await queue.start()
    await archive.recording_started("s1", "rec1", "rec1", at=UNIX)
    await archive.recording_captured("rec1", at=UNIX + LENGTH)
    async with asyncio.timeout(50):
        while (await archive.items())[0].state not in ("ready", "failed"):
            await asyncio.sleep(0.05)
    await queue.close()
    detail = await archive.detail("rec1")
    verification = await archive.verify("rec1")
    await sessions.close()
    await database.close()
    assert detail.recording.error is None
    assert detail.recording.state == "ready"
    assert detail.recording.duration == pytest.approx(LENGTH, abs=1)
    assert detail.recording.size == (folder / "program.webm").stat().st_size
    assert ("北京", "v2") in {(chapter.title, chapter.venue_id) for chapter in detail.chapters}
    assert [track.venue_name for track in detail.tracks] == ["主会场", "主会场"]
    assert {"program.webm", "chapters.vtt", "manifest.jsonl"} <= set(detail.files)
    assert (verification.intact, verification.problems) == (True, ())
    with av.open(str(folder / "program.webm")) as program:
        assert {stream.type for stream in program.streams} == {"video", "audio"}
