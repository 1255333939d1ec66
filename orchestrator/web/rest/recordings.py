"""Recordings: list, detail, files with ranges, verify, finalize again. Every access is audited."""

import re
from urllib.parse import quote

from aiohttp import hdrs, web

from orchestrator.protocol.rest import RecordingList
from orchestrator.web.body import json_response
from orchestrator.web.rest.services import RestServices, identifier

INLINE = frozenset({"video/webm", "text/vtt; charset=utf-8", "application/json"})
"""What pages play or read; the rest is only saved."""

_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


class RecordingRoutes:
    def __init__(self, services: RestServices) -> None:
        self._services = services
        self._archive = services.archive

    def add(self, app: web.Application) -> None:
        """Register the routes."""
        one = "/api/recordings/{recording_id}"
        app.router.add_get("/api/recordings", self.list_all)
        app.router.add_get(one, self.detail)
        app.router.add_get(f"{one}/files/{{name}}", self.file)
        app.router.add_post(f"{one}/finalize", self.finalize)
        app.router.add_post(f"{one}/verify", self.verify)

    async def list_all(self, _request: web.Request) -> web.Response:
        return json_response(RecordingList(recordings=await self._archive.items()))

    async def detail(self, request: web.Request) -> web.Response:
        return json_response(await self._archive.detail(identifier(request, "recording_id")))

    async def file(self, request: web.Request) -> web.StreamResponse:
        recording_id = identifier(request, "recording_id")
        record, found = await self._archive.file(recording_id, request.match_info["name"])
        if first_of_a_download(request):
            await self._services.note(
                request, "recording.download", recording_id, file=found.path.name
            )
        inline = found.content_type in INLINE
        name = f"{record.session_title} {found.label}{found.suffix}"
        return web.FileResponse(
            found.path,
            headers={
                hdrs.CONTENT_TYPE: found.content_type,
                hdrs.CONTENT_DISPOSITION: disposition(name, inline=inline),
                hdrs.CACHE_CONTROL: "private, no-cache",
            },
        )

    async def finalize(self, request: web.Request) -> web.Response:
        recording_id = identifier(request, "recording_id")
        item = await self._archive.finalize_again(recording_id)
        await self._services.note(request, "recording.finalize", recording_id)
        return json_response(item, 202)

    async def verify(self, request: web.Request) -> web.Response:
        recording_id = identifier(request, "recording_id")
        result = await self._archive.verify(recording_id)
        await self._services.note(request, "recording.verify", recording_id, intact=result.intact)
        return json_response(result)


def first_of_a_download(request: web.Request) -> bool:
    """A player asks for hundreds of ranges: only the one from the beginning is an access."""
    if request.method != hdrs.METH_GET:
        return False
    ranges = request.headers.get(hdrs.RANGE, "")
    return not ranges or ranges.replace(" ", "").startswith("bytes=0-")


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition (RFC 6266) with the name in UTF-8 (RFC 8187) and a plain fallback."""
    name = " ".join(_UNFIT.sub(" ", name).split())[:150] or "recording"
    plain = _PLAIN.sub("_", name).strip("_") or "recording"
    kind = "inline" if inline else "attachment"
    utf8 = quote(name.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{utf8}"
