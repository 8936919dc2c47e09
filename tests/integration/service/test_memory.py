"""What a worker process needs for a photo as cameras make them."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.integration.service.stack import Stack, photo, read, write

pytestmark = pytest.mark.integration
LIMIT_MIB = 1500


def test_twelve_megapixels_stay_within_the_memory_limit(stack: Stack) -> None:
    stack.worker.kill()
    stack.start()  # fresh processes, so that the peaks are those of this job
    pixels = photo(3000, 4000)
    content = write(pixels, "JPEG", quality=92)
    job_id = stack.submit(content, "large-identity", name="photo.jpg")["id"]
    job = stack.wait_end(job_id)
    assert job["status"] == "succeeded", job
    assert job["progress"]["tiles_total"] == 14 * 18
    # What an identity must give back: the photo's own pixels, written once more.
    expected = read(write(read(content), "JPEG", quality=95, subsampling="4:4:4"))
    np.testing.assert_array_equal(read(stack.result(job_id)), expected)
    # The worker's processes, and a codec of each that had a job.
    peaks = [peak_mib(process.pid) for process in stack.worker.processes()]
    assert 4 <= len(peaks) <= 5
    assert 100 < sum(peaks) < LIMIT_MIB, peaks


def peak_mib(pid: int) -> float:
    """Largest resident set that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024
