"""`media_plan(state)`: what the workers must run, as a pure function of the state."""

from orchestrator.consultation.state import RUNNING, SessionState, heard
from sfu.control.plan import AudioBusPlan, MediaPlan, RecordingPlan, SlotPlan, Source, SourceRef

_EVERY_SOURCE: tuple[Source, ...] = ("camera", "microphone", "screen", "screen_audio")


def media_plan(state: SessionState) -> MediaPlan:
    """The whole plan of the session at `state.version`.

    A heard venue's microphone is in exactly one place: with its slot, or on its unpaired bus.
    """
    audible = heard(state)
    slots = tuple(
        _slot(state, number, venue_id, audible)
        for number, venue_id in enumerate(state.stage.slots, start=1)
    )
    with_slot = {slot.audio.venue_id for slot in slots if slot.audio is not None}
    buses = tuple(
        AudioBusPlan(
            bus=number,
            source=None if venue_id is None or venue_id in with_slot else _microphone(venue_id),
        )
        for number, venue_id in enumerate(state.audio_buses, start=1)
    )
    return MediaPlan(
        session_id=state.session_id,
        log_version=state.version,
        codec=state.codec,
        slots=slots,
        audio_buses=buses,
        recording=_recording(state, audible),
    )


def _camera(venue_id: str) -> SourceRef:
    return SourceRef(venue_id=venue_id, source="camera")


def _microphone(venue_id: str) -> SourceRef:
    return SourceRef(venue_id=venue_id, source="microphone")


def _slot(
    state: SessionState, number: int, venue_id: str | None, audible: tuple[str, ...]
) -> SlotPlan:
    if venue_id is None:
        return SlotPlan(slot=number)
    # A branch on the only slot watches the main venue instead of itself.
    alternate = None
    if state.stage.layout == "single" and state.main_venue_id not in (None, venue_id):
        alternate = _camera(state.main_venue_id) if state.main_venue_id else None
    return SlotPlan(
        slot=number,
        video=_camera(venue_id),
        audio=_microphone(venue_id) if venue_id in audible else None,
        alternate=alternate,
    )


def _recording(state: SessionState, audible: tuple[str, ...]) -> RecordingPlan | None:
    """The tap that the recording's policy allows, in a stable order."""
    recording = state.recording_now
    if recording is None or state.phase not in RUNNING:
        return None
    if recording.policy == "everything":
        taps = [
            SourceRef(venue_id=venue_id, source=source)
            for venue_id in state.venues
            for source in _EVERY_SOURCE
        ]
        return RecordingPlan(recording_id=recording.recording_id, taps=tuple(taps))
    cameras = [venue_id for venue_id in state.stage.slots if venue_id is not None]
    speakers = [venue_id for venue_id in cameras if venue_id in audible]
    if recording.policy == "stage_and_speakers":
        cameras += state.floor.holders
        speakers += audible
    # A microphone that is not open is recorded only by `everything`, which venues are told of
    # before they join.
    wanted = dict.fromkeys([_camera(venue_id) for venue_id in cameras])
    wanted.update(dict.fromkeys(_microphone(venue_id) for venue_id in speakers))
    return RecordingPlan(recording_id=recording.recording_id, taps=tuple(wanted))
