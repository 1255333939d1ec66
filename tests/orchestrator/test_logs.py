"""What reaches the log: one line for people, and no secret by way of a traceback."""

import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from orchestrator import logs
from orchestrator.config import Log


@pytest.fixture(autouse=True)
def _defaults_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()  # they write to what pytest captured


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_local_variable(
    style: Literal["console", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Log(format=style))
    token = "".join(("not", "for", "logs"))
    try:
        raise RuntimeError(f"of {len(token)} letters")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    told = capsys.readouterr().err
    assert "of 10 letters" in told
    assert "notforlogs" not in told


def test_an_error_for_people_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.tell("disk_full", OSError("no space\n  left"))
    assert capsys.readouterr().err == "error [disk_full]: no space left\n"
