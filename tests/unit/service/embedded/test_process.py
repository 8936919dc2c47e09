"""One child process with its descendants."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from service.embedded.process import ChildProcess

QUIET = "import time; time.sleep(60)"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    f"print('deaf', flush=True); {QUIET}"
)
PARENT = (
    f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', '{QUIET}']); "
    "print(p.pid, flush=True); "
)


class Lines(list[str]):
    """Lines of a child, and a way to wait for them."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()

    def take(self, line: str) -> None:
        self.append(line)
        self._arrived.set()

    async def first(self) -> str:
        await asyncio.wait_for(self._arrived.wait(), 30)
        return self[0]


@asynccontextmanager
async def python(code: str, lines: Lines) -> AsyncIterator[ChildProcess]:
    child = await ChildProcess.spawn(
        [sys.executable, "-c", code], environment=dict(os.environ), on_line=lines.take
    )
    try:
        yield child
    finally:
        child.kill()
        await child.wait()


def is_gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not is_gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_status_and_lines_of_both_streams_arrive() -> None:
    async def scenario() -> None:
        lines = Lines()
        code = "import sys; print('out', flush=True); print('err ü', file=sys.stderr); sys.exit(3)"
        async with python(code, lines) as child:
            assert await child.wait() == 3
        assert lines == ["out", "err ü"]

    asyncio.run(scenario())


def test_an_endless_line_and_an_unfinished_one_arrive_whole() -> None:
    async def scenario() -> None:
        lines = Lines()
        code = "import sys; sys.stdout.write('x' * 1_000_000 + '\\nrest')"
        async with python(code, lines) as child:
            await child.wait()
        assert [len(line) for line in lines] == [1_000_000, 4]

    asyncio.run(scenario())


def test_bytes_that_are_no_text_are_replaced() -> None:
    async def scenario() -> None:
        lines = Lines()
        async with python("import os; os.write(1, b'\\xff!\\n')", lines) as child:
            await child.wait()
        assert lines == ["\ufffd!"]

    asyncio.run(scenario())


def test_stop_asks_first() -> None:
    async def scenario() -> None:
        lines = Lines()
        code = (
            "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
            f"print('ready', flush=True); {QUIET}"
        )
        async with python(code, lines) as child:
            await lines.first()
            assert await child.stop(grace_s=30) == 7

    asyncio.run(scenario())


def test_stop_ends_a_deaf_child_by_force_after_its_grace() -> None:
    async def scenario() -> None:
        lines = Lines()
        async with python(DEAF, lines) as child:
            await lines.first()
            assert await child.stop(grace_s=0.1) == -signal.SIGKILL

    asyncio.run(scenario())


def test_stop_of_an_ended_child_gives_its_status() -> None:
    async def scenario() -> None:
        async with python("", Lines()) as child:
            assert await child.wait() == 0
            assert await child.stop(grace_s=0.1) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("end", ["raise SystemExit(0)", "import os; os.kill(os.getpid(), 9)"])
def test_descendants_never_outlive_their_leader(end: str) -> None:
    async def scenario() -> None:
        lines = Lines()
        async with python(PARENT + end, lines) as child:
            grandchild = int(await lines.first())
            await child.wait()
            wait_until_gone(grandchild)

    asyncio.run(scenario())


def test_wait_is_not_held_up_by_a_descendant_that_left_the_group() -> None:
    async def scenario() -> None:
        lines = Lines()
        code = (
            "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', "
            f"'{QUIET}'], start_new_session=True); print(p.pid, flush=True)"
        )
        async with python(code, lines) as child:
            async with asyncio.timeout(20):
                assert await child.wait() == 0
        os.kill(int(lines[0]), signal.SIGKILL)

    asyncio.run(scenario())


def test_a_command_that_does_not_exist_is_an_error() -> None:
    async def scenario() -> None:
        before = open_files()
        with pytest.raises(OSError, match="No such file"):
            await ChildProcess.spawn(["/no/such/server"], environment={}, on_line=print)
        assert open_files() == before

    asyncio.run(scenario())


def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    code = (
        "import asyncio, os, sys\n"
        "from service.embedded.process import ChildProcess\n"
        "async def main():\n"
        f"    child = await ChildProcess.spawn([sys.executable, '-c', '{QUIET}'],\n"
        "        environment=dict(os.environ), on_line=print)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not is_gone(child)
        parent.kill()
        parent.wait()
    wait_until_gone(child)
