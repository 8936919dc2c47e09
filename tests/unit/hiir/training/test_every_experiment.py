"""A tiny run of every shipped experiment: degrade, train, checkpoint, validate."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut, coffee

from hiir.models.presets import build_model
from hiir.training.config import TrainingConfig, list_configs, load_config
from hiir.training.ema import WeightAverage
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder
from hiir.training.validation import Validator

SHIPPED = [name for name in list_configs() if not name.startswith("paper-")]
STEPS = 24
# The validation loss after so few steps, at most, as a share of what it was before the first.
# Noise is what a network of this size learns least of in so little time.
FACTOR = {"denoise-color": 0.95, "denoise-gray": 0.95}
USUAL_FACTOR = 0.6


@pytest.fixture(autouse=True)
def restored_signals():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name, photo in (("train", astronaut()), ("validation", coffee())):
        (root / name).mkdir()
        Image.fromarray(np.ascontiguousarray(photo[:256, 100:356])).save(root / name / "0.png")
    return root


def tiny(name: str, photos: Path) -> TrainingConfig:
    """The experiment on one photo, with the smallest network that its preset can be."""
    columnar = name.startswith("sr-")
    model = (
        "{width: 16, heads: 2, layers: [1]}"
        if columnar
        else "{width: 8, layers: [1, 1, 1], decoder_layers: [1, 1]}"
    )
    # A multiple of every scale and of most spans of windows.
    patch = 96 if columnar else 64
    return load_config(
        name,
        overrides=(
            f"model={model}",
            f"data.root={photos}",
            "data.train=[train]",
            "data.validation=validation",
            f"data.cache={photos / 'cache'}",
            f"phases=[{{until: {STEPS}, batch: 2, patch: {patch}}}]",
            "schedule.warmup=4",
            "optimizer.lr=4.0e-3",
            "ema=0.5",
            "validation_images=1",
            f"validation_crop={patch}",
            f"log_every={STEPS}",
            "bf16=false",
        ),
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_a_tiny_run_lowers_the_validation_loss(name: str, photos: Path, tmp_path: Path) -> None:
    config = tiny(name, photos)
    torch.manual_seed(config.seed)
    fresh = WeightAverage(build_model(config.preset, config.model), decay=config.ema)
    validator = Validator(config, device=torch.device("cpu"))
    before = validator.score(fresh)

    run = RunFolder(tmp_path)
    train(config, run)
    checkpoint = run.load()
    assert checkpoint is not None
    assert checkpoint.step == STEPS
    fresh.load(dict(checkpoint.average))
    after = validator.score(fresh)
    assert after.loss < FACTOR.get(name, USUAL_FACTOR) * before.loss
    assert set(after.psnr) == {item.label for item in config.validation}
