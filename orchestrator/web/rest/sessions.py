"""Sessions: list, create, detail with join links, more venues, CSV, QR codes, new links."""

import io
import secrets
from collections.abc import Iterable
from dataclasses import asdict

from aiohttp import web

from orchestrator.consultation import commands
from orchestrator.consultation.errors import NoSuchVenue
from orchestrator.consultation.state import JOINABLE, Link, SessionState, Venue
from orchestrator.identity.links import LinkClaims
from orchestrator.identity.principal import Principal
from orchestrator.protocol.rest import (
    AddVenues,
    NewSession,
    NewVenue,
    SessionDetail,
    SessionItem,
    SessionList,
    VenueCsv,
    VenueLink,
)
from orchestrator.store.session_log import CatalogueItem, catalogue_item
from orchestrator.web.access import CSV_LIMIT
from orchestrator.web.body import json_response, read_json
from orchestrator.web.guard import PRINCIPAL
from orchestrator.web.rest.services import RestServices, actor_of, identifier
from orchestrator.web.rest.venue_csv import parse


class SessionRoutes:
    def __init__(self, services: RestServices) -> None:
        self._services = services
        self._sessions = services.sessions

    def add(self, app: web.Application) -> None:
        """Register the routes."""
        one = "/api/sessions/{session_id}"
        app.router.add_get("/api/sessions", self.list_all)
        app.router.add_post("/api/sessions", self.create)
        app.router.add_post("/api/venues/csv", self.csv)
        app.router.add_get(one, self.detail)
        app.router.add_post(f"{one}/venues", self.add_venues)
        app.router.add_get(f"{one}/venues/{{venue_id}}/qr.svg", self.qr)
        app.router.add_post(f"{one}/venues/{{venue_id}}/link", self.new_link)

    async def list_all(self, _request: web.Request) -> web.Response:
        items = await self._services.session_log.sessions()
        return json_response(SessionList(sessions=tuple(_item(item) for item in items)))

    async def create(self, request: web.Request) -> web.Response:
        body = await read_json(request, NewSession)
        command = commands.CreateSession(
            session_id=f"s{secrets.token_hex(6)}",
            title=body.title,
            venues=_with_ids(body.venues),
            floor_policy=body.floor_policy,
            layout=body.layout,
            recording_policy=body.recording_policy,
            open_microphone_limit=body.open_microphone_limit,
        )
        await self._sessions.create(command, actor_of(request[PRINCIPAL]))
        await self._services.note(request, "session.create", command.session_id)
        return await self._detail(request, command.session_id, status=201)

    async def detail(self, request: web.Request) -> web.Response:
        return await self._detail(request, identifier(request, "session_id"))

    async def add_venues(self, request: web.Request) -> web.Response:
        session_id = identifier(request, "session_id")
        body = await read_json(request, AddVenues)
        command = commands.AddVenues(venues=_with_ids(body.venues))
        await self._sessions.execute(session_id, actor_of(request[PRINCIPAL]), command)
        return await self._detail(request, session_id)

    async def csv(self, request: web.Request) -> web.Response:
        body = await read_json(request, VenueCsv, CSV_LIMIT)
        return json_response(parse(body.text))

    async def qr(self, request: web.Request) -> web.Response:
        state, venue = await self._venue(request)
        link = _newest(state, venue.venue_id)
        if link is None or link.revoked:
            raise NoSuchVenue("this venue has no join link; make a new one")
        image = io.BytesIO()
        import segno  # only here: a tenth of a second of every start

        code = segno.make(self._url(state, link), error="m", micro=False)
        code.save(image, kind="svg", scale=6, border=4, xmldecl=False, svgclass=None)
        return web.Response(
            body=image.getvalue(),
            content_type="image/svg+xml",
            headers={"Cache-Control": "no-store"},
        )

    async def new_link(self, request: web.Request) -> web.Response:
        """The old links of the venue are revoked in the same events; signalling then ends the
        connections that came by them."""
        state, venue = await self._venue(request)
        await self._issue(state, [venue.venue_id], request[PRINCIPAL])
        await self._services.note(request, "link.renew", f"{state.session_id}/{venue.venue_id}")
        state = await self._sessions.state(state.session_id)
        link = _newest(state, venue.venue_id)
        assert link is not None
        return json_response(self._link(state, venue, link))

    # --- inside ---

    async def _detail(
        self, request: web.Request, session_id: str, status: int = 200
    ) -> web.Response:
        """Join links are a key to the session: only who may host it sees them."""
        state = await self._sessions.state(session_id)
        principal = request[PRINCIPAL]
        links: tuple[VenueLink, ...] = ()
        if principal.may("host"):
            state = await self._with_links(state, principal)
            pairs = ((v, _newest(state, v.venue_id)) for v in _in_order(state))
            links = tuple(self._link(state, v, link) for v, link in pairs if link is not None)
        item = _item(catalogue_item(state))
        return json_response(SessionDetail(session=item, links=links), status)

    async def _with_links(self, state: SessionState, principal: Principal) -> SessionState:
        """Issue the links that are missing: of a session that was just made, or whose making was
        cut off by a crash."""
        linked = {link.venue_id for link in state.links.values()}
        missing = [v.venue_id for v in _in_order(state) if v.venue_id not in linked]
        if not missing or state.phase not in JOINABLE:
            return state
        await self._issue(state, missing, principal)
        return await self._sessions.state(state.session_id)

    async def _issue(
        self, state: SessionState, venue_ids: Iterable[str], principal: Principal
    ) -> None:
        expires_at = float(int(self._services.clock() + self._services.link_seconds))
        links = tuple(
            commands.NewLink(
                link_id=f"l{secrets.token_hex(8)}", venue_id=venue_id, expires_at=expires_at
            )
            for venue_id in venue_ids
        )
        command = commands.IssueLinks(links=links)
        await self._sessions.execute(state.session_id, actor_of(principal), command)

    async def _venue(self, request: web.Request) -> tuple[SessionState, Venue]:
        state = await self._sessions.state(identifier(request, "session_id"))
        venue = state.venues.get(identifier(request, "venue_id"))
        if venue is None:
            raise NoSuchVenue
        return state, venue

    def _url(self, state: SessionState, link: Link) -> str:
        claims = LinkClaims(state.session_id, link.venue_id, "venue", link.link_id, link.expires_at)
        return f"{self._services.public_url.rstrip('/')}/join/{self._services.signer.link(claims)}"

    def _link(self, state: SessionState, venue: Venue, link: Link) -> VenueLink:
        return VenueLink(
            venue_id=venue.venue_id,
            name=venue.name,
            kind=venue.kind,
            url=self._url(state, link),
            expires_at=link.expires_at,
            revoked=link.revoked,
        )


def _with_ids(venues: Iterable[NewVenue]) -> tuple[commands.NewVenue, ...]:
    return tuple(
        commands.NewVenue(venue_id=f"v{secrets.token_hex(4)}", name=v.name, kind=v.kind)
        for v in venues
    )


def _in_order(state: SessionState) -> list[Venue]:
    return sorted(state.venues.values(), key=lambda venue: venue.order)


def _newest(state: SessionState, venue_id: str) -> Link | None:
    """The newest link of a venue, one that holds before one that was revoked."""
    links = [link for link in state.links.values() if link.venue_id == venue_id]
    holding = [link for link in links if not link.revoked]
    found = holding or links
    return found[-1] if found else None


def _item(item: CatalogueItem) -> SessionItem:
    fields = asdict(item)
    del fields["version"]
    return SessionItem(**fields)
