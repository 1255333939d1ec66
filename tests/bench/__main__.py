"""`scripts/bench`: `engine` (CPU per packet beside the bound), `soak` (kills in a live session)."""

import sys
from typing import Annotated

import cyclopts

app = cyclopts.App(name="bench", help="Measured as ratios to a bound of the same rounds.")
Sizes = Annotated[tuple[int, ...], cyclopts.Parameter(help="Numbers of receivers.")]


@app.command
def engine(
    n: Sizes = (10, 50, 118, 500),
    *,
    pacing: tuple[str, ...] = ("chrome", "frames"),
    hold_ms: tuple[float, ...] = (0.0,),
    rounds: int = 5,
    seconds: float = 4.0,
    json: Annotated[bool, cyclopts.Parameter(negative="")] = False,
) -> None:
    """One publisher to N receivers through the native engine, and through the bound in C."""
    from tests.bench.engine.measure import compare

    if not json:
        sys.stdout.write(
            f"{'N':>5} {'pacing':>8} {'hold':>5} {'µs/packet':>10} {'bound':>8} {'ratio':>7} "
            f"{'p50 ms':>8} {'p99 ms':>8} {'calls':>7} {'delivered':>10}\n"
        )
    for how in pacing:
        for hold in hold_ms:
            for size in n:
                row = compare(size, how, hold, rounds=rounds, seconds=seconds)
                sys.stdout.write(
                    row.json() + "\n"
                    if json
                    else f"{row.n:>5} {row.pacing:>8} {row.hold_ms:>5} {row.us_per_packet:>10} "
                    f"{row.bound_us_per_packet:>8} {row.ratio:>7} {row.p50_ms:>8} "
                    f"{row.p99_ms:>8} {row.syscalls_per_packet:>7} {row.delivered:>10}\n"
                )
                sys.stdout.flush()


@app.command
def soak(kills: int = 200, *, seed: int = 1, slack: float = 1.0) -> None:
    """Kill processes of a live session, and check each time that it goes on."""
    import asyncio
    import tempfile
    from pathlib import Path

    from tests.bench.soak import run

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), kills=kills, seed=seed, slack=slack))


if __name__ == "__main__":
    app()
