"""One behavioral suite over every registered preset."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hiir.export.graph_form import ExportFormat, Precision
from hiir.export.onnx import export_onnx
from hiir.export.parity import MAX_RELATIVE_ERROR, MIN_HALF_PSNR, check_parity
from hiir.imaging import ModelContract
from hiir.models.architecture import ArchitectureConfig, RestorationModel

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def image(preset: ArchitectureConfig, height: int, width: int, *, batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, preset.in_channels, height, width)


def test_any_size_goes_in_and_the_promised_size_comes_out(preset) -> None:
    model = preset.build().eval()
    with torch.inference_mode():
        restored = model(image(preset, 37, 19, batch=2))
    scale = preset.upscale
    assert restored.shape == (2, preset.out_channels, 37 * scale, 19 * scale)
    assert restored.isfinite().all()


def test_every_parameter_gets_a_gradient(preset) -> None:
    model = preset.build()
    side = preset.size_multiple
    model(image(preset, side, side)).square().mean().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_weights_survive_a_safetensors_file(preset, tmp_path: Path) -> None:
    model, other = preset.build().eval(), preset.build().eval()
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    tile = image(preset, preset.size_multiple, preset.size_multiple)
    with torch.inference_mode():
        assert torch.equal(model(tile), other(tile))


def test_freezing_changes_nothing_but_the_rounding(preset, scale_up) -> None:
    model = preset.build().eval()
    tile = image(preset, preset.size_multiple, preset.size_multiple)
    frozen = scale_up(model)
    with torch.inference_mode():
        fast = frozen(tile)
        exact = frozen.unfuse()(tile)
    assert (fast - exact).abs().max() <= 1e-5 * exact.abs().max()


def test_padding_is_that_of_the_size_multiple(preset) -> None:
    model = preset.build().eval()
    side, scale = preset.size_multiple, preset.upscale
    cut = image(preset, side, side)[..., :-1, :-1]
    padded = torch.nn.functional.pad(cut, (0, 1, 0, 1), "replicate")
    with torch.inference_mode():
        torch.testing.assert_close(model(cut), model(padded)[..., :-scale, :-scale])


def test_its_graph_computes_what_it_computes(
    preset, scale_up, make_contract, tmp_path: Path
) -> None:
    error = figure_of(preset, Precision.FP32, scale_up, make_contract, tmp_path)
    assert error <= MAX_RELATIVE_ERROR


def test_its_half_precision_graph_is_near_it(
    operators, scale_up, make_contract, tmp_path: Path
) -> None:
    psnr = figure_of(operators, Precision.FP16, scale_up, make_contract, tmp_path)
    assert psnr >= MIN_HALF_PSNR


def figure_of(
    preset: ArchitectureConfig,
    precision: Precision,
    scale_up: Callable[[RestorationModel], RestorationModel],
    make_contract: Callable[..., ModelContract],
    folder: Path,
) -> float:
    """Export a preset in a precision and measure how far its graph is from the module."""
    contract = make_contract(
        scale=preset.upscale,
        input_channels=preset.in_channels,
        output_channels=preset.out_channels,
        tile=preset.size_multiple,
        size_multiple=preset.size_multiple,
    )
    model, form = scale_up(preset.build()), ExportFormat(precision=precision)
    export_onnx(model, contract, folder / form.filename, form=form)
    return check_parity(model, contract, folder / form.filename, form=form)
