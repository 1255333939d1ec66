"""The recorder as a process: control messages, kill -9, restart, worker restart."""

import asyncio
import os
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sfu.control.framing import encode, read_frame
from tests.sfu.recorder.clips import picture, sound
from tests.sfu.recorder.feeder import SECOND, Stream, TapServer, Timed, hello, in_order
from tests.sfu.recorder.reading import check, read_entries, read_track, sidecar

START = 500 * SECOND
DEADLINE = 30.0
pytestmark = pytest.mark.integration


def script(seconds: float = 5.0) -> list[Timed]:
    streams = [
        Stream(1, "v1", "camera", picture((10, 200, 10), seconds, gop=25), START),
        Stream(2, "v1", "microphone", sound(500.0, seconds), START),
        Stream(3, "v2", "camera", picture((10, 10, 200), seconds, gop=25), START),
    ]
    return in_order([(START, hello(START))], *(s.records() for s in streams))


class Link:
    """A conductor's connection to a recorder."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._id = 0
        self.states: list[dict[str, Any]] = []

    async def request(self, method: str, **params: object) -> dict[str, Any]:
        self._id += 1
        self._writer.write(encode({"id": self._id, "method": method, "params": params}))
        while True:
            frame = await self._next()
            if frame.get("id") == self._id:
                return frame

    async def state(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not (self.states and wanted(self.states[-1])):
            await self._next()
        return self.states[-1]

    async def _next(self) -> dict[str, Any]:
        frame = await asyncio.wait_for(read_frame(self._reader), DEADLINE)
        assert frame is not None
        if frame.get("event") == "recording.state":
            self.states.append(frame["params"])
        return frame

    def close(self) -> None:
        self._writer.close()


class Process:
    """A recorder process and where everything is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.control = root / "c"
        self.tap = root / "t"
        self.folder = root / "recordings"
        self.record = self.folder / "rec1"
        self.process: asyncio.subprocess.Process | None = None
        self.link: Link | None = None

    async def start(self) -> Link:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sfu.recorder", "--id", "r0"),
            *("--control", str(self.control), "--folder", str(self.folder)),
        )
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    reader, writer = await asyncio.open_unix_connection(self.control)
                except OSError:
                    assert self.process.returncode is None
                    await asyncio.sleep(0.02)
                    continue
                self.link = Link(reader, writer)
                return self.link

    async def record_session(self) -> dict[str, Any]:
        assert self.link is not None
        return await self.link.request(
            "recording.start",
            session_id="s1",
            recording_id="rec1",
            tap_address=str(self.tap),
            folder="rec1",
        )

    async def end(self, number: int) -> int:
        assert self.process is not None
        if self.link is not None:
            self.link.close()
        if self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await asyncio.wait_for(self.process.wait(), DEADLINE)


@asynccontextmanager
async def recorder() -> AsyncIterator[Process]:
    with tempfile.TemporaryDirectory(prefix="rec") as root:  # socket paths must be short
        process = Process(Path(root))
        try:
            yield process
        finally:
            if process.process is not None and process.process.returncode is None:
                await process.end(signal.SIGKILL)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_whole_recording_by_control_messages() -> None:
    async with recorder() as process:
        link = await process.start()
        reply = await link.request("hello", protocol=1)
        assert reply["result"]["worker_id"] == "r0"
        assert (await process.record_session())["result"] == {}
        assert (await process.record_session())["result"] == {}
        await link.state(lambda s: s["state"] == "waiting_for_worker")
        server = TapServer(process.tap, script(4.0))
        try:
            await link.state(lambda s: s["state"] == "recording" and s["tracks"] == 3)
            await eventually(server.played.is_set)
            assert server.greetings == [{"session_id": "s1", "recording_id": "rec1"}]
            stopped = await link.request("recording.stop", recording_id="rec1")
            assert stopped["result"] == {}
            assert (await link.state(lambda s: s["state"] == "stopped"))["bytes_written"] > 0
        finally:
            server.close()
        assert check(process.record).intact
        assert read_track(process.record / "tracks/v1-camera-1.mkv").decoded == 100
        again = await process.record_session()
        assert again["error"]["code"] == "recording_sealed"
        assert "error" in await link.request("recording.pause")
        assert await process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_kill_costs_at_most_the_last_second(seed: int) -> None:
    """Media at four times real time, so the promised second is a quarter of one here."""
    speed = 4.0
    chance = random.Random(seed)
    async with recorder() as process:
        server = TapServer(process.tap, script(), speed=speed)
        try:
            await process.start()
            await process.record_session()
            kill_at = START + round(chance.uniform(1.5, 4.5) * SECOND)
            await eventually(lambda: server.sent_ns >= kill_at)
            await process.end(signal.SIGKILL)
            seen = (server.sent_ns - START) / SECOND
        finally:
            server.close()
        for stem in ("v1-camera-1", "v1-microphone-1", "v2-camera-1"):
            track = read_track(process.record / f"tracks/{stem}.mkv")
            assert track.times[-1] >= seen - 1.0, stem
            assert track.decoded >= len(track.times) - 1
        before = {p.name: p.read_bytes() for p in process.record.glob("tracks/*.mkv")}
        process.tap.unlink()
        server = TapServer(process.tap, script())
        try:
            link = await process.start()
            await process.record_session()
            await eventually(server.played.is_set)
            await link.request("recording.stop", recording_id="rec1")
        finally:
            server.close()
        assert check(process.record).problems == ()
        for name, data in before.items():
            assert (process.record / "tracks" / name).read_bytes() == data
        assert (process.record / "tracks/v1-camera-1-part2.mkv").exists()
        entries = read_entries(process.record)
        assert [e.type for e in entries].count("interruption") == 1
        await process.end(signal.SIGTERM)


async def test_a_recorder_that_died_is_only_asked_to_stop() -> None:
    async with recorder() as process:
        server = TapServer(process.tap, script(), speed=8.0)
        try:
            await process.start()
            await process.record_session()
            await eventually(lambda: server.sent_ns >= START + 2 * SECOND)
            await process.end(signal.SIGKILL)
        finally:
            server.close()
        link = await process.start()
        assert (await link.request("recording.stop", recording_id="rec1"))["result"] == {}
        assert (await link.request("recording.stop", recording_id="rec9"))["result"] == {}
        assert check(process.record).intact
        await process.end(signal.SIGTERM)


async def test_the_worker_dies_and_comes_back() -> None:
    async with recorder() as process:
        link = await process.start()
        await process.record_session()
        server = TapServer(process.tap, script(4.0))
        await eventually(server.played.is_set)
        server.close()
        await link.state(lambda s: s["state"] == "waiting_for_worker" and s["tracks"] == 3)
        process.tap.unlink()
        server = TapServer(process.tap, script(4.0))
        try:
            await link.state(lambda s: s["state"] == "recording" and s["tracks"] == 6)
            await eventually(server.played.is_set)
            await link.request("recording.stop", recording_id="rec1")
        finally:
            server.close()
        assert check(process.record).intact
        assert sidecar(process.record, "v1-camera-1")[-1].type == "end"
        await process.end(signal.SIGTERM)
