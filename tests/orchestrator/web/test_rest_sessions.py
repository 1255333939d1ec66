"""Sessions over REST: create, list, links, QR codes, joining."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from orchestrator.consultation import commands
from orchestrator.consultation.actors import Actor
from orchestrator.identity.cookies import VENUE_COOKIE_LIMIT, VENUE_PREFIX, venue_cookie
from tests.orchestrator.web.conftest import PUBLIC_URL, Browser, Site

HOST = Actor(roles=frozenset({"host"}), account="host")
NEW: dict[str, Any] = {
    "title": "年度会商",
    "venues": [{"name": "主会场", "kind": "main"}, {"name": "北京"}, {"name": "上海"}],
}


async def created(site: Site) -> tuple[Browser, dict[str, Any]]:
    host = await site.signed_in("host")
    status, detail = await host.post("/api/sessions", NEW)
    assert status == 201, detail
    return host, detail


def token_of(link: dict[str, Any]) -> str:
    return str(link["url"]).removeprefix(f"{PUBLIC_URL}/join/")


async def test_create_gives_a_link_for_each_venue(site: Site) -> None:
    host, detail = await created(site)
    item = detail["session"]
    assert item["title"] == "年度会商"
    assert item["phase"] == "scheduled"
    assert (item["venue_count"], item["connected_count"]) == (3, 0)
    assert [link["name"] for link in detail["links"]] == ["主会场", "北京", "上海"]
    assert [link["kind"] for link in detail["links"]] == ["main", "branch", "branch"]
    assert len({link["url"] for link in detail["links"]}) == 3
    assert all(link["url"].startswith(f"{PUBLIC_URL}/join/") for link in detail["links"])
    status, again = await host.get(f"/api/sessions/{item['session_id']}")
    assert (status, again) == (200, detail)
    status, listed = await host.get("/api/sessions")
    assert listed == {"sessions": [item]}


async def test_links_that_a_crash_left_out_are_made_when_the_host_looks(site: Site) -> None:
    host = await site.signed_in("host")
    venues = (commands.NewVenue(venue_id="v1", name="A", kind="main"),)
    command = commands.CreateSession(session_id="s1", title="T", venues=venues)
    await site.services.sessions.create(command, HOST)
    _, detail = await host.get("/api/sessions/s1")
    assert [link["venue_id"] for link in detail["links"]] == ["v1"]
    version = (await site.services.sessions.state("s1")).version
    await host.get("/api/sessions/s1")
    assert (await site.services.sessions.state("s1")).version == version


async def test_technicians_see_the_session_but_no_key_to_it(site: Site) -> None:
    _, detail = await created(site)
    technician = await site.signed_in("technician")
    status, seen = await technician.get(f"/api/sessions/{detail['session']['session_id']}")
    assert status == 200
    assert seen == {"session": detail["session"], "links": []}


async def test_more_venues(site: Site) -> None:
    host, detail = await created(site)
    path = f"/api/sessions/{detail['session']['session_id']}/venues"
    status, more = await host.post(path, {"venues": [{"name": "广州"}]})
    assert status == 200
    assert [link["name"] for link in more["links"]] == ["主会场", "北京", "上海", "广州"]
    assert more["links"][:3] == detail["links"]
    status, body = await host.post(path, {"venues": [{"name": "B", "kind": "main"}]})
    assert (status, body["error"]["code"]) == (409, "conflict")


BAD: list[tuple[str, dict[str, Any]]] = [
    ("no title", {"title": ""}),
    ("only spaces", {"title": "   "}),
    ("long title", {"title": "字" * 121}),
    ("no venues", {"venues": []}),
    ("no main", {"venues": [{"name": "A"}]}),
    ("two mains", {"venues": [{"name": "A", "kind": "main"}, {"name": "B", "kind": "main"}]}),
    ("301 venues", {"venues": [{"name": "M", "kind": "main"}, *[{"name": "B"}] * 300]}),
    ("a venue without a name", {"venues": [{"name": "", "kind": "main"}]}),
    ("seven microphones", {"open_microphone_limit": 7}),
    ("a limit as text", {"open_microphone_limit": "6"}),
    ("unknown policy", {"floor_policy": "loudest"}),
    ("an id of one's own", {"session_id": "mine"}),
    ("NUL", {"title": "a\x00b"}),
]


@pytest.mark.parametrize("change", [b[1] for b in BAD], ids=[b[0] for b in BAD])
async def test_bad_sessions(site: Site, change: dict[str, Any]) -> None:
    host = await site.signed_in("host")
    status, body = await host.post("/api/sessions", {**NEW, **change})
    assert (status, body["error"]["code"]) == (400, "bad_request")
    assert (await host.get("/api/sessions"))[1] == {"sessions": []}


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions/nothing",
        "/api/sessions/%00",
        "/api/sessions/-x",
        "/api/sessions/a%2Fb",
        "/api/sessions/" + "a" * 65,
        "/api/sessions/%ED%A0%80",
    ],
)
async def test_sessions_that_do_not_exist(site: Site, path: str) -> None:
    host = await site.signed_in("host")
    status, body = await host.get(path)
    assert (status, body["error"]["code"]) == (404, "no_such_session")


async def test_qr_code_is_an_image_of_the_link(site: Site) -> None:
    host, detail = await created(site)
    session_id, venue_id = detail["session"]["session_id"], detail["links"][1]["venue_id"]
    answer = await host.client.get(f"/api/sessions/{session_id}/venues/{venue_id}/qr.svg")
    assert answer.status == 200
    assert answer.content_type == "image/svg+xml"
    assert ET.fromstring(await answer.text()).tag.endswith("svg")
    status, body = await host.get(f"/api/sessions/{session_id}/venues/vx/qr.svg")
    assert (status, body["error"]["code"]) == (404, "no_such_venue")


async def test_a_link_is_exchanged_for_a_cookie_of_its_venue_only(site: Site) -> None:
    _, detail = await created(site)
    session_id = detail["session"]["session_id"]
    beijing, shanghai = detail["links"][1], detail["links"][2]
    browser = await site.browser()
    status, joined = await browser.post("/api/join", {"token": token_of(beijing)})
    assert (status, joined) == (
        200,
        {
            "session_id": session_id,
            "session_title": "年度会商",
            "venue_id": beijing["venue_id"],
            "venue_name": "北京",
            "kind": "branch",
            "phase": "scheduled",
            "records_closed_microphones": False,
        },
    )
    query = f"/api/venue?session={session_id}&venue="
    assert await browser.get(query + beijing["venue_id"]) == (200, joined)
    assert (await browser.get(query + shanghai["venue_id"]))[0] == 401
    assert (await browser.get("/api/venue"))[0] == 401
    status, _ = await browser.post("/api/join", {"token": token_of(shanghai)})
    assert status == 200
    assert (await browser.get(query + shanghai["venue_id"]))[0] == 200
    assert (await browser.get(query + beijing["venue_id"]))[0] == 200


async def test_a_cookie_under_another_name_opens_nothing(site: Site) -> None:
    _, detail = await created(site)
    session_id = detail["session"]["session_id"]
    one, two = detail["links"][1]["venue_id"], detail["links"][2]["venue_id"]
    browser = await site.browser()
    await browser.post("/api/join", {"token": token_of(detail["links"][1])})
    value = browser.cookie(venue_cookie(session_id, one))
    answer = await (await site.browser()).client.get(
        f"/api/venue?session={session_id}&venue={two}",
        headers={"Cookie": f"{venue_cookie(session_id, two)}={value}"},
    )
    assert answer.status == 401


async def test_a_new_link_revokes_the_old_one_and_its_cookies(site: Site) -> None:
    host, detail = await created(site)
    session_id, venue_id = detail["session"]["session_id"], detail["links"][1]["venue_id"]
    browser = await site.browser()
    old = token_of(detail["links"][1])
    await browser.post("/api/join", {"token": old})
    query = f"/api/venue?session={session_id}&venue={venue_id}"
    assert (await browser.get(query))[0] == 200
    status, link = await host.post(f"/api/sessions/{session_id}/venues/{venue_id}/link")
    assert status == 200
    assert link["url"] != detail["links"][1]["url"]
    status, body = await browser.get(query)
    assert (status, body["error"]["code"]) == (403, "link_revoked")
    status, body = await browser.post("/api/join", {"token": old})
    assert (status, body["error"]["code"]) == (403, "link_revoked")
    assert (await browser.post("/api/join", {"token": token_of(link)}))[0] == 200
    assert (await browser.get(query))[0] == 200
    links = (await host.get(f"/api/sessions/{session_id}"))[1]["links"]
    assert links[1] == link


async def test_expired_and_foreign_links(site: Site) -> None:
    _, detail = await created(site)
    browser = await site.browser()
    token = token_of(detail["links"][0])
    await browser.post("/api/join", {"token": token})
    session_id, venue_id = detail["session"]["session_id"], detail["links"][0]["venue_id"]
    site.clock.now += site.services.link_seconds + 1
    status, body = await browser.post("/api/join", {"token": token})
    assert (status, body["error"]["code"]) == (403, "link_expired")
    status, body = await browser.get(f"/api/venue?session={session_id}&venue={venue_id}")
    assert (status, body["error"]["code"]) == (403, "link_expired")
    for bad in ("", "x", token[:-4], "a.b.c", "字" * 100):
        status, body = await browser.post("/api/join", {"token": bad})
        assert (status, body["error"]["code"]) == (403, "link_invalid")
        assert body["error"]["message"]


async def test_a_link_of_a_session_that_is_gone(site: Site) -> None:
    _, detail = await created(site)
    claims, _state = await site.services.authenticator.redeem(token_of(detail["links"][0]))
    other = site.services.signer.link(type(claims)("s9", "v1", "venue", "l1", claims.expires_at))
    status, body = await (await site.browser()).post("/api/join", {"token": other})
    assert (status, body["error"]["code"]) == (404, "no_such_session")
    wrong = type(claims)(claims.session_id, "vx", "venue", claims.link_id, claims.expires_at)
    status, body = await (await site.browser()).post(
        "/api/join", {"token": site.services.signer.link(wrong)}
    )
    assert (status, body["error"]["code"]) == (403, "link_invalid")


async def test_many_venues_in_one_browser_stay_within_a_header(site: Site) -> None:
    host = await site.signed_in("host")
    venues = [{"name": "M", "kind": "main"}, *({"name": f"B{i}"} for i in range(40))]
    _, detail = await host.post("/api/sessions", {**NEW, "venues": venues})
    browser = await site.browser()
    for link in detail["links"]:
        status, _ = await browser.post("/api/join", {"token": token_of(link)})
        assert status == 200
    held = [c.key for c in browser.client.session.cookie_jar if c.key.startswith(VENUE_PREFIX)]
    assert len(held) <= VENUE_COOKIE_LIMIT
    newest = detail["links"][-1]["venue_id"]
    session_id = detail["session"]["session_id"]
    assert (await browser.get(f"/api/venue?session={session_id}&venue={newest}"))[0] == 200


async def test_the_ended_session_keeps_its_links_as_they_were(site: Site) -> None:
    host, detail = await created(site)
    session_id = detail["session"]["session_id"]
    await site.services.sessions.execute(session_id, HOST, commands.OpenSession())
    await site.services.sessions.execute(session_id, HOST, commands.EndSession())
    status, after = await host.get(f"/api/sessions/{session_id}")
    assert status == 200
    assert after["session"]["phase"] == "ended"
    path = f"/api/sessions/{session_id}/venues"
    status, body = await host.post(path, {"venues": [{"name": "late"}]})
    assert (status, body["error"]["code"]) == (409, "wrong_phase")


async def test_tokens_never_reach_the_log_of_the_session(site: Site) -> None:
    _, detail = await created(site)
    content = b"".join(p.read_bytes() for p in site.folder.parent.glob("plenary.sqlite3*"))
    for link in detail["links"]:
        assert token_of(link).encode() not in content
        assert token_of(link).split(".")[2].encode() not in content


async def test_csv_over_the_wire(site: Site) -> None:
    host = await site.signed_in("host")
    status, body = await host.post("/api/venues/csv", {"text": "主,主会场\n北京\n北京"})
    assert status == 200
    assert body["venues"] == [
        {"name": "主", "kind": "main"},
        {"name": "北京", "kind": "branch"},
    ]
    assert [p["code"] for p in body["problems"]] == ["duplicate"]
    status, body = await host.post("/api/venues/csv", {"text": "x" * 200_001})
    assert (status, body["error"]["code"]) == (400, "bad_request")
    status, body = await host.post("/api/venues/csv", {"text": "x" * 400_000})
    assert (status, body["error"]["code"]) == (413, "too_large")
