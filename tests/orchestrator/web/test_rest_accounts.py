"""The first start, signing in and out, accounts."""

import pytest

from orchestrator.consultation.view import Role
from orchestrator.identity.cookies import ACCOUNT
from orchestrator.store.accounts import Accounts
from tests.orchestrator.web.conftest import PASSWORD, PUBLIC_URL, Site


async def test_first_start_makes_one_admin_with_a_link_that_works_once(site: Site) -> None:
    void = await site.services.logins.first_start_link(PUBLIC_URL + "/")
    link = await site.services.logins.first_start_link(PUBLIC_URL + "/")
    assert link is not None
    assert void is not None
    assert link.startswith(f"{PUBLIC_URL}/host#setup=")
    browser = await site.browser()
    assert await browser.get("/api/me") == (200, {"setup_needed": True})
    good = {"token": link.split("=", 1)[1], "password": PASSWORD}
    for token in ("x", void.split("=", 1)[1]):
        status, body = await browser.post("/api/setup", {**good, "token": token})
        assert (status, body["error"]["code"]) == (403, "setup_token_invalid")
    status, body = await browser.post("/api/setup", {**good, "password": "short"})
    assert (status, body["error"]["code"]) == (400, "bad_request")
    assert body["error"]["details"][0]["field"] == "password"
    assert await browser.post("/api/setup", good) == (
        200,
        {"username": "admin", "roles": ["admin"]},
    )
    assert await browser.get("/api/me") == (
        200,
        {"account": {"username": "admin", "roles": ["admin"]}, "setup_needed": False},
    )
    status, body = await browser.post("/api/setup", good)
    assert (status, body["error"]["code"]) == (409, "setup_done")
    assert await site.services.logins.first_start_link(PUBLIC_URL) is None


async def test_no_token_is_stored_as_it_is(site: Site) -> None:
    host = await site.signed_in("host")
    token = host.cookie(ACCOUNT)
    assert token
    file = next(site.folder.parent.glob("*.sqlite3"))
    await site.database.check()
    content = b"".join(path.read_bytes() for path in file.parent.glob("plenary.sqlite3*"))
    assert token.encode() not in content
    assert PASSWORD.encode() not in content


async def test_the_cookie_is_for_this_site_and_no_script(site: Site) -> None:
    await site.signed_in("host")
    browser = await site.browser()
    answer = await browser.client.post(
        "/api/login",
        json={"username": "host", "password": PASSWORD},
        headers={"Origin": browser.origin},
    )
    header = answer.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Strict" in header
    assert "Secure" not in header
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["host", "nobody", "HOST", ""])
async def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(site: Site, name: str) -> None:
    await site.signed_in("host")
    browser = await site.browser()
    status, body = await browser.post("/api/login", {"username": name, "password": "wrong"})
    assert status == 401
    assert body["error"]["code"] == "wrong_password"
    assert browser.cookie(ACCOUNT) is None


async def test_guessing_is_slowed_down_and_success_costs_nothing(site: Site) -> None:
    browser = await site.signed_in("host")
    for _ in range(30):
        assert (await browser.post("/api/login", {"username": "host", "password": PASSWORD}))[
            0
        ] == 200
    wrong = {"username": "host", "password": "wrong password"}
    answers = [await browser.post("/api/login", wrong) for _ in range(12)]
    assert [status for status, _ in answers].count(429) >= 1
    assert answers[-1][1]["error"]["code"] == "rate_limited"
    status, _ = await browser.post("/api/login", {"username": "host", "password": PASSWORD})
    assert status == 429
    roles: tuple[Role, ...] = ("host",)
    await site.services.logins.create("other", PASSWORD, roles)
    status, _ = await browser.post("/api/login", {"username": "other", "password": PASSWORD})
    assert status == 200


async def test_a_login_slides_and_ends(site: Site) -> None:
    browser = await site.signed_in("host")
    for _ in range(3):
        site.clock.now += 11 * 3600
        status, body = await browser.get("/api/me")
        assert body["account"]["username"] == "host"
    site.clock.now += 13 * 3600
    status, body = await browser.get("/api/sessions")
    assert (status, body["error"]["code"]) == (401, "not_signed_in")
    assert "account" not in (await browser.get("/api/me"))[1]


async def test_logout_ends_the_login_not_only_the_cookie(site: Site) -> None:
    browser = await site.signed_in("host")
    token = browser.cookie(ACCOUNT)
    assert await browser.post("/api/logout") == (200, {})
    assert not browser.cookie(ACCOUNT)
    answer = await browser.client.get("/api/sessions", headers={"Cookie": f"{ACCOUNT}={token}"})
    assert answer.status == 401
    assert (await browser.post("/api/logout"))[0] == 200


async def test_a_disabled_account_is_out_at_once(site: Site) -> None:
    browser = await site.signed_in("host")
    await Accounts(site.database).set_disabled("host", disabled=True)
    assert (await browser.get("/api/sessions"))[0] == 401
    status, body = await browser.post("/api/login", {"username": "host", "password": PASSWORD})
    assert (status, body["error"]["code"]) == (401, "wrong_password")


async def test_accounts_are_made_by_admins(site: Site) -> None:
    admin = await site.signed_in("admin")
    new = {"username": "zhang", "password": PASSWORD, "roles": ["host", "technician"]}
    status, body = await admin.post("/api/accounts", new)
    assert (status, body) == (201, {"username": "zhang", "roles": ["host", "technician"]})
    status, body = await admin.post("/api/accounts", new)
    assert (status, body["error"]["code"]) == (409, "conflict")
    status, body = await admin.get("/api/accounts")
    assert {a["username"] for a in body["accounts"]} == {"admin", "zhang"}
    assert "hash" not in str(body)


BAD_ACCOUNTS: list[tuple[str, dict[str, object]]] = [
    ("no roles", {"roles": []}),
    ("a role nobody is given", {"roles": ["system"]}),
    ("venue is no role of an account", {"roles": ["venue"]}),
    ("name with a space", {"username": "a b"}),
    ("name too short", {"username": "a"}),
    ("password too short", {"password": "123456789"}),
    ("password too long", {"password": "x" * 201}),
    ("more", {"admin": True}),
]


@pytest.mark.parametrize(
    "change", [case[1] for case in BAD_ACCOUNTS], ids=[case[0] for case in BAD_ACCOUNTS]
)
async def test_bad_accounts(site: Site, change: dict[str, object]) -> None:
    admin = await site.signed_in("admin")
    new = {"username": "zhang", "password": PASSWORD, "roles": ["host"], **change}
    status, body = await admin.post("/api/accounts", new)
    assert (status, body["error"]["code"]) == (400, "bad_request")


async def test_who_came_in_is_in_the_audit_log(site: Site) -> None:
    browser = await site.signed_in("host")
    await browser.post("/api/login", {"username": "host", "password": "wrong"})
    await browser.post("/api/logout")
    entries = await site.services.audit.read()
    assert [(e.actor, e.action) for e in entries] == [
        ("host", "account.logout"),
        ("nobody", "account.login_refused"),
        ("host", "account.login"),
    ]
    assert "wrong" not in str([e.details for e in entries])
