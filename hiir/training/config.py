"""The configuration of a training run, as frozen models that refuse unknown keys.

`experiments` loads one: the complete default, an experiment's differences, a profile, overrides.
"""

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import Recipe
from hiir.errors import HiirError
from hiir.models.presets import get_preset
from hiir.training.config_compatibility import with_original_names
from hiir.training.losses import LossConfig
from hiir.training.paired_data import PairsConfig

__all__ = [
    "Compile",
    "ConfigError",
    "DataConfig",
    "LoaderKind",
    "OptimizerConfig",
    "OptimizerKind",
    "PhaseConfig",
    "ReleaseConfig",
    "ScheduleConfig",
    "ScheduleKind",
    "TrainingConfig",
    "ValidationConfig",
]


class ConfigError(HiirError):
    """A configuration is unknown, incomplete or contradicts itself; the message says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoaderKind(StrEnum):
    """Where patches come from."""

    PATCHES = "patches"
    """Each patch is degraded for itself: a function of the seed, the step and its number."""
    TILES = "tiles"
    """Patches are cut on the device from whole tiles: which, depends on when tiles arrive."""


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
    skip_corrupt: bool
    """Leave out what cannot be decoded, with a warning that names it, instead of refusing it."""
    skip_small: bool
    """Leave out images that are smaller than a patch or tile, with a warning that counts them."""
    color: ColorMode
    """What clean images are turned into first."""
    synthetic_share: float = Field(ge=0, le=1)
    """Share of the patches that are drawn pictures (flat colors, gradients, shapes, letters)."""
    texture_share: float = Field(ge=0, le=1)
    """Share of the patches that are the more textured of two candidates."""
    degradation: Recipe
    """What is done to a patch; strengths are drawn for each."""
    pairs: tuple[PairsConfig, ...] = ()
    """Real pairs for a share of the patches; without the folder the recipe degrades others."""
    noise_level_map: bool
    """Append a plane that holds the noise level to each input."""
    workers: int = Field(ge=0)
    """Processes that prepare data; with 0 the training process does it between its steps."""
    shards: Path | None
    """Folder of archives that `hiir data pack` wrote, unpacked into ``root`` as they arrive."""
    loader: LoaderKind
    """Where patches come from."""
    tile: int = Field(gt=0)
    """Side of a tile in pixels, with the margin of the degradation."""
    buffer: int = Field(gt=0)
    """Tiles that the device holds."""
    reuse: float = Field(gt=0)
    """How often a pixel of a tile is used on average, before another tile takes its place."""


class PhaseConfig(_Strict):
    """A stretch of the run with one patch size."""

    until: int = Field(gt=0)
    """Step at which the phase ends."""
    batch: int = Field(gt=0)
    """Patches per process and step."""
    patch: int = Field(gt=0)
    """Side of a clean patch in pixels."""


class OptimizerKind(StrEnum):
    """Adam with weight decay apart from the gradient or in it; AdamW with Muon for matrices."""

    ADAMW = "adamw"
    ADAM = "adam"
    MUON = "muon"


class OptimizerConfig(_Strict):
    """How weights follow gradients."""

    kind: OptimizerKind
    lr: float = Field(gt=0)
    betas: tuple[float, float]
    weight_decay: float = Field(ge=0)
    clip_norm: float | None = Field(gt=0)
    """Largest norm of all gradients together; null does not clip."""


class ScheduleKind(StrEnum):
    """How the learning rate falls after its warm-up."""

    COSINE = "cosine"
    MULTI_STEP = "multi-step"


class ScheduleConfig(_Strict):
    """Linear warm-up, then constant, then falling by a cosine or in steps."""

    kind: ScheduleKind
    warmup: int = Field(ge=0)
    """Steps from zero to the full rate."""
    decay_share: float = Field(ge=0, le=1)
    """Share of all steps, at the end, in which a cosine falls."""
    lr_min: float = Field(ge=0)
    """Where a cosine ends."""
    milestones: tuple[int, ...]
    """Steps from which the rate is multiplied by ``gamma`` once more."""
    gamma: float = Field(gt=0, le=1)


class Compile(StrEnum):
    """What torch compiles on a GPU; a CPU runs the network as it is."""

    NO = "no"
    LAYERS = "layers"
    """One layer of each shape, which takes seconds where the whole network takes minutes."""
    NETWORK = "network"


class ValidationConfig(_Strict):
    """One degradation of the validation images, named for the log and the contract."""

    label: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    degradation: Recipe


class ReleaseConfig(_Strict):
    """What the trained model promises once it is shipped."""

    task: str
    version: str
    source: Literal["clean", "photo"] = "clean"
    """Files that a model for super-resolution enlarges."""
    tile: int = Field(gt=0)
    """Side in pixels of what is served; a multiple of the architecture's size."""
    overlap: int = Field(ge=0)
    """Pixels that neighboring tiles share at least."""
    provenance: dict[str, str]
    """Where the weights come from: data with licenses, recipe, hardware."""


