"""`kill -9` of the one parent of everything, in the middle of a job."""

from pathlib import Path

import psutil
import pytest

from tests.e2e.product import running_product
from tests.integration.service.models import add_identity
from tests.integration.service.stack import photo, wait_until, write

pytestmark = pytest.mark.e2e


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_nothing_survives_a_killed_parent_and_the_job_goes_on(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    add_identity(repository, "slow-identity", slow=True)
    with running_product(tmp_path, repository, {}) as product:
        job_id = product.submit(write(photo(250, 350)), "slow-identity")
        product.wait_for(job_id, lambda job: job["status"] == "running", "the job to run")
        descendants = product.descendants()
        assert len(descendants) >= 6  # four servers, a process that works, Triton's stub
        product.process.kill()
        product.process.wait(10)
        killed = product.process.pid
        wait_until(lambda: all(map(is_gone, descendants)), "the processes to end", 60)
    with running_product(tmp_path, repository, {}) as product:
        job = product.wait_for(
            job_id, lambda job: job["status"] not in {"queued", "running"}, "the job to end"
        )
        assert job["status"] == "succeeded", job
        assert not list(Path("/dev/shm").glob(f"triton_hiir_{killed}_*"))
