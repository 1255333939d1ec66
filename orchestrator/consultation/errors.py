"""Why a command is refused. Codes are stable and equal to `orchestrator.protocol.reasons`.

ConsultationError
├── BadRequest          bad_request: the command contradicts itself
├── NotPermitted        not_permitted: this actor may not do this
├── Conflict            conflict: what is to be created exists already
├── NoSuchSession       no_such_session
├── NoSuchVenue         no_such_venue
├── NoSuchRequest       no_such_request: unknown, or no longer waiting
├── WrongPhase          wrong_phase: not in the phase that the session is in
├── VenueOccupied       venue_occupied: another client publishes for the venue
├── NotJoined           not_joined: the venue has no connection
├── FloorFull           floor_full: the open-microphone limit is reached
├── ListClosed          list_closed: no new floor requests now
├── AlreadyRequested    already_requested: one waiting request a venue
├── AlreadyHolder       already_holder
├── NotHolder           not_holder
├── StageInvalid        stage_invalid: these slots do not make a stage
├── AlreadyRecording    already_recording
├── NotRecording        not_recording
├── LinkInvalid         link_invalid: no such join link in this session
├── LinkExpired         link_expired
├── LinkWithdrawn       link_revoked
└── UnreadableEvent     internal_error: an event written by a newer version
"""


class ConsultationError(Exception):
    """Base; `code` travels on the wire, the message says what to do."""

    code = "internal_error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.__doc__ or self.code)

    @property
    def message(self) -> str:
        """The text for logs and for people without a translation."""
        return str(self.args[0])


class BadRequest(ConsultationError):
    """The command contradicts itself; correct it and send it again."""

    code = "bad_request"


class NotPermitted(ConsultationError):
    """You may not do this; ask the host of the session."""

    code = "not_permitted"


class Conflict(ConsultationError):
    """What you want to create exists already; load it again."""

    code = "conflict"


class NoSuchSession(ConsultationError):
    """There is no such session; look at the list of sessions."""

    code = "no_such_session"


class NoSuchVenue(ConsultationError):
    """The session has no such venue; load it again."""

    code = "no_such_venue"


class NoSuchRequest(ConsultationError):
    """That floor request is not waiting any more; look at the queue again."""

    code = "no_such_request"


class WrongPhase(ConsultationError):
    """The session is not in a phase that allows this."""

    code = "wrong_phase"


class VenueOccupied(ConsultationError):
    """Another client publishes for this venue; take over, or only watch."""

    code = "venue_occupied"


class NotJoined(ConsultationError):
    """The venue is not connected; join first."""

    code = "not_joined"


class FloorFull(ConsultationError):
    """As many microphones are open as may be; revoke a floor or close a venue first."""

    code = "floor_full"


class ListClosed(ConsultationError):
    """The list of floor requests is closed; wait until the host reopens it."""

    code = "list_closed"


class AlreadyRequested(ConsultationError):
    """This venue's floor request is waiting already; cancel it to ask anew."""

    code = "already_requested"


class AlreadyHolder(ConsultationError):
    """This venue holds the floor already."""

    code = "already_holder"


class NotHolder(ConsultationError):
    """This venue does not hold the floor."""

    code = "not_holder"


class StageInvalid(ConsultationError):
    """These slots do not make a stage; choose again."""

    code = "stage_invalid"


class AlreadyRecording(ConsultationError):
    """The session is being recorded already."""

    code = "already_recording"


class NotRecording(ConsultationError):
    """The session is not being recorded."""

    code = "not_recording"


class LinkInvalid(ConsultationError):
    """This join link does not belong to the session; ask the host for a new one."""

    code = "link_invalid"


class LinkExpired(ConsultationError):
    """This join link has expired; ask the host for a new one."""

    code = "link_expired"


class LinkWithdrawn(ConsultationError):
    """This join link was revoked; ask the host for a new one."""

    code = "link_revoked"


class UnreadableEvent(ConsultationError):
    """The log has an event that this version cannot read; run the version that wrote it."""

    code = "internal_error"
