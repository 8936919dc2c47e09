"""Loading of configurations: complete defaults, and experiments as differences from them."""

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hiir.degradations.recipe import Recipe
from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.config_compatibility import with_current_names

__all__ = ["list_configs", "load_config", "load_stages", "named_recipe", "stage_folder"]

# Complete, and itself not an experiment.
_DEFAULT = "default"


def list_configs() -> tuple[str, ...]:
    """Names of the shipped experiments."""
    paths = files("hiir.configs").iterdir()
    names = {path.name.removesuffix(".yaml") for path in paths if path.name.endswith(".yaml")}
    return tuple(sorted(names - {_DEFAULT}))


def load_config(
    name: str, *, overrides: tuple[str, ...] = (), profile: str | None = None
) -> TrainingConfig:
    """Resolve an experiment: defaults, differences, a profile, then ``key.path=value`` overrides.

    Args:
        name: name of a shipped experiment, or path of a YAML file.
        overrides: values in YAML, e.g. ``optimizer.lr=1e-3``.
        profile: settings for a kind of device: ``gpu`` (``configs/profiles/gpu.yaml``).

    Raises:
        ConfigError: if the name is unknown, a key is unknown or missing, or a value is invalid.
    """
    return _resolve(name, {}, overrides=overrides, profile=profile)


def load_stages(
    name: str, *, overrides: tuple[str, ...] = (), profile: str | None = None
) -> tuple[TrainingConfig, ...]:
    """Resolve the stages of an experiment, in training order; the last is the experiment itself.

    Its file may list preceding ``stages``: each has a ``name`` and its differences from the
    experiment. Every stage but the first starts from the run of the previous one, whose name is
    relative to its own run folder.

    Args:
        name: name of a shipped experiment, or path of a YAML file.
        overrides: overrides for every stage, in YAML; ``init`` applies to the first stage.
        profile: settings for a kind of device.

    Raises:
        ConfigError: as :func:`load_config`, and if a stage has no name.
    """
    listed = with_current_names(yaml.safe_load(_text(name)) or {}).get("stages", [])
    stages: list[TrainingConfig] = []
    for number, delta in enumerate(listed, start=1):
        label = delta.get("name")
        if not isinstance(label, str):
            raise ConfigError(f"{name}: stage {number} has no name")
        stages.append(_resolve(name, delta, overrides=overrides, profile=profile))
    stages.append(_resolve(name, {}, overrides=overrides, profile=profile))
    folders = [stage_folder(number, stage.name) for number, stage in enumerate(stages, start=1)]
    for index in range(1, len(stages)):
        above = "" if index == len(stages) - 1 else "../"
        init = f"{above}{folders[index - 1]}"
        stages[index] = stages[index].model_copy(update={"init": init})
    return tuple(stages)


def stage_folder(number: int, name: str) -> str:
    """Return the folder name of an earlier stage in the run folder; numbers start at 1."""
    return f"stage-{number}-{name}"


def _resolve(
    name: str, stage: dict[str, Any], *, overrides: tuple[str, ...], profile: str | None
) -> TrainingConfig:
    values: dict[str, Any] = yaml.safe_load(_text(_DEFAULT))
    for origin, delta in _deltas(name):
        _merge(values, delta, where=origin)
    _merge(values, stage, where=f"{name}: stage")
    if profile is not None:
        _apply_profile(values, profile)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"an override must look like key=value, not {override!r}")
        nested: Any = yaml.safe_load(text)
        for part in reversed(key.split(".")):
            nested = {part: nested}
        _merge(values, with_current_names(nested), where=override)
    try:
        return TrainingConfig(**values)
    except ValidationError as error:
        raise ConfigError(f"configuration {name}: {error}") from error


def _apply_profile(values: dict[str, Any], profile: str) -> None:
    """Merge a profile; its ``batch_pixels`` determines the batch size of each phase."""
    path = files("hiir.configs") / "profiles" / f"{profile}.yaml"
    if not path.is_file():
        raise ConfigError(f"no profile {profile!r}; there is gpu")
    delta: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    pixels = delta.pop("batch_pixels")
    _merge(values, delta, where=f"profile {profile}")
    if values["data"]["workers"] == "cores":
        # The training process itself, and what validates beside it, need one.
        values["data"]["workers"] = max((os.cpu_count() or 2) - 2, 1)
    values["phases"] = [
        {**phase, "batch": max(pixels // phase["patch"] ** 2, 1)} for phase in values["phases"]
    ]


def _deltas(name: str) -> list[tuple[str, dict[str, Any]]]:
    """An experiment's differences, preceded by those of its ``base``."""
    delta: dict[str, Any] = with_current_names(yaml.safe_load(_text(name)) or {})
    base = delta.pop("base", None)
    delta.pop("stages", None)
    return [*(_deltas(base) if base else []), (name, delta)]


def _text(name: str) -> str:
    if name in (_DEFAULT, *list_configs()):
        return (files("hiir.configs") / f"{name}.yaml").read_text(encoding="utf-8")
    if Path(name).is_file():
        return Path(name).read_text(encoding="utf-8")
    known = ", ".join((_DEFAULT, *list_configs()))
    raise ConfigError(f"no configuration {name!r}; those shipped are {known}")


def named_recipe(text: str) -> Recipe | None:
    """Return the degradation that a shipped experiment validates on: ``NAME`` or ``NAME:LABEL``.

    Returns None if the text does not start with the name of an experiment.

    Raises:
        ConfigError: if the label is unknown; the message lists those of the experiment.
    """
    name, _, label = text.partition(":")
    if name not in list_configs():
        return None
    recipes = {item.label: item.degradation for item in load_config(name).validation}
    if label and label not in recipes:
        raise ConfigError(f"{name} has no {label!r}; it has {', '.join(recipes)}")
    return recipes[label] if label else next(iter(recipes.values()))


# Their keys depend on their kind: a delta states them whole.
_WHOLE = frozenset({"loss", "model"})


def _merge(values: dict[str, Any], delta: dict[str, Any], *, where: str) -> None:
    for key, value in delta.items():
        if key not in values:
            raise ConfigError(f"{where}: unknown key {key!r}; known here: {', '.join(values)}")
        if key not in _WHOLE and isinstance(values[key], dict) and isinstance(value, dict):
            _merge(values[key], value, where=f"{where}: {key}")
        else:
            values[key] = value
