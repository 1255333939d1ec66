"""The control link: requests, refusals, loss and return of the process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orchestrator.conduct.control_link import ControlLink, Unreachable
from sfu.control.errors import BadRequest, StaleEpoch
from sfu.control.messages import Applied, CloseTransport, Empty
from tests.orchestrator.conduct.scripted_process import ScriptedProcess, scripted_process, until

ASK = CloseTransport(transport_id="t1")


@pytest.fixture
async def process() -> AsyncIterator[ScriptedProcess]:
    async with scripted_process() as running:
        yield running


@pytest.fixture
async def link(process: ScriptedProcess) -> AsyncIterator[ControlLink]:
    made = ControlLink("w0", process.address)
    made.start()
    assert await made.wait_up(5)
    yield made
    await made.close()
    await made.close()


async def test_a_request_is_answered(link: ControlLink, process: ScriptedProcess) -> None:
    process.answers["transport.close"] = {"log_version": 7}
    answer = await link.request("transport.close", ASK, Applied)
    assert answer.log_version == 7
    assert process.asked("transport.close") == [{"transport_id": "t1"}]


async def test_answers_find_their_requests_whatever_their_order(
    link: ControlLink, process: ScriptedProcess
) -> None:
    process.answers["slow"] = lambda params: None
    slow = asyncio.create_task(link.request("slow", ASK, Empty, timeout=0.2))
    await link.request("transport.close", ASK, Empty)
    with pytest.raises(Unreachable):
        await slow


async def test_refusals_keep_their_kind(link: ControlLink, process: ScriptedProcess) -> None:
    process.errors["transport.close"] = {"code": "stale_epoch", "message": "too late"}
    with pytest.raises(StaleEpoch, match="too late"):
        await link.request("transport.close", ASK, Empty)
    process.errors.clear()
    process.answers["transport.close"] = {"odd": 1}
    with pytest.raises(BadRequest):
        await link.request("transport.close", ASK, Empty)


async def test_a_process_that_dies_fails_what_waits_and_is_found_again(
    link: ControlLink, process: ScriptedProcess
) -> None:
    seen: list[str] = []
    link.on_up = lambda hello: seen.append(f"up {hello['boot_id']}")
    link.on_down = lambda: seen.append("down")
    link.on_refused = lambda: seen.append("refused")
    process.answers["slow"] = lambda params: None
    waiting = asyncio.create_task(link.request("slow", ASK, Empty, timeout=30))
    await until(lambda: bool(process.asked("slow")))
    await process.die()
    with pytest.raises(Unreachable):
        await waiting
    with pytest.raises(Unreachable):
        await link.request("transport.close", ASK, Empty)
    await until(lambda: "refused" in seen)
    process.answers["hello"] = {"boot_id": "boot-2"}
    await process.listen()
    assert await link.wait_up(5)
    assert seen[0] == "down"
    assert seen[-1] == "up boot-2"
    await link.request("transport.close", ASK, Empty)


async def test_a_bad_notification_costs_nothing(
    link: ControlLink, process: ScriptedProcess
) -> None:
    heard: list[str] = []

    def hear(name: str, params: dict[str, object]) -> None:
        heard.append(name)
        raise ValueError(name)

    link.on_event = hear
    process.say("one", {})
    process.say("two", {})
    await until(lambda: heard == ["one", "two"])
    await link.request("transport.close", ASK, Empty)


async def test_a_process_that_does_not_know_hello_is_tried_again(
    process: ScriptedProcess,
) -> None:
    process.errors["hello"] = {"code": "bad_request", "message": "another protocol"}
    link = ControlLink("w0", process.address)
    link.start()
    await until(lambda: len(process.asked("hello")) >= 2)
    assert not link.is_up
    process.errors.clear()
    assert await link.wait_up(5)
    await link.close()
