from pathlib import Path

import pytest
import yaml

from hiir.degradations.recipe import read_recipe
from hiir.training.config import ConfigError, OptimizerKind, ScheduleKind, load_config
from hiir.training.first_layout import from_first_layout
from hiir.training.run_folder import RunFolder

FIRST = """
name: denoise-color
preset: ushape-compact-color
seed: 7
data:
  root: photos
  train: [train/CID22_train]
  validation: validation/CID22
  cache: .hiir/cache
  sigma_min: 0.0
  sigma_max: 55.0
  clip_share: 0.25
phases:
- {until: 7700, batch: 16, patch: 64}
- {until: 11000, batch: 4, patch: 128}
optimizer: {lr: 0.002, betas: [0.9, 0.99], weight_decay: 0.0001, clip_norm: 1.0}
schedule: {warmup: 500, decay_share: 0.45, lr_min: 1.0e-06}
ema: 0.999
bf16: true
log_every: 100
checkpoint_every: 500
validate_every: 1000
validation_images: 20
validation_sigmas: [15.0, 25.0, 50.0]
release:
  task: denoise-color
  version: '1'
  tile: 256
  overlap: 32
  provenance: {data: photos, licence: Apache-2.0}
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "config.yaml").write_text(FIRST)
    return RunFolder(tmp_path)


def test_a_run_of_the_first_layout_is_read_as_what_it_meant(run: RunFolder) -> None:
    config = run.config()
    noise = "[{kind: noise, sigma: [0, 55], clip_share: 0.25}]"
    assert config.data.degradation == read_recipe(noise)
    assert [item.label for item in config.validation] == ["sigma15", "sigma25", "sigma50"]
    assert config.validation[1].degradation == read_recipe("[{kind: noise, sigma: 25}]")
    assert config.optimizer.kind is OptimizerKind.ADAMW
    assert config.schedule.kind is ScheduleKind.COSINE
    assert config.loss.kind == "l1"
    assert (config.seed, config.steps, config.model) == (7, 11000, {})


def test_it_trains_on_the_distribution_that_the_shipped_experiment_has(run: RunFolder) -> None:
    old, new = run.config(), load_config("denoise-color")
    assert old.data.degradation == new.data.degradation
    assert old.validation == new.validation
    assert (old.phases, old.schedule, old.loss) == (new.phases, new.schedule, new.loss)


def test_a_run_that_does_not_say_what_is_released_takes_the_shipped_word(run: RunFolder) -> None:
    path = run.path / "config.yaml"
    values = yaml.safe_load(path.read_text())
    del values["release"]
    path.write_text(yaml.safe_dump(values))
    assert run.config().release == load_config("denoise-color").release
    path.write_text(yaml.safe_dump({**values, "name": "mine"}))
    with pytest.raises(ConfigError, match="no configuration 'mine'"):
        run.config()


def test_the_layout_of_today_stays_as_it_is() -> None:
    values = yaml.safe_load(load_config("sr-x2").model_dump_json())
    assert from_first_layout(values) == values
