"""Numbers that must differ within one worker: SSRCs, tags of streams, owners."""

import itertools
import secrets


class Numbers:
    """Allocator of a worker; nothing here is ever reused except freed SSRCs."""

    def __init__(self) -> None:
        self._tags = itertools.count(1)
        self._owners = itertools.count(1)
        self._ssrcs: set[int] = set()

    def tag(self) -> int:
        """Names a stream or a bus on taps; never 0."""
        return next(self._tags)

    def owner(self) -> int:
        """Names a venue of a session to the engine; never 0."""
        return next(self._owners)

    def ssrc(self) -> int:
        """A random SSRC (RFC 3550 section 8.1) that nothing in this worker uses."""
        while True:
            # 1234 is mediasoup-client's probator; 0 means "not known" to the engine.
            ssrc = secrets.randbelow(0xFFFF_0000) + 0x1_0000
            if ssrc not in self._ssrcs:
                self._ssrcs.add(ssrc)
                return ssrc

    def free_ssrc(self, ssrc: int) -> None:
        self._ssrcs.discard(ssrc)
