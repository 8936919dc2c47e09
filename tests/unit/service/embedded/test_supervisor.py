"""Order, watch, restart and stop of components, with tiny children."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from service.embedded.console import Console
from service.embedded.supervisor import Component, RestartPolicy, StackError, Supervisor

QUIET = "import time; time.sleep(60)"
EAGER = RestartPolicy(limit=2, first_delay_s=0.01, probe_every_s=0.05, unhealthy_limit=2)


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def python(name: str, code: str = QUIET, **given: object) -> Component:
    """A component whose process runs `code`; ready at once unless told otherwise."""
    defaults = {"is_ready": always, "environment": dict(os.environ), "stop_grace_s": 30}
    command = (sys.executable, "-c", code)
    return Component(name=name, command=command, **defaults | {"address": "nowhere"} | given)


class Stack:
    """A supervisor whose output and process ids the test can see."""

    def __init__(self, *components: Component, policy: RestartPolicy = EAGER) -> None:
        self.output = io.StringIO()
        self.pids: Mapping[str, int] = {}
        self.starts: list[dict[str, int]] = []
        self._changed = asyncio.Condition()
        self.supervisor = Supervisor(
            components=components,
            console=Console(stream=self.output),
            on_change=self._note,
            policy=policy,
        )

    def _note(self, pids: Mapping[str, int]) -> None:
        self.pids = pids
        self.starts.append(dict(pids))

    def run(self, work: Callable[[], Awaitable[int]]) -> int:
        async def bounded() -> int:
            async with asyncio.timeout(60):
                return await self.supervisor.run(work)

        return asyncio.run(bounded())

    def spoken(self, name: str) -> list[str]:
        lines = (line.partition("|") for line in self.output.getvalue().splitlines())
        return [text.strip() for source, _, text in lines if source.strip() == name]


async def nothing() -> int:
    return 0


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the condition is a process's, not a task's
        await asyncio.sleep(0.01)


def test_components_start_in_order_and_stop_in_reverse() -> None:
    stack = Stack(python("redis"), python("triton"))
    assert stack.run(nothing) == 0
    spoken = stack.spoken("up")
    assert [line.partition(" after")[0] for line in spoken] == [
        "[1/2] redis: ready",
        "[2/2] triton: ready",
        "stopping triton",
        "stopping redis",
    ]
    assert not any(is_running(pid) for pid in stack.pids.values())


def test_the_status_of_the_work_is_returned() -> None:
    async def work() -> int:
        return 7

    assert Stack(python("redis")).run(work) == 7


def test_a_component_waits_until_the_one_before_is_ready() -> None:
    ready = [False, False, True]
    seen: list[int] = []

    async def third_time() -> bool:
        return ready.pop(0)

    async def second_is_ready() -> bool:
        seen.append(len(ready))
        return True

    stack = Stack(python("a", is_ready=third_time), python("b", is_ready=second_is_ready))
    stack.run(nothing)
    assert seen == [0]


def test_a_childs_lines_carry_its_name() -> None:
    stack = Stack(python("redis", f"print('hello', flush=True); {QUIET}"))

    async def work() -> int:
        await until(lambda: "hello" in stack.output.getvalue())
        return 0

    stack.run(work)
    assert stack.spoken("redis") == ["hello"]


def test_a_component_without_an_address_is_only_started() -> None:
    stack = Stack(python("worker", address=""))
    stack.run(nothing)
    assert stack.spoken("up")[0] == "[1/1] worker: started"


def test_a_quiet_component_shows_nothing_unless_it_fails() -> None:
    stack = Stack(python("redis", f"print('hello', flush=True); {QUIET}", quiet=True))

    async def work() -> int:
        await asyncio.sleep(0.3)  # time to start and print
        return 0

    stack.run(work)
    assert stack.spoken("redis") == []


def test_a_quiet_component_that_fails_shows_its_last_lines() -> None:
    code = "for n in range(99): print('line', n)\nraise SystemExit(3)"
    stack = Stack(python("triton", code, quiet=True, is_ready=never))
    with pytest.raises(StackError, match="triton exited with status 3"):
        stack.run(nothing)
    assert stack.spoken("triton") == [f"line {n}" for n in range(49, 99)]


def test_blank_lines_are_left_out() -> None:
    stack = Stack(python("worker", f"print('a\\n\\n \\nb', flush=True); {QUIET}"))

    async def work() -> int:
        await until(lambda: "| b" in stack.output.getvalue())
        return 0

    stack.run(work)
    assert stack.spoken("worker") == ["a", "b"]


def test_a_component_that_ends_at_its_start_ends_the_stack() -> None:
    before = python("redis")
    stack = Stack(before, python("triton", "raise SystemExit(3)", is_ready=never))
    with pytest.raises(StackError, match="triton exited with status 3 during startup"):
        stack.run(nothing)
    assert not any(is_running(pid) for pid in stack.pids.values())


def test_a_stranger_that_answers_for_a_dead_component_deceives_nobody() -> None:
    stack: Stack

    async def somebody_answers() -> bool:
        await until(lambda: not is_running(stack.pids["redis"]))
        await asyncio.sleep(0.5)  # its last words are read
        return True

    stack = Stack(python("redis", "raise SystemExit(1)", is_ready=somebody_answers))
    with pytest.raises(StackError, match="redis exited with status 1"):
        stack.run(nothing)


def test_a_component_that_is_never_ready_times_out() -> None:
    stack = Stack(python("triton", is_ready=never, start_timeout_s=0.2))
    with pytest.raises(StackError, match="triton was not ready within"):
        stack.run(nothing)


def test_a_command_that_does_not_exist_is_named() -> None:
    stack = Stack(
        Component(name="redis", address="", is_ready=always, command=("/no/such/server",))
    )
    with pytest.raises(StackError, match="redis cannot start"):
        stack.run(nothing)


def test_a_killed_component_is_restarted_and_prepared_again() -> None:
    prepared: list[bool] = []
    stack = Stack(python("redis", before_start=lambda: prepared.append(True)))

    async def work() -> int:
        first = stack.pids["redis"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: stack.pids["redis"] != first)
        await until(lambda: "redis is ready again" in stack.output.getvalue())
        return 0

    assert stack.run(work) == 0
    assert len(prepared) == 2
    assert "redis was killed by SIGKILL: restarting" in stack.spoken("up")


def test_a_component_that_keeps_dying_ends_the_stack() -> None:
    stack = Stack(python("redis", "import time; time.sleep(0.2)"))
    with pytest.raises(StackError, match="redis exited with status 0, after 2 restarts"):
        stack.run(forever)
    assert len(stack.starts) == 3


def test_failed_restarts_count_too() -> None:
    """The second start and all after it fail before they are ready."""
    stack: Stack

    async def only_the_first() -> bool:
        return len(stack.starts) == 1

    stack = Stack(
        python("redis", "import time; time.sleep(0.2)", is_ready=only_the_first, start_timeout_s=30)
    )
    with pytest.raises(StackError, match="during startup, after 2 restarts"):
        stack.run(forever)


def test_an_unhealthy_component_is_replaced() -> None:
    sick: set[int] = set()

    async def is_healthy(pid: int) -> bool:
        return pid not in sick

    stack = Stack(python("triton", is_healthy=is_healthy))

    async def work() -> int:
        first = stack.pids["triton"]
        sick.add(first)
        await until(lambda: stack.pids["triton"] != first)
        assert not is_running(first)
        return 0

    assert stack.run(work) == 0
    assert "triton failed 2 health checks in a row: restarting" in stack.spoken("up")


def test_one_failed_probe_is_forgiven() -> None:
    answers = [False, True, False]
    asked_out = asyncio.Event()

    async def is_healthy(pid: int) -> bool:
        if answers:
            return answers.pop(0)
        asked_out.set()
        return True

    async def work() -> int:
        await asked_out.wait()
        return 0

    stack = Stack(python("triton", is_healthy=is_healthy))
    assert stack.run(work) == 0
    assert len(stack.starts) == 1


def test_an_interrupt_stops_everything_and_cancels() -> None:
    stopped: list[str] = []
    stack = Stack(
        python("redis", after_stop=lambda: stopped.append("redis")),
        python("triton", after_stop=lambda: stopped.append("triton")),
    )

    async def work() -> int:
        stack.supervisor.interrupt()
        return await forever()

    with pytest.raises(asyncio.CancelledError):
        stack.run(work)
    assert stopped == ["triton", "redis"]
    assert not any(is_running(pid) for pid in stack.pids.values())


def test_an_interrupt_during_the_start_stops_what_runs() -> None:
    stack: Stack

    async def interrupting() -> bool:
        stack.supervisor.interrupt()
        await asyncio.sleep(60)
        return False

    stack = Stack(python("redis"), python("triton", is_ready=interrupting))
    with pytest.raises(asyncio.CancelledError):
        stack.run(nothing)
    assert len(stack.pids) == 2
    assert not any(is_running(pid) for pid in stack.pids.values())


def test_a_second_interrupt_does_not_wait_for_a_deaf_child() -> None:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    deaf = f"{ignore}; print(1, flush=True); {QUIET}"
    stack = Stack(python("worker", deaf, stop_grace_s=600))

    async def work() -> int:
        await until(lambda: stack.spoken("worker") != [])
        stack.supervisor.interrupt()
        asyncio.get_running_loop().call_later(0.3, stack.supervisor.interrupt)
        return await forever()

    with pytest.raises(asyncio.CancelledError):
        stack.run(work)


def test_a_server_of_somebody_else_is_probed_and_left_alone() -> None:
    asked: list[bool] = []

    async def is_ready() -> bool:
        asked.append(True)
        return True

    stack = Stack(Component(name="redis", address="elsewhere", is_ready=is_ready))
    assert stack.run(nothing) == 0
    assert asked == [True]
    assert stack.pids == {}


def test_the_pause_before_a_restart_doubles() -> None:
    policy = RestartPolicy(first_delay_s=0.2)
    assert [policy.delay_s(count) for count in range(4)] == [0.2, 0.4, 0.8, 1.6]


async def forever() -> int:
    await asyncio.Event().wait()
    return 0
