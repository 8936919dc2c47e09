from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage.data import astronaut, coffee

from hiir.training.config import TrainingConfig
from hiir.training.experiments import load_config


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A root with `train` and `validation` of crops of scikit-image's photos."""
    for name, photo in (("train", astronaut()), ("validation", coffee())):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(2):
            crop = photo[:256, 100 * number : 100 * number + 256]
            Image.fromarray(crop).save(folder / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def make_config(photos: Path, tmp_path: Path) -> Callable[..., TrainingConfig]:
    """Give a function that shrinks the shipped experiment to seconds."""

    def make(*overrides: str, steps: int = 4) -> TrainingConfig:
        small: dict[str, Any] = {
            "preset": "ushape-compact-color",
            "model": "{width: 8, layers: [1, 1, 1], decoder_layers: [1, 1]}",
            "data.noise_level_map": "false",
            "data.texture_share": 0.0,
            "data.degradation": "[{kind: noise, sigma: [0, 55], clip_share: 0.25}]",
            "optimizer.kind": "adamw",
            "optimizer.lr": 2.0e-3,
            "loss": "{kind: l1}",
            "schedule.decay_share": 0.5,
            "validation_crop": 256,
            "data.root": photos,
            "data.train": "[train]",
            "data.validation": "validation",
            "data.cache": tmp_path / "cache",
            "duration": "null",
            "phases": f"[{{until: {steps}, batch: 1, patch: 64}}]",
            "schedule.warmup": 2,
            "validation_images": 1,
            "validation": "[{label: sigma25, degradation: [{kind: noise, sigma: 25}]}]",
            "log_every": 1,
            "bf16": "false",
            "release.tile": 64,
            "release.overlap": 16,
        }
        given = tuple(f"{key}={value}" for key, value in small.items())
        return load_config("denoise-color", overrides=given + overrides)

    return make
