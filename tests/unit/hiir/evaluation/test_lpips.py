from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.data import astronaut
from torch import nn
from torch.nn import functional

from hiir.evaluation.lpips import Lpips, LpipsError


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Random weights under the published names."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        0: (64, 3, 11),
        3: (192, 64, 5),
        6: (384, 192, 3),
        8: (256, 384, 3),
        10: (256, 256, 3),
    }
    named = {}
    for number, (index, (out, channels, side)) in enumerate(shapes.items()):
        scale = (channels * side * side) ** -0.5
        kernel = torch.randn((out, channels, side, side), generator=generator) * scale
        named[f"features.{index}.weight"] = kernel
        named[f"features.{index}.bias"] = torch.zeros(out)
        linear = torch.rand((1, out, 1, 1), generator=generator)
        named[f"lin{number}.model.1.weight"] = linear
    return named


@pytest.fixture
def photo() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:72, 100:180])


def test_equal_images_have_no_distance_and_worse_ones_more(weights, photo) -> None:
    lpips = Lpips(weights)
    noise = np.random.default_rng(0).normal(0, 1, photo.shape)
    distances = [
        lpips.distance(photo, np.clip(photo + sigma * noise, 0, 255).astype(np.float32))
        for sigma in (0, 5, 25, 60)
    ]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances)
    assert distances[1] > 0


def test_it_is_alexnet_with_weighed_differences_of_unit_features(weights, photo) -> None:
    # torchvision's layers, one after the other.
    network = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip
    state = {k.removeprefix("features."): v for k, v in weights.items() if k.startswith("features")}
    network.load_state_dict(state)
    other = photo[::-1].copy()

    def features(image: np.ndarray) -> list[torch.Tensor]:
        x = torch.from_numpy(image / 127.5 - 1).float().permute(2, 0, 1)[None]
        x = (x - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor(
            [0.458, 0.448, 0.450]
        )[:, None, None]
        found = []
        for index, layer in enumerate(network):
            x = layer(x)
            if index in (1, 4, 7, 9, 11):
                found.append(functional.normalize(x, dim=1, eps=1e-10))
        return found

    with torch.inference_mode():
        expected = sum(
            (weights[f"lin{k}.model.1.weight"] * (a - b) ** 2).sum(dim=1).mean()
            for k, (a, b) in enumerate(zip(features(photo), features(other), strict=True))
        )
    assert Lpips(weights).distance(photo, other) == pytest.approx(float(expected), rel=1e-4)


def test_gray_images_are_taken_too(weights, photo) -> None:
    assert Lpips(weights).distance(photo[..., :1], photo[..., 1:2]) > 0


def test_weights_come_from_one_file_or_from_parts(weights, tmp_path: Path, photo) -> None:
    whole, first, second = (tmp_path / f"{name}.safetensors" for name in ("whole", "a", "b"))
    save_file(weights, whole)
    save_file({k: v for k, v in weights.items() if k.startswith("f")}, first)
    save_file({k: v for k, v in weights.items() if k.startswith("l")}, second)
    distances = {Lpips.read(p).distance(photo, photo[::-1]) for p in ([whole], [first, second])}
    assert len(distances) == 1


def test_what_is_missing_is_said(weights, tmp_path: Path) -> None:
    with pytest.raises(LpipsError, match=r"needs weights: .*absent.* is not a file"):
        Lpips.read([tmp_path / "absent.safetensors"])
    pickled = tmp_path / "alex.pth"
    torch.save(weights, pickled)
    with pytest.raises(LpipsError, match="must be converted"):
        Lpips.read([pickled])
    with pytest.raises(LpipsError, match=r"lin3\.model\.1\.weight is missing"):
        Lpips({k: v for k, v in weights.items() if not k.startswith("lin3")})
    with pytest.raises(LpipsError, match=r"features\.0\.bias is \(3,\), not \(64,\)"):
        Lpips({**weights, "features.0.bias": torch.zeros(3)})
