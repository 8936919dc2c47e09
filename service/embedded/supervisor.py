"""Starts components in order, restarts them when they fail, and stops them in reverse order.

The children end with the supervisor: `stop` ends them on a signal or an error, and the death signal
of each child after `kill -9`.
"""

import asyncio
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from service.embedded.console import Console
from service.embedded.process import ChildProcess

_POLL_S = 0.1
_REPORT_EVERY_S = 10.0
_KEPT_LINES = 50
"""Number of output lines of a quiet component that are kept, and shown if it fails."""


class StackError(Exception):
    """The stack cannot start or stay up; the message names the component."""


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One server: how to start, probe, repair and stop it."""

    name: str
    address: str
    """Address that is displayed; empty for a component that listens on no port."""
    is_ready: Callable[[], Awaitable[bool]]
    quiet: bool = False
    """Whether its output is shown only if it fails."""

    command: tuple[str, ...] = ()
    """Command line; empty for an external server, which is only probed once."""

    environment: Mapping[str, str] = field(default_factory=dict)
    before_start: Callable[[], None] = _nothing
    after_stop: Callable[[], None] = _nothing
    start_timeout_s: float = 120
    stop_grace_s: float = 10
    death_signal: signal.Signals = signal.SIGTERM

    is_healthy: Callable[[int], Awaitable[bool]] | None = None
    """Health check that is called with the process id at intervals.

    If it is None, a running process counts as healthy.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often a component may be restarted before the whole stack gives up."""

    limit: int = 5
    window_s: float = 60
    first_delay_s: float = 0.2
    probe_every_s: float = 1.0
    unhealthy_limit: int = 3
    """Consecutive failed probes after which a running process is restarted."""

    def delay_s(self, restarts: int) -> float:
        """Return the seconds before the next start; doubles with each restart in the window."""
        return float(self.first_delay_s * 2**restarts)


class Supervisor:
    """Owns the child processes of one stack."""

    def __init__(
        self,
        *,
        components: tuple[Component, ...],
        console: Console,
        on_change: Callable[[Mapping[str, int]], None],
        policy: RestartPolicy | None = None,
    ) -> None:
        self._components = components
        self._console = console
        self._on_change = on_change
        self._policy = policy or RestartPolicy()
        self._children: dict[str, ChildProcess] = {}
        self._kept = {part.name: deque[str](maxlen=_KEPT_LINES) for part in components}
        self._task: asyncio.Task[object] | None = None
        self._stopping = False

    async def run(self, work: Callable[[], Awaitable[int]]) -> int:
        """Start all components, run `work`, and stop everything; returns the result of `work`.

        Raises:
            StackError: if a component does not start, or keeps failing.
            asyncio.CancelledError: after `interrupt`.
        """
        self._task = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as group:
                keepers = []
                for number, component in enumerate(self._components, start=1):
                    title = f"[{number}/{len(self._components)}] {component.name}"
                    await self._bring_up(component, title)
                    if component.command:
                        keepers.append(group.create_task(self._keep(component)))
                status = await work()
                for keeper in keepers:
                    keeper.cancel()
        except* StackError as errors:
            raise StackError("; ".join(map(str, errors.exceptions))) from errors
        finally:
            self._stopping = True
            await self._stop_all()
        return status

    def interrupt(self) -> None:
        """Stop gracefully; a second call kills all children at once."""
        if self._task is not None and not self._stopping:
            self._stopping = True
            self._task.cancel()
            return
        for child in self._children.values():
            child.kill()

    async def _bring_up(self, component: Component, title: str) -> None:
        started = time.monotonic()
        if component.command:
            await self._spawn(component)
        await self._wait_ready(component, title)
        elapsed = time.monotonic() - started
        where = f"ready after {elapsed:.1f} s at {component.address}"
        self._console.line("up", f"{title}: {where if component.address else 'started'}")

    async def _spawn(self, component: Component) -> None:
        component.before_start()
        try:
            child = await ChildProcess.spawn(
                component.command,
                environment=component.environment,
                on_line=lambda line: self._pass_on(component, line),
                death_signal=component.death_signal,
            )
        except OSError as error:
            raise StackError(f"{component.name} cannot start: {error}") from error
        self._children[component.name] = child
        self._on_change({name: child.pid for name, child in self._children.items()})

    def _pass_on(self, component: Component, line: str) -> None:
        if not line.strip():
            return
        if component.quiet:
            self._kept[component.name].append(line)
        else:
            self._console.line(component.name, line)

    def _show_kept(self, component: Component) -> None:
        """Show the last output of a quiet component that failed."""
        kept = self._kept[component.name]
        while kept:
            self._console.line(component.name, kept.popleft())

    async def _wait_ready(self, component: Component, title: str) -> None:
        """Probe until the component is ready.

        Raises:
            StackError: if it ends or takes too long.
        """
        started = time.monotonic()
        next_report = _REPORT_EVERY_S
        child = self._children.get(component.name)
        ended = asyncio.ensure_future(child.wait() if child else asyncio.Event().wait())
        try:
            while not await component.is_ready():
                waited = time.monotonic() - started
                if waited > component.start_timeout_s:
                    self._show_kept(component)
                    raise StackError(f"{component.name} was not ready within {waited:.0f} s")
                if waited > next_report:
                    self._console.line("up", f"{title}: still starting, {waited:.0f} s")
                    next_report += _REPORT_EVERY_S
                await asyncio.wait([ended], timeout=_POLL_S)
                if ended.done():
                    break
            if ended.done():  # another process on its port may have answered the probe
                self._show_kept(component)
                raise StackError(f"{component.name} {_ending(int(ended.result()))} during startup")
        finally:
            ended.cancel()

    async def _keep(self, component: Component) -> None:
        """Restart the component whenever it ends or is unhealthy.

        Raises:
            StackError: if it fails too often.
        """
        restarts: deque[float] = deque()
        while True:
            reason = await self._until_broken(component)
            self._show_kept(component)
            while True:
                now = time.monotonic()
                while restarts and now - restarts[0] > self._policy.window_s:
                    restarts.popleft()
                if len(restarts) >= self._policy.limit:
                    raise StackError(
                        f"{component.name} {reason}, after {len(restarts)} restarts within "
                        f"{self._policy.window_s:.0f} s"
                    )
                self._console.line("up", f"{component.name} {reason}: restarting")
                await asyncio.sleep(self._policy.delay_s(len(restarts)))
                restarts.append(time.monotonic())
                try:
                    await self._spawn(component)
                    await self._wait_ready(component, component.name)
                except StackError as error:
                    reason = str(error).removeprefix(f"{component.name} ")
                    await self._end(component)
                else:
                    break
            self._console.line("up", f"{component.name} is ready again")

    async def _until_broken(self, component: Component) -> str:
        """Watch a running component and return its problem."""
        child = self._children[component.name]
        failures = 0
        while True:
            try:
                status = await asyncio.wait_for(child.wait(), self._policy.probe_every_s)
            except TimeoutError:
                pass
            else:
                return _ending(status)
            if component.is_healthy is None:
                continue
            failures = 0 if await component.is_healthy(child.pid) else failures + 1
            if failures >= self._policy.unhealthy_limit:
                await self._end(component)
                return f"failed {failures} health checks in a row"

    async def _end(self, component: Component) -> None:
        """Kill a broken child without waiting for a clean shutdown."""
        child = self._children[component.name]
        child.kill()
        await child.wait()

    async def _stop_all(self) -> None:
        for component in reversed(self._components):
            child = self._children.get(component.name)
            if child is None:
                continue
            self._console.line("up", f"stopping {component.name}")
            await child.stop(grace_s=component.stop_grace_s)
            component.after_stop()


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    return f"was killed by {signal.Signals(-status).name}"
