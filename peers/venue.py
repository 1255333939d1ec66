"""A synthetic venue: joins by its link, publishes a clip, receives the stage, and comes back."""

import asyncio
import contextlib
import secrets
from typing import Any

import aiohttp
import structlog

from peers.clip import Clip
from peers.errors import Disconnected, PeerError, Refused
from peers.media import VenueMedia
from peers.receiver import StageReceiver
from peers.signalling import SignallingClient

RETRY_AFTER = 0.5

log = structlog.get_logger()


class SyntheticVenue:
    """`run` keeps the venue in the session until it is cancelled, through restarts of the server.

    `base_url` and `token` are the two halves of the join link.
    """

    def __init__(self, base_url: str, token: str, clip: Clip) -> None:
        self._base_url = base_url
        self._token = token
        self._clip = clip
        self._client_id = f"peer-{secrets.token_hex(8)}"
        self._media: VenueMedia | None = None
        self._wake = asyncio.Event()
        self._superseded = False
        self.signalling: SignallingClient | None = None
        self.ready = asyncio.Event()

    @property
    def stage(self) -> StageReceiver | None:
        """What it receives now."""
        return self._media.stage if self._media is not None else None

    async def run(self) -> None:
        """Join and publish; after a lost connection, again. Ends when another connection has
        taken the venue's place."""
        try:
            while not self._superseded:
                try:
                    await self._attend()
                except (PeerError, aiohttp.ClientError, OSError) as error:
                    log.info("venue_returns", after=repr(error))
                await asyncio.sleep(RETRY_AFTER)
        finally:
            await self._drop_media()

    async def _attend(self) -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            joined = await self._exchange_link(http)
            url = (
                f"{self._base_url.replace('http', 'ws', 1)}/signal"
                f"?session={joined['session_id']}&venue={joined['venue_id']}"
            )
            async with SignallingClient(http, url, self._notified) as signalling:
                self.signalling = signalling
                await self._join(signalling)
                while not (signalling.closed or self._superseded):
                    self._wake.clear()
                    await self._keep_media(signalling)
                    await self._until_something_changes(signalling)
        if not self._superseded:
            raise Disconnected("the server closed the connection")

    async def _join(self, signalling: SignallingClient) -> None:
        """Take the place; media that the server still has goes on."""
        held = self._media.transports if self._media is not None else ()
        joined = await signalling.join(client_id=self._client_id, transports=held)
        if not set(held) <= set(joined.get("transports", ())):
            await self._drop_media()

    async def _keep_media(self, signalling: SignallingClient) -> None:
        """Set media up when there is none of the present generation."""
        if self._media is not None and self._media.generation == signalling.generation:
            return
        await self._drop_media()
        if not signalling.media_ready:
            return
        media = VenueMedia(self._clip)
        try:
            await media.open(signalling)
        except Refused as error:
            # The media plane started anew meanwhile: its notice wakes us.
            log.info("media_refused", reason=error.reason)
            await media.close()
            return
        except BaseException:
            await media.close()
            raise
        self._media = media
        await signalling.call("client.report", {"camera": "ok", "microphone": "ok"})
        self.ready.set()

    async def _drop_media(self) -> None:
        self.ready.clear()
        media, self._media = self._media, None
        if media is not None:
            await media.close()

    async def _until_something_changes(self, signalling: SignallingClient) -> None:
        closed = asyncio.create_task(signalling.wait_closed())
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait((closed, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (closed, woken):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _exchange_link(self, http: aiohttp.ClientSession) -> dict[str, Any]:
        async with http.post(
            f"{self._base_url}/api/join",
            json={"token": self._token},
            headers={"Origin": self._base_url},
        ) as response:
            body: dict[str, Any] = await response.json()
        if "error" in body:
            raise Refused(body["error"]["code"], body["error"]["message"])
        return body

    def _notified(self, method: str, _params: dict[str, Any]) -> None:
        if method == "session.superseded":
            self._superseded = True
        if method in ("media.reset", "session.superseded"):
            self._wake.set()
