"""The session's shared buses: the stage slots' video with paired audio, and unpaired audio."""

from collections.abc import Callable

from sfu.control.errors import BadRequest, NotFound
from sfu.control.messages import AudioBusTarget, SlotTarget
from sfu.control.plan import MediaPlan, SourceRef
from sfu.control.rtp import Kind
from sfu.engine.native import PacketEngine
from sfu.routing.bus import Bus, audio_bus, slot_bus
from sfu.routing.numbers import Numbers
from sfu.routing.producer import KIND_OF

Resolve = Callable[[SourceRef | None], int]
"""Engine handle of the newest live stream of a source, or 0."""


class Stage:
    """Buses as the plan has them. `shape` before `point`."""

    def __init__(self, engine: PacketEngine, numbers: Numbers) -> None:
        self._engine = engine
        self._numbers = numbers
        self._slots: dict[tuple[int, Kind], Bus] = {}
        self._audio: dict[int, Bus] = {}

    @property
    def buses(self) -> list[Bus]:
        """Video and audio of every slot, and every unpaired audio bus."""
        return [*self._slots.values(), *self._audio.values()]

    def shape(self, plan: MediaPlan) -> list[Bus]:
        """Make the buses the plan has; return those it has no more, for `remove`."""
        slots: set[tuple[int, Kind]] = set()
        for slot in plan.slots:
            slots |= {(slot.slot, "video"), (slot.slot, "audio")}
        for key in sorted(slots - self._slots.keys()):
            self._slots[key] = slot_bus(self._engine, *key, tag=self._numbers.tag())
        audio = {planned.bus for planned in plan.audio_buses}
        for number in sorted(audio - self._audio.keys()):
            self._audio[number] = audio_bus(self._engine, number)
        return [
            *(self._slots.pop(key) for key in self._slots.keys() - slots),
            *(self._audio.pop(number) for number in self._audio.keys() - audio),
        ]

    def point(self, plan: MediaPlan, resolve: Resolve) -> None:
        """Feed every bus from what the plan names, and from nothing else."""
        for slot in plan.slots:
            self._slots[slot.slot, "video"].point(
                self._engine, resolve(slot.video), resolve(slot.alternate)
            )
            self._slots[slot.slot, "audio"].point(self._engine, resolve(slot.audio))
        for planned in plan.audio_buses:
            self._audio[planned.bus].point(self._engine, resolve(planned.source))

    def bus(self, target: SlotTarget | AudioBusTarget) -> Bus:
        """Raises NotFound for what the session does not have."""
        if isinstance(target, AudioBusTarget):
            bus = self._audio.get(target.bus)
        else:
            bus = self._slots.get((target.slot, target.kind))
        if bus is None:
            raise NotFound("the session has no such slot or audio bus")
        return bus

    def slot_of(self, handle: int) -> Bus | None:
        """The slot's bus with this engine handle."""
        return next((bus for bus in self._slots.values() if bus.handle == handle), None)

    def close(self) -> None:
        """Remove every bus; idempotent."""
        for bus in self.buses:
            self._engine.remove_bus(bus.handle)
        self._slots.clear()
        self._audio.clear()


def check_plan(plan: MediaPlan) -> None:
    """Raises BadRequest for a plan that puts sound on a picture bus or names a place twice."""
    slots = [slot.slot for slot in plan.slots]
    buses = [planned.bus for planned in plan.audio_buses]
    if len(set(slots)) != len(slots) or len(set(buses)) != len(buses):
        raise BadRequest("the plan names a slot or an audio bus twice")
    pictures = [source for slot in plan.slots for source in (slot.video, slot.alternate)]
    sounds = [slot.audio for slot in plan.slots] + [bus.source for bus in plan.audio_buses]
    for kind, sources in (("video", pictures), ("audio", sounds)):
        for source in sources:
            if source is not None and KIND_OF[source.source] != kind:
                raise BadRequest(f"the plan puts a {source.source} on a bus for {kind}")
