"""`timeline.json`: what the session log says about a recording, for the finalizer.

Written by the orchestrator, read by the finalizer; times are Unix seconds of the server's clock.
An end of None means "until the recording stopped".
"""

from typing import Annotated, Literal

from pydantic import Field

from sfu.control.plan import Identifier
from sfu.record.document import Document

UnixSeconds = float
Layout = Literal["single", "side_by_side"]
Phase = Literal["scheduled", "open", "live", "paused", "ended", "archived"]


class LayoutChange(Document):
    """The stage has this layout from then on (`single` before the first)."""

    at: UnixSeconds
    layout: Layout


class PhaseChange(Document):
    """The session is in this phase from then on."""

    at: UnixSeconds
    phase: Phase


class FloorTurn(Document):
    """A venue held the floor."""

    venue_id: Identifier
    speaker: str = ""
    subject: str = ""
    granted_at: UnixSeconds
    ended_at: UnixSeconds | None = None


class HeardInterval(Document):
    """A venue's microphone was open to everybody: only then may its sound be in the program."""

    venue_id: Identifier
    start: UnixSeconds
    end: UnixSeconds | None = None


class Timeline(Document):
    """One recording of one session.

    `heard` None: the log says nothing, the audio buses of the record decide alone.
    """

    schema_version: Literal[1] = 1
    recording_id: Identifier
    session_id: Identifier
    title: Annotated[str, Field(max_length=200)]
    venues: dict[Identifier, str]
    recording_started_at: UnixSeconds
    recording_stopped_at: UnixSeconds
    layouts: tuple[LayoutChange, ...] = ()
    phases: tuple[PhaseChange, ...] = ()
    turns: tuple[FloorTurn, ...] = ()
    heard: tuple[HeardInterval, ...] | None = None
    language: Literal["zh-CN", "en"] = "zh-CN"
