"""A bus: a virtual producer with a stable identity whose source can be switched.

Its consumers never change when its source does. Only `Router` points a bus at a source.
"""

from dataclasses import dataclass

from sfu.control.rtp import Kind
from sfu.control.tap import AUDIO_BUS_SLOT
from sfu.engine.native import PacketEngine


@dataclass
class Bus:
    """`identity` is what viewers know it by; `stream_id` groups a slot's video and audio.

    `slot`: set for a stage slot. `record_slot`: how a tap names it; None: not in the record.
    """

    identity: str
    stream_id: str
    kind: Kind
    handle: int
    slot: int | None = None
    record_slot: int | None = None
    source: int = 0
    alternate: int = 0

    def point(self, engine: PacketEngine, source: int, alternate: int = 0) -> None:
        """Feed it from `source` (0: nothing); `alternate` goes to the source's own venue."""
        if alternate == source:
            alternate = 0
        if (source, alternate) != (self.source, self.alternate):
            engine.set_bus_source(self.handle, source, alternate)
            self.source, self.alternate = source, alternate


def slot_bus(engine: PacketEngine, slot: int, kind: Kind, tag: int) -> Bus:
    """The video or the paired audio of a stage slot; its switches are reported."""
    return Bus(
        identity=f"slot-{slot}-{kind}",
        stream_id=f"slot-{slot}",
        kind=kind,
        handle=engine.add_bus(video=kind == "video", tag=tag),
        slot=slot,
        record_slot=slot,
    )


def audio_bus(engine: PacketEngine, number: int) -> Bus:
    """An unpaired audio bus, for an open microphone that is not on stage."""
    name = f"audio-{number}"
    handle = engine.add_bus(video=False)
    return Bus(name, name, "audio", handle, record_slot=AUDIO_BUS_SLOT + number)


def wall_bus(engine: PacketEngine, tile: int) -> Bus:
    """One wall tile, private to the transport that watches it."""
    name = f"wall-{tile}"
    return Bus(name, name, "video", engine.add_bus(video=True))
