"""The archive over REST: list, detail, files with ranges, verify, finalize again."""

import asyncio
import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.archive.verify import verify_folder
from orchestrator.consultation import commands
from orchestrator.consultation.actors import Actor
from orchestrator.protocol.rest import Verification
from orchestrator.web.rest.recordings import disposition
from sfu.control.plan import PublicationKey
from sfu.record.manifest import (
    Chain,
    FileDigest,
    RecordingEntry,
    SealEntry,
    SegmentEntry,
    TrackEntry,
)
from tests.orchestrator.web.conftest import Browser, Site

HOST = Actor(roles=frozenset({"host"}), account="host")
TRACK = "tracks/v1-camera-1.mkv"
PROGRAM = bytes(range(256)) * 40


def record(folder: Path) -> None:
    """A small recording as a recorder and a finalizer leave it."""
    (folder / "tracks").mkdir(parents=True)
    media, sidecar = b"m" * 5000, b'{"type":"track"}\n'
    (folder / TRACK).write_bytes(media)
    (folder / "tracks/v1-camera-1.jsonl").write_bytes(sidecar)
    chain = Chain()
    entries = (
        RecordingEntry(recording_id="r1", session_id="s1", origin_wall_ns=1_800_000_000 * 10**9),
        TrackEntry(
            file=TRACK,
            publication=PublicationKey(venue_id="v1", source="camera", generation=1),
            kind="video",
            mime_type="video/VP8",
            opened_ns=500_000_000,
        ),
        SegmentEntry(file=TRACK, start=0, size=5000, sha256=hashlib.sha256(media).hexdigest()),
        SealEntry(
            tracks=1,
            segments=1,
            bytes=5000,
            stopped_wall_ns=1_800_000_060 * 10**9,
            documents=(
                FileDigest(
                    file="tracks/v1-camera-1.jsonl",
                    size=len(sidecar),
                    sha256=hashlib.sha256(sidecar).hexdigest(),
                ),
            ),
        ),
    )
    lines = [chain.append(entry) for entry in entries]
    (folder / "manifest.jsonl").write_bytes(b"".join(lines))
    (folder / "program.webm").write_bytes(PROGRAM)
    (folder / "chapters.vtt").write_text("WEBVTT\n")
    (folder / "chapters.json").write_text(
        '[{"start": 0.0, "end": 4.5, "title": "北京", "venue_id": "v1", "more": 1}]'
    )
    (folder / "secret.key").write_text("no")


@pytest.fixture
async def archivist(site: Site) -> Browser:
    """Someone who may see the one recording there is."""
    venues = (commands.NewVenue(venue_id="v1", name="主会场", kind="main"),)
    command = commands.CreateSession(session_id="s1", title='年度 "会商"/2026', venues=venues)
    await site.services.sessions.create(command, HOST)
    await site.services.archive.recording_started("s1", "r1", "r1", at=1_800_000_000.0)
    record(site.folder / "r1")
    await site.services.archive.recording_captured("r1", at=1_800_000_060.0)
    await site.recordings.set_state("r1", "ready", progress=1.0, duration=60.0, size=len(PROGRAM))
    return await site.signed_in("archivist")


async def test_from_the_conductor_to_the_queue(site: Site, archivist: Browser) -> None:
    assert site.queue.added == ["r1"]
    await site.services.archive.recording_started("s1", "r1", "r1", at=1.0)
    await site.services.archive.recording_captured("r1", at=2.0)
    assert site.queue.added == ["r1"]
    status, body = await archivist.get("/api/recordings")
    assert (status, body) == (
        200,
        {
            "recordings": [
                {
                    "recording_id": "r1",
                    "session_id": "s1",
                    "session_title": '年度 "会商"/2026',
                    "state": "ready",
                    "progress": 1.0,
                    "started_at": 1_800_000_000.0,
                    "ended_at": 1_800_000_060.0,
                    "duration": 60.0,
                    "size": len(PROGRAM),
                }
            ]
        },
    )


async def test_detail(site: Site, archivist: Browser) -> None:
    status, body = await archivist.get("/api/recordings/r1")
    assert status == 200
    assert body["chapters"] == [{"start": 0.0, "end": 4.5, "title": "北京", "venue_id": "v1"}]
    assert body["tracks"] == [
        {
            "name": "v1-camera-1.mkv",
            "venue_id": "v1",
            "venue_name": "主会场",
            "source": "camera",
            "size": 5000,
            "started_at": 1_800_000_000.5,
        }
    ]
    assert set(body["files"]) == {
        "program.webm",
        "chapters.vtt",
        "chapters.json",
        "manifest.jsonl",
    }


@pytest.mark.parametrize("content", ["", "no json", '{"chapters": 5}', '[{"start": "x"}]', "[1]"])
async def test_damaged_chapters_do_not_hide_a_recording(
    site: Site, archivist: Browser, content: str
) -> None:
    (site.folder / "r1" / "chapters.json").write_text(content)
    (site.folder / "r1" / "manifest.jsonl").write_text("no manifest\n")
    status, body = await archivist.get("/api/recordings/r1")
    assert status == 200
    assert (body["chapters"], body["tracks"]) == ([], [])


