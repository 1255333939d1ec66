"""One recording that runs: three threads between the worker's tap and the disk.

`tap` only reads the socket, so that a slow disk fills a queue here and not the worker's buffer;
`write` parses, orders and muxes; `sync` makes it durable each second and only then names it in the
manifest. The event loop touches none of it.
"""

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import structlog

from sfu.control.messages import RecordingState, StartRecording
from sfu.recorder.capture import Capture
from sfu.recorder.errors import RecordingUnusable, StorageFailed, TapDamaged
from sfu.recorder.journal import Journal
from sfu.recorder.storage import OpenFiles, probe_space
from sfu.recorder.tap_parser import TapParser

log = structlog.get_logger(__name__)

READ_SIZE = 1 << 16
QUEUE_CHUNKS = 512
"""Up to 32 MiB wait for a slow disk; then the worker's own buffer fills, then it writes a GAP."""
POLL_SECONDS = 0.2
SYNC_SECONDS = 1.0
FIRST_BACKOFF = 0.05
LAST_BACKOFF = 1.0


class _Mark:
    """What stands in the queue between chunks of bytes."""


CONNECTED, DISCONNECTED, FINISHED = _Mark(), _Mark(), _Mark()
State = Literal["recording", "waiting_for_worker", "stopped", "failed"]


class Recording:
    """`start`, then `stop` (both block: call them in a thread). `on_change` comes from any thread.

    Raises RecordingUnusable, StorageFailed from `start`.
    """

    def __init__(
        self, request: StartRecording, folder: Path, on_change: Callable[[], None]
    ) -> None:
        self.request = request
        self.tap_address = request.tap_address
        self._on_change = on_change
        self._files = OpenFiles()
        self._journal = Journal(folder)
        self._capture = Capture(self._journal, self._files, self._commit)
        self._queue: queue.Queue[bytes | _Mark] = queue.Queue(QUEUE_CHUNKS)
        self._committing = threading.Lock()
        self._stopping = threading.Event()
        self._written = threading.Event()
        self._sync_error: StorageFailed | None = None
        self._space = threading.Event()
        self._damaged = threading.Event()
        self._connected = False
        self._stopped = False
        self._broken = ""
        self._threads = [
            threading.Thread(target=target, name=f"{name} {request.recording_id}", daemon=True)
            for name, target in (
                ("tap", self._tap_thread),
                ("write", self._write_thread),
                ("sync", self._sync_thread),
            )
        ]

    @classmethod
    def left_behind(cls, recording_id: str, folder: Path) -> "Recording":
        """One whose recorder died and that is only to be stopped: recovered, without threads."""
        request = StartRecording.model_construct(
            session_id="", recording_id=recording_id, tap_address="", folder=folder.name
        )
        recording = cls(request, folder, lambda: None)
        recording._journal.open()
        return recording

    def start(self) -> None:
        """Recover what an earlier life left in the folder, then begin."""
        self._journal.open()
        if self._journal.sealed:
            raise RecordingUnusable(
                "recording_sealed", "this recording is complete: start another one"
            )
        for thread in self._threads:
            thread.start()

    def state(self) -> RecordingState:
        """What the conductor is told."""
        reason = self._broken or self._capture.failure or ""
        state: State = "recording" if self._connected else "waiting_for_worker"
        if reason:
            state = "failed"
        elif self._stopped:
            state = "stopped"
        return RecordingState(
            recording_id=self.request.recording_id,
            state=state,
            tracks=self._journal.tracks,
            bytes_written=self._journal.bytes,
            gaps=self._capture.gaps,
            reason=reason,
        )

    def stop(self, *, seal: bool) -> None:
        """End capture and close every file; `seal` also ends the recording for good.

        Raises StorageFailed when the closing line cannot be written now; may be called again.
        """
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._commit()
        if seal:
            self._journal.seal()
        self._journal.close()
        self._stopped = True
        self._on_change()

    # -- tap

    def _tap_thread(self) -> None:
        backoff = FIRST_BACKOFF
        while not self._stopping.is_set():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tap:
                    tap.settimeout(POLL_SECONDS)
                    tap.connect(self.tap_address.removeprefix("unix:"))
                    tap.sendall(self._greeting())
                    if self._read_tap(tap):
                        backoff = FIRST_BACKOFF
            except OSError as error:
                log.debug("tap_unreachable", address=self.tap_address, error=str(error))
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF)
        self._queue.put(FINISHED)

    def _greeting(self) -> bytes:
        request = self.request
        line = {"session_id": request.session_id, "recording_id": request.recording_id}
        return json.dumps(line).encode() + b"\n"

    def _read_tap(self, tap: socket.socket) -> bool:
        """Queue what comes until either side ends it; return whether anything came."""
        self._damaged.clear()
        self._queue.put(CONNECTED)
        came = False
        try:
            while not self._damaged.is_set():
                try:
                    data = tap.recv(READ_SIZE)
                except TimeoutError:
                    if self._stopping.is_set():
                        break
                    continue
                if not data:
                    break
                came = True
                self._queue.put(data)
                if self._stopping.is_set():
                    self._drain(tap)
                    break
        finally:
            self._queue.put(DISCONNECTED)
        return came

    def _drain(self, tap: socket.socket) -> None:
        """What the worker had written when the stop came belongs to the recording."""
        tap.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            for _ in range(QUEUE_CHUNKS):
                data = tap.recv(READ_SIZE)
                if not data:
                    return
                self._queue.put(data)

    # -- write

    def _write_thread(self) -> None:
        try:
            self._write()
        except Exception:
            # Nothing may leave the threads half alone: the tap is drained, the state says why.
            log.exception("recording_broken", recording=self.request.recording_id)
            self._broken = "internal_error"
            self._on_change()
            while self._queue.get() is not FINISHED:
                pass
        finally:
            self._written.set()

    def _write(self) -> None:
        parser = TapParser()
        while True:
            self._follow_disk()
            try:
                item = self._queue.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if item is FINISHED:
                self._capture.finish()
                return
            if item is CONNECTED:
                parser = TapParser()
            elif item is DISCONNECTED:
                self._capture.disconnected()
                self._set_connected(False)
            elif isinstance(item, bytes) and not self._damaged.is_set():
                self._records(parser, item)

    def _records(self, parser: TapParser, data: bytes) -> None:
        try:
            for record in parser.feed(data):
                self._capture.record(record)
                if not self._connected:
                    self._set_connected(True)
        except TapDamaged as error:
            log.error("tap_damaged", address=self.tap_address, error=str(error))
            self._damaged.set()

    def _set_connected(self, connected: bool) -> None:
        if self._connected != connected:
            self._connected = connected
            self._on_change()

    def _follow_disk(self) -> None:
        """Take over what the sync thread found out about the disk."""
        before = self._capture.failure
        if self._sync_error is not None:
            self._capture.fail(self._sync_error)
            self._sync_error = None
        elif before is not None and self._space.is_set():
            self._capture.resume()
        self._space.clear()
        if self._capture.failure != before:
            self._on_change()

    # -- sync

    def _sync_thread(self) -> None:
        while not self._written.wait(SYNC_SECONDS):
            self._sync_once()

    def _sync_once(self) -> None:
        try:
            if self._capture.failure is not None:
                probe_space(self._journal.folder)
            self._commit()
        except StorageFailed as error:
            self._sync_error = error
            return
        if self._capture.failure is not None:
            self._space.set()

    def _commit(self) -> None:
        with self._committing:
            entries = self._journal.take()
            try:
                self._files.sync()
            except StorageFailed:
                self._journal.give_back(entries)
                raise
            self._journal.commit(entries)
