"""Pages, assets, headers, health and metrics."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.database import open_database
from orchestrator.store.errors import ReadOnly
from orchestrator.web.access import ROUTES
from orchestrator.web.metrics import Metrics, add_metrics, metrics_middleware
from orchestrator.web.pages import PAGES, PageFiles, add_pages, content_security_policy
from orchestrator.web.readiness import (
    Readiness,
    add_readiness,
    database_writable,
    disk_has_room,
)
from sfu.control.messages import WorkerStats

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    for name in PAGES.values():
        (folder / name).write_text(f"<!doctype html><title>{name}</title>")
    (folder / "assets" / "index-Ab12.js").write_text("1")
    (folder / "secret.txt").write_text("no")
    (tmp_path / "outside.txt").write_text("no")
    return folder


def app_with(files: PageFiles) -> web.Application:
    app = web.Application()
    add_pages(app, files)
    return app


async def test_pages_are_never_cached_and_carry_their_policy(static: Path) -> None:
    async with TestClient(TestServer(app_with(PageFiles(static)))) as client:
        for path, name in PAGES.items():
            answer = await client.get(path.replace("{token}", "abc.def-ghi"))
            assert answer.status == 200
            assert name in await answer.text()
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Server"] == "Plenary"
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "camera=(self)" in answer.headers["Permissions-Policy"]
            assert "microphone=(self)" in answer.headers["Permissions-Policy"]
            policy = answer.headers["Content-Security-Policy"]
            host = f"{client.host}:{client.port}"
            assert f"connect-src 'self' ws://{host} wss://{host}" in policy
            assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
            assert "Strict-Transport-Security" not in answer.headers


async def test_assets_are_cached_for_ever_and_stay_in_their_folder(static: Path) -> None:
    async with TestClient(TestServer(app_with(PageFiles(static)))) as client:
        answer = await client.get("/assets/index-Ab12.js")
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert "javascript" in answer.headers["Content-Type"]
        for path in (
            "/assets/nothing.js",
            "/assets/..%2Fsecret.txt",
            "/assets/..%2F..%2Foutside.txt",
            "/assets/%2e%2e%2fsecret.txt",
            "/assets/",
            "/assets/.hidden",
            "/assets/a%00b",
            "/secret.txt",
            "/static/secret.txt",
        ):
            answer = await client.get(path)
            assert answer.status in (404, 400), path
            assert "immutable" not in answer.headers.get("Cache-Control", "")
        assert (await client.get("/favicon.ico")).status == 204


async def test_a_missing_build_says_what_to_do(tmp_path: Path) -> None:
    async with TestClient(TestServer(app_with(PageFiles(tmp_path / "none")))) as client:
        answer = await client.get("/")
        assert answer.status == 503
        text = await answer.text()
        assert "./scripts/run" in text
        assert "网页客户端尚未构建" in text
        assert "The web client is not built" in text


async def test_the_root_certificate_is_offered_only_when_there_is_one(
    static: Path, tmp_path: Path
) -> None:
    async with TestClient(TestServer(app_with(PageFiles(static)))) as client:
        assert (await client.get("/install")).status == 404
    root = tmp_path / "root.crt"
    root.write_text("-----BEGIN CERTIFICATE-----")
    async with TestClient(TestServer(app_with(PageFiles(static, root)))) as client:
        page = await client.get("/install")
        assert page.status == 200
        assert "/install/root.crt" in await page.text()
        answer = await client.get("/install/root.crt")
        assert answer.content_type == "application/x-x509-ca-cert"
        assert (await answer.text()).startswith("-----BEGIN")


def test_a_strange_host_cannot_add_to_the_policy() -> None:
    for host in ("evil; script-src *", "a b", "", "a,b"):
        assert "connect-src 'self'; " in content_security_policy(host)


def test_every_page_is_in_the_table_of_access(static: Path, tmp_path: Path) -> None:
    app = app_with(PageFiles(static, tmp_path))
    add_metrics(app, Metrics())
    add_readiness(app, Readiness({}, {}))
    for route in app.router.routes():
        if route.method != "HEAD":
            assert route.resource is not None
            assert (route.method, route.resource.canonical) in ROUTES


async def test_health_and_readiness() -> None:
    async def good() -> bool:
        return True

    async def bad() -> bool:
        return False

    async def broken() -> bool:
        raise OSError("read-only file system")

    async def ask(readiness: Readiness) -> tuple[int, dict[str, object]]:
        app = web.Application()
        add_readiness(app, readiness)
        async with TestClient(TestServer(app)) as client:
            assert (await client.get("/healthz")).status == 200
            answer = await client.get("/readyz")
            return answer.status, await answer.json()

    assert await ask(Readiness({"database": good}, {"broker": good})) == (
        200,
        {"status": "ready", "parts": {"database": "ok", "broker": "ok"}},
    )
    status, body = await ask(Readiness({"database": good}, {"broker": bad}))
    assert (status, body["status"]) == (200, "degraded")
    for check in (bad, broken):
        status, body = await ask(Readiness({"database": check}, {"broker": good}))
        assert (status, body["status"]) == (503, "not_ready")
        assert body["parts"] == {"database": "failed", "broker": "ok"}
    status, body = await ask(Readiness({"database": good}, {}, draining=True))
    assert (status, body["parts"]) == (503, {"server": "draining", "database": "ok"})


async def test_a_database_that_can_only_be_read_is_not_ready(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/p.sqlite3")
    check = database_writable(database)
    assert await check()

    async def read_only(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("PRAGMA query_only = 1")

    await database.run(read_only)
    with pytest.raises(ReadOnly):
        await check()
    await database.check()
    await database.close()


async def test_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    assert await disk_has_room(tmp_path, 1)()
    assert not await disk_has_room(tmp_path, 1 << 60)()


async def test_metrics_count_and_have_bounded_labels() -> None:
    metrics = Metrics()
    app = web.Application(middlewares=[metrics_middleware(metrics)])
    add_metrics(app, metrics)
    metrics.sessions({"live": 2})
    metrics.dependency("broker", up=True)
    metrics.command("refused")
    metrics.events_appended(3)
    metrics.worker(
        WorkerStats(
            packets_in=10,
            packets_out=20,
            bytes_in=1,
            bytes_out=2,
            send_calls=3,
            gso_messages=1,
            dropped_events=0,
            invalid_datagrams=4,
            engine_cpu_seconds=0.5,
            transports=7,
        )
    )
    async with TestClient(TestServer(app)) as client:
        for i in range(20):
            await client.get(f"/nothing/{i}")
            await client.request(f"M{i}", "/metrics")
        await client.get("/metrics")
        answer = await client.get("/metrics")
        text = await answer.text()
    assert answer.content_type == "text/plain"
    assert 'plenary_sessions{phase="live"} 2.0' in text
    assert 'plenary_dependency_up{dependency="broker"} 1.0' in text
    assert 'plenary_commands_total{outcome="refused"} 1.0' in text
    assert "plenary_session_events_total 3.0" in text
    assert "plenary_worker_packets_out_total 20.0" in text
    assert "plenary_worker_transports 7.0" in text
    series = [line for line in text.splitlines() if line.startswith("plenary_http_requests_total")]
    assert len(series) <= 4
    assert "/nothing/3" not in text
