"""Signalling on a real store: joining, commands, resuming, roles, limits; without media."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from orchestrator.consultation.actors import Viewer
from orchestrator.protocol.signalling import MAX_MESSAGE, METHODS
from orchestrator.web.signalling.frames import view_of
from tests.integration.media_rig import until
from tests.integration.signalling_rig import (
    SESSION,
    Failed,
    Orchestrator,
    Tab,
    running_orchestrator,
)

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none here, and nobody waits for one."""
    monkeypatch.setattr("orchestrator.web.signalling.client.WAIT_FOR_MEDIA", 0.0)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Orchestrator]:
    async with running_orchestrator(tmp_path) as running:
        yield running


@pytest.fixture
async def tabs(server: Orchestrator) -> AsyncIterator["Tabs"]:
    opened = Tabs(server.url)
    yield opened
    for tab in opened.all:
        await tab.close()


class Tabs:
    def __init__(self, url: str) -> None:
        self.url = url
        self.all: list[Tab] = []

    async def open(self, who: str, venue: str | None = None, **join: Any) -> Tab:
        tab = await self.connect(who, venue)
        await tab.join(**join)
        return tab

    async def connect(self, who: str, venue: str | None = None) -> Tab:
        tab = Tab(self.url, who, venue)
        self.all.append(tab)
        return await tab.connect()


async def go_live(host: Tab) -> None:
    await host.command("session.open")
    await host.command("session.start")


def connected(tab: Tab, venue: str) -> bool:
    return bool(tab.view["venues"][venue]["connected"])


async def test_a_venue_asks_and_the_host_grants(tabs: Tabs, server: Orchestrator) -> None:
    host = await tabs.open("host")
    venue = await tabs.open("venue", "a")
    other = await tabs.open("venue", "b")
    assert venue.joined["role"] == "venue"
    assert venue.joined["publisher"]
    await go_live(host)
    asked = await venue.command("floor.request", subject="budget", speaker="Li")
    await host.until(lambda: asked["request_id"] in host.view["floor"]["requests"])
    await other.until(lambda: asked["request_id"] in other.view["floor"]["requests"])
    assert host.view["floor"]["requests"][asked["request_id"]]["subject"] == "budget"
    assert other.view["floor"]["requests"][asked["request_id"]]["subject"] == ""
    await venue.until(
        lambda: venue.view["you"].get("request", {}).get("request_id") == asked["request_id"]
    )
    assert venue.view["floor"]["requests"][asked["request_id"]]["subject"] == "budget"
    await host.command("floor.grant", request_id=asked["request_id"])
    await other.until(lambda: "a" in other.view["floor"]["holders"])
    assert other.view["stage"]["slots"]["1"]["venue_id"] == "a"
    # What patches made of the first snapshot is what a fresh snapshot would be.
    state = await server.sessions.state(SESSION)
    for tab, viewer in (
        (host, Viewer("host")),
        (venue, Viewer("venue", "a")),
        (other, Viewer("venue", "b")),
    ):
        await tab.reach(state.version)
        assert tab.view == view_of(state, viewer)


async def test_a_lost_connection_neither_loses_nor_repeats_a_command(tabs: Tabs) -> None:
    host = await tabs.open("host")
    await go_live(host)
    venue = await tabs.open("venue", "a")
    key = "k" * 12
    # Cut between sending and the answer.
    message = {"method": "floor.request", "params": {"key": key, "subject": "x"}}
    await venue.socket.send_json({"jsonrpc": "2.0", "id": 99, **message})
    await host.until(lambda: len(host.view["floor"]["queue"]) == 1)
    before = venue.version
    await venue.cut()
    await host.command("floor.mute_all")
    await venue.connect()
    joined = await venue.join()
    assert joined.get("view") is None, "what it missed, not a snapshot"
    assert joined["frames"][0]["version"] > before
    assert venue.view["venues"]["b"]["muted"]
    again = await venue.command("floor.request", key=key, subject="x")
    assert again["repeated"]
    assert venue.view["floor"]["queue"] == [again["request_id"]]
    assert len(host.view["floor"]["queue"]) == 1


async def test_a_refusal_is_repeated_too(tabs: Tabs) -> None:
    host = await tabs.open("host")
    venue = await tabs.open("venue", "a")
    key = "refused-once"
    with pytest.raises(Failed) as first:
        await venue.command("floor.request", key=key)
    await go_live(host)
    with pytest.raises(Failed) as second:
        await venue.command("floor.request", key=key)
    assert first.value.reason == second.value.reason == "wrong_phase"


