"""Runs and configurations that were written with older names of options."""

import hashlib
import json

import pytest
import yaml

from hiir.training.config_compatibility import with_current_names, with_original_names
from hiir.training.experiments import load_config
from hiir.training.run_folder import RunFolder

OLD = {
    "data": {"colour": "gray", "feed": "tiles", "drawn_share": 0.25, "with_level": True},
    "steps": [{"kind": "motion", "restlessness": [0, 1]}],
}
NEW = {
    "data": {"color": "gray", "loader": "tiles", "synthetic_share": 0.25, "noise_level_map": True},
    "steps": [{"kind": "motion", "jitter": [0, 1]}],
}


def test_names_are_mapped_at_any_depth_and_back() -> None:
    assert with_current_names(OLD) == NEW
    assert with_original_names(NEW) == OLD
    assert with_current_names(NEW) == NEW


def test_a_run_folder_with_old_names_is_read(tmp_path) -> None:
    config = load_config("denoise-gray")
    written = with_original_names(config.model_dump(mode="json"))
    del written["data"]["pairs"]  # an option that came later
    assert written["data"]["colour"] == "gray"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(written))
    read = RunFolder(tmp_path).config()
    assert read == config
    assert read.identity == config.identity


def test_the_identity_is_computed_from_the_first_names() -> None:
    config = load_config("deblur-motion")
    values = config.model_dump(mode="json")
    data = {
        ("colour" if key == "color" else key): value
        for key, value in values["data"].items()
        if key not in {"root", "validation", "cache", "workers", "shards", "buffer", "pairs"}
    }
    for old, new in [
        ("drawn_share", "synthetic_share"),
        ("feed", "loader"),
        ("with_level", "noise_level_map"),
    ]:
        data[old] = data.pop(new)
    data["degradation"] = json.loads(
        json.dumps(data["degradation"]).replace('"jitter"', '"restlessness"')
    )
    decisive = {
        key: values[key]
        for key in ("preset", "model", "seed", "init", "phases", "loss", "optimizer", "schedule")
    } | {"ema": values["ema"], "bf16": values["bf16"], "data": data}
    text = json.dumps(decisive, sort_keys=True)
    assert config.identity == hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("override", ["data.colour=gray", "data.color=gray"])
def test_an_override_may_use_either_name(override: str) -> None:
    assert load_config("denoise-color", overrides=(override,)).data.color == "gray"
