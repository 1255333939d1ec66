"""Pages and their files: the built web client, with the headers that keep it to itself."""

import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from orchestrator.web.errors import Handler
from orchestrator.web.texts import INSTALL_PAGE, MISSING_PAGE, NO_CLIENT_PAGE

STATIC = Path(__file__).parent / "static"
"""Where the build of the web client lies."""

PAGES: dict[str, str] = {
    "/": "index.html",
    "/host": "host.html",
    "/join/{token}": "join.html",
    "/monitor": "monitor.html",
    "/archive": "archive.html",
}
ICONS = ("favicon.ico", "favicon.svg")

YEAR = 31_536_000
_ASSET = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@~-]{0,199}$")
_HOST = re.compile(r"^[A-Za-z0-9.\[\]:_-]{1,255}$")

HEADERS: dict[str, str] = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), "
        "autoplay=(self), fullscreen=(self), speaker-selection=(self), geolocation=()"
    ),
}


def content_security_policy(host: str) -> str:
    """What a page may load: this server only. WebSockets are named because not every browser
    counts them as 'self'. Vue sets style attributes; it needs no inline script or style sheet."""
    sockets = f" ws://{host} wss://{host}" if _HOST.match(host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' blob: mediastream:",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            f"connect-src 'self'{sockets}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of the application (`on_response_prepare`): errors get the headers too.

    No Strict-Transport-Security: it holds for every port of the machine's name, and what else runs
    there is not ours to decide. A reverse proxy that has the name to itself adds it.
    """
    response.headers["Server"] = "Plenary"  # aiohttp names its version and Python's
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", content_security_policy(request.host))


@dataclass(frozen=True, slots=True)
class PageFiles:
    """`static`: folder of the built client. `root_certificate`: offered at /install when given."""

    static: Path = STATIC
    root_certificate: Path | None = None


def add_pages(app: web.Application, files: PageFiles) -> None:
    """Register pages, assets and, with a root certificate, the page to install it."""
    app.on_response_prepare.append(add_security_headers)
    for path, name in PAGES.items():
        app.router.add_get(path, _page(files.static / name))
    app.router.add_get("/assets/{file}", _assets(files.static / "assets"))
    for icon in ICONS:
        app.router.add_get(f"/{icon}", _icon(files.static / icon))
    if files.root_certificate is not None:
        app.router.add_get("/install", _install)
        app.router.add_get("/install/root.crt", _root(files.root_certificate))


def _is_file(file: Path) -> bool:
    """One stat on local disk, which FileResponse does again in a thread."""
    return file.is_file()


def _page(file: Path) -> Handler:
    async def page(_request: web.Request) -> web.StreamResponse:
        if not _is_file(file):
            return html_response(NO_CLIENT_PAGE, status=503)
        headers = {"Cache-Control": "no-cache", "Content-Type": "text/html; charset=utf-8"}
        return web.FileResponse(file, headers=headers)

    return page


def _assets(folder: Path) -> Handler:
    async def asset(request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        file = folder / name
        if not _ASSET.match(name) or not _is_file(file):
            return html_response(MISSING_PAGE, status=404)
        # Their names hold a hash of their content.
        headers = {"Cache-Control": f"public, max-age={YEAR}, immutable"}
        return web.FileResponse(file, headers=headers)

    return asset


def _icon(file: Path) -> Handler:
    async def icon(_request: web.Request) -> web.StreamResponse:
        if not _is_file(file):
            return web.Response(status=204)
        return web.FileResponse(file, headers={"Cache-Control": "max-age=86400"})

    return icon


async def _install(_request: web.Request) -> web.StreamResponse:
    return html_response(INSTALL_PAGE)


def _root(certificate: Path) -> Handler:
    async def root(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(
            certificate,
            headers={
                "Content-Type": "application/x-x509-ca-cert",
                "Content-Disposition": 'attachment; filename="plenary-root.crt"',
                "Cache-Control": "no-cache",
            },
        )

    return root


def html_response(text: str, status: int = 200) -> web.Response:
    """A page drawn by the server itself; it may not be cached."""
    return web.Response(
        text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-cache"}
    )
