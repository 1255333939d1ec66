"""`bench soak`: a long session in which processes die and the floor changes, by a seeded dice.

After every kill: media flows again within its limit, grant and revoke take effect, the log goes
on. At the end the recording is finalized, verifies, and is as long as it was recorded. The test
suite runs a short sample of the same.
"""

import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.product import Product
from tests.e2e.session import LiveSession
from tests.e2e.waiting import eventually

VICTIMS = ("worker", "recorder", "orchestrator", "valkey")
MEDIA_BACK_SECONDS = 5.0
"""Promised for a quiet machine; `slack` multiplies it on a busy one."""


@dataclass(slots=True)
class Soak:
    """Usage: `kill_and_check` as often as wanted, then `end`."""

    product: Product
    session: LiveSession
    dice: random.Random
    slack: float = 1.0
    kills: dict[str, int] = field(default_factory=dict)
    worst_back: float = 0.0

    async def kill_and_check(self) -> str:
        """One kill, and what must hold afterwards. Returns who was killed."""
        victim = self.dice.choice(VICTIMS)
        self.kills[victim] = self.kills.get(victim, 0) + 1
        killed = time.monotonic()
        await self.product.kill(victim)
        # The main venue is on stage between the turns, and is not given its own picture.
        for name in list(self.session.venues)[1:]:
            back = await self._flowing_after(name, killed)
            self.worst_back = max(self.worst_back, back)
        await self.product.wait_ready()
        await self._floor_turn()
        return victim

    async def end(self) -> dict[str, Any]:
        """End the session; the recording must become ready, verify, and be complete."""
        async with self.session.chair() as chair:
            await chair.command("session.end")

        async def recording() -> dict[str, Any]:
            found: dict[str, Any] = (await self.product.get("/api/recordings"))["recordings"][0]
            return found

        ready = await eventually(
            recording, lambda r: r["state"] in ("ready", "failed"), 120 * self.slack
        )
        assert ready["state"] == "ready", ready
        wanted = ready["ended_at"] - ready["started_at"]
        assert abs(ready["duration"] - wanted) <= 1.0, ready
        verified: dict[str, Any] = await self.product.post(
            f"/api/recordings/{ready['recording_id']}/verify"
        )
        assert verified["intact"], verified
        return ready

    async def _flowing_after(self, name: str, killed: float) -> float:
        """Seconds from the kill until this venue receives a picture that was sent after it."""

        async def newest() -> float:
            stage = self.session.venues[name].stage
            return stage.streams["slot-1-video"].last_at if stage and stage.streams else 0.0

        limit = MEDIA_BACK_SECONDS * self.slack
        # 50 ms: what was under way at the kill does not count.
        at = await eventually(newest, lambda seen: seen > killed + 0.05, limit + 10)
        assert at - killed <= limit, f"{name} had no picture for {at - killed:.1f} s"
        return at - killed

    async def _floor_turn(self) -> None:
        """Grant and revoke; both must be reported by the worker."""
        venue_id = self.session.ids[self.dice.choice(list(self.session.ids)[1:])]
        async with self.session.chair() as chair:
            since = time.monotonic()
            await chair.command("floor.grant", venue_id=venue_id)
            await self.session.switched(1, "video", venue_id, since)
            since = time.monotonic()
            await chair.command("floor.revoke", venue_id=venue_id)
            await self.session.switched(1, "audio", self.session.ids["Main"], since)


async def run(folder: Path, *, kills: int, seed: int, slack: float) -> None:
    """The whole thing, with a line after each kill."""
    from tests.e2e.product import running
    from tests.e2e.session import live_session

    async with running(folder / "data") as product, live_session(product, folder) as session:
        async with session.chair() as chair:
            await chair.command("recording.start")
        soak = Soak(product, session, random.Random(seed), slack)
        for number in range(kills):
            victim = await soak.kill_and_check()
            sys.stdout.write(
                f"{number + 1:>5}  {victim:<13} worst picture gap {soak.worst_back:.2f} s\n"
            )
            sys.stdout.flush()
        ready = await soak.end()
        sys.stdout.write(
            f"{kills} kills {soak.kills}, seed {seed}: recording of {ready['duration']:.0f} s "
            f"intact, worst picture gap {soak.worst_back:.2f} s\n"
        )
