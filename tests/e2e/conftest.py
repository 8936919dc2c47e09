"""The whole product, started by the one command."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.product import Product, running_product


@pytest.fixture(scope="session")
def start_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Product]]:
    """Give a function that runs `hiir up` on a model repository until the session ends."""
    with ExitStack() as cleanup:

        def start(model_repository: Path, **changes: str) -> Product:
            folder = tmp_path_factory.mktemp("product")
            return cleanup.enter_context(running_product(folder, model_repository, changes))

        yield start
