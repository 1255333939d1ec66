"""Venues: a join link is exchanged for a cookie; whose cookie is it."""

from aiohttp import web

from orchestrator.consultation.state import SessionState, venue_of
from orchestrator.identity.cookies import make_room, set_cookie, venue_cookie
from orchestrator.protocol.rest import JoinedVenue, JoinLink
from orchestrator.web.body import json_response, read_json
from orchestrator.web.guard import PRINCIPAL
from orchestrator.web.rest.services import RestServices


class VenueRoutes:
    def __init__(self, services: RestServices) -> None:
        self._services = services

    def add(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_post("/api/join", self.join)
        app.router.add_get("/api/venue", self.venue)

    async def join(self, request: web.Request) -> web.Response:
        body = await read_json(request, JoinLink)
        claims, state = await self._services.authenticator.redeem(body.token)
        response = json_response(_joined(state, claims.venue_id))
        secure = self._services.secure(request)
        make_room(request, response, secure=secure)
        set_cookie(
            response,
            venue_cookie(claims.session_id, claims.venue_id),
            self._services.signer.cookie(claims),
            seconds=claims.expires_at - self._services.clock(),
            secure=secure,
        )
        return response

    async def venue(self, request: web.Request) -> web.Response:
        principal = request[PRINCIPAL]
        assert principal.session_id is not None
        assert principal.venue_id is not None
        state = await self._services.sessions.state(principal.session_id)
        return json_response(_joined(state, principal.venue_id))


def _joined(state: SessionState, venue_id: str) -> JoinedVenue:
    venue = venue_of(state, venue_id)
    return JoinedVenue(
        session_id=state.session_id,
        session_title=state.title,
        venue_id=venue_id,
        venue_name=venue.name,
        kind=venue.kind,
        phase=state.phase,
        records_closed_microphones=state.recording_policy == "everything",
    )
