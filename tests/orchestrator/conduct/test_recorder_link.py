"""The recorder is told what the log says, again after it died, and the archive hears of it."""

from collections.abc import AsyncIterator

import pytest

from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.worker_link import WorkerLink
from tests.orchestrator.conduct.scripted_process import ScriptedProcess, scripted_process, until


class Archive:
    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    async def recording_started(
        self, session_id: str, recording_id: str, folder: str, at: float
    ) -> None:
        self.told.append(("started", session_id, recording_id, folder, at))

    async def recording_captured(self, recording_id: str, at: float) -> None:
        self.told.append(("captured", recording_id, at))


@pytest.fixture
async def worker() -> AsyncIterator[ScriptedProcess]:
    async with scripted_process() as running:
        yield running


@pytest.fixture
async def process() -> AsyncIterator[ScriptedProcess]:
    async with scripted_process() as running:
        yield running


@pytest.fixture
async def recorder(
    worker: ScriptedProcess, process: ScriptedProcess
) -> AsyncIterator[RecorderLink]:
    link = WorkerLink("w0", worker.address)
    link.start()
    made = RecorderLink("r0", process.address, link)
    made.archive = Archive()
    made.start()
    yield made
    await made.close()
    await link.close()


STARTED = ("started", "s", "r1", "r1", 5.0)


def told(recorder: RecorderLink) -> list[tuple[object, ...]]:
    assert isinstance(recorder.archive, Archive)
    return recorder.archive.told


async def test_a_recording_from_start_to_end(
    recorder: RecorderLink, process: ScriptedProcess
) -> None:
    recorder.capture("s", "r1", 5.0)
    recorder.capture("s", "r1", 5.0)
    await until(lambda: bool(process.asked("recording.start")))
    assert process.asked("recording.start") == [
        {"session_id": "s", "recording_id": "r1", "tap_address": "/tap", "folder": "r1"}
    ]
    assert recorder.health("r1").state == "lost", "nothing was heard of it yet"
    process.say("recording.state", {"recording_id": "r1", "state": "recording", "tracks": 2})
    await until(lambda: recorder.health("r1").tracks == 2)
    recorder.finish("s", "r1", 5.0, 9.0)
    recorder.finish("s", "r1", 5.0, 9.0)
    await until(lambda: told(recorder) == [STARTED, ("captured", "r1", 9.0)])
    assert len(process.asked("recording.stop")) == 1


async def test_a_recorder_that_died_is_told_again(
    recorder: RecorderLink, process: ScriptedProcess
) -> None:
    recorder.capture("s", "r1", 5.0)
    await until(lambda: len(process.asked("recording.start")) == 1)
    await process.die()
    await until(lambda: recorder.health("r1").state == "lost")
    await process.listen()
    await until(lambda: len(process.asked("recording.start")) == 2)
    assert told(recorder) == [STARTED]


async def test_a_stop_waits_for_the_recorder(
    recorder: RecorderLink, process: ScriptedProcess
) -> None:
    await process.die()
    recorder.finish("s", "r1", 5.0, 9.0)
    await until(lambda: bool(told(recorder)))
    await process.listen()
    process.errors["recording.stop"] = {"code": "not_found", "message": "never heard of it"}
    await until(lambda: told(recorder) == [STARTED, ("captured", "r1", 9.0)])
