import socket

import pytest

from sfu.transport import AddressUnavailable, PortInUse
from sfu.transport.endpoint import bind_endpoint
from sfu.transport.ice_lite import IceCredentials, host_candidates


def test_all_addresses_share_one_free_port() -> None:
    endpoint = bind_endpoint(["127.0.0.1", "127.0.0.2", "127.0.0.3"], 0)
    try:
        names = [bound.getsockname() for bound in endpoint.sockets]
        assert names == [(f"127.0.0.{n}", endpoint.port) for n in (1, 2, 3)]
        assert not any(bound.getblocking() for bound in endpoint.sockets)
    finally:
        endpoint.close()
        endpoint.close()


def test_taken_port_says_so_and_leaves_no_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"UDP port {port} on 127.0.0.2 is taken"):
            bind_endpoint(["127.0.0.1", "127.0.0.2"], port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))


def test_address_of_another_machine() -> None:
    with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.1"):
        bind_endpoint(["192.0.2.1"], 0)


@pytest.mark.parametrize("addresses", [[], ["0.0.0.0"], ["::"], ["224.0.0.1"], ["localhost"]])
def test_what_cannot_be_announced_is_refused(addresses: list[str]) -> None:
    with pytest.raises(ValueError):
        bind_endpoint(addresses, 0)


def test_candidates_in_order_of_preference() -> None:
    first, second = host_candidates(["192.0.2.1", "127.0.0.1"], 5004)
    assert first.priority > second.priority
    assert first.foundation != second.foundation
    assert (first.protocol, first.type, first.port, first.ip) == ("udp", "host", 5004, "192.0.2.1")
    assert host_candidates(["127.0.0.1"], 1)[0].priority == (126 << 24) + (65280 << 8) + 255


def test_credentials_are_long_enough_and_differ() -> None:
    made = {IceCredentials.generate() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one.ufrag) == 16 and len(one.password) == 32 for one in made)
    assert all(one.parameters().ice_lite for one in made)
