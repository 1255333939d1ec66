"""Errors of the recorder.

RecorderError
├── TapDamaged         tap_damaged: the worker's bytes do not follow `sfu.control.tap`
├── StorageFailed      disk_full | read_only | io_error: the folder cannot be written now
└── RecordingUnusable  manifest_damaged | recording_sealed: this folder takes no more media
"""

import errno
from typing import Literal

StorageReason = Literal["disk_full", "read_only", "io_error"]

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class RecorderError(Exception):
    """Base; `code` is stable and becomes the `reason` of `recording.state`."""

    code: str = "internal_error"


class TapDamaged(RecorderError):
    code = "tap_damaged"


class StorageFailed(RecorderError):
    """The disk refused; the same write may succeed later."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = storage_reason(error)
        self.code = self.reason


class RecordingUnusable(RecorderError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def storage_reason(error: OSError) -> StorageReason:
    """Return the stable reason for what the disk said."""
    if error.errno in DISK_FULL:
        return "disk_full"
    if error.errno in READ_ONLY:
        return "read_only"
    return "io_error"
