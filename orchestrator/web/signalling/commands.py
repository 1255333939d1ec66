"""From the messages of the wire to the commands of the consultation core, and who gives them."""

import secrets
from collections.abc import Callable
from typing import TypeVar

from orchestrator.consultation import commands as core
from orchestrator.consultation.actors import Actor
from orchestrator.identity.principal import Principal
from orchestrator.protocol import signalling as wire

Translate = Callable[[wire.Message], core.Command]
Wire = TypeVar("Wire", bound=wire.Message)


def actor_of(principal: Principal) -> Actor:
    """The actor as the log names him. Nobody from outside is ever `system`."""
    return Actor(
        roles=principal.roles - {"system"},
        venue_id=principal.venue_id,
        account=principal.account,
    )


def _with(schema: type[Wire], translate: Callable[[Wire], core.Command]) -> Translate:
    def checked(message: wire.Message) -> core.Command:
        assert isinstance(message, schema)
        return translate(message)

    return checked


def _plain(command: type[core.Command]) -> Translate:
    """A command whose fields are the message's, less the key."""
    return lambda message: command.model_validate(message.model_dump(exclude={"key"}))


COMMANDS: dict[str, Translate] = {
    "session.open": _plain(core.OpenSession),
    "session.start": _plain(core.StartSession),
    "session.pause": _plain(core.PauseSession),
    "session.resume": _plain(core.ResumeSession),
    "session.end": _plain(core.EndSession),
    "floor.request": _plain(core.RequestFloor),
    "floor.cancel": _plain(core.CancelRequest),
    "floor.release": _plain(core.ReleaseFloor),
    "floor.grant": _plain(core.GrantFloor),
    "floor.deny": _plain(core.DenyRequest),
    "floor.revoke": _plain(core.RevokeFloor),
    "floor.move": _plain(core.MoveRequest),
    "floor.policy": _plain(core.SetFloorPolicy),
    "floor.mute_all": _plain(core.MuteAll),
    "venue.audio": _plain(core.SetVenueAudio),
    "stage.set": _plain(core.SetStage),
    "recording.start": _with(
        wire.RecordingCommand,
        # A repeated key gives back the first outcome, so that the second id is never used.
        lambda _: core.StartRecording(recording_id=f"r-{secrets.token_hex(8)}"),
    ),
    "recording.stop": _plain(core.StopRecording),
}
"""Method → translation; these are the methods whose params carry a key (tested)."""
