"""Stable machine-readable reasons of errors, on every wire.

Clients translate them; the message beside them is for logs and for people without a translation.
Add, never rename.
"""

from enum import StrEnum


class Reason(StrEnum):
    """`data.reason` in signalling, `error.code` in REST."""

    # the message
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    UNKNOWN_METHOD = "unknown_method"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"
    # who is asking
    NOT_SIGNED_IN = "not_signed_in"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason, not a password
    NOT_PERMITTED = "not_permitted"
    ORIGIN_REFUSED = "origin_refused"
    SETUP_DONE = "setup_done"
    SETUP_TOKEN_INVALID = "setup_token_invalid"  # noqa: S105 - a reason
    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    LINK_REVOKED = "link_revoked"
    # the session
    NO_SUCH_SESSION = "no_such_session"
    NO_SUCH_VENUE = "no_such_venue"
    NO_SUCH_REQUEST = "no_such_request"
    NO_SUCH_RECORDING = "no_such_recording"
    WRONG_PHASE = "wrong_phase"
    VENUE_OCCUPIED = "venue_occupied"
    NOT_JOINED = "not_joined"
    # floor and stage
    FLOOR_FULL = "floor_full"
    LIST_CLOSED = "list_closed"
    ALREADY_REQUESTED = "already_requested"
    ALREADY_HOLDER = "already_holder"
    NOT_HOLDER = "not_holder"
    STAGE_INVALID = "stage_invalid"
    ALREADY_RECORDING = "already_recording"
    NOT_RECORDING = "not_recording"
    RECORDING_BUSY = "recording_busy"
    # media
    NOT_PUBLISHER = "not_publisher"
    MEDIA_RESET = "media_reset"
    CODEC_MISMATCH = "codec_mismatch"
    MEDIA_UNAVAILABLE = "media_unavailable"
    # the machine
    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    DATABASE_DAMAGED = "database_damaged"
    CONFIG_INVALID = "config_invalid"
    PORT_IN_USE = "port_in_use"
    ALREADY_RUNNING = "already_running"
