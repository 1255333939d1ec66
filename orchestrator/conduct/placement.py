"""Where a session's media runs, as SQL keeps it beside the epoch."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Placement:
    """`boot_id`: the life of the worker that has it; `generation` counts the media's lives."""

    worker_id: str
    boot_id: str
    generation: int


class PlacementStore(Protocol):
    """What the conductor needs of `orchestrator.store`."""

    async def claim_epoch(self, session_id: str) -> int:
        """The next epoch of the session: whoever claimed an older one conducts no more."""

    async def placement(self, session_id: str) -> Placement | None:
        """The placement, None when the session was never placed."""

    async def place(self, session_id: str, placement: Placement, *, epoch: int) -> None:
        """Keep the placement. Raises when `epoch` is not the newest."""
