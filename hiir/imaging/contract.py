"""The contract of a restoration model, which is stored with its weights.

It is stored as string `parameters` in `model_repository/<model>/config.pbtxt`, so that a client of
the model can check it at startup.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from hiir.imaging.errors import ContractError

# Settings of Triton's openvino and onnxruntime backends, which share the `parameters` map.
_SERVER_PARAMETERS = frozenset(
    {
        "COMPILATION_NUM_THREADS",
        "HINT_BF16",
        "INFERENCE_NUM_THREADS",
        "NUM_STREAMS",
        "PERFORMANCE_HINT",
        "arena_extend_strategy",
        "cudnn_conv_algo_search",
        "enable_mem_arena",
        "enable_mem_pattern",
        "execution_mode",
        "gpu_mem_limit",
        "inter_op_thread_count",
        "intra_op_thread_count",
        "memory.enable_memory_arena_shrinkage",
    }
)
_PRECISIONS = ("fp32", "bf16")
_SOURCES = ("clean", "photo")
_KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContract:
    """The inputs and outputs of a model, and facts about it.

    The model maps `(B, input_channels, tile, tile)` to `(B, output_channels, tile * scale, tile *
    scale)`, float32 in [0, 1], RGB order.

    Raises:
        ContractError: if values contradict each other.
    """

    name: str
    """Name in the model repository, kebab-case."""
    task: str
    """Kind of restoration, kebab-case; the first model of a task has the task's name."""
    version: str
    """Version of the weights."""
    architecture: str
    """Preset that builds the network."""
    scale: int
    """Output pixels per input pixel along a side; 1 except for super-resolution."""
    input_channels: int
    output_channels: int
    tile: int
    """Side of the square input in pixels; the only size for which the model is served."""
    overlap: int
    """Minimum number of input pixels that neighboring tiles share."""
    size_multiple: int
    """Sides of the network's input must be multiples of this; divides `tile`."""
    sha256: str
    """SHA-256 of the weights file, in lowercase hex."""
    provenance: Mapping[str, str] = field(hash=False)
    """Origin of the weights: data, seed, code revision, license."""
    quality: Mapping[str, float] = field(hash=False)
    """Measured figures, e.g. `{"cbsd68-sigma25-psnr": 30.4}`."""
    noise_level: bool = False
    """Whether the last input channel is the noise level: sigma on the scale of the pixels."""
    source: str = "clean"
    """Kind of files that a super-resolution model enlarges.

    `clean` files were only reduced; `photo` files are also blurred, noisy and compressed.
    """
    precision: str = "fp32"
    """Precision in which a CPU computes if it supports it: `fp32` or `bf16` (bfloat16)."""

    def __post_init__(self) -> None:
        # The dictionaries are copied, so that the caller cannot change the contract later.
        object.__setattr__(self, "provenance", dict(self.provenance))
        object.__setattr__(self, "quality", dict(self.quality))
        for problem, broken in self._rules().items():
            if broken:
                raise ContractError(f"Model contract {self.name!r}: {problem}.")

    @property
    def image_channels(self) -> int:
        """Number of input channels that belong to the image."""
        return self.input_channels - self.noise_level

    @property
    def can_blend(self) -> bool:
        """Whether the result can be blended with the input, channel by channel."""
        return self.output_channels <= self.image_channels

    def _rules(self) -> dict[str, bool]:
        return {
            "name must be kebab-case": not _KEBAB_CASE.fullmatch(self.name),
            "task must be kebab-case": not _KEBAB_CASE.fullmatch(self.task),
            "version must not be blank": not self.version.strip(),
            "architecture must not be blank": not self.architecture.strip(),
            "scale must be at least 1": self.scale < 1,
            "input_channels must be at least 1": self.input_channels < 1,
            "input_channels must hold an image beside the noise level": self.image_channels < 1,
            "output_channels must be at least 1": self.output_channels < 1,
            "size_multiple must be at least 1": self.size_multiple < 1,
            "tile must be a positive multiple of size_multiple": self.tile < 1
            or self.tile % max(self.size_multiple, 1) != 0,
            "overlap must be at least 0 and less than tile": not 0 <= self.overlap < self.tile,
            "sha256 must be 64 lower-case hex digits": not _SHA256.fullmatch(self.sha256),
            "source must be clean or photo": self.source not in _SOURCES,
            "precision must be fp32 or bf16": self.precision not in _PRECISIONS,
            "quality must hold finite numbers": not all(map(math.isfinite, self.quality.values())),
        }

    def to_parameters(self) -> dict[str, str]:
        """Return the contract as Triton's string parameters, one per non-default field."""
        values = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.default is MISSING or getattr(self, item.name) != item.default
        }
        return {
            key: json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
            for key, value in values.items()
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "ModelContract":
        """Parse the output of `to_parameters`; settings of Triton's backends are ignored.

        Raises:
            ContractError: if keys are missing or unknown, or values are invalid or inconsistent.
        """
        known = {item.name: item for item in fields(cls)}
        optional = {name for name, item in known.items() if item.default is not MISSING}
        given = set(parameters) - _SERVER_PARAMETERS
        _check_keys(given, set(known), optional)
        values = {key: _parse(key, parameters[key]) for key in given}
        return cls(**values)


def _check_keys(given: set[str], known: set[str], optional: set[str]) -> None:
    for problem, keys in (("unknown", given - known), ("missing", known - optional - given)):
        if keys:
            raise ContractError(
                f"Model contract: {problem} {', '.join(sorted(keys))}; "
                f"the keys are {', '.join(sorted(known))}.",
                limit=", ".join(sorted(known)),
                actual=", ".join(sorted(given)),
            )


def _parse(key: str, text: str) -> Any:
    parser = _PARSERS.get(key, str)
    try:
        return parser(text)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ContractError(f"Model contract: {key} cannot be {text!r}.", actual=text) from error


def _parse_strings(text: str) -> dict[str, str]:
    values = _parse_object(text)
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("not all values are strings")
    return values


def _parse_numbers(text: str) -> dict[str, float]:
    values = _parse_object(text)
    if not all(type(value) in (int, float) for value in values.values()):
        raise ValueError("not all values are numbers")
    return {key: float(value) for key, value in values.items()}


def _parse_object(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise TypeError("not a JSON object")
    return values


def _parse_flag(text: str) -> bool:
    return {"True": True, "False": False}[text]


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "scale": int,
    "input_channels": int,
    "output_channels": int,
    "tile": int,
    "overlap": int,
    "size_multiple": int,
    "provenance": _parse_strings,
    "quality": _parse_numbers,
    "noise_level": _parse_flag,
}
