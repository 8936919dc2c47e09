"""That the benchmarks compare what is equal, and that they run; how fast is theirs to say."""

from copy import deepcopy

import pytest
import torch

from benchmarks.library import __main__ as run
from benchmarks.library.peers import ShiftedWindowBlock, TransposedBlock, count, with_parameters
from benchmarks.library.textbook import textbook_model
from benchmarks.library.timing import medians
from hiir.models.presets import build_model


def test_the_textbook_computes_what_we_compute() -> None:
    torch.manual_seed(0)
    model = build_model("ushape-compact-color").eval()
    twin = textbook_model(deepcopy(model))
    tile = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(twin(tile), model.fuse()(tile), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("block", [ShiftedWindowBlock, TransposedBlock])
def test_a_peer_has_as_many_parameters(block) -> None:
    built = with_parameters(
        lambda hidden: block(channels=180, heads=6, hidden=hidden), wanted=371_838
    )
    assert count(built) == pytest.approx(371_838, rel=0.002)


def test_shifted_windows_do_not_look_across_the_border() -> None:
    torch.manual_seed(0)
    block = ShiftedWindowBlock(channels=8, heads=2, hidden=16)
    tokens = torch.rand(1, 16, 16, 8, requires_grad=True)
    block(tokens)[0, 0, 0].sum().backward()
    seen = tokens.grad.abs().sum(dim=-1)[0] > 0
    assert seen[:4, :4].all()
    assert seen.sum() == 16


def test_calls_that_are_compared_take_turns() -> None:
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    assert set(medians(calls, repeat=2)) == {"a", "b"}
    assert "".join(order) == "ababab"


def test_outputs_that_differ_are_not_compared(monkeypatch) -> None:
    with pytest.raises(ValueError, match="outputs differ"):
        run._agree(torch.ones(2), torch.zeros(2) + 0.5)


@pytest.mark.slow
def test_the_script_prints_figures_and_ratios(capsys) -> None:
    run.main(["--quick", "--only", "layer", "pixels", "compact", "gpu"])
    shown = capsys.readouterr().out
    assert "Base layer, 64x64 tokens" in shown
    assert "exponent of cost against pixels" in shown
    assert "s per megapixel" in shown
