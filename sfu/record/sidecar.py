"""The sidecar of a track file: what one needs to know beside its packets, one line each.

Times called `*_ns` without another word are nanoseconds on the record's time (zero: the
recording's `origin_wall_ns`); the track file's own timestamps are the same, in milliseconds.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind
from sfu.record.document import Document, Nanoseconds, parse_objects


class TrackLine(Document):
    """First line: what the file holds."""

    type: Literal["track"] = "track"
    publication: PublicationKey
    kind: Kind
    mime_type: str
    clock_rate: int
    channels: int | None = None
    part: int
    opened_ns: Nanoseconds


class MappingLine(Document):
    """From here on RTP time stands so on the worker's clock and on the record's time.

    `source`: `arrival` until the first sender report, then `sender_report` (minimum-delay offset,
    one for all streams of a publisher). `rtp_timestamp` is unwrapped. Timestamps in the file never
    go back when a mapping changes.
    """

    type: Literal["mapping"] = "mapping"
    source: Literal["arrival", "sender_report"]
    boot_id: str
    rtp_timestamp: int
    monotonic_ns: Nanoseconds
    at_ns: Nanoseconds


class GapLine(Document):
    """Media is missing between two moments.

    `lost`: packets that no retransmission brought; `damaged`: packets that made no whole picture;
    `overflow`: the tap's buffer was full (`packets` counts its records); the others: what the disk
    said when it refused.
    """

    type: Literal["gap"] = "gap"
    reason: Literal["lost", "damaged", "overflow", "disk_full", "read_only", "io_error"]
    from_ns: Nanoseconds
    until_ns: Nanoseconds
    packets: int = 0


class SizeLine(Document):
    """The picture has this size from here on."""

    type: Literal["size"] = "size"
    at_ns: Nanoseconds
    width: int
    height: int


class EndLine(Document):
    """The file was closed in good order; without this line it was cut by a kill."""

    type: Literal["end"] = "end"
    at_ns: Nanoseconds
    frames: int


SidecarLine = Annotated[
    TrackLine | MappingLine | GapLine | SizeLine | EndLine, Field(discriminator="type")
]
_line: TypeAdapter[SidecarLine] = TypeAdapter(SidecarLine)


def read_sidecar(lines: Iterable[bytes]) -> list[SidecarLine]:
    """Return the lines that can be understood, in order."""
    found: list[SidecarLine] = []
    for value in parse_objects(lines):
        try:
            found.append(_line.validate_python(value))
        except ValidationError:
            continue
    return found
