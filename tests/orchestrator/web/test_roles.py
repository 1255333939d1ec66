"""Every route is in the table of access, and the table holds for every role."""

from pathlib import Path

import pytest
from aiohttp import web

from orchestrator.web.access import ROUTES, VENUE, Access
from orchestrator.web.metrics import Metrics, add_metrics
from orchestrator.web.pages import PageFiles, add_pages
from orchestrator.web.readiness import Readiness, add_readiness
from orchestrator.web.rest.routes import add_rest_routes
from tests.orchestrator.web.conftest import Browser, Site

ACCOUNTS = ("admin", "host", "technician", "archivist")
WHO = ("nobody", *ACCOUNTS, "venue")


def whole(site: Site, tmp_path: Path) -> web.Application:
    app = web.Application()
    add_pages(app, PageFiles(root_certificate=tmp_path / "root.crt"))
    add_metrics(app, Metrics())
    add_readiness(app, Readiness({}, {}))
    add_rest_routes(app, site.services)
    return app


async def test_table_and_routes_are_one(site: Site, tmp_path: Path) -> None:
    registered = {
        (route.method, route.resource.canonical)
        for route in whole(site, tmp_path).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    # The WebSocket is registered by signalling, which asks for itself who comes.
    assert registered | {("GET", "/signal")} == set(ROUTES)


def expected(who: str, access: Access) -> int | None:
    """401, 403, or None: the guard lets it pass."""
    if access.roles is None:
        return None
    if access.roles == VENUE and who in ("venue", "nobody"):
        return None if who == "venue" else 401
    if who in ("nobody", "venue"):
        return 401
    if who == "admin" and access.roles != VENUE:
        return None
    return None if who in access.roles else 403


async def someone(site: Site, who: str) -> tuple[Browser, str]:
    """A browser of this kind of person, and the query with which a venue names itself."""
    if who == "nobody":
        return await site.browser(), ""
    if who != "venue":
        return await site.signed_in(who), ""  # type: ignore[arg-type]  # one of ACCOUNTS
    host = await site.signed_in("host")
    new = {"title": "T", "venues": [{"name": "A", "kind": "main"}]}
    _, detail = await host.post("/api/sessions", new)
    link = detail["links"][0]
    browser = await site.browser()
    await browser.post("/api/join", {"token": link["url"].rsplit("/", 1)[1]})
    session_id = detail["session"]["session_id"]
    return browser, f"?session={session_id}&venue={link['venue_id']}"


@pytest.mark.parametrize("who", WHO)
async def test_every_route_for_every_role(site: Site, who: str) -> None:
    browser, query = await someone(site, who)
    wrong = []
    for (method, template), access in ROUTES.items():
        if not template.startswith("/api/") or template in ("/api/logout", "/api/login"):
            continue
        path = template
        for name in ("session_id", "venue_id", "recording_id", "name"):
            path = path.replace("{" + name + "}", "x1")
        if access.roles == VENUE:
            path += query
        headers = {"Origin": browser.origin}
        answer = await browser.client.request(method, path, json={}, headers=headers)
        body = await answer.json()
        refusal = expected(who, access)
        code = {401: "not_signed_in", 403: "not_permitted"}.get(refusal or 0)
        if refusal is None and body.get("error", {}).get("code") in (
            "not_signed_in",
            "not_permitted",
            "origin_refused",
        ):
            wrong.append((method, template, answer.status, "must pass"))
        if refusal is not None and (answer.status, body["error"]["code"]) != (refusal, code):
            wrong.append((method, template, answer.status, f"must be {refusal}"))
    assert wrong == []


async def test_every_change_needs_an_origin(site: Site) -> None:
    admin = await site.signed_in("admin")
    for method, template in ROUTES:
        if method == "GET":
            continue
        path = template.replace("{", "").replace("}", "")
        answer = await admin.client.request(method, path, json={})
        assert (await answer.json())["error"]["code"] == "origin_refused", template