async def test_ranges(site: Site, archivist: Browser) -> None:
    path = "/api/recordings/r1/files/program.webm"
    whole = await archivist.client.get(path)
    assert (whole.status, await whole.read()) == (200, PROGRAM)
    assert whole.content_type == "video/webm"
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = await archivist.client.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status, await part.read()) == (206, PROGRAM[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(PROGRAM)}"
    tail = await archivist.client.get(path, headers={"Range": "bytes=-10"})
    assert (tail.status, await tail.read()) == (206, PROGRAM[-10:])
    beyond = await archivist.client.get(path, headers={"Range": f"bytes={len(PROGRAM)}-"})
    assert beyond.status == 416
    head = await archivist.client.head(path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(PROGRAM)))


async def test_only_the_beginning_of_a_download_is_audited(site: Site, archivist: Browser) -> None:
    path = "/api/recordings/r1/files/program.webm"
    for header in ("bytes=0-", "bytes=500-999", "bytes=1000-"):
        await archivist.client.get(path, headers={"Range": header})
    entries = await site.services.audit.read(target="r1")
    assert [(e.actor, e.action, e.details) for e in entries] == [
        ("archivist", "recording.download", {"file": "program.webm"})
    ]


async def test_names_under_which_files_are_saved(archivist: Browser) -> None:
    track = await archivist.client.get("/api/recordings/r1/files/tracks%2Fv1-camera-1.mkv")
    assert track.status == 200
    header = track.headers["Content-Disposition"]
    assert header.startswith("attachment; filename=")
    assert "%E4%BC%9A%E5%95%86" in header
    plain = await archivist.client.get("/api/recordings/r1/files/v1-camera-1.mkv")
    assert await plain.read() == await track.read()
    program = await archivist.client.get("/api/recordings/r1/files/program.webm")
    assert program.headers["Content-Disposition"].startswith("inline; ")


@pytest.mark.parametrize(
    "title", ['a"b\r\nX: y', "../../etc/passwd", "", "字" * 400, "\ud800", "a\x00;b"]
)
def test_no_title_breaks_the_header(title: str) -> None:
    header = disposition(f"{title} program.webm", inline=False)
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert header.isascii()
    assert len(header) < 2500


@pytest.mark.parametrize(
    "name",
    [
        "secret.key",
        "nothing.mkv",
        "..%2Fr1%2Fprogram.webm",
        "tracks%2F..%2Fprogram.webm",
        "%2e%2e",
        "tracks",
        "program.webm%00",
        "PROGRAM.WEBM",
        "link.mkv",
        "a%0Ab.mkv",
        "program.json",
    ],
)
async def test_no_other_file_leaves_the_folder(site: Site, archivist: Browser, name: str) -> None:
    (site.folder / "outside.mkv").write_text("no")
    (site.folder / "r1" / "tracks" / "link.mkv").symlink_to(site.folder / "outside.mkv")
    status, body = await archivist.get(f"/api/recordings/r1/files/{name}")
    assert (status, body["error"]["code"]) == (404, "not_found")


async def test_recordings_that_do_not_exist(archivist: Browser) -> None:
    for recording_id in ("r2", "%00", "-", "a" * 65):
        for path in ("", "/files/program.webm"):
            status, body = await archivist.get(f"/api/recordings/{recording_id}{path}")
            assert (status, body["error"]["code"]) == (404, "no_such_recording")
        for action in ("verify", "finalize"):
            status, body = await archivist.post(f"/api/recordings/{recording_id}/{action}")
            assert (status, body["error"]["code"]) == (404, "no_such_recording")


async def test_verify_finds_one_changed_byte(site: Site, archivist: Browser) -> None:
    status, body = await archivist.post("/api/recordings/r1/verify")
    assert status == 200
    assert body["problems"] == []
    assert (body["intact"], body["segments"], body["bytes"]) == (True, 1, 5000)
    with (site.folder / "r1" / TRACK).open("r+b") as file:
        file.seek(2500)
        file.write(b"x")
    status, body = await archivist.post("/api/recordings/r1/verify")
    assert body["intact"] is False
    assert [(p["file"], p["code"]) for p in body["problems"]] == [(TRACK, "segment_mismatch")]


async def test_one_verification_of_a_recording_at_a_time(
    archivist: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(folder: Path) -> Verification:
        begun.set()
        assert go_on.wait(10)
        return verify_folder(folder)

    monkeypatch.setattr("orchestrator.archive.recordings.verify_folder", slow)
    first = asyncio.create_task(archivist.post("/api/recordings/r1/verify"))
    assert await asyncio.to_thread(begun.wait, 10)
    status, body = await archivist.post("/api/recordings/r1/verify")
    go_on.set()
    assert (status, body["error"]["code"]) == (409, "recording_busy")
    assert (await first)[0] == 200


async def test_verify_of_a_recording_whose_files_are_gone(site: Site, archivist: Browser) -> None:
    (site.folder / "r1").rename(site.folder / "away")
    status, body = await archivist.post("/api/recordings/r1/verify")
    assert (status, body["intact"]) == (200, False)
    status, body = await archivist.get("/api/recordings/r1")
    assert (status, body["files"]) == (200, [])


async def test_busy_and_finalize_again(site: Site, archivist: Browser) -> None:
    status, body = await archivist.post("/api/recordings/r1/finalize")
    assert (status, body["state"]) == (202, "captured")
    assert site.queue.added == ["r1", "r1"]
    state: Any
    for state in ("recording", "finalizing"):
        await site.recordings.set_state("r1", state)
        status, body = await archivist.post("/api/recordings/r1/finalize")
        assert (status, body["error"]["code"]) == (409, "recording_busy")
    await site.recordings.set_state("r1", "recording")
    status, body = await archivist.post("/api/recordings/r1/verify")
    assert (status, body["error"]["code"]) == (409, "recording_busy")