async def test_a_short_loss_of_signalling_leaves_no_trace(tabs: Tabs, server: Orchestrator) -> None:
    host = await tabs.open("host")
    await go_live(host)
    venue = await tabs.open("venue", "a")
    before = (await server.sessions.state(SESSION)).version
    await venue.cut()
    await venue.connect()
    joined = await venue.join()
    assert joined["publisher"]
    assert joined["version"] == before


async def test_a_venue_that_stays_away_has_left_and_loses_the_floor_after_the_grace(
    tabs: Tabs,
) -> None:
    host = await tabs.open("host")
    await go_live(host)
    venue = await tabs.open("venue", "a")
    await host.command("floor.grant", venue_id="a")
    await venue.close()
    await host.until(lambda: not connected(host, "a"))
    assert "disconnected_since" in host.view["floor"]["holders"]["a"]
    await host.until(lambda: "a" not in host.view["floor"]["holders"])


async def test_leaving_on_purpose_is_at_once(tabs: Tabs) -> None:
    host = await tabs.open("host")
    venue = await tabs.open("venue", "a")
    await host.until(lambda: connected(host, "a"))
    await venue.call("session.leave")
    await venue.close()
    await host.until(lambda: not connected(host, "a"), 1.0)


async def test_two_tabs_on_one_link(tabs: Tabs) -> None:
    first = await tabs.open("venue", "a")
    second = await tabs.open("venue", "a")
    assert first.joined["publisher"]
    assert not second.joined["publisher"]
    assert second.joined["occupied"]
    with pytest.raises(Failed) as refused:
        await second.call("client.report", sound_blocked="nonsense")
    assert refused.value.reason == "bad_request"
    taken = await second.join(take_over=True)
    assert taken["publisher"]
    await first.until(lambda: bool(first.got("session.superseded")))
    assert first.close_code is None, "it goes on watching"
    back = await first.join(take_over=True)
    assert back["publisher"]
    await second.until(lambda: bool(second.got("session.superseded")))
    await second.close()
    await first.call("client.ping")


async def test_a_duplicated_tab_sends_the_older_one_away(tabs: Tabs) -> None:
    first = await tabs.open("venue", "a")
    second = await tabs.connect("venue", "a")
    second.client_id = first.client_id
    joined = await second.join()
    assert joined["publisher"]
    await until(lambda: first.close_code == 4409, what="the older tab is closed")
    assert first.got("session.superseded")


async def test_a_revoked_link_ends_the_connection(tabs: Tabs, server: Orchestrator) -> None:
    from orchestrator.consultation.commands import RevokeLink
    from tests.integration.signalling_rig import ADMIN

    host = await tabs.open("host")
    venue = await tabs.open("venue", "a")
    other = await tabs.open("venue", "b")
    await server.sessions.execute(SESSION, ADMIN, RevokeLink(link_id="l-a"))
    await until(lambda: venue.close_code == 4403, what="the venue is sent away")
    assert venue.got("session.link_revoked")
    await host.until(lambda: not connected(host, "a"))
    await other.call("client.ping")
    assert not [e for f in other.got("session.events") for e in f["events"] if "link" in e["type"]]


async def test_an_ended_session_can_still_be_looked_at(tabs: Tabs) -> None:
    host = await tabs.open("host")
    await go_live(host)
    venue = await tabs.open("venue", "a")
    await host.command("session.end")
    await venue.until(lambda: venue.view["session"]["phase"] == "ended")
    late = await tabs.open("venue", "b")
    assert not late.joined["publisher"]
    assert late.view["session"]["phase"] == "ended"


@pytest.mark.parametrize(
    ("who", "venue", "code"),
    [("", None, 4401), ("public", None, 4401), ("archivist", "a", 4401)],
)
async def test_strangers_are_sent_away(
    server: Orchestrator, who: str, venue: str | None, code: int
) -> None:
    tab = await Tab(server.url, who, venue).connect()
    await until(lambda: tab.close_code == code, what=f"closed with {code}")
    await tab.close()


async def test_an_unknown_session(server: Orchestrator) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{server.url}/signal?session=nope", headers={"X-Who": "host", "Origin": server.url}
        ) as socket,
    ):
        assert (await socket.receive(timeout=5)).data == 4404


