"""A seeded sample of `scripts/bench soak`."""

import random
from pathlib import Path

import pytest

from tests.bench.soak import Soak
from tests.e2e.product import running
from tests.e2e.session import live_session

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def test_a_session_survives_a_series_of_kills(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as product, live_session(product, tmp_path) as session:
        async with session.chair() as chair:
            await chair.command("recording.start")
        # Twice the promised time: the suite shares its two cores with whatever else runs there.
        soak = Soak(product, session, random.Random(7), slack=2.0)
        for _ in range(4):
            await soak.kill_and_check()
        await soak.end()
