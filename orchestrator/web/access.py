"""Who may use which route: one table. A route that is not in it answers nobody (tested).

`admin` may all that an account may. Routes marked OWN establish by themselves who is asking.
"""

from dataclasses import dataclass

from orchestrator.broker.rate_limit import Rate
from orchestrator.consultation.view import Role

KIB = 1024
BODY_LIMIT = 256 * KIB
CSV_LIMIT = 300 * KIB

WRITES = Rate(limit=60, period=20.0)
"""State-changing requests of one account, venue or address."""

JOINS = Rate(limit=600, period=60.0)
"""Per address: a ministry's hundred venues may all come from one."""

TRIES = Rate(limit=30, period=300.0)
"""Per address, of what can be guessed at."""


@dataclass(frozen=True, slots=True)
class Access:
    """`roles` None: for everybody, signed in or not. `body`: most bytes of a request."""

    roles: frozenset[Role] | None = None
    rate: Rate | None = None
    body: int = BODY_LIMIT


EVERYBODY = Access()
OWN = Access()
ADMIN: frozenset[Role] = frozenset({"admin"})
HOST: frozenset[Role] = frozenset({"host"})
STAFF: frozenset[Role] = frozenset({"host", "technician", "archivist"})
CONTROL_ROOM: frozenset[Role] = frozenset({"host", "technician"})
ARCHIVE: frozenset[Role] = frozenset({"host", "archivist"})
VENUE: frozenset[Role] = frozenset({"venue"})

SESSION = "/api/sessions/{session_id}"
RECORDING = "/api/recordings/{recording_id}"

ROUTES: dict[tuple[str, str], Access] = {
    # pages
    ("GET", "/"): EVERYBODY,
    ("GET", "/host"): EVERYBODY,
    ("GET", "/join/{token}"): EVERYBODY,
    ("GET", "/monitor"): EVERYBODY,
    ("GET", "/archive"): EVERYBODY,
    ("GET", "/assets/{file}"): EVERYBODY,
    ("GET", "/favicon.ico"): EVERYBODY,
    ("GET", "/favicon.svg"): EVERYBODY,
    ("GET", "/install"): EVERYBODY,
    ("GET", "/install/root.crt"): EVERYBODY,
    # signalling
    ("GET", "/signal"): OWN,
    # the process
    ("GET", "/healthz"): EVERYBODY,
    ("GET", "/readyz"): EVERYBODY,
    ("GET", "/metrics"): EVERYBODY,
    # accounts
    ("POST", "/api/setup"): Access(rate=TRIES),
    ("POST", "/api/login"): Access(rate=None),  # counted by identity, which knows what failed
    ("POST", "/api/logout"): Access(rate=WRITES),
    ("GET", "/api/me"): EVERYBODY,
    ("GET", "/api/accounts"): Access(ADMIN),
    ("POST", "/api/accounts"): Access(ADMIN, WRITES),
    # sessions
    ("GET", "/api/sessions"): Access(STAFF),
    ("POST", "/api/sessions"): Access(HOST, WRITES),
    ("GET", SESSION): Access(CONTROL_ROOM),
    ("POST", SESSION + "/venues"): Access(HOST, WRITES),
    ("POST", "/api/venues/csv"): Access(HOST, WRITES, CSV_LIMIT),
    ("GET", SESSION + "/venues/{venue_id}/qr.svg"): Access(HOST),
    ("POST", SESSION + "/venues/{venue_id}/link"): Access(HOST, WRITES),
    # venues
    ("POST", "/api/join"): Access(rate=JOINS),
    ("GET", "/api/venue"): Access(VENUE),
    # recordings
    ("GET", "/api/recordings"): Access(ARCHIVE),
    ("GET", RECORDING): Access(ARCHIVE),
    ("GET", RECORDING + "/files/{name}"): Access(ARCHIVE),
    ("POST", RECORDING + "/finalize"): Access(ARCHIVE, WRITES),
    ("POST", RECORDING + "/verify"): Access(ARCHIVE, WRITES),
}
"""(method, path template) → access."""
