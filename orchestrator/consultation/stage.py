"""What is on stage: a function of phase, floor and the host's choice. `decide` names it in an event
whenever it changes."""

from orchestrator.consultation.commands import SetStage
from orchestrator.consultation.errors import NoSuchVenue, StageInvalid
from orchestrator.consultation.events import StageSlots
from orchestrator.consultation.state import RUNNING, SessionState, Stage

EMPTY: StageSlots = (None, None)


def stage_slots(state: SessionState, stage: Stage | None = None) -> StageSlots:
    """The venues that belong on the slots now, with `stage` in place of the state's own.

    Lobby and pause show the main venue; a live session the host's choice or the floor: `single`
    the newest holder, else the main venue; `side_by_side` the main venue and the newest holder
    among the branches.
    """
    stage = stage or state.stage
    if state.phase not in RUNNING:
        return EMPTY
    main = state.main_venue_id
    if state.phase != "live":
        return (main, None)
    if stage.mode == "manual" and stage.chosen is not None:
        return stage.chosen
    newest = tuple(reversed(tuple(state.floor.holders)))
    if stage.layout == "single":
        return (newest[0] if newest else main, None)
    return (main, next((venue for venue in newest if venue != main), None))


def chosen_stage(state: SessionState, command: SetStage) -> Stage:
    """The stage that the host asks for. Raises StageInvalid, NoSuchVenue."""
    if command.mode == "follow_floor":
        if any(venue is not None for venue in command.slots.values()):
            raise StageInvalid("slots are chosen only in mode manual; leave them out")
        return Stage("follow_floor", command.layout)
    for venue in command.slots.values():
        if venue is not None and venue not in state.venues:
            raise NoSuchVenue
    if command.layout == "single" and command.slots.get("2") is not None:
        raise StageInvalid("layout single has one slot; choose side_by_side for two venues")
    shown = state.stage.chosen if state.stage.mode == "manual" else None
    first, second = shown or (
        stage_slots(state) if state.phase in RUNNING else (state.main_venue_id, None)
    )
    first = command.slots.get("1", first)
    second = command.slots.get("2", second) if command.layout == "side_by_side" else None
    if first is not None and first == second:
        if "1" in command.slots and "2" in command.slots:
            raise StageInvalid("one venue cannot be on two slots; choose another for one of them")
        # A slot that was named wins over the one that was only kept.
        first, second = (first, None) if "1" in command.slots else (None, second)
    return Stage("manual", command.layout, chosen=(first, second))
