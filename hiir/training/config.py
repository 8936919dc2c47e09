"""The configuration of a training run, as frozen models that reject unknown keys.

`experiments` loads one from the defaults, an experiment's differences, a profile and overrides.
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
    """A configuration is unknown, incomplete or inconsistent; the message says where."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoaderKind(StrEnum):
    """The source of patches."""

    PATCHES = "patches"
    """Each patch is degraded separately: a function of the seed, the step and its number."""
    TILES = "tiles"
    """Patches are cropped on the device from whole tiles, in an order that depends on timing."""


class DataConfig(_Strict):
    """Images, and their degradation."""

    root: Path
    """Folder of the images; relative to the working directory."""
    train: tuple[str, ...] = Field(min_length=1)
    """Folders below ``root``."""
    validation: str
    """Folder below ``root``; the best checkpoint is chosen by it."""
    cache: Path
    """Folder of the packed images."""
    skip_corrupt: bool
    """Skip files that cannot be decoded, with a warning that names them, instead of failing."""
    skip_small: bool
    """Skip images that are smaller than a patch or tile, with a warning that counts them."""
    color: ColorMode
    """Color mode that clean images are converted to."""
    synthetic_share: float = Field(ge=0, le=1)
    """Share of synthetic pictures (flat colors, gradients, shapes, letters) among the patches."""
    texture_share: float = Field(ge=0, le=1)
    """Share of patches for which the more textured of two candidates is used."""
    degradation: Recipe
    """Degradation of the patches; its strengths are drawn for each."""
    pairs: tuple[PairsConfig, ...] = ()
    """Real pairs for a share of the patches; if a folder does not exist, the recipe degrades its
    share.
    """
    noise_level_map: bool
    """Append a plane that holds the noise level to each input."""
    workers: int = Field(ge=0)
    """Processes that prepare data; with 0 the training process does so between its steps."""
    shards: Path | None
    """Folder of archives that `hiir data pack` wrote, unpacked into ``root`` as they arrive."""
    loader: LoaderKind
    """Source of the patches."""
    tile: int = Field(gt=0)
    """Side of a tile in pixels, including the margin of the degradation."""
    buffer: int = Field(gt=0)
    """Number of tiles on the device."""
    reuse: float = Field(gt=0)
    """Average number of uses of a tile's pixel before the tile is replaced."""


class PhaseConfig(_Strict):
    """A part of the run with one patch size."""

    until: int = Field(gt=0)
    """Step at which the phase ends, exclusive."""
    batch: int = Field(gt=0)
    """Patches per process and step."""
    patch: int = Field(gt=0)
    """Side of a clean patch in pixels."""


class OptimizerKind(StrEnum):
    """Adam with coupled or decoupled weight decay (AdamW), or Muon for matrices with AdamW."""

    ADAMW = "adamw"
    ADAM = "adam"
    MUON = "muon"


class OptimizerConfig(_Strict):
    """Optimizer settings."""

    kind: OptimizerKind
    lr: float = Field(gt=0)
    betas: tuple[float, float]
    weight_decay: float = Field(ge=0)
    clip_norm: float | None = Field(gt=0)
    """Maximum norm of all gradients together; null disables clipping."""


class ScheduleKind(StrEnum):
    """The decay of the learning rate after its warm-up."""

    COSINE = "cosine"
    MULTI_STEP = "multi-step"


class ScheduleConfig(_Strict):
    """Linear warm-up, a constant rate, then a decay by a cosine or in steps."""

    kind: ScheduleKind
    warmup: int = Field(ge=0)
    """Steps from zero to the full rate."""
    decay_share: float = Field(ge=0, le=1)
    """Share of all steps, at the end, during which a cosine decays."""
    lr_min: float = Field(ge=0)
    """Final rate of a cosine."""
    milestones: tuple[int, ...]
    """Steps at which the rate is multiplied by ``gamma``."""
    gamma: float = Field(gt=0, le=1)


class Compile(StrEnum):
    """What torch compiles on a GPU; nothing is compiled on a CPU."""

    NO = "no"
    LAYERS = "layers"
    """One layer of each shape: seconds, where the whole network takes minutes."""
    NETWORK = "network"


class ValidationConfig(_Strict):
    """One degradation of the validation images, with its label in the log and the contract."""

    label: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    degradation: Recipe


class ReleaseConfig(_Strict):
    """The contract of the model that the run produces."""

    task: str
    version: str
    source: Literal["clean", "photo"] = "clean"
    """Kind of files that a super-resolution model enlarges."""
    tile: int = Field(gt=0)
    """Side of the served tile in pixels, a multiple of the architecture's size."""
    overlap: int = Field(ge=0)
    """Minimum overlap of neighboring tiles in pixels."""
    provenance: dict[str, str]
    """Origin of the weights: data with licenses, recipe, hardware."""


class TrainingConfig(_Strict):
    """Everything that determines a run."""

    name: str
    preset: str
    model: dict[str, Any]
    """Changes to the preset, for experiments; released models have none."""
    seed: int = Field(ge=0)
    init: str | None
    """Initial weights, as far as they fit: name of a shipped model, or path of a file."""
    data: DataConfig
    phases: tuple[PhaseConfig, ...] = Field(min_length=1)
    loss: LossConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    ema: float = Field(ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is released."""
    bf16: bool
    """Compute with a bfloat16 copy of the weights, which stay float32 for the optimizer."""
    compile: Compile
    cuda_graph: bool
    """Record a step once and replay it, for small networks that are limited by launch overhead."""
    duration: float | None = Field(gt=0)
    """Length of the run in seconds; the phases then divide it in proportion. Null: length in steps.
    """
    log_every: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)
    """Steps between checkpoints, if the length is given in steps."""
    checkpoint_seconds: float = Field(gt=0)
    """Seconds between checkpoints, if the length is given in seconds."""
    validate_every: int = Field(gt=0)
    validate_seconds: float = Field(gt=0)
    validation_images: int = Field(gt=0)
    validation_crop: int = Field(gt=0)
    """Side in pixels of the center crop of a validation image."""
    validation: tuple[ValidationConfig, ...] = Field(min_length=1)
    tensorboard: bool
    """Whether to write the figures of the log for TensorBoard too."""
    release: ReleaseConfig

    @property
    def steps(self) -> int:
        """The length of the run in steps."""
        return self.phases[-1].until

    def phase(self, step: int) -> PhaseConfig:
        """The phase that a step (counted from 0) belongs to."""
        return next(phase for phase in self.phases if step < phase.until)

    @property
    def identity(self) -> str:
        """Hash of everything that determines the weights; a run is resumed only with the same hash.

        It leaves out durations, paths, logging, validation and options of execution. Options keep
        their original names in it, and a newer option is left out while it has no effect, so that a
        newer version of the code resumes older runs.
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
    """Reject patches that the network would pad.

    Training on padding costs time, and the network would see borders that no tile has.
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
