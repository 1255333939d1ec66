"""`switches.jsonl`: which source each bus carried, as the worker's engine did it.

This is the truth about the stage: program and chapters follow it, not what was ordered.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind
from sfu.record.document import Document, Nanoseconds, parse_objects

FIRST_AUDIO_BUS_SLOT = 16
"""Slots above this are unpaired audio buses (`sfu.control.tap.AUDIO_BUS_SLOT`)."""


class ConnectedLine(Document):
    """The tap was (re)connected: every bus is empty until a switch says otherwise."""

    type: Literal["connected"] = "connected"
    boot_id: str
    at_ns: Nanoseconds
    wall_ns: Nanoseconds


class DisconnectedLine(Document):
    """The tap ended here: nothing is known of any bus until it is back."""

    type: Literal["disconnected"] = "disconnected"
    at_ns: Nanoseconds
    wall_ns: Nanoseconds


class SwitchLine(Document):
    """A bus carries `publication` (None: nothing) from this packet on.

    `at_ns` is when that packet arrived, `media_ns` where it stands in its track file, as far as
    was known then.
    """

    type: Literal["switch"] = "switch"
    slot: Annotated[int, Field(ge=0, le=255)]
    kind: Kind
    publication: PublicationKey | None
    at_ns: Nanoseconds
    media_ns: Nanoseconds | None
    wall_ns: Nanoseconds
    monotonic_ns: Nanoseconds
    rtp_timestamp: int


SwitchesLine = Annotated[ConnectedLine | DisconnectedLine | SwitchLine, Field(discriminator="type")]
_line: TypeAdapter[SwitchesLine] = TypeAdapter(SwitchesLine)


class BusInterval(NamedTuple):
    """A bus carried `publication` from `start_ns` until before `end_ns`."""

    slot: int
    kind: Kind
    publication: PublicationKey
    start_ns: Nanoseconds
    end_ns: Nanoseconds


def read_switches(lines: Iterable[bytes]) -> list[SwitchesLine]:
    """Return the lines that can be understood, in order."""
    found: list[SwitchesLine] = []
    for value in parse_objects(lines):
        try:
            found.append(_line.validate_python(value))
        except ValidationError:
            continue
    return found


def bus_intervals(lines: Iterable[SwitchesLine], end_ns: Nanoseconds) -> list[BusInterval]:
    """Return what each bus carried and when; what is still on at the end lasts until `end_ns`."""
    open_: dict[tuple[int, Kind], tuple[PublicationKey, Nanoseconds]] = {}
    done: list[BusInterval] = []

    def close(bus: tuple[int, Kind], at: Nanoseconds) -> None:
        carried = open_.pop(bus, None)
        if carried is not None and at > carried[1]:
            done.append(BusInterval(*bus, *carried, at))

    for line in lines:
        if isinstance(line, SwitchLine):
            at = line.at_ns if line.media_ns is None else line.media_ns
            close((line.slot, line.kind), at)
            if line.publication is not None:
                open_[line.slot, line.kind] = (line.publication, at)
        else:
            for bus in list(open_):
                close(bus, line.at_ns)
    for bus in list(open_):
        close(bus, end_ns)
    return sorted(done, key=lambda i: (i.start_ns, i.slot, i.kind))
