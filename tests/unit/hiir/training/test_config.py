from pathlib import Path

import pytest
import yaml

from hiir.degradations.recipe import read_recipe
from hiir.models.flops import measure_cost
from hiir.models.presets import get_preset
from hiir.training.config import ConfigError, OptimizerKind
from hiir.training.experiments import list_configs, load_config, named_recipe

SHIPPED = [
    *("denoise-color", "denoise-gray", "jpeg-color", "jpeg-gray", "sr-x2", "sr-x3", "sr-x4"),
    "sr-x4-photo",
    *("demosaic", "deblur-motion", "deblur-defocus", "deblur-defocus-dp", "weather"),
]


def test_an_experiment_is_the_default_and_its_delta() -> None:
    default, experiment = load_config("default"), load_config("denoise-color")
    assert experiment.name == "denoise-color"
    text = Path("hiir/configs/denoise-color.yaml").read_text()
    delta = yaml.safe_load(text)["optimizer"]
    assert delta["kind"] == OptimizerKind.MUON != default.optimizer.kind
    assert experiment.optimizer == default.optimizer.model_copy(update=delta)
    assert experiment.data.noise_level_map


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
        ("optimizer.momentum=1", "unknown key 'momentum'; known here: kind, lr"),
        ("optimizer.lr=-1", "greater than 0"),
        ("ema=1", "less than 1"),
        ("seed", "must look like key=value"),
        ("data.degradation=[{kind: noise, sigma: [60, 55]}]", "from low to high"),
        ("data.degradation=[{kind: downscale, factor: 2}]", "as training does"),
        ("validation=[]", "at least 1"),
        ("loss={kind: l2}", "l2"),
        ("compile=fast", "compile"),
        ("phases=[{until: 5, batch: 1, patch: 64}, {until: 5, batch: 1, patch: 64}]", "one after"),
        ("phases=[]", "at least 1"),
        (
            "phases=[{until: 5, batch: 1, patch: 96}]",
            r"patch 96: the network would pad its 96 pixels to 128, 1\.78 times the work",
        ),
        ("data.pairs=[{root: a, share: 0.6}, {root: b, share: 0.5}]", r"not 1\.1 of them"),
        ("data.pairs=[{root: a, share: 0}]", "greater than 0"),
        ("data.pairs=[{root: a, share: 1, layout: nonsense}]", "'beside', 'dual-pixel'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("denoise-color", overrides=(override,))


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'nonsense'.*default, deblur-defocus.*denoise-color"):
        load_config("nonsense")


def test_each_step_belongs_to_the_phase_that_ends_after_it() -> None:
    phases = "phases=[{until: 3, batch: 2, patch: 64}, {until: 5, batch: 1, patch: 128}]"
    config = load_config("denoise-color", overrides=(phases,))
    assert [config.phase(step).patch for step in range(5)] == [64, 64, 64, 128, 128]
    assert config.steps == 5


def test_every_model_that_ships_has_an_experiment_and_every_table_of_the_paper_one() -> None:
    names = set(list_configs())
    assert set(SHIPPED) <= names
    paper = {name for name in names if name.startswith("paper-")}
    assert names == set(SHIPPED) | paper
    for task in ("sr-base-x2", "sr-large-x4", "denoise-gray-sigma50", "jpeg-color-blind"):
        assert f"paper-{task}" in paper
    for task in ("demosaic", "deblur-motion", "deblur-defocus", "deblur-defocus-dp", "weather"):
        assert f"paper-{task}" in paper


@pytest.mark.parametrize("name", list_configs())
def test_an_experiment_fits_its_network_and_its_tiles(name: str) -> None:
    config = load_config(name)
    preset = get_preset(config.preset, config.model)
    data = config.data
    assert config.name == name
    image = data.color.channels * data.degradation.views
    assert preset.in_channels == image + data.noise_level_map
    assert preset.out_channels == data.color.channels
    assert preset.upscale == data.degradation.scale
    preset.check_tile(config.release.tile)
    # Training images measure 512 pixels.
    assert max(phase.patch for phase in config.phases) + 2 * data.degradation.margin <= 512


def test_the_experiments_of_the_papers_ablations_are_there() -> None:
    def changes(name: str) -> tuple[str, dict]:
        config = load_config(f"paper-{name}")
        return config.preset, config.model

    assert changes("init-zero-layernorm") == (
        "columnar-12x12-conv1-x2",
        {"initialization": "zero-layernorm"},
    )
    assert changes("version-v2-without-l3") == ("columnar-v2-without-l3-x4", {})
    assert len([name for name in list_configs() if name.startswith("paper-init-")]) == 4
    assert len([name for name in list_configs() if name.startswith("paper-version-")]) == 7
    both = load_config("paper-denoise-jpeg-color")
    assert [step.kind for step in both.data.degradation.root[0].choices] == ["noise", "jpeg"]
    assert len(both.validation) == 7


@pytest.mark.parametrize(
    ("name", "roots"),
    [
        ("deblur-motion", ["GoPro/train"]),
        ("deblur-realblur-j", ["RealBlur/RealBlur_J_train_list.txt"]),
        ("deblur-defocus", ["DPDD/train"]),
        ("deblur-defocus-dp", ["DPDD/train"]),
        ("weather", ["Snow100K/train", "Raindrop/train", "Outdoor-Rain/train"]),
    ],
)
def test_the_papers_experiments_name_its_pairs(name: str, roots: list[str]) -> None:
    pairs = load_config(f"paper-{name}").data.pairs
    assert [str(one.root) for one in pairs] == roots
    assert sum(one.share for one in pairs) == pytest.approx(1)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_an_unchanged_preset_and_says_how_it_is_trained(name: str) -> None:
    config = load_config(name)
    assert config.model == {}
    photo = "-photo" if config.release.source == "photo" else ""
    assert config.release.task + photo == name
    assert config.release.provenance["recipe"] != "not stated"
    weights = measure_cost(get_preset(config.preset), height=64, width=64).parameters
    assert 2 * weights < 8 * 2**20  # bytes of half precision that a model may take


def test_an_experiment_may_begin_with_another(tmp_path: Path) -> None:
    large, base = load_config("paper-sr-large-x2"), load_config("paper-sr-base-x4")
    assert large.schedule == base.schedule
    assert large.preset == "columnar-large-x2"
    path = tmp_path / "mine.yaml"
    path.write_text("base: sr-x3\nname: mine\nseed: 5\n")
    config = load_config(str(path))
    assert (config.seed, config.preset) == (5, "columnar-compact-x3")
    path.write_text("base: nonsense\n")
    with pytest.raises(ConfigError, match="no configuration 'nonsense'"):
        load_config(str(path))


def test_losses_are_stated_whole() -> None:
    config = load_config("denoise-color", overrides=("loss={kind: charbonnier}",))
    assert config.loss.eps == 1e-3


def test_a_recipe_is_named_by_its_experiment_and_label() -> None:
    assert named_recipe("denoise-color:sigma50") == read_recipe("[{kind: noise, sigma: 50}]")
    assert named_recipe("sr-x2") == read_recipe("[{kind: downscale, factor: 2}]")
    assert named_recipe("[{kind: noise, sigma: 50}]") is None
    with pytest.raises(ConfigError, match="sigma15, sigma25, sigma50"):
        named_recipe("denoise-color:sigma99")
