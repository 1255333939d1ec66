"""Where a request was made from (RFC 6454): another site must not act with a person's cookies."""

from dataclasses import dataclass

from aiohttp import web
from yarl import URL

from orchestrator.protocol.reasons import Reason
from orchestrator.web.errors import ApiError


@dataclass(frozen=True, slots=True)
class OriginRule:
    """`allowed`: further origins (`https://host[:port]`) beside the server's own.
    `trust_forwarded`: a reverse proxy of ours sets X-Forwarded-Proto and X-Forwarded-Host."""

    allowed: tuple[str, ...] = ()
    trust_forwarded: bool = False

    def own(self, request: web.BaseRequest) -> str | None:
        """The origin under which the client reached this server."""
        scheme, host = request.scheme, request.host
        if self.trust_forwarded:
            scheme = _first(request.headers.get("X-Forwarded-Proto")) or scheme
            host = _first(request.headers.get("X-Forwarded-Host")) or host
        return _normal(f"{scheme}://{host}")

    def allows(self, request: web.BaseRequest) -> bool:
        """Whether the request names an origin and it is the server's own or in the list."""
        stated = _normal(request.headers.get("Origin", ""))
        if stated is None:
            return False
        return stated == self.own(request) or stated in {_normal(o) for o in self.allowed}

    def check(self, request: web.BaseRequest) -> None:
        """Raises ApiError `origin_refused`. For state-changing requests and WebSockets."""
        if not self.allows(request):
            raise ApiError(
                Reason.ORIGIN_REFUSED,
                "this request does not come from a page of this server; open the page by its own "
                "address, or add its origin to server.allowed_origins",
            )


def _first(header: str | None) -> str:
    return (header or "").split(",")[0].strip()


def _normal(origin: str) -> str | None:
    """Lower case, without a default port; None for anything that is no http(s) origin."""
    try:
        url = URL(origin)
        if url.scheme not in ("http", "https") or not url.host:
            return None
        return str(url.origin())
    except ValueError:
        return None
