"""Setting up one client's path: UDP endpoint, ICE-lite credentials and DTLS, in asyncio.

TransportError
├── PortInUse           port_in_use: another process holds the UDP port
├── AddressUnavailable  address_unavailable: no interface of this machine has the address
└── DtlsFailure         dtls_failed: no secure path to the client came about
"""


class TransportError(Exception):
    """Base; `code` is stable."""

    code = "transport_error"


class PortInUse(TransportError):
    code = "port_in_use"


class AddressUnavailable(TransportError):
    code = "address_unavailable"


class DtlsFailure(TransportError):
    code = "dtls_failed"
