"""Patience; and a running product for the tests of a file that share it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.pages import PATIENCE
from tests.e2e.product import Product, running


@pytest.fixture(autouse=True, scope="session")
def patient() -> None:
    """Several browsers on two cores: what should become true may take its time."""
    expect.set_options(timeout=PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """Signed in. Whoever asks for it marks its tests `asyncio(loop_scope="module")`."""
    async with running(tmp_path_factory.mktemp("product") / "data") as started:
        await started.sign_in()
        yield started