@pytest.mark.parametrize("origin", ["http://evil.example", "", "null"])
async def test_a_foreign_origin_gets_no_socket(server: Orchestrator, origin: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(
                f"{server.url}/signal?session={SESSION}",
                headers={"X-Who": "host", "Origin": origin},
            )
    assert refused.value.status == 403


RPC = '"jsonrpc":"2.0"'
BAD_MESSAGES = [
    ("not json", -32700, "bad_request"),
    ("{" * 100_000, -32700, "bad_request"),
    ('{"a":NaN}', -32700, "bad_request"),
    ("[]", -32600, "bad_request"),
    (f'[{{{RPC},"id":1,"method":"client.ping"}}]', -32600, "bad_request"),
    ("7", -32600, "bad_request"),
    ('{"id":1,"method":"client.ping"}', -32600, "bad_request"),
    (f'{{{RPC},"id":1}}', -32600, "bad_request"),
    (f'{{{RPC},"id":{{}},"method":"client.ping"}}', -32600, "bad_request"),
    (f'{{{RPC},"id":true,"method":"client.ping"}}', -32600, "bad_request"),
    (f'{{{RPC},"id":1,"method":"client.ping","extra":1}}', -32600, "bad_request"),
    (f'{{{RPC},"id":1,"method":"no.such"}}', -32601, "unknown_method"),
    (f'{{{RPC},"id":1,"method":"__init__"}}', -32601, "unknown_method"),
    (f'{{{RPC},"id":1,"method":"client.ping","params":[]}}', -32602, "bad_request"),
    (f'{{{RPC},"id":1,"method":"client.ping","params":{{"a":1}}}}', -32602, "bad_request"),
    (f'{{{RPC},"id":1,"method":"floor.grant","params":{{}}}}', -32602, "bad_request"),
    (f'{{{RPC},"id":1,"method":"session.leave"}}', -32000, "not_joined"),
    (
        f'{{{RPC},"id":1,"method":"session.join","params":{{"client_id":"../../etc"}}}}',
        -32602,
        "bad_request",
    ),
    (
        f'{{{RPC},"id":1,"method":"session.join",'
        '"params":{"client_id":"12345678","protocol":99}}',
        -32000,
        "bad_request",
    ),
]


@pytest.mark.parametrize(("text", "code", "reason"), BAD_MESSAGES)
async def test_bad_messages_get_an_answer_and_cost_nothing(
    tabs: Tabs, text: str, code: int, reason: str
) -> None:
    tab = await tabs.connect("host")
    await tab.stop_reading()  # the answer is read here
    await tab.socket.send_str(text)
    answer = json.loads((await tab.socket.receive(timeout=5)).data)
    assert (answer["error"]["code"], answer["error"]["data"]["reason"]) == (code, reason)
    await tab.socket.send_str(f'{{{RPC},"id":"x","method":"client.ping"}}')
    assert json.loads((await tab.socket.receive(timeout=5)).data) == {
        "jsonrpc": "2.0",
        "id": "x",
        "result": {},
    }


async def test_one_malformed_message_after_another_ends_the_connection(tabs: Tabs) -> None:
    tab = await tabs.connect("host")
    for _ in range(10):
        await tab.socket.send_str("{")
    await until(lambda: tab.close_code == 4400, what="closed with 4400")


async def test_binary_and_oversized_messages_end_the_connection(tabs: Tabs) -> None:
    tab = await tabs.connect("host")
    await tab.socket.send_bytes(b"\0\1")
    await until(lambda: tab.close_code == 4400, what="closed with 4400")
    other = await tabs.connect("host")
    await other.socket.send_str("x" * (MAX_MESSAGE + 1))
    await until(lambda: other.close_code == 1009, what="closed with 1009")


async def test_a_flood_is_refused_and_then_ended(tabs: Tabs) -> None:
    flood = await tabs.open("venue", "a")
    calm = await tabs.open("venue", "b")
    refusals = []
    for number in range(1000, 1150):
        await flood.socket.send_json({"jsonrpc": "2.0", "id": number, "method": "client.ping"})
        flood._waiting[number] = asyncio.get_running_loop().create_future()
        refusals.append(flood._waiting[number])
    answers = [await asyncio.wait_for(future, 5) for future in refusals]
    assert answers[0].get("result") == {}
    assert answers[-1]["error"]["data"]["reason"] == "rate_limited"
    for _ in range(400):
        if flood.close_code is not None:
            break
        await flood.socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "client.ping"})
    await until(lambda: flood.close_code == 4429, what="closed with 4429")
    await calm.call("client.ping")


