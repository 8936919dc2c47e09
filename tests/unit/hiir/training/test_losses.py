from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import nn

from hiir.training.losses import Loss, LossConfig, LossError, build_loss

SHAPES = {
    0: (64, 3),
    2: (64, 64),
    5: (128, 64),
    7: (128, 128),
    10: (256, 128),
    12: (256, 256),
    14: (256, 256),
}


def build(**values: object) -> Loss:
    return build_loss(TypeAdapter(LossConfig).validate_python(values))


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)


def test_l1_is_the_mean_absolute_error(pair) -> None:
    torch.testing.assert_close(build(kind="l1")(*pair), (pair[0] - pair[1]).abs().mean())


def test_charbonnier_is_l1_with_a_round_foot(pair) -> None:
    loss = build(kind="charbonnier", eps=0.01)
    expected = ((pair[0] - pair[1]) ** 2 + 1e-4).sqrt().mean()
    torch.testing.assert_close(loss(*pair), expected)
    restored = pair[0].clone().requires_grad_()
    loss(restored, pair[0]).backward()
    assert float(loss(pair[0], pair[0])) == pytest.approx(0.01)
    assert not restored.grad.any()


def test_psnr_counts_each_image_in_decibels(pair) -> None:
    errors = (pair[0] - pair[1]).square().flatten(1).mean(1)
    expected = (float((errors[0] + 0.01).log()) + float((errors[1] + 0.01).log())) / 2
    assert float(build(kind="psnr", eps=0.01)(*pair)) == pytest.approx(expected)


def test_psnr_pulls_as_hard_at_an_image_of_half_the_error() -> None:
    clean = torch.zeros(2, 3, 8, 8)
    restored = torch.full_like(clean, 0.2)
    restored[1] = 0.1
    restored.requires_grad_()
    build(kind="psnr", eps=1e-8)(restored, clean).backward()
    pull = (restored.grad * restored).flatten(1).sum(1)  # d loss / d ln(error)
    torch.testing.assert_close(pull[0], pull[1])
    # An image that is right already pulls at nothing.
    right = clean.clone().requires_grad_()
    build(kind="psnr")(right, clean).backward()
    assert not right.grad.any()


def test_smooth_l1_is_torchs(pair) -> None:
    expected = nn.functional.smooth_l1_loss(*pair, beta=0.5)
    torch.testing.assert_close(build(kind="smooth-l1", beta=0.5)(*pair), expected)


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """Random features of VGG-16 under torchvision's names."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for index, (out, channels) in SHAPES.items():
        kernel = torch.randn((out, channels, 3, 3), generator=generator)
        weights[f"features.{index}.weight"] = kernel / (3 * channels**0.5)
        weights[f"features.{index}.bias"] = torch.zeros(out)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(weights, path)
    return path


def test_the_perceptual_loss_adds_a_distance_of_features(features: Path, pair) -> None:
    loss = build(kind="smooth-l1-perceptual", weight=0.5, features=features)
    near = nn.functional.smooth_l1_loss(*pair)
    assert loss(*pair) > near
    torch.testing.assert_close(loss(pair[0], pair[0]), torch.zeros(()))
    # The features are not trained, the network before them is.
    assert not [p for p in loss.parameters() if p.requires_grad]
    restored = pair[0].clone().requires_grad_()
    loss(restored, pair[1]).backward()
    assert restored.grad.any()


@pytest.mark.parametrize("weight", [0.04, 3.0])
def test_the_distance_of_features_counts_by_its_weight(features: Path, pair, weight) -> None:
    loss = build(kind="smooth-l1-perceptual", beta=0.5, weight=weight, features=features)
    near = nn.functional.smooth_l1_loss(*pair, beta=0.5)
    torch.testing.assert_close(loss(*pair), near + weight * loss.perceptual(*pair))


def test_the_features_are_vggs(features: Path, pair) -> None:
    from safetensors.torch import load_file

    state = load_file(features)
    x, y = ((image - torch.tensor([0.485, 0.456, 0.406])[:, None, None])
            / torch.tensor([0.229, 0.224, 0.225])[:, None, None] for image in pair)  # fmt: skip
    expected = []
    for index in range(15):
        if f"features.{index}.weight" in state:
            kernel, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            x, y = (nn.functional.conv2d(t, kernel, bias, padding=1) for t in (x, y))
            x, y = x.relu(), y.relu()
            if index in (2, 7, 14):
                expected.append(nn.functional.mse_loss(x, y))
        elif index in (4, 9):
            x, y = (nn.functional.max_pool2d(t, 2) for t in (x, y))
    perceptual = build(kind="smooth-l1-perceptual", features=features).perceptual
    torch.testing.assert_close(perceptual(*pair), torch.stack(expected).mean())


def test_gray_images_have_features_too(features: Path) -> None:
    loss = build(kind="smooth-l1-perceptual", features=features)
    assert loss(torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16)) > 0


@pytest.mark.parametrize("features", [None, Path("absent.safetensors")])
def test_a_perceptual_loss_without_features_says_what_it_needs(features: Path | None) -> None:
    with pytest.raises(LossError, match="needs the features of VGG-16"):
        build(kind="smooth-l1-perceptual", features=features)


def test_features_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(LossError, match=r"features\.0\.weight of shape \(64, 3, 3, 3\)"):
        build(kind="smooth-l1-perceptual", features=path)
