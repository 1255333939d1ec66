"""The media plan: all that a worker must know to enforce what the log decided.

A plan is whole, never a difference: the worker compares it with what runs and applies the
difference, so that a crash on either side needs no history.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Literal["camera", "microphone", "screen", "screen_audio"]
StageCodec = Literal["vp8", "h264"]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class Frozen(BaseModel):
    """Base of every control message: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRef(Frozen):
    """A venue's camera, microphone or screen; the worker resolves it to the newest generation."""

    venue_id: Identifier
    source: Source


class PublicationKey(SourceRef):
    """One life of a source: slots, taps, files and statistics use this key."""

    generation: Annotated[int, Field(ge=1)]


class SlotPlan(Frozen):
    """One place of the stage: a video bus and its paired audio bus.

    `audio` is set only when the venue may be heard. `alternate` is what the source venue itself
    is given instead of its own picture (None: its page draws its own camera).
    """

    slot: Annotated[int, Field(ge=1, le=9)]
    video: SourceRef | None = None
    audio: SourceRef | None = None
    alternate: SourceRef | None = None


class AudioBusPlan(Frozen):
    """One unpaired audio bus for an open microphone that is not on stage."""

    bus: Annotated[int, Field(ge=1, le=16)]
    source: SourceRef | None = None


class RecordingPlan(Frozen):
    """The tap that policy allows: these sources and no others go to the recorder."""

    recording_id: Identifier
    taps: tuple[SourceRef, ...]


class MediaPlan(Frozen):
    """What runs in one session: a pure function of its state.

    `slots` always has one entry per stage slot of the session (`SLOT_COUNT`) and `audio_buses`
    one per unpaired bus (`AUDIO_BUS_COUNT`), with empty sources where nothing is placed, so that
    identities never come and go.
    """

    session_id: Identifier
    log_version: Annotated[int, Field(ge=0)]
    codec: StageCodec = "vp8"
    slots: tuple[SlotPlan, ...]
    audio_buses: tuple[AudioBusPlan, ...]
    recording: RecordingPlan | None = None


SLOT_COUNT = 2
"""Stage slots of a session: `single` uses slot 1, `side_by_side` slots 1 and 2."""

AUDIO_BUS_COUNT = 7
"""Unpaired audio buses: the open-microphone limit (6) and the main venue."""

WALL_TILE_LIMIT = 25
"""Most switched wall consumers that one page is given: no browser decodes more."""
