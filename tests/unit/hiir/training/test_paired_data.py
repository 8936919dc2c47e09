"""Real pairs in a run, beside what the recipe degrades."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hiir.datasets.degraded_patches import Batch
from hiir.datasets.packed_images import DatasetError
from hiir.training.config import TrainingConfig
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder
from hiir.training.run_position import RunPosition
from hiir.training.training_data import TrainingData

SIDE = 96


@pytest.fixture
def pairs(photos: Path) -> Path:
    """A data set below the images' root: what is clean is white, what is degraded is black."""
    for name, level in (("blur", 0), ("sharp", 255)):
        folder = photos / "pairs" / name
        folder.mkdir(parents=True)
        Image.fromarray(np.full((SIDE, SIDE, 3), level, np.uint8)).save(folder / "0.png")
    return photos / "pairs"


def first_batches(config: TrainingConfig, count: int) -> list[Batch]:
    data = TrainingData(config)
    source = data.batches(RunPosition(config), device=torch.device("cpu"))
    phase = config.phases[0]
    try:
        return [source.next(phase, size=phase.batch) for _ in range(count)]
    finally:
        data.close()


def shares(config: TrainingConfig, count: int) -> float:
    """Share of the patches that come from the pairs."""
    batches = first_batches(config, count)
    clean = torch.cat([batch.clean for batch in batches])
    degraded = torch.cat([batch.degraded for batch in batches])
    white = (clean == 1).flatten(1).all(dim=1)
    black = (degraded == 0).flatten(1).all(dim=1)
    assert torch.equal(white, black)
    return float(white.float().mean())


@pytest.mark.parametrize("feed", ["patches", "tiles"])
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_share_of_the_patches_comes_from_pairs(make_config, pairs, feed, share) -> None:
    config = make_config(
        f"data.pairs=[{{root: pairs, share: {share}}}]",
        f"data.loader={feed}",
        f"data.tile={SIDE}",
        "data.buffer=64",
        "data.synthetic_share=0",
        "phases=[{until: 100, batch: 8, patch: 64}]",
    )
    assert shares(config, 25) == pytest.approx(share, abs=0.12)


def test_what_is_not_degraded_from_pairs_is_a_function_of_seed_and_step(make_config, pairs) -> None:
    config = make_config(
        "data.pairs=[{root: pairs, share: 0.5}]", "phases=[{until: 9, batch: 4, patch: 64}]"
    )
    first, again = first_batches(config, 3), first_batches(config, 3)
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a.degraded, b.degraded)
        assert torch.equal(a.clean, b.clean)


def test_without_the_data_set_the_recipe_degrades_its_share(make_config, caplog) -> None:
    absent = make_config("data.pairs=[{root: absent, share: 0.3}]")
    with caplog.at_level(logging.WARNING):
        batches = first_batches(absent, 2)
    assert "absent does not exist: 30 % of the patches are degraded by the recipe" in caplog.text
    for a, b in zip(batches, first_batches(make_config(), 2), strict=True):
        assert torch.equal(a.degraded, b.degraded)


def test_a_run_learns_from_pairs(make_config, pairs, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    train(make_config("data.pairs=[{root: pairs, share: 1.0}]", steps=1), run)
    assert run.load().step == 1


def test_pairs_that_are_too_small_are_named(make_config, pairs) -> None:
    config = make_config(
        "data.pairs=[{root: pairs, share: 1.0}]", "phases=[{until: 1, batch: 1, patch: 128}]"
    )
    with pytest.raises(DatasetError, match=r"measures \(96, 96\), a patch needs 128 pixels"):
        TrainingData(config)
