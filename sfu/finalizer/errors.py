"""Why there is no program.

FinalizerError
├── RecordingEmpty      recording_empty: nothing was captured that could be shown or heard
├── TimelineInvalid     timeline_invalid: the timeline does not fit its schema, or itself
├── RecordingMissing    recording_missing: the folder or its manifest is not there
└── StorageRefused      disk_full | read_only | io_error: the program cannot be written
"""

import errno

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class FinalizerError(Exception):
    """Base; `code` is stable and printed on the last line."""

    code = "internal_error"


class RecordingEmpty(FinalizerError):
    code = "recording_empty"


class TimelineInvalid(FinalizerError):
    code = "timeline_invalid"


class RecordingMissing(FinalizerError):
    code = "recording_missing"


class StorageRefused(FinalizerError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def storage_reason(error: OSError) -> str:
    """Return the stable reason for what the disk said."""
    if error.errno in DISK_FULL:
        return "disk_full"
    return "read_only" if error.errno in READ_ONLY else "io_error"
