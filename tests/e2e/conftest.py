"""One running product for the tests of a file that only need sessions of their own in it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.product import Product, running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """Signed in. Whoever asks for it marks its tests `asyncio(loop_scope="module")`."""
    async with running(tmp_path_factory.mktemp("product") / "data") as started:
        await started.sign_in()
        yield started
