"""The configuration of a training run: one complete default, and experiments as small deltas."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = [
    "ConfigError",
    "DataConfig",
    "OptimizerConfig",
    "PhaseConfig",
    "ReleaseConfig",
    "ScheduleConfig",
    "TrainingConfig",
    "load_config",
]


class ConfigError(ValueError):
    """A configuration is unknown, incomplete or contradicts itself; the message says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Strict):
    """Images and how they are degraded."""

    root: Path
    """Folder of the images; relative to the working directory."""
    train: tuple[str, ...] = Field(min_length=1)
    """Folders below ``root``."""
    validation: str
    """Folder below ``root``; checkpoints are chosen on it."""
    cache: Path
    """Where decoded images are packed."""
    sigma_min: float = Field(ge=0)
    sigma_max: float = Field(le=255)
    """Noise levels on the scale of 255, drawn uniformly."""
    clip_share: float = Field(ge=0, le=1)
    """Share of patches degraded as files are: rounded to 8 bits and clipped."""


class PhaseConfig(_Strict):
    """A stretch of the run with one patch size."""

    until: int = Field(gt=0)
    """Step at which the phase ends."""
    batch: int = Field(gt=0)
    """Patches per process and step."""
    patch: int = Field(gt=0)
    """Side of a patch in pixels."""


class OptimizerConfig(_Strict):
    """AdamW."""

    lr: float = Field(gt=0)
    betas: tuple[float, float]
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    """Largest norm of all gradients together."""


class ScheduleConfig(_Strict):
    """Linear warm-up, constant, cosine decay."""

    warmup: int = Field(ge=0)
    """Steps from zero to the full rate."""
    decay_share: float = Field(ge=0, le=1)
    """Share of all steps, at the end, in which the rate falls."""
    lr_min: float = Field(ge=0)


class ReleaseConfig(_Strict):
    """What the trained model promises once it is shipped."""

    task: str
    version: str
    tile: int = Field(gt=0)
    """Side in pixels of what is served; a multiple of the architecture's size."""
    overlap: int = Field(ge=0)
    """Pixels that neighbouring tiles share at least."""
    provenance: dict[str, str]
    """Where the weights come from: data with licences, recipe, hardware."""


class TrainingConfig(_Strict):
    """Everything that decides a run."""

    name: str
    preset: str
    seed: int = Field(ge=0)
    data: DataConfig
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    ema: float = Field(ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is what ships."""
    bf16: bool
    """Run matrix products and convolutions in bfloat16; weights stay float32."""
    log_every: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)
    validate_every: int = Field(gt=0)
    validation_images: int = Field(gt=0)
    validation_sigmas: tuple[float, ...] = Field(min_length=1)
    release: ReleaseConfig

    @property
    def steps(self) -> int:
        """Length of the run."""
        return self.phases[-1].until

    def phase(self, step: int) -> PhaseConfig:
        """The phase that a step (counted from 0) belongs to."""
        return next(phase for phase in self.phases if step < phase.until)

    @model_validator(mode="after")
    def _ordered(self) -> "TrainingConfig":
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError(f"phases must end one after the other, not at {ends}")
        if self.data.sigma_min > self.data.sigma_max:
            raise ValueError(f"sigma_min {self.data.sigma_min} is above {self.data.sigma_max}")
        return self


def load_config(name: str, *, overrides: tuple[str, ...] = ()) -> TrainingConfig:
    """Resolve an experiment: the default, its delta, then ``key.path=value`` overrides.

    Args:
        name: of a shipped experiment, or the path of a YAML file.
        overrides: values in YAML, e.g. ``optimizer.lr=1e-3``.

    Raises:
        ConfigError: for an unknown name, an unknown or missing key, or a value that is refused.
    """
    folder = files("hiir.configs")
    shipped = sorted(
        p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")
    )
    values = yaml.safe_load((folder / "default.yaml").read_text())
    if name in shipped:
        delta = (folder / f"{name}.yaml").read_text()
    elif Path(name).is_file():
        delta = Path(name).read_text(encoding="utf-8")
    else:
        raise ConfigError(f"no configuration {name!r}; those shipped are {', '.join(shipped)}")
    _merge(values, yaml.safe_load(delta) or {}, where=name)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"an override must look like key=value, not {override!r}")
        nested: Any = yaml.safe_load(text)
        for part in reversed(key.split(".")):
            nested = {part: nested}
        _merge(values, nested, where=override)
    try:
        return TrainingConfig(**values)
    except ValidationError as error:
        raise ConfigError(f"configuration {name}: {error}") from error


def _merge(values: dict[str, Any], delta: dict[str, Any], *, where: str) -> None:
    for key, value in delta.items():
        if key not in values:
            raise ConfigError(f"{where}: unknown key {key!r}; known here: {', '.join(values)}")
        if isinstance(values[key], dict) and isinstance(value, dict):
            _merge(values[key], value, where=f"{where}: {key}")
        else:
            values[key] = value
