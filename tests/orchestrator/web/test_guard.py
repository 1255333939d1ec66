"""The guard, the error answers and the origin rule, on a small application of their own."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from pydantic import BaseModel, ConfigDict

from orchestrator.broker.rate_limit import Rate, Verdict
from orchestrator.consultation.errors import FloorFull
from orchestrator.identity.principal import Principal
from orchestrator.web.access import Access
from orchestrator.web.access_log import masked
from orchestrator.web.body import read_json
from orchestrator.web.errors import error_middleware
from orchestrator.web.guard import guard_middleware
from orchestrator.web.origin import OriginRule

ROUTES = {
    ("GET", "/api/open"): Access(),
    ("POST", "/api/body"): Access(body=1000),
    ("POST", "/api/limited"): Access(rate=Rate(2, 60.0)),
    ("GET", "/api/fault"): Access(),
    ("GET", "/api/refused"): Access(),
    ("GET", "/page"): Access(),
}


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    number: int = 0


class CountingLimiter:
    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    async def allow(self, key: str, rate: Rate) -> Verdict:
        self.taken[key] = self.taken.get(key, 0) + 1
        good = self.taken[key] <= rate.limit
        return Verdict(allowed=good, retry_after=0.0 if good else 12.4)


async def nobody(_r: web.Request, _s: str | None, _v: str | None) -> Principal | None:
    return None


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def ok(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def body(request: web.Request) -> web.Response:
        note = await read_json(request, Note, 1000)
        return web.json_response({"length": len(note.text)})

    async def fault(_request: web.Request) -> web.Response:
        raise RuntimeError("the secret is 42")

    async def refused(_request: web.Request) -> web.Response:
        raise FloorFull

    app = web.Application(
        middlewares=[
            error_middleware,
            guard_middleware(nobody, CountingLimiter(), OriginRule(), ROUTES),
        ]
    )
    app.router.add_get("/api/open", ok)
    app.router.add_get("/api/not-in-the-table", ok)
    app.router.add_post("/api/body", body)
    app.router.add_post("/api/limited", ok)
    app.router.add_get("/api/fault", fault)
    app.router.add_get("/api/refused", refused)
    app.router.add_get("/page", ok)
    async with TestClient(TestServer(app)) as found:
        yield found


def own(client: TestClient[web.Request, web.Application]) -> dict[str, str]:
    return {"Origin": str(client.make_url("/").origin())}


async def test_a_route_outside_the_table_answers_nobody(
    client: TestClient[web.Request, web.Application],
) -> None:
    assert (await client.get("/api/open")).status == 200
    assert (await client.head("/api/open")).status == 200
    answer = await client.get("/api/not-in-the-table")
    assert answer.status == 403
    assert (await answer.json())["error"]["code"] == "not_permitted"


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1:1", "javascript:1"],
)
async def test_foreign_origins_change_nothing(
    client: TestClient[web.Request, web.Application], origin: str
) -> None:
    headers = {"Origin": origin} if origin else {}
    answer = await client.post("/api/limited", headers=headers)
    assert answer.status == 403
    assert (await answer.json())["error"]["code"] == "origin_refused"
    assert (await client.post("/api/limited", headers=own(client))).status == 200


async def test_rates_say_when_to_come_back(
    client: TestClient[web.Request, web.Application],
) -> None:
    answers = [await client.post("/api/limited", headers=own(client)) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "12"
    assert (await answers[2].json())["error"]["code"] == "rate_limited"


BODIES = [
    ("no JSON", b"text", 400, "bad_request"),
    ("empty", b"", 400, "bad_request"),
    ("half", b'{"text": "a', 400, "bad_request"),
    ("an array", b"[]", 400, "bad_request"),
    ("null", b"null", 400, "bad_request"),
    ("wrong type", b'{"text": 5}', 400, "bad_request"),
    ("number as text", b'{"text": "a", "number": "5"}', 400, "bad_request"),
    ("unknown field", b'{"text": "a", "more": 1}', 400, "bad_request"),
    ("missing field", b"{}", 400, "bad_request"),
    ("not UTF-8", b'{"text": "\xff"}', 400, "bad_request"),
    ("lone surrogate", b'{"text": "\\ud800"}', 400, "bad_request"),
    ("NUL", b'{"text": "a\\u0000b"}', 400, "bad_request"),
    ("deep", b'{"text": ' + b"[" * 400 + b"]" * 400 + b"}", 400, "bad_request"),
    ("too large", b'{"text": "' + b"a" * 2000 + b'"}', 413, "too_large"),
    ("good", '{"text": "主会场"}'.encode(), 200, None),
]


@pytest.mark.parametrize(
    ("body", "status", "code"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES]
)
async def test_bodies(
    client: TestClient[web.Request, web.Application], body: bytes, status: int, code: str | None
) -> None:
    headers = {**own(client), "Content-Type": "application/json"}
    answer = await client.post("/api/body", data=body, headers=headers)
    assert answer.status == status
    if code:
        error = (await answer.json())["error"]
        assert error["code"] == code
        assert error["message"]


async def test_details_name_the_field_and_never_the_value(
    client: TestClient[web.Request, web.Application],
) -> None:
    answer = await client.post(
        "/api/body", json={"text": 12345, "secret": "hunter2"}, headers=own(client)
    )
    error = (await answer.json())["error"]
    assert {d["field"] for d in error["details"]} == {"text", "secret"}
    assert "12345" not in str(error)
    assert "hunter2" not in str(error)


async def test_a_chunked_body_is_bounded_too(
    client: TestClient[web.Request, web.Application],
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 100

    headers = {**own(client), "Content-Type": "application/json"}
    answer = await client.post("/api/body", data=chunks(), headers=headers)
    assert answer.status == 413


async def test_other_content_types_are_refused(
    client: TestClient[web.Request, web.Application],
) -> None:
    answer = await client.post("/api/body", data={"text": "a"}, headers=own(client))
    assert answer.status == 415
    assert (await answer.json())["error"]["code"] == "bad_request"


async def test_errors_are_json_under_api_only(
    client: TestClient[web.Request, web.Application],
) -> None:
    missing = await client.get("/api/nothing")
    assert (missing.status, (await missing.json())["error"]["code"]) == (404, "not_found")
    method = await client.delete("/api/open", headers=own(client))
    assert (method.status, (await method.json())["error"]["code"]) == (405, "bad_request")
    page = await client.get("/nothing")
    assert page.status == 404
    assert page.content_type == "text/plain"
    fault = await client.get("/api/fault")
    text = await fault.text()
    assert fault.status == 500
    assert "internal_error" in text
    assert "42" not in text
    refused = await client.get("/api/refused")
    assert (refused.status, (await refused.json())["error"]["code"]) == (409, "floor_full")


ORIGINS = [
    # host, origin, forwarded, trusted, allowed
    ("a.example:8080", "http://a.example:8080", {}, False, True),
    ("a.example:8080", "http://A.example:8080", {}, False, True),
    ("a.example", "http://a.example:80", {}, False, True),
    ("a.example", "https://a.example", {}, False, False),
    ("a.example", "http://a.example.evil.example", {}, False, False),
    ("a.example", "https://studio.example", {}, False, True),
    ("a.example", "https://studio.example:8443", {}, False, False),
    ("a:1", "https://b", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "b"}, True, True),
    ("a:1", "https://b", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "b"}, False, False),
    ("a:1", "https://b", {"X-Forwarded-Host": "b, a"}, True, False),
    ("[::1]:8080", "http://[::1]:8080", {}, False, True),
]


@pytest.mark.parametrize(("host", "origin", "forwarded", "trusted", "allowed"), ORIGINS)
def test_origin_rule(
    host: str, origin: str, forwarded: dict[str, str], trusted: bool, allowed: bool
) -> None:
    request = make_mocked_request("GET", "/", headers={"Host": host, "Origin": origin, **forwarded})
    rule = OriginRule(allowed=("https://studio.example",), trust_forwarded=trusted)
    assert rule.allows(request) is allowed


def test_tokens_are_masked_in_the_access_log() -> None:
    assert masked("/join/eyJ0.abc.def") == "/join/***"
    assert masked("/join/a/b\nc") == "/join/***"
    assert masked("/api/sessions") == "/api/sessions"
    assert len(masked("/" + "x" * 5000)) == 200
