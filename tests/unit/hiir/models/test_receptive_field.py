import pytest
import torch

from hiir.layers.feedforward import LocalFeedForward
from hiir.layers.layer_config import LayerVersion
from hiir.layers.stage_convolution import StageConvolutionKind
from hiir.models.architecture import ArchitectureConfig
from hiir.models.columnar import ColumnarConfig, Upsampler
from hiir.models.receptive_field import receptive_field
from hiir.models.ushape import UShapeConfig

COLUMNAR = ColumnarConfig(
    in_channels=1,
    out_channels=1,
    scale=2,
    width=4,
    layers=(1, 1),
    heads=1,
    local_window=2,
    dispersed_window=2,
    region=4,
)
USHAPE = UShapeConfig(
    in_channels=1,
    out_channels=1,
    width=4,
    layers=(1, 1),
    decoder_layers=(1,),
    heads=(1, 1),
    local_windows=(2, 2),
    dispersed_windows=(2, 2),
    regions=(4, 2),
    stem=2,
)


def seen(config: ArchitectureConfig) -> int:
    """Columns of the input with a gradient, the most over the places of one period."""
    torch.manual_seed(0)
    model = config.build().double()
    for module in model.modules():
        if isinstance(module, LocalFeedForward):
            # A gate that does not listen: the mean of the plane would let everything be seen.
            torch.nn.init.zeros_(module.excite.weight)
        if isinstance(module, torch.nn.Linear):
            module.weight.data.mul_(20)
    period = config.size_multiple
    middle = 6 * period
    image = torch.rand(1, 1, period, 2 * middle + period, dtype=torch.float64, requires_grad=True)
    most = 0
    for column in range(period * config.upscale):
        row = model(image)[0, 0, 0]
        (gradient,) = torch.autograd.grad(row[middle * config.upscale + column], image)
        columns = gradient[0, 0].abs().sum(dim=0).nonzero()
        most = max(most, int(columns.max() - columns.min()) + 1)
    return most


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (COLUMNAR, {}),
        (COLUMNAR, {"version": LayerVersion.V1, "layers": (2,)}),
        (COLUMNAR, {"version": LayerVersion.V4, "layers": (1,)}),
        (COLUMNAR, {"with_l3": False, "upsampler": Upsampler.DIRECT}),
        (COLUMNAR, {"stage_convolution": StageConvolutionKind.LINEAR, "scale": 3}),
        (USHAPE, {}),
        (USHAPE, {"stage_convolution": StageConvolutionKind.CONV1}),
    ],
)
def test_what_is_computed_is_what_gradients_see(config, changes) -> None:
    changed = config.changed(changes)
    assert receptive_field(changed) == seen(changed)
