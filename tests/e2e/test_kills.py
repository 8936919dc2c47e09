"""`kill -9` under the real supervisor: whatever dies, the job ends well, and once."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.e2e.product import Product
from tests.integration.service.models import add_identity
from tests.integration.service.stack import photo, read, write

pytestmark = pytest.mark.e2e
MANY_TILES = (250, 350)


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, start_product: Callable[..., Product]
) -> Product:
    repository = tmp_path_factory.mktemp("slow_repository")
    add_identity(repository, "slow-identity", slow=True)
    return start_product(repository)


@pytest.mark.parametrize("victims", [["worker"], ["triton"], ["redis"], ["redis", "worker"]])
def test_job_survives_the_death_of_its_servers(product: Product, victims: list[str]) -> None:
    pixels = photo(*MANY_TILES, seed=len(victims))
    job_id = product.submit(write(pixels), "slow-identity")
    job = product.wait_for(job_id, lambda job: job["progress"]["tiles_done"] >= 3, "some tiles")
    assert job["status"] == "running"
    for victim in victims:
        product.kill(victim)
    ended = product.wait_for(
        job_id, lambda job: job["status"] not in {"queued", "running"}, "the job to end"
    )
    assert ended["status"] == "succeeded", ended
    answer = product.client.get(f"/v1/jobs/{job_id}/result")
    np.testing.assert_array_equal(read(answer.content), pixels)
    assert product.client.get(f"/v1/jobs/{job_id}").json() == ended
