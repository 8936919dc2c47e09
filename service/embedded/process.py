"""A child process in its own process group, which is ended as a whole."""

import asyncio
import contextlib
import ctypes
import functools
import os
import signal
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_CHUNK = 65_536
_LAST_WORDS_S = 1.0


class ChildProcess:
    """A running process, the leader of a process group that never outlives it."""

    def __init__(
        self, *, process: asyncio.subprocess.Process, output: int, on_line: Callable[[str], None]
    ) -> None:
        self._process = process
        self._pump = asyncio.create_task(_pump_lines(output, on_line))

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> "ChildProcess":
        """Start `command`; each line of its output is passed to `on_line`.

        The child receives `death_signal` when this process dies for any reason. Linux ties the
        signal to the calling thread, so this must be called from the main thread.

        Raises:
            OSError: if the command cannot be started.
        """
        # The pipe is created here: with asyncio's pipe, `wait` would last until every descendant
        # has closed it.
        output, childs_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=childs_end,
                stderr=childs_end,
                start_new_session=True,  # the supervisor forwards Ctrl-C
                preexec_fn=_dies_with_parent(death_signal),
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(childs_end)
        return cls(process=process, output=output, on_line=on_line)

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the process, kill its remaining group, and return the exit status."""
        status = await self._process.wait()
        self.kill()
        # A descendant that has left the group may keep the pipe open.
        await asyncio.wait([self._pump], timeout=_LAST_WORDS_S)
        return status

    async def stop(self, *, grace_s: float) -> int:
        """Terminate the process; kill the whole group after `grace_s` seconds."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self.wait(), grace_s)
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """Kill the whole group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _dies_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    # Everything is prepared here, because few calls are safe between fork and exec.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return functools.partial(_set_death_signal, prctl, int(death_signal), os.getpid())


def _set_death_signal(prctl: Callable[[int, int], int], number: int, parent: int) -> None:
    prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # the parent died before the call
        os._exit(1)


async def _pump_lines(output: int, on_line: Callable[[str], None]) -> None:
    """Pass on whole lines; asyncio's `readline` would raise on a line longer than its buffer."""
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(output, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace").rstrip())
        if rest:
            on_line(rest.decode(errors="replace").rstrip())
    finally:
        transport.close()
