"""What Linux says of processes."""

import os
import subprocess
import sys

import psutil
import pytest

from service.embedded.process_table import has_dead_child, started_at


def test_two_processes_of_one_id_are_told_apart_by_their_start() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    started = int(started_at(os.getpid()) or 0) / ticks
    # psutil gives the time of day; both count from the same boot.
    assert started == pytest.approx(psutil.Process().create_time() - psutil.boot_time(), abs=1.5)


def test_no_process_has_no_start() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert started_at(ended.pid) is None


def test_a_child_that_ended_unnoticed_is_seen() -> None:
    assert not has_dead_child(os.getpid())
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # ended, and left as it is
    assert has_dead_child(os.getpid())
    os.waitpid(child, 0)
    assert not has_dead_child(os.getpid())


def test_a_name_with_parentheses_is_read_past() -> None:
    set_name = "import ctypes; ctypes.CDLL(None).prctl(15, b') Z 1 (', 0, 0, 0)"
    script = f"{set_name}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert (started_at(child.pid) or "").isdigit()
        child.communicate(b"\n")
