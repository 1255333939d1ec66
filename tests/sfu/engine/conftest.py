"""Fixtures of the engine tests."""

from collections.abc import Iterator

import pytest

from tests.sfu.engine.peers import Room, room


@pytest.fixture(name="media")
def _media() -> Iterator[Room]:
    with room() as made:
        yield made
