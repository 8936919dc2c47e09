import pytest
import torch
from torch import Tensor

from hiir.layers.stage_convolution import StageConvolutionKind
from hiir.models.presets import build_model

# Pixels after which the places of the network repeat, and how far they may differ. Enlarged
# features of an untrained U-shape have a pattern of their own, of which the border repeats one
# half; padded with zeros it would differ by 0.1.
PRESETS = {
    "ushape-compact-color": (8, 0.02),
    "ushape-compact-dual-pixel": (8, 0.02),
    "columnar-compact-x3": (3, 1e-4),
}


def uneven(image: Tensor, period: int) -> float:
    """Largest difference between pixels that lie whole periods apart."""
    phases = image.unflatten(-1, (-1, period)).unflatten(-3, (-1, period)).movedim(-2, 2)
    return float((phases.amax(dim=(2, 3)) - phases.amin(dim=(2, 3))).max())


@pytest.mark.parametrize("convolution", StageConvolutionKind)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_constant_image_stays_constant_up_to_its_border(preset, convolution, scale_up) -> None:
    model = scale_up(build_model(preset, {"stage_convolution": convolution}))
    # A side that is not a multiple of the model's, so that its own padding takes part.
    channels = model.config.in_channels
    image = torch.linspace(0.1, 0.9, channels)[None, :, None, None].expand(1, channels, 72, 72)

    with torch.no_grad():
        restored = model(image)

    assert restored.std() > 1e-3, "the network does something"
    period, tolerance = PRESETS[preset]
    assert uneven(restored, period) < tolerance