class TrainingConfig(_Strict):
    """Everything that decides a run."""

    name: str
    preset: str
    model: dict[str, Any]
    """Changes to the preset, for experiments; what ships has none."""
    seed: int = Field(ge=0)
    init: str | None
    """Released weights to start from, as far as they fit: name of a shipped model, or a file."""
    data: DataConfig
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    loss: LossConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    ema: float = Field(ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is what ships."""
    bf16: bool
    """Compute with a bfloat16 copy of the weights, which stay float32 for the optimizer."""
    compile: Compile
    cuda_graph: bool
    """Record a step once and replay it, for small networks that a GPU waits for."""
    duration: float | None = Field(gt=0)
    """Seconds of training; the phases then say which share of them each lasts. Null: steps."""
    log_every: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)
    """Steps between two checkpoints, where the length is given in steps."""
    checkpoint_seconds: float = Field(gt=0)
    """Seconds between two checkpoints, where the length is given in seconds."""
    validate_every: int = Field(gt=0)
    validate_seconds: float = Field(gt=0)
    validation_images: int = Field(gt=0)
    validation_crop: int = Field(gt=0)
    """Side in pixels of what is taken from the middle of a validation image."""
    validation: tuple[ValidationConfig, ...] = Field(min_length=1)
    tensorboard: bool
    """Write the figures of the log for TensorBoard too."""
    release: ReleaseConfig

    @property
    def steps(self) -> int:
        """Length of the run."""
        return self.phases[-1].until

    def phase(self, step: int) -> PhaseConfig:
        """The phase that a step (counted from 0) belongs to."""
        return next(phase for phase in self.phases if step < phase.until)

    @property
    def identity(self) -> str:
        """Hash of what decides the weights: a run is resumed with the same alone.

        Lengths in time, paths, logging, validation and the way of computing are not in it. Options
        keep their first names in it, and one that came later is left out while it has no effect:
        a newer version of the code resumes older runs.
        """
        decisive = self.model_dump(mode="json", exclude=_INDECISIVE)
        if not decisive["data"]["pairs"]:
            del decisive["data"]["pairs"]
        text = json.dumps(with_original_names(decisive), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingConfig":
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError(f"phases must end one after the other, not at {ends}")
        scale = self.data.degradation.scale
        for phase in self.phases:
            if phase.patch % scale:
                raise ValueError(f"patch {phase.patch} must be a multiple of the scale {scale}")
        share = sum(pairs.share for pairs in self.data.pairs)
        if share > 1 + 1e-9:
            raise ValueError(f"pairs may give all patches at most, not {share:g} of them")
        labels = [item.label for item in self.validation]
        if len(set(labels)) < len(labels):
            raise ValueError(f"two validations have one label: {labels}")
        shapes = {(i.degradation.scale, i.degradation.views) for i in self.validation}
        if shapes != {(scale, self.data.degradation.views)}:
            raise ValueError("validation must reduce, and give views, as training does")
        multiple = get_preset(self.preset, self.model).size_multiple
        for phase in self.phases:
            _check_padding(phase.patch, scale, multiple)
        return self


def _check_padding(patch: int, scale: int, multiple: int) -> None:
    """Refuse patches that the network would enlarge by repeating their border.

    Training on padding costs time, and the network sees borders that no tile has.
    """
    side = patch // scale
    if side % multiple:
        padded = -(-side // multiple) * multiple
        raise ValueError(
            f"patch {patch}: the network would pad its {side} pixels to {padded}, "
            f"{(padded / side) ** 2:.2f} times the work; its sides are multiples of {multiple}"
        )


_INDECISIVE: dict[str, Any] = {
    **dict.fromkeys(
        (
            *("name", "compile", "cuda_graph", "duration", "log_every", "tensorboard", "release"),
            *("checkpoint_every", "checkpoint_seconds", "validate_every", "validate_seconds"),
            *("validation_images", "validation_crop", "validation"),
        ),
        True,
    ),
    "data": {"root", "validation", "cache", "workers", "shards", "buffer"},
}
