"""What a network takes over of weights that another one learned."""

import pytest
import torch

from hiir.models.factory import build_model
from hiir.training.initial_weights import fit_weights

PRESET = "ushape-lean48-color"
SHALLOW = {"layers": [1, 1, 1], "decoder_layers": [1, 1]}


@pytest.fixture(scope="module")
def blind() -> torch.nn.Module:
    torch.manual_seed(1)
    return build_model(PRESET, SHALLOW).eval()


@pytest.fixture(scope="module")
def told() -> torch.nn.Module:
    torch.manual_seed(2)
    return build_model(f"{PRESET}-level", SHALLOW).eval()


def test_a_network_that_is_told_the_level_starts_as_the_blind_one(blind, told) -> None:
    fitted = fit_weights(told, blind.state_dict())
    assert set(fitted) == set(told.state_dict())
    told.load_state_dict(fitted)
    image, level = torch.rand(1, 3, 64, 64), 0.01 + torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(told(torch.cat([image, level], dim=1)), blind(image))


def test_a_blind_network_starts_as_one_that_ignores_the_level(blind, told) -> None:
    fitted = fit_weights(blind, told.state_dict())
    assert set(fitted) == set(blind.state_dict())
    blind.load_state_dict(fitted)
    image, level = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    with torch.no_grad():
        # Its stem folds 2 x 2 pixels of 4 channels each; the last is the level.
        told.conv_first.weight.view(-1, 4, 4, 3, 3)[:, :, 3] = 0
        torch.testing.assert_close(blind(image), told(torch.cat([image, level], dim=1)))


def test_a_gray_network_starts_as_the_color_one_of_equal_channels(blind) -> None:
    gray = build_model("ushape-lean48-gray-level", SHALLOW).eval()
    fitted = fit_weights(gray, blind.state_dict())
    assert set(fitted) == set(gray.state_dict())
    gray.load_state_dict(fitted)
    image, level = torch.rand(1, 1, 64, 64), 0.01 + torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        colored = blind(image.expand(-1, 3, -1, -1)).mean(dim=1, keepdim=True)
        torch.testing.assert_close(gray(torch.cat([image, level], dim=1)), colored)


def test_a_dual_pixel_network_starts_as_the_one_of_a_single_view(blind) -> None:
    dual = build_model("ushape-lean48-dual-pixel", SHALLOW).eval()
    dual.load_state_dict(fit_weights(dual, blind.state_dict()))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(dual(torch.cat([image, image], dim=1)), blind(image))


def test_a_color_network_takes_no_first_convolution_of_a_gray_one() -> None:
    gray = build_model("ushape-lean48-gray", SHALLOW)
    fitted = fit_weights(build_model(PRESET, SHALLOW), gray.state_dict())
    assert "conv_first.weight" not in fitted
    assert "conv_last.weight" not in fitted
    assert len(fitted) > 20
