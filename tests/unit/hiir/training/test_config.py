from pathlib import Path

import pytest

from hiir.training.config import ConfigError, load_config


def test_an_experiment_is_the_default_and_its_delta() -> None:
    default, experiment = load_config("default"), load_config("denoise-color")
    assert experiment.name == "denoise-color"
    assert experiment.data == default.data
    assert experiment.phases != default.phases


def test_overrides_come_last() -> None:
    config = load_config("denoise-color", overrides=("optimizer.lr=0.5", "seed=7"))
    assert (config.optimizer.lr, config.seed) == (0.5, 7)


def test_a_file_of_ones_own_is_a_delta_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nema: 0.5\n")
    assert load_config(str(path)).ema == 0.5


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimizer.momentum=1", "unknown key 'momentum'; known here: lr"),
        ("optimizer.lr=-1", "greater than 0"),
        ("ema=1", "less than 1"),
        ("seed", "must look like key=value"),
        ("data.sigma_min=60", "60.0 is above 55.0"),
        ("phases=[{until: 5, batch: 1, patch: 8}, {until: 5, batch: 1, patch: 8}]", "one after"),
        ("phases=[]", "at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("denoise-color", overrides=(override,))


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'nonsense'.*default, denoise-color"):
        load_config("nonsense")


def test_each_step_belongs_to_the_phase_that_ends_after_it() -> None:
    phases = "phases=[{until: 3, batch: 2, patch: 8}, {until: 5, batch: 1, patch: 16}]"
    config = load_config("denoise-color", overrides=(phases,))
    assert [config.phase(step).patch for step in range(5)] == [8, 8, 8, 16, 16]
    assert config.steps == 5
