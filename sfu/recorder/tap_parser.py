"""Bytes of a tap in, records out (`sfu.control.tap`); no socket here."""

from typing import NamedTuple

from sfu.control.tap import HEADER, MAX_PAYLOAD
from sfu.recorder.errors import TapDamaged


class Record(NamedTuple):
    """`monotonic_ns` is the worker's clock when the record was made."""

    type: int
    tag: int
    monotonic_ns: int
    payload: bytes


class TapParser:
    """Keeps what is left of an unfinished record between calls."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Record]:
        """Return the records completed by `data`. Raises TapDamaged: the connection must go."""
        self._rest += data
        buffer = self._rest
        records: list[Record] = []
        at = 0
        while len(buffer) - at >= HEADER.size:
            size, kind, _flags, _, tag, _, monotonic_ns = HEADER.unpack_from(buffer, at)
            if size > MAX_PAYLOAD:
                raise TapDamaged(f"a record of {size} bytes is over the limit of {MAX_PAYLOAD}")
            end = at + HEADER.size + size
            if end > len(buffer):
                break
            records.append(Record(kind, tag, monotonic_ns, bytes(buffer[at + HEADER.size : end])))
            at = end
        del buffer[:at]
        return records
