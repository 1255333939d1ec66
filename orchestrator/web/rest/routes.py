"""All REST routes at once, for the composition root."""

from aiohttp import web

from orchestrator.web.rest.accounts import AccountRoutes
from orchestrator.web.rest.recordings import RecordingRoutes
from orchestrator.web.rest.services import RestServices
from orchestrator.web.rest.sessions import SessionRoutes
from orchestrator.web.rest.venues import VenueRoutes


def add_rest_routes(app: web.Application, services: RestServices) -> None:
    """Register everything under /api. The application needs `error_middleware` and the guard."""
    AccountRoutes(services).add(app)
    SessionRoutes(services).add(app)
    VenueRoutes(services).add(app)
    RecordingRoutes(services).add(app)
