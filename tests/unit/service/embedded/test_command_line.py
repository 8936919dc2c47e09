"""`python -m service.embedded`: what a person gets to see and the exit status."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.embedded import __main__ as command_line
from service.embedded.addresses import Addresses
from service.embedded.sample import SampleError, SampleReport
from service.embedded.settings import StackSettings
from service.embedded.supervisor import StackError

Work = Callable[[Addresses], Awaitable[int]]
ADDRESSES = Addresses(
    host="127.0.0.1",
    port=8000,
    redis_url=SecretStr(""),
    redis_port=None,
    redis_password=SecretStr(""),
    triton_url="",
    triton_port=None,
    metrics_ports=(9464, 9465),
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in StackSettings.model_fields:
        monkeypatch.delenv(f"HIIR_{field.upper()}", raising=False)
    monkeypatch.setenv("HIIR_API_KEY", "hiir_key")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> list[SampleReport | SampleError]:
    """What the service makes of the sample; the stack itself is not started."""
    outcome: list[SampleReport | SampleError] = []

    async def restore(
        *, api_url: str, samples: Path, out_dir: Path, api_key: str | None
    ) -> SampleReport:
        assert api_key == "hiir_key"
        if isinstance(outcome[0], SampleError):
            raise outcome[0]
        return outcome[0]

    def run_stack(settings: StackSettings, *, console: object, work: Work, verbose: bool) -> int:
        return asyncio.run(_bounded(work(ADDRESSES)))

    async def _bounded(work: Awaitable[int]) -> int:
        return await asyncio.wait_for(work, 5)

    monkeypatch.setattr(command_line, "restore_sample", restore)
    monkeypatch.setattr(command_line, "run_stack", run_stack)
    return outcome


def report(gain: float) -> SampleReport:
    return SampleReport(result=Path("out.png"), psnr_before=20, psnr_after=20 + gain, seconds=1)


@pytest.mark.parametrize(("gain", "status"), [(8.0, 0), (4.9, 1)])
def test_once_ends_with_what_became_of_the_sample(
    restored: list[object], capsys: pytest.CaptureFixture[str], gain: float, status: int
) -> None:
    restored.append(report(gain))
    assert command_line.main(["up", "--once"]) == status
    shown = capsys.readouterr().err
    assert "out.png" in shown
    assert "PSNR 20.00 dB before" in shown


def test_once_ends_with_1_when_the_sample_fails(
    restored: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    restored.append(SampleError("the job ended failed"))
    assert command_line.main(["up", "--once"]) == 1
    assert "error: the job ended failed" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "status"), [(["up"], 0), (["up", "--once"], 130)])
def test_a_signal_is_how_serving_ends_but_not_how_a_sample_does(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    monkeypatch.setattr(command_line, "run_stack", lambda *_, **__: None)
    assert command_line.main(arguments) == status


def test_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise StackError("triton was not ready within 120 s")

    monkeypatch.setattr(command_line, "run_stack", fail)
    assert command_line.main(["up"]) == 1
    assert capsys.readouterr().err == "up       | error: triton was not ready within 120 s\n"


def test_a_setting_that_makes_no_sense_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HIIR_PORT", "secret")
    assert command_line.main(["up"]) == 1
    shown = capsys.readouterr().err
    assert "error: port: " in shown
    assert "secret" not in shown


def test_the_sample_alone_needs_a_running_stack(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["sample"]) == 1
    assert "no stack is running on .hiir" in capsys.readouterr().err


def test_the_sample_alone_goes_to_the_running_stack(restored: list[object], tmp_path: Path) -> None:
    (tmp_path / ".hiir").mkdir()
    (tmp_path / ".hiir/stack.json").write_text('{"api_url": "http://127.0.0.1:8000"}')
    restored.append(report(8.0))
    assert command_line.main(["sample"]) == 0


def test_ctrl_c_before_the_stack_runs_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "run_stack", interrupt)
    assert command_line.main(["up"]) == 130


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command_line.main(["down"])
    assert "invalid choice: 'down'" in capsys.readouterr().err
