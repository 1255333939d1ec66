"""The control protocol against a recording engine: schemas, epochs, connections."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from sfu.agent.methods import Service
from sfu.agent.reports import Reporter
from sfu.agent.server import ControlServer
from sfu.agent.sessions import FAILED_SECONDS, ORPHAN_SECONDS, Sessions
from sfu.agent.taps import TapServer
from sfu.control.framing import encode
from sfu.control.messages import MAX_FRAME
from sfu.control.tap import TapRecord
from sfu.engine.native import (
    BusSwitched,
    DtlsDatagram,
    PacketEngine,
    TapClosed,
    TransportClosed,
    TransportConsentExpired,
    TransportSelected,
)
from sfu.process import listen_unix
from sfu.transport.dtls import DtlsCertificate
from sfu.transport.ice_lite import host_candidates
from tests.sfu.agent.control_client import ControlClient, Refused, connected
from tests.sfu.routing.recording_engine import RecordingEngine

CERTIFICATE = DtlsCertificate()


def plan(version: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": "s",
        "log_version": version,
        "slots": [{"slot": 1}, {"slot": 2}],
        "audio_buses": [{"bus": 1}],
        **changes,
    }


RECORDED = {"recording_id": "r1", "taps": [{"venue_id": "a", "source": "camera"}]}


class Agent:
    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.engine = RecordingEngine()
        engine = cast(PacketEngine, self.engine)
        self.sessions = Sessions(
            engine, CERTIFICATE, worker_id="w0", boot_id="b", clock=lambda: self.now
        )
        self.path = str(folder / "control")
        self.tap_path = str(folder / "tap")
        service = Service(
            self.sessions, CERTIFICATE, host_candidates(["127.0.0.1"], 5000), self.tap_path
        )
        self.server = ControlServer(service, listen_unix(self.path))
        self.taps = TapServer(self.sessions, listen_unix(self.tap_path))
        self.reporter = Reporter(engine, self.sessions)

    def handle(self, transport_id: str) -> int:
        return self.sessions.transport(transport_id).handle


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    made = Agent(tmp_path)
    await made.server.start()
    made.taps.start()
    yield made
    await made.server.close()
    await made.taps.close()
    made.sessions.close_all()
    made.sessions.release()


@pytest.fixture
async def client(agent: Agent) -> AsyncIterator[ControlClient]:
    async with connected(agent.path) as made:
        yield made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def open_transport(conductor: ControlClient, name: str, **changes: Any) -> dict[str, Any]:
    return await conductor.call(
        "transport.create",
        **{"epoch": 1, "session_id": "s", "transport_id": name, "direction": "recv", **changes},
    )


async def test_hello_comes_first_and_speaks_the_same_protocol(agent: Agent) -> None:
    async with connected(agent.path, greet=False) as stranger:
        with pytest.raises(Refused, match="hello first"):
            await stranger.call("router.capabilities")
        with pytest.raises(Refused, match="protocol"):
            await stranger.call("hello", protocol=99)
        with pytest.raises(Refused, match="hello first"):
            await stranger.call("router.capabilities")
        reply = await stranger.call("hello")
        assert reply["boot_id"] == "b"
        assert reply["tap_address"] == agent.tap_path
        assert reply["candidates"][0]["port"] == 5000


async def test_capabilities_are_camel_case_for_browsers(client: ControlClient) -> None:
    reply = await client.call("router.capabilities", codec="vp8")
    assert reply["codecs"][1]["mimeType"] == "video/VP8"
    assert reply["headerExtensions"][0]["preferredId"] == 1


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("no.such.method", {}, "no method"),
        ("session.apply", {}, "epoch"),
        ("session.apply", {"epoch": 0, "plan": plan()}, "epoch"),
        ("session.apply", {"epoch": 1, "plan": plan(unknown=1)}, "unknown"),
        ("session.apply", {"epoch": 1, "plan": plan(session_id="../x")}, "session_id"),
        ("transport.create", {"epoch": 1, "session_id": "s", "direction": "up"}, "transport_id"),
    ],
)
async def test_what_does_not_fit_its_schema_is_answered(
    client: ControlClient, method: str, params: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        await client.call(method, **params)
    assert refused.value.code == "bad_request"
    assert await client.call("hello")  # the connection lives on


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xff\xff\xff",
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\x00\x00\x00\x03{a}",
        b"\x00\x00\x00\x02[]",
        encode({"method": "hello"}),
        encode({"id": "1", "method": "hello"}),
        encode({"id": 1, "method": "hello", "extra": 1}),
    ],
)
async def test_a_bad_frame_ends_its_connection_only(
    agent: Agent, client: ControlClient, junk: bytes
) -> None:
    async with connected(agent.path) as other:
        other.writer.write(junk)
        await asyncio.wait_for(other.closed.wait(), 5)
        assert other.last_error is not None
        assert other.last_error["code"] == "bad_request"
    assert await client.call("hello")


async def test_an_older_conductor_is_refused(agent: Agent, client: ControlClient) -> None:
    await client.call("session.apply", epoch=3, plan=plan(5))
    async with connected(agent.path) as other:
        with pytest.raises(Refused) as refused:
            await other.call("session.apply", epoch=2, plan=plan(9))
        assert refused.value.code == "stale_epoch"
        for method, params in (
            ("session.close", {"session_id": "s"}),
            ("session.describe", {"session_id": "s"}),
            ("transport.create", {"session_id": "s", "transport_id": "t", "direction": "recv"}),
        ):
            with pytest.raises(Refused, match="stale_epoch"):
                await other.call(method, epoch=2, **params)
        assert await other.call("session.apply", epoch=4, plan=plan(4)) == {"log_version": 4}
        with pytest.raises(Refused, match="stale_epoch"):
            await client.call("session.apply", epoch=3, plan=plan(6))
        # A closed session remembers who spoke last.
        await other.call("session.close", epoch=4, session_id="s")
        with pytest.raises(Refused, match="stale_epoch"):
            await client.call("session.apply", epoch=3, plan=plan(6))


async def test_a_plan_out_of_order_changes_nothing(client: ControlClient) -> None:
    await client.call("session.apply", epoch=1, plan=plan(5))
    assert await client.call("session.apply", epoch=1, plan=plan(4)) == {"log_version": 5}


async def test_transports_need_a_plan_and_a_free_id(client: ControlClient) -> None:
    with pytest.raises(Refused, match="not_found"):
        await open_transport(client, "t1")
    await client.call("session.apply", epoch=1, plan=plan())
    made = await open_transport(client, "t1", client="page", venue_id="a")
    assert made["ice_parameters"]["iceLite"] is True
    assert made["dtls_parameters"]["role"] == "auto"
    assert made["dtls_parameters"]["fingerprints"][-1]["algorithm"] == "sha-256"
    with pytest.raises(Refused, match="exists"):
        await open_transport(client, "t1")
    with pytest.raises(Refused, match="UDP only"):
        await open_transport(client, "t2", force_tcp=True)
    restarted = await client.call("transport.restart_ice", transport_id="t1")
    assert restarted["usernameFragment"] != made["ice_parameters"]["usernameFragment"]
    described = await client.call("session.describe", epoch=1, session_id="s")
    assert [t["client"] for t in described["transports"]] == ["page"]
    await client.call("transport.close", transport_id="t1")
    await client.call("transport.close", transport_id="t1")
    assert agent_is_empty(await client.call("session.describe", epoch=1, session_id="s"))
    assert agent_is_empty(await client.call("session.describe", epoch=1, session_id="other"))


def agent_is_empty(described: dict[str, Any]) -> bool:
    return not described["transports"]


async def test_connect_is_answered_before_dtls(agent: Agent, client: ControlClient) -> None:
    await client.call("session.apply", epoch=1, plan=plan())
    await open_transport(client, "t1")
    dtls = {"role": "client", "fingerprints": [{"algorithm": "sha-256", "value": "AA"}]}
    for _ in range(2):
        assert await client.call("transport.connect", transport_id="t1", dtls_parameters=dtls) == {}
    with pytest.raises(Refused, match="other fingerprints"):
        await client.call(
            "transport.connect",
            transport_id="t1",
            dtls_parameters={"fingerprints": [{"algorithm": "sha-256", "value": "BB"}]},
        )
    with pytest.raises(Refused, match="role client"):
        await client.call(
            "transport.connect", transport_id="t1", dtls_parameters={**dtls, "role": "server"}
        )
    with pytest.raises(Refused, match="not_found"):
        await client.call("transport.connect", transport_id="t9", dtls_parameters=dtls)


async def test_media_outlives_its_conductor(agent: Agent, client: ControlClient) -> None:
    async with connected(agent.path) as first:
        await first.call("session.apply", epoch=1, plan=plan(3))
        await open_transport(first, "t1")
    await until(lambda: agent.sessions.all()[0].conductor is None)
    agent.sessions.tick()
    described = await client.call("session.describe", epoch=2, session_id="s")
    assert (described["log_version"], len(described["transports"])) == (3, 1)
    agent.now += ORPHAN_SECONDS + 1
    agent.sessions.tick()
    assert len(agent.engine.transports) == 1  # the new conductor holds it


async def test_an_orphan_is_closed_after_a_long_time(agent: Agent) -> None:
    async with connected(agent.path) as first:
        await first.call("session.apply", epoch=1, plan=plan())
        await open_transport(first, "t1")
    await until(lambda: agent.sessions.all()[0].conductor is None)
    agent.now += ORPHAN_SECONDS - 1
    agent.sessions.tick()
    assert agent.sessions.all()
    agent.now += 2
    agent.sessions.tick()
    assert agent.sessions.all() == []
    assert agent.engine.transports == {}
    assert agent.engine.buses == {}


async def test_lost_consent_comes_back_or_ends(agent: Agent, client: ControlClient) -> None:
    await client.call("session.apply", epoch=1, plan=plan())
    await open_transport(client, "t1")
    handle = agent.handle("t1")
    agent.sessions.dispatch([TransportConsentExpired(handle)])
    failed = await client.event("transport.state", transport_id="t1", state="failed")
    assert failed["reason"] == "consent_expired"
    agent.now += FAILED_SECONDS + 1
    agent.sessions.tick()
    await client.event("transport.state", transport_id="t1", state="closed")
    assert agent.engine.transports == {}
    agent.sessions.dispatch([TransportClosed(handle), TransportConsentExpired(handle)])


async def test_events_of_unknown_things_do_no_harm(agent: Agent) -> None:
    agent.sessions.dispatch(
        [
            DtlsDatagram(99, b"x"),
            TransportSelected(99, cast(Any, ("127.0.0.1", 1))),
            TransportConsentExpired(99),
            TransportClosed(99),
            BusSwitched(99, 1, 2, 3),
            TapClosed(99),
        ]
    )


async def test_switches_of_slots_are_told(agent: Agent, client: ControlClient) -> None:
    await client.call("session.apply", epoch=1, plan=plan())
    bus = agent.sessions.router("s")._stage.buses[1]
    agent.sessions.dispatch([BusSwitched(bus.handle, 0, 123, 456)])
    told = await client.event("slot.switched")
    assert (told["slot"], told["kind"]) == (bus.slot, bus.kind)
    assert (told["publication"], told["monotonic_ns"], told["rtp_timestamp"]) == (None, 123, 456)


async def test_reports_come_in_frames_of_32_transports(agent: Agent, client: ControlClient) -> None:
    await client.call("session.apply", epoch=1, plan=plan())
    for number in range(40):
        await open_transport(client, f"t{number}")
    agent.reporter.report(agent.server.connections)
    await client.event("worker.stats")
    sizes = [len(p["transports"]) for name, p in client.events if name == "stats"]
    assert sizes == [32, 8]
    assert (await client.event("worker.stats"))["transports"] == 40


async def turned_away(connection: socket.socket) -> bool:
    """A close with unread input comes as a reset."""
    try:
        return await asyncio.to_thread(connection.recv, 1) == b""
    except ConnectionResetError:
        return True


def tap_connection(agent: Agent, line: bytes) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5)
    connection.connect(agent.tap_path)
    connection.sendall(line)
    return connection


async def test_a_tap_is_opened_only_for_a_planned_recording(
    agent: Agent, client: ControlClient
) -> None:
    await client.call("session.apply", epoch=1, plan=plan())
    line = json.dumps({"session_id": "s", "recording_id": "r1"}).encode() + b"\n"
    with tap_connection(agent, line) as refused:
        assert await turned_away(refused)
    await client.call("session.apply", epoch=1, plan=plan(2, recording=RECORDED))
    with tap_connection(agent, line):
        await until(lambda: bool(agent.engine.tapped))
        (tap,) = agent.engine.tapped
        _tap, record, tag, payload = agent.engine.tap_records[0]
        assert (record, tag) == (TapRecord.HELLO, 0)
        hello = json.loads(payload)
        assert (hello["worker_id"], hello["boot_id"], hello["recording_id"]) == ("w0", "b", "r1")
        fd = agent.sessions._tap_fds[tap]
        agent.engine.tapped.clear()
        agent.sessions.dispatch([TapClosed(tap)])
        with pytest.raises(OSError):
            os.fstat(fd)


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[]\n", b"x" * 5000, b'{"session_id":"s","recording_id":"r1"}\nmore'],
)
async def test_junk_on_the_tap_socket_is_turned_away(agent: Agent, line: bytes) -> None:
    with tap_connection(agent, line) as refused:
        assert await turned_away(refused)
    assert agent.engine.tapped == {}
