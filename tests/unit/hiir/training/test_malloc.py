import subprocess
import sys

# Large blocks one after the other: each is new memory to the process unless it keeps what is freed.
PROGRAM = """
import resource, sys
from hiir.training.malloc import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(50):
    bytearray(64 * 1024 * 1024)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(mode: str) -> int:
    program = [sys.executable, "-c", PROGRAM, mode]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def test_large_blocks_are_not_given_back_to_the_system_and_fetched_again() -> None:
    if sys.platform != "linux":
        return
    assert page_faults("keep") < page_faults("return") / 2
