"""The tables, as the newest migration leaves them. Times are Unix seconds; JSON is text, written
once and compared byte by byte."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("venue_count", Integer, nullable=False),
    Column("connected_count", Integer, nullable=False),
    Index(None, "created_at"),
)
"""The catalogue; `version` is also what an append compares and sets."""

events = Table(
    "events",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.session_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
)
"""The truth. A trigger refuses every change and deletion."""

outcomes = Table(
    "outcomes",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("actor_key", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("refusal", Text),
    Column("message", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", Double, nullable=False),
)
"""What became of a command, by its idempotency key; refusals too."""

conductors = Table(
    "conductors",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.session_id"), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
)

placements = Table(
    "placements",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.session_id"), primary_key=True),
    Column("worker_id", Text, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("generation", Integer, nullable=False),
)
"""Which life of which worker has a session's media; `generation` counts the media's lives."""

accounts = Table(
    "accounts",
    metadata,
    Column("username", Text, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
)

logins = Table(
    "logins",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("username", Text, ForeignKey("accounts.username", ondelete="CASCADE"), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index(None, "username"),
    Index(None, "expires_at"),
)

setup_tokens = Table(
    "setup_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("used_at", Double),
)

recordings = Table(
    "recordings",
    metadata,
    Column("recording_id", Text, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.session_id"), nullable=False),
    Column("session_title", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("progress", Double, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("duration", Double),
    Column("size", BigInteger),
    Column("error", Text),
    Index(None, "session_id"),
    Index(None, "started_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index(None, "at"),
)
"""Who did what to what, when, from where. A trigger refuses every change and deletion."""