async def test_a_slow_reader_is_sent_away_and_others_are_not_held_up(
    tabs: Tabs, server: Orchestrator
) -> None:
    host = await tabs.open("host")
    slow = await tabs.open("venue", "a")
    await slow.stop_reading()
    slow.socket._response.connection.transport.pause_reading()  # type: ignore[union-attr] # open
    room = server.signalling._rooms[SESSION]
    (victim,) = (c for c in room.connections() if c.principal.venue_id == "a")
    big = '{"version":1,"events":[],"patch":{"x":"' + "y" * 100_000 + '"}}'

    def had_enough() -> bool:
        victim.notify("nothing", big)
        return victim.closed_by_us

    await until(had_enough, what="the server has had enough of it")
    await asyncio.wait_for(host.call("client.ping"), 1)
    slow.socket._response.connection.transport.resume_reading()  # type: ignore[union-attr] # open
    while (message := await slow.socket.receive(timeout=8)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert message.data == 4408


ALLOWED: dict[str, set[str]] = {
    "host": {"session.", "floor.", "venue.", "stage.", "recording.", "monitor."},
    "technician": {"monitor."},
    "archivist": set(),
    "venue": {"floor.request", "floor.cancel", "floor.release"},
}


@pytest.mark.parametrize("role", list(ALLOWED))
async def test_every_method_of_another_role_is_refused_and_changes_nothing(
    tabs: Tabs, server: Orchestrator, role: str
) -> None:
    tab = await tabs.open(role, "a" if role == "venue" else None)
    before = await server.sessions.state(SESSION)
    for method in sorted(METHODS):
        if method in ("session.join", "session.leave") or method.startswith(("media.", "client.")):
            continue
        if any(method.startswith(prefix) for prefix in ALLOWED[role]) and not (
            role == "host" and method == "floor.release"
        ):
            continue
        with pytest.raises(Failed) as refused:
            await tab.call(method, **SAMPLES.get(method, {"key": "0123456789"}))
        assert refused.value.reason == "not_permitted", method
    assert await server.sessions.state(SESSION) == before


SAMPLES: dict[str, dict[str, Any]] = {
    "floor.cancel": {"key": "0123456789", "request_id": "q1"},
    "floor.deny": {"key": "0123456789", "request_id": "q1"},
    "floor.move": {"key": "0123456789", "request_id": "q1", "position": 1, "reason": "x"},
    "floor.revoke": {"key": "0123456789", "venue_id": "a"},
    "venue.audio": {"key": "0123456789", "venue_id": "a", "open": True},
    "stage.set": {"key": "0123456789", "mode": "follow_floor", "layout": "single"},
    "monitor.subscribe": {},
    "monitor.unsubscribe": {},
}


async def test_a_venue_cannot_ask_or_cancel_for_another(tabs: Tabs) -> None:
    host = await tabs.open("host")
    await go_live(host)
    mine = await tabs.open("venue", "a")
    theirs = await tabs.open("venue", "b")
    asked = await theirs.command("floor.request")
    for method, params in (
        ("floor.request", {"venue_id": "b"}),
        ("floor.cancel", {"request_id": asked["request_id"]}),
    ):
        with pytest.raises(Failed) as refused:
            await mine.command(method, **params)
        assert refused.value.reason == "not_permitted"


async def test_technicians_get_statistics_each_second_and_nobody_else_does(tabs: Tabs) -> None:
    technician = await tabs.open("technician")
    venue = await tabs.open("venue", "a")
    await technician.call("monitor.subscribe")
    await venue.call("client.report", camera="ok", microphone="refused", sound_blocked=True)
    await technician.until(
        lambda: any(
            v.get("report", {}).get("sound_blocked")
            for stats in technician.got("monitor.stats")
            for v in stats["venues"]
            if v["venue_id"] == "a"
        )
    )
    await technician.call("monitor.unsubscribe")
    assert not venue.got("monitor.stats")


async def test_the_server_stops_and_comes_back(tmp_path: Path) -> None:
    async with running_orchestrator(tmp_path) as server:
        host = await Tab(server.url, "host").connect()
        await host.join()
        await go_live(host)
        venue = await Tab(server.url, "venue", "a").connect()
        await venue.join()
        await host.until(lambda: connected(host, "a"))
        version = venue.version
        await server.stop()
        await until(lambda: venue.close_code == 1001, what="told to come back")
        await server.start()
        await venue.connect()
        joined = await venue.join()
        assert joined["publisher"]
        assert joined["version"] == version, "nothing happened as far as the log is concerned"
        await venue.command("floor.request")
        await venue.close()
        await host.close()
