"""A packet engine that only writes down what it is told, for tests of routing."""

import itertools
from typing import Any

from sfu.engine.native import ConsumerCounters, EngineCounters, StreamCounters


class RecordingEngine:
    """Same surface as `PacketEngine`; `calls` has (method, arguments) in order."""

    def __init__(self) -> None:
        self.event_fd = -1
        self.calls: list[tuple[Any, ...]] = []
        self.streams: dict[int, dict[str, Any]] = {}
        self.buses: dict[int, tuple[int, int]] = {}
        self.consumers: dict[int, dict[str, Any]] = {}
        self.transports: dict[int, int] = {}
        self.tapped: dict[int, set[int]] = {}
        self.tap_records: list[tuple[int, int, int, bytes]] = []
        self.key_frames: list[int] = []
        self._handles = itertools.count(1)

    def open_transport(self, ufrag: bytes, pwd: bytes, *, owner: int = 0) -> int:
        handle = next(self._handles)
        self.transports[handle] = owner
        return handle

    def set_ice(self, transport: int, ufrag: bytes, pwd: bytes) -> None:
        self.calls.append(("set_ice", transport))

    def set_srtp(self, transport: int, *sessions: object) -> None:
        self.calls.append(("set_srtp", transport))

    def send_datagram(self, transport: int, data: bytes) -> None:
        self.calls.append(("send_datagram", transport, data))

    def close_transport(self, transport: int) -> None:
        del self.transports[transport]

    def add_stream(self, transport: int, **arguments: Any) -> int:
        handle = next(self._handles)
        self.streams[handle] = arguments
        return handle

    def remove_stream(self, stream: int) -> None:
        assert all(stream not in sources for sources in self.buses.values()), "still on a bus"
        assert all(stream not in tapped for tapped in self.tapped.values()), "still tapped"
        del self.streams[stream]

    def request_key_frame(self, stream: int) -> None:
        assert stream in self.streams
        self.key_frames.append(stream)

    def add_bus(self, *, video: bool, tag: int = 0) -> int:
        handle = next(self._handles)
        self.buses[handle] = (0, 0)
        return handle

    def set_bus_source(self, bus: int, stream: int, alternate: int = 0) -> None:
        assert stream == 0 or stream in self.streams
        self.calls.append(("set_bus_source", bus, stream, alternate))
        self.buses[bus] = (stream, alternate)

    def remove_bus(self, bus: int) -> None:
        assert all(c["bus"] != bus for c in self.consumers.values()), "still consumed"
        del self.buses[bus]

    def add_consumer(self, transport: int, bus: int, **arguments: Any) -> int:
        assert transport in self.transports
        assert bus in self.buses
        handle = next(self._handles)
        self.consumers[handle] = {"transport": transport, "bus": bus, **arguments}
        return handle

    def remove_consumer(self, consumer: int) -> None:
        del self.consumers[consumer]

    def open_tap(self, fd: int, *, capacity: int = 0) -> int:
        handle = next(self._handles)
        self.tapped[handle] = set()
        return handle

    def tap_write(self, tap: int, record_type: int, tag: int, payload: bytes) -> None:
        self.tap_records.append((tap, record_type, tag, payload))

    def tap_stream(self, tap: int, stream: int) -> None:
        assert stream in self.streams
        self.tapped[tap].add(stream)

    def untap_stream(self, tap: int, stream: int) -> None:
        self.tapped[tap].remove(stream)

    def tap_bus(self, tap: int, bus: int, slot: int, video: bool) -> None:
        self.calls.append(("tap_bus", tap, bus, slot, video))

    def close_tap(self, tap: int) -> None:
        del self.tapped[tap]

    def stream_counters(self, stream: int) -> StreamCounters:
        return StreamCounters(*([0] * 15))

    def consumer_counters(self, consumer: int) -> ConsumerCounters:
        return ConsumerCounters(0, 0, 0, 0.0, 0, 0, 0, 0, 0, 0, 0)

    def counters(self) -> EngineCounters:
        return EngineCounters(*([0] * 12))
