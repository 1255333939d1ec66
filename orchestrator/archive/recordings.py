"""The archive as people use it: list, look, fetch a file, verify, finalize again.

Also where the conductor says that a recording began and ended.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from orchestrator.archive.errors import NoSuchRecording, RecordingBusy
from orchestrator.archive.files import RecordingFile, find, names
from orchestrator.archive.verify import verify_folder
from orchestrator.protocol.rest import (
    Chapter,
    RecordingDetail,
    RecordingItem,
    TrackItem,
    Verification,
)
from orchestrator.store.recordings import RecordingRecord, Recordings
from orchestrator.store.session_log import SessionLog
from sfu.record.document import whole_lines
from sfu.record.manifest import Chain, ManifestError, RecordingEntry, TrackEntry

log = structlog.get_logger(__name__)

FINISHED = frozenset({"captured", "finalizing", "ready", "failed"})


class Queue(Protocol):
    """What happens to a recording once its capture has ended; see `archive.finalization`."""

    def add(self, recording_id: str) -> None: ...


class Archive:
    """All recordings of this installation, on local disk under `folder`."""

    def __init__(
        self, catalogue: Recordings, session_log: SessionLog, folder: Path, queue: Queue
    ) -> None:
        self._catalogue = catalogue
        self._log = session_log
        self._folder = folder
        self._queue = queue
        self._reading = asyncio.Semaphore(1)
        self._verifying: set[str] = set()

    # --- from the conductor ---

    async def recording_started(
        self, session_id: str, recording_id: str, folder: str, at: float
    ) -> None:
        """A recording began; saying it again is no error. `folder` is relative to the recordings
        folder. Raises store.RecordNotFound when there is no such session."""
        item = await self._log.session(session_id)
        title = item.title if item is not None else ""
        await self._catalogue.add(recording_id, session_id, title, folder, at=at)

    async def recording_captured(self, recording_id: str, at: float) -> None:
        """Its capture ended at `at` and its files are closed: finalize it. Saying it again is no
        error. Raises NoSuchRecording."""
        record = await self._record(recording_id)
        if record.state == "recording":
            await self._catalogue.set_state(recording_id, "captured", ended_at=at)
            self._queue.add(recording_id)

    # --- from people ---

    async def items(self) -> tuple[RecordingItem, ...]:
        """All recordings, newest first."""
        return tuple(record.item for record in await self._catalogue.list_all())

    async def detail(self, recording_id: str) -> RecordingDetail:
        """One recording with its chapters, tracks and files. Raises NoSuchRecording."""
        record = await self._record(recording_id)
        state = await self._log.load(record.session_id)
        venues = {v.venue_id: v.name for v in state.venues.values()} if state is not None else {}
        folder = self._folder / record.folder
        chapters, tracks, files = await asyncio.to_thread(_look, folder, venues)
        return RecordingDetail(recording=record.item, chapters=chapters, tracks=tracks, files=files)

    async def file(self, recording_id: str, name: str) -> tuple[RecordingRecord, RecordingFile]:
        """A file that may be downloaded. Raises NoSuchRecording, NoSuchFile."""
        record = await self._record(recording_id)
        return record, await asyncio.to_thread(find, self._folder / record.folder, name)

    async def verify(self, recording_id: str) -> Verification:
        """Read every byte again; the disk serves one such reading at a time. Raises
        NoSuchRecording, RecordingBusy."""
        record = await self._record(recording_id)
        if record.state == "recording":
            raise RecordingBusy("it is still being recorded; verify it when it has ended")
        if recording_id in self._verifying:
            raise RecordingBusy("it is being verified already; wait for the result")
        self._verifying.add(recording_id)
        try:
            async with self._reading:
                return await asyncio.to_thread(verify_folder, self._folder / record.folder)
        finally:
            self._verifying.discard(recording_id)

    async def finalize_again(self, recording_id: str) -> RecordingItem:
        """Derive everything anew from what was captured. Raises NoSuchRecording, RecordingBusy."""
        record = await self._record(recording_id)
        if record.state not in ("ready", "failed", "captured"):
            raise RecordingBusy("it is being recorded or finalized now; wait until that has ended")
        await self._catalogue.set_state(recording_id, "captured", progress=0.0)
        self._queue.add(recording_id)
        return (await self._record(recording_id)).item

    async def _record(self, recording_id: str) -> RecordingRecord:
        record = await self._catalogue.get(recording_id)
        if record is None:
            raise NoSuchRecording("there is no such recording; load the list again")
        return record


Look = tuple[tuple[Chapter, ...], tuple[TrackItem, ...], tuple[str, ...]]


def _look(folder: Path, venues: dict[str, str]) -> Look:
    return _chapters(folder), _tracks(folder, venues), names(folder)


def _chapters(folder: Path) -> tuple[Chapter, ...]:
    """From `chapters.json`; none when it is not there yet or cannot be read."""
    try:
        data: Any = json.loads((folder / "chapters.json").read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        log.warning("chapters_unreadable", folder=folder.name, error=repr(error))
        return ()
    if isinstance(data, dict):
        data = data.get("chapters", [])
    try:
        return TypeAdapter(tuple[Chapter, ...]).validate_python(
            [_known(chapter) for chapter in data if isinstance(chapter, dict)]
        )
    except (ValidationError, TypeError) as error:
        log.warning("chapters_unreadable", folder=folder.name, error=repr(error)[:200])
        return ()


def _known(chapter: dict[str, Any]) -> dict[str, Any]:
    return {key: chapter[key] for key in Chapter.model_fields if key in chapter}


def _tracks(folder: Path, venues: dict[str, str]) -> tuple[TrackItem, ...]:
    """The track files that the manifest names and that are there."""
    found = []
    origin = 0.0
    for entry in _entries(folder):
        if isinstance(entry, RecordingEntry):
            origin = entry.origin_wall_ns / 1e9
        elif isinstance(entry, TrackEntry):
            path = folder / entry.file
            if path.is_file():
                venue_id = entry.publication.venue_id
                found.append(
                    TrackItem(
                        name=path.name,
                        venue_id=venue_id,
                        venue_name=venues.get(venue_id, venue_id),
                        source=entry.publication.source,
                        size=path.stat().st_size,
                        started_at=origin + entry.opened_ns / 1e9,
                    )
                )
    return tuple(found)


def _entries(folder: Path) -> Sequence[object]:
    """Entries of the manifest up to the first damage (`verify` tells what is wrong)."""
    try:
        lines, _end = whole_lines((folder / "manifest.jsonl").read_bytes())
    except OSError:
        return ()
    chain = Chain()
    entries: list[object] = []
    try:
        entries.extend(chain.accept(line) for line in lines)  # keeps what came before a damage
    except ManifestError as error:
        log.warning("manifest_damaged", folder=folder.name, error=str(error))
    return entries
