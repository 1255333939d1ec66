"""The chain of the manifest: whatever is done to it or to the files is seen."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfu.control.plan import PublicationKey
from sfu.record.manifest import (
    Chain,
    ClockEntry,
    Entry,
    FileDigest,
    ManifestError,
    RecordingEntry,
    SealEntry,
    SegmentEntry,
    TombstoneEntry,
    TrackEntry,
    read_chain,
)
from sfu.record.verify import Verification, verify

Files = dict[str, bytes]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def written(files: Files, pieces: list[int]) -> list[bytes]:
    """Manifest lines (without line ends) of a sealed recording of these track files."""
    chain = Chain()
    entries: list[Entry] = [
        RecordingEntry(recording_id="rec1", session_id="s1", origin_wall_ns=1),
        ClockEntry(worker_id="w0", boot_id="b", monotonic_ns=1, wall_ns=2),
    ]
    segments = 0
    for number, (name, data) in enumerate(files.items(), 1):
        key = PublicationKey(venue_id=f"v{number}", source="camera", generation=1)
        entries.append(
            TrackEntry(file=name, publication=key, kind="video", mime_type="video/VP8", opened_ns=0)
        )
        at = 0
        while at < len(data):
            size = min(pieces[segments % len(pieces)], len(data) - at)
            digest = sha(data[at : at + size])
            entries.append(SegmentEntry(file=name, start=at, size=size, sha256=digest))
            at += size
            segments += 1
    entries.append(
        SealEntry(
            tracks=len(files),
            segments=segments,
            bytes=sum(map(len, files.values())),
            stopped_wall_ns=5,
            documents=(FileDigest(file="switches.jsonl", size=3, sha256=sha(b"abc")),),
        )
    )
    return [chain.append(entry)[:-1] for entry in entries]


def checked(lines: list[bytes], files: Files) -> Verification:
    every = {"switches.jsonl": b"abc", **files}

    def read(name: str, offset: int, size: int) -> bytes:
        if name not in every:
            raise FileNotFoundError(name)
        return every[name][offset : offset + size]

    return verify(lines, read, [n for n in files if n.startswith("tracks/")])


track_files = st.dictionaries(
    st.sampled_from(["tracks/a-camera-1.mkv", "tracks/b-camera-1.mkv", "tracks/b-camera-2.mkv"]),
    st.binary(min_size=1, max_size=60),
    min_size=1,
)
pieces = st.lists(st.integers(1, 20), min_size=1, max_size=4)


@given(track_files, pieces)
def test_an_intact_recording_passes(files: Files, sizes: list[int]) -> None:
    result = checked(written(files, sizes), files)
    assert result.intact
    assert result.sealed
    assert result.bytes == sum(map(len, files.values()))


@given(track_files, pieces, st.data())
def test_one_changed_byte_of_media_is_seen(
    files: Files, sizes: list[int], data: st.DataObject
) -> None:
    lines = written(files, sizes)
    name = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = bytearray(files[name])
    changed[at] ^= flip
    found = checked(lines, {**files, name: bytes(changed)})
    assert [(p.file, p.code) for p in found.problems] == [(name, "segment_mismatch")]


@given(track_files, pieces, st.data())
def test_a_cut_or_longer_or_missing_file_is_seen(
    files: Files, sizes: list[int], data: st.DataObject
) -> None:
    lines = written(files, sizes)
    name = data.draw(st.sampled_from(sorted(files)))
    cut = data.draw(st.integers(1, len(files[name])))
    short = checked(lines, {**files, name: files[name][:-cut]})
    assert {"file_truncated"} == {p.code for p in short.problems}
    longer = checked(lines, {**files, name: files[name] + b"x"})
    assert [p.code for p in longer.problems] == ["file_longer"]
    without = checked(lines, {n: d for n, d in files.items() if n != name})
    assert {"file_missing"} == {p.code for p in without.problems}
    more = checked(lines, {**files, "tracks/new-camera-1.mkv": b"x"})
    assert [p.code for p in more.problems] == ["unknown_file"]


@settings(max_examples=200)
@given(track_files, pieces, st.data())
def test_one_changed_byte_of_the_manifest_is_seen(
    files: Files, sizes: list[int], data: st.DataObject
) -> None:
    lines = written(files, sizes)
    index = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[index]) - 1))
    changed = bytearray(lines[index])
    changed[at] ^= data.draw(st.integers(1, 255))
    lines[index] = bytes(changed)
    assert "manifest_damaged" in {p.code for p in checked(lines, files).problems}


@given(track_files, pieces, st.data())
def test_deleted_swapped_repeated_and_missing_lines_are_seen(
    files: Files, sizes: list[int], data: st.DataObject
) -> None:
    lines = written(files, sizes)
    index = data.draw(st.integers(0, len(lines) - 2))
    other = data.draw(st.integers(index + 1, len(lines) - 1))
    deleted = lines[:index] + lines[index + 1 :]
    assert "manifest_damaged" in {p.code for p in checked(deleted, files).problems}
    swapped = list(lines)
    swapped[index], swapped[other] = swapped[other], swapped[index]
    assert "manifest_damaged" in {p.code for p in checked(swapped, files).problems}
    repeated = [*lines[: index + 1], *lines[index:]]
    assert "manifest_damaged" in {p.code for p in checked(repeated, files).problems}
    cut = lines[: data.draw(st.integers(0, len(lines) - 1))]
    assert "not_sealed" in {p.code for p in checked(cut, files).problems}


def test_a_chain_rebuilt_after_the_seal_is_seen() -> None:
    files = {"tracks/a-camera-1.mkv": b"abcdef"}
    lines = written(files, [6])
    chain, _ = read_chain(lines)
    lines.append(
        chain.append(ClockEntry(worker_id="w", boot_id="c", monotonic_ns=1, wall_ns=1))[:-1]
    )
    assert "after_seal" in {p.code for p in checked(lines, files).problems}


def test_other_documents_are_sealed_too() -> None:
    files = {"tracks/a-camera-1.mkv": b"abcdef"}
    found = checked(written(files, [3]), {**files, "switches.jsonl": b"abd"})
    assert [(p.file, p.code) for p in found.problems] == [("switches.jsonl", "document_mismatch")]


def test_segments_must_follow_one_another() -> None:
    chain = Chain()
    key = PublicationKey(venue_id="v1", source="camera", generation=1)
    name = "tracks/v1-camera-1.mkv"
    entries: list[Entry] = [
        RecordingEntry(recording_id="r", session_id="s", origin_wall_ns=0),
        TrackEntry(file=name, publication=key, kind="video", mime_type="video/VP8", opened_ns=0),
        SegmentEntry(file=name, start=2, size=1, sha256=sha(b"c")),
    ]
    lines = [chain.append(e)[:-1] for e in entries]
    assert "segment_order" in {p.code for p in checked(lines, {name: b"abc"}).problems}


def test_a_tombstone_is_part_of_the_chain() -> None:
    stone = TombstoneEntry(
        file="tracks/a-camera-1.mkv",
        start=0,
        size=1,
        sha256="0" * 64,
        reason="in camera",
        ordered_by="host",
        wall_ns=1,
    )
    chain = Chain()
    line = chain.append(stone)[:-1]
    assert read_chain([line])[1] == [stone]


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b"\xff", b"{" * 5000, b'{"entry":{"type":"unknown"}}'],
)
def test_what_is_no_manifest_line_is_refused(line: bytes) -> None:
    with pytest.raises(ManifestError):
        Chain().accept(line)


def test_names_cannot_leave_the_folder() -> None:
    chain = Chain()
    body = json.loads(
        chain.append(RecordingEntry(recording_id="r", session_id="s", origin_wall_ns=0))
    )
    for name in ("../x.mkv", "/etc/x.mkv", "tracks/../../x.mkv", "tracks/.mkv", "manifest.txt"):
        with pytest.raises(ValueError):
            SegmentEntry(file=name, start=0, size=1, sha256="0" * 64)
    assert body["index"] == 0
