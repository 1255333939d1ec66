"""ICE-lite (RFC 8445 section 2.5): credentials and host candidates. The engine answers checks."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass

from sfu.control.rtp import IceCandidate, IceParameters

_ICE_CHARACTERS = string.ascii_letters + string.digits
_HOST_PREFERENCE = 126  # RFC 8445 section 5.1.2.2
_COMPONENT = 1  # RTP and RTCP share one component (RFC 5761)


@dataclass(frozen=True)
class IceCredentials:
    """Ours, for one transport. The user name fragment is unique in the worker."""

    ufrag: str
    password: str

    @classmethod
    def generate(cls) -> "IceCredentials":
        """New random ones: 16 and 32 characters (at least 4 and 22: RFC 8445 section 5.3)."""
        return cls(ufrag=_random(16), password=_random(32))

    def parameters(self) -> IceParameters:
        return IceParameters(username_fragment=self.ufrag, password=self.password, ice_lite=True)


def host_candidates(addresses: Sequence[str], port: int) -> tuple[IceCandidate, ...]:
    """One UDP candidate per listen address, in the order of preference given."""
    return tuple(
        IceCandidate(
            foundation=f"udp{index}",
            priority=_priority(len(addresses) - index),
            ip=address,
            address=address,
            protocol="udp",
            port=port,
        )
        for index, address in enumerate(addresses)
    )


def _priority(preference: int) -> int:
    """RFC 8445 section 5.1.2.1."""
    local = 65_535 - 256 + min(preference, 256)
    return (_HOST_PREFERENCE << 24) + (local << 8) + (256 - _COMPONENT)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ICE_CHARACTERS) for _ in range(length))
