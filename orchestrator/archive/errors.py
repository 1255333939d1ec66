"""Errors of the archive.

ArchiveError
├── NoSuchRecording   no_such_recording
├── NoSuchFile        not_found: this recording has no such file (yet)
└── RecordingBusy     recording_busy: it is still being recorded or finalized
"""

from orchestrator.protocol.reasons import Reason


class ArchiveError(Exception):
    """Base; `code` travels on the wire, the message says what to do."""

    code = Reason.INTERNAL_ERROR


class NoSuchRecording(ArchiveError):
    code = Reason.NO_SUCH_RECORDING


class NoSuchFile(ArchiveError):
    code = Reason.NOT_FOUND


class RecordingBusy(ArchiveError):
    code = Reason.RECORDING_BUSY
