"""The tap as a recorder sees it: what the plan names, told apart by tags, and nothing else."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sfu.control.tap import HEADER, SENDER_REPORT, SWITCH, TapRecord
from tests.integration.media_rig import (
    Publisher,
    Viewer,
    WorkerProcess,
    conducted,
    plan,
    present,
    rtp_payload,
    running_worker,
    until,
)

pytestmark = pytest.mark.integration


@dataclass
class Record:
    type: TapRecord
    tag: int
    monotonic_ns: int
    payload: bytes


@dataclass
class Recorder:
    """Keeps every record."""

    records: list[Record] = field(default_factory=list)
    ended: bool = False

    async def read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                size, kind, _flags, _zero, tag, _zero2, at = HEADER.unpack(
                    await reader.readexactly(HEADER.size)
                )
                payload = await reader.readexactly(size)
                self.records.append(Record(TapRecord(kind), tag, at, payload))
        except asyncio.IncompleteReadError:
            self.ended = True

    def of(self, kind: TapRecord) -> list[Record]:
        return [record for record in self.records if record.type == kind]

    def streams(self) -> dict[int, dict[str, Any]]:
        return {r.tag: json.loads(r.payload) for r in self.of(TapRecord.STREAM)}

    def tag(self, venue: str, source: str) -> int | None:
        for tag, stream in self.streams().items():
            publication = stream["publication"]
            if (publication["venue_id"], publication["source"]) == (venue, source):
                return tag
        return None

    def packets(self, venue: str, source: str) -> list[bytes]:
        tag = self.tag(venue, source)
        return [r.payload for r in self.of(TapRecord.RTP) if r.tag == tag]


@asynccontextmanager
async def recording(worker: WorkerProcess) -> AsyncIterator[Recorder]:
    reader, writer = await asyncio.open_unix_connection(worker.tap)
    writer.write(json.dumps({"session_id": "s", "recording_id": "rec"}).encode() + b"\n")
    recorder = Recorder()
    task = asyncio.create_task(recorder.read(reader))
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()


async def test_tap_gives_what_the_plan_names_even_when_nobody_hears_it() -> None:
    taps = (("a", "camera"), ("a", "microphone"), ("b", "microphone"))
    async with running_worker() as worker, conducted(worker) as conductor:

        async def apply(version: int, **changes: Any) -> None:
            await conductor.call("session.apply", epoch=1, plan=plan(version, **changes))

        await apply(1, slots={1: "a"}, heard=("a",), taps=taps)
        publishers = [Publisher(conductor, venue) for venue in "abc"]
        viewer = Viewer(conductor, "v")
        async with present(*publishers, viewer), recording(worker) as recorder:
            await until(lambda: len(recorder.packets("b", "microphone")) > 20, what="b is taped")
            hello = json.loads(recorder.records[0].payload)
            assert recorder.records[0].type == TapRecord.HELLO
            assert (hello["session_id"], hello["worker_id"]) == ("s", "w0")
            assert abs(hello["wall_ns"] - hello["monotonic_ns"]) > 0
            assert {s["publication"]["venue_id"] for s in recorder.streams().values()} == {"a", "b"}
            assert viewer.heard["b"] == 0
            sound = recorder.packets("b", "microphone")
            assert {rtp_payload(packet) for packet in sound} == {b"b-sound"}
            numbers = [int.from_bytes(packet[2:4], "big") for packet in sound]
            assert all((y - x) & 0xFFFF == 1 for x, y in itertools.pairwise(numbers))

            await apply(2, slots={1: "b"}, heard=("b",), taps=(*taps[:2], ("b", "camera")))
            await until(lambda: len(recorder.of(TapRecord.STREAM_END)) == 1, what="b's end")
            (ended,) = recorder.of(TapRecord.STREAM_END)
            assert ended.tag == recorder.tag("b", "microphone")
            await until(lambda: len(recorder.packets("b", "camera")) > 20)
            await until(lambda: _switched_to(recorder, 1, recorder.tag("b", "camera")))
            position = recorder.records.index(ended)
            assert not any(
                r.type == TapRecord.RTP and r.tag == ended.tag for r in recorder.records[position:]
            )
            await apply(3, slots={1: "b"}, heard=("b",))
            await until(lambda: recorder.ended, 5, "the tap is closed with its recording")


def _switched_to(recorder: Recorder, slot: int, tag: int | None) -> bool:
    switches = [SWITCH.unpack(r.payload) for r in recorder.of(TapRecord.SWITCH)]
    return any(s[:2] == (slot, 1) and s[2] == tag for s in switches)


async def test_a_recorder_may_go_and_come_back() -> None:
    async with running_worker() as worker, conducted(worker) as conductor:
        await conductor.call(
            "session.apply", epoch=1, plan=plan(1, slots={1: "a"}, taps=(("a", "camera"),))
        )
        publisher = Publisher(conductor, "a")
        async with present(publisher):
            for _ in range(3):
                async with recording(worker) as recorder:
                    await until(lambda: len(recorder.packets("a", "camera")) > 10)  # awaited here
                    # It begins with a key frame that was asked for, or gets one soon.
                    await until(lambda: _has_key_frame(recorder))  # awaited here


def _has_key_frame(recorder: Recorder) -> bool:
    return any(
        packet and payload[0] & 0x10 and not payload[4] & 1
        for packet in recorder.packets("a", "camera")
        for payload in (rtp_payload(packet),)
    )


async def test_unplanned_recordings_get_nothing() -> None:
    async with running_worker() as worker, conducted(worker) as conductor:
        await conductor.call("session.apply", epoch=1, plan=plan(1))
        async with recording(worker) as recorder:
            await until(lambda: recorder.ended, 5, "it is turned away")
        assert recorder.records == []


async def test_sender_reports_place_a_publisher_in_time() -> None:
    async with running_worker() as worker, conducted(worker) as conductor:
        await conductor.call(
            "session.apply", epoch=1, plan=plan(1, taps=(("a", "camera"), ("a", "microphone")))
        )
        publisher = Publisher(conductor, "a")
        async with present(publisher), recording(worker) as recorder:
            await until(lambda: len(recorder.streams()) == 2)
            assert publisher.transport is not None
            for sender in (publisher.video, publisher.audio):
                publisher.transport.send_rtcp(
                    bytes([0x80, 200, 0, 6])
                    + sender.ssrc.to_bytes(4, "big")
                    + (0xE0000000 << 32).to_bytes(8, "big")
                    + (90_000).to_bytes(4, "big")
                    + bytes(8)
                )
            await until(lambda: len(recorder.of(TapRecord.SENDER_REPORT)) == 2)
            offsets = [
                SENDER_REPORT.unpack(r.payload) for r in recorder.of(TapRecord.SENDER_REPORT)
            ]
            assert offsets[0][0] == offsets[1][0], "one offset for all streams of a publisher"
            assert [o[1:] for o in offsets] == [(90_000, 0xE0000000 << 32)] * 2
