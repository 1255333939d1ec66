"""`plenary up --demo`: a live consultation of synthetic venues, to look at alone.

Signs in as the demo account, makes a session with one main venue and five branch venues, brings
the first four and the main venue to life, and lets them ask for the floor now and then. The fifth
link is for the person who looks.
"""

import argparse
import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import aiohttp

from peers.clip import clip
from peers.errors import PeerError, Refused
from peers.signalling import SignallingClient
from peers.venue import SyntheticVenue

TITLE = "演示会商 Demo consultation"
VENUES = (
    "主会场 Main",
    "浦东 Pudong",
    "徐汇 Xuhui",
    "静安 Jing'an",
    "虹口 Hongkou",
    "您的会场 You",
)
SUBJECTS = (
    "防汛准备情况",
    "医疗资源调配",
    "Road closures",
    "Shelter capacity",
    "群众安置",
    "Power supply",
)
SPEAKERS = ("王主任", "李医生", "Ms. Chen", "Mr. Zhao")


async def _post(http: aiohttp.ClientSession, base: str, path: str, body: Any) -> dict[str, Any]:
    async with http.post(f"{base}{path}", json=body, headers={"Origin": base}) as response:
        answer: dict[str, Any] = await response.json()
    if "error" in answer:
        raise Refused(answer["error"]["code"], answer["error"]["message"])
    return answer


async def _make_session(http: aiohttp.ClientSession, base: str) -> dict[str, Any]:
    venues = [
        {"name": name, "kind": "main" if n == 0 else "branch"} for n, name in enumerate(VENUES)
    ]
    return await _post(
        http,
        base,
        "/api/sessions",
        {"title": TITLE, "venues": venues, "floor_policy": "fifo", "layout": "single"},
    )


async def _end_old_sessions(http: aiohttp.ClientSession, base: str) -> None:
    """Demo sessions of an earlier start have nobody in them any more."""
    async with http.get(f"{base}/api/sessions") as response:
        listed = await response.json()
    for session in listed["sessions"]:
        if session["title"] == TITLE and session["phase"] in ("open", "live", "paused"):
            url = f"{base.replace('http', 'ws', 1)}/signal?session={session['session_id']}"
            async with SignallingClient(http, url) as chair:
                await chair.join(publish=False)
                await chair.command("session.end")


async def _speak_now_and_then(venue: SyntheticVenue, seed: int) -> None:
    """Ask for the floor after a while, speak for a while, give it back."""
    dice = random.Random(seed)
    pause = 2.0 + 9.0 * seed
    while True:
        await asyncio.sleep(pause)
        pause = dice.uniform(25, 60)
        await venue.ready.wait()
        client = venue.signalling
        if client is None:
            continue
        try:
            await client.command(
                "floor.request", subject=dice.choice(SUBJECTS), speaker=dice.choice(SPEAKERS)
            )
            own = client.view["you"]["venue_id"]
            await client.until(lambda view, own=own: own in view["floor"]["holders"])  # type: ignore[misc]
            await asyncio.sleep(dice.uniform(10, 18))
            await client.command("floor.release")
        except PeerError:
            continue  # refused, revoked by the person who looks, or the connection was lost


async def run(base: str, username: str, password: str, cache: Path) -> None:
    """Run the demo until cancelled."""
    clips = [
        await asyncio.to_thread(clip, name, number, cache)
        for number, name in enumerate(VENUES[:-1])
    ]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        await _post(http, base, "/api/login", {"username": username, "password": password})
        await _end_old_sessions(http, base)
        detail = await _make_session(http, base)
        session_id = detail["session"]["session_id"]
        links = detail["links"]
        tokens = [link["url"].rsplit("/", 1)[1] for link in links]
        url = f"{base.replace('http', 'ws', 1)}/signal?session={session_id}"
        async with SignallingClient(http, url) as chair:
            await chair.join(publish=False)
            await chair.command("session.open")
            venues = [
                SyntheticVenue(base, token, c) for token, c in zip(tokens, clips, strict=False)
            ]
            async with asyncio.TaskGroup() as group:
                for venue in venues:
                    group.create_task(venue.run())
                for venue in venues:
                    await asyncio.wait_for(venue.ready.wait(), 30)
                await chair.command("session.start")
                await chair.command("recording.start")
                _say(base, links[-1]["url"], username, password)
                for seed, venue in enumerate(venues[1:]):
                    group.create_task(_speak_now_and_then(venue, seed))


def _say(base: str, own_link: str, username: str, password: str) -> None:
    sys.stdout.write(
        "\n  The demo consultation is live  演示会商已开始\n"
        f"    join it as a venue  加入会商   {own_link}\n"
        f"    host panel          主持人     {base}/host   ({username} / {password})\n\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Command line; the password comes from PLENARY_DEMO_PASSWORD."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--username", default="demo")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(
        run(given.url.rstrip("/"), given.username, os.environ["PLENARY_DEMO_PASSWORD"], given.cache)
    )


if __name__ == "__main__":
    main()
