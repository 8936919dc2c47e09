"""The evaluation protocol of each task in the literature: channels and cropped borders."""

from dataclasses import dataclass
from enum import StrEnum

from hiir.datasets.photo_files import ColorMode
from hiir.degradations.recipe import Recipe
from hiir.degradations.steps import Defocus, Fog, Jpeg, OneOf, Rain, Raindrops, Snow, Step
from hiir.evaluation.metrics import SsimWindow
from hiir.imaging import ModelContract

__all__ = [
    "EvaluationProtocol",
    "Family",
    "family_of_recipe",
    "family_of_task",
    "protocol_for",
    "protocol_of",
]


class Family(StrEnum):
    """Tasks with the same protocol in the literature."""

    JPEG = "jpeg"
    WEATHER = "weather"
    DEFOCUS = "defocus"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationProtocol:
    """How a task is scored."""

    color: ColorMode = ColorMode.RGB
    """Color mode of the clean images."""
    on_luma: bool = False
    """Score BT.601 luma of color images instead of all samples."""
    full_range: bool = False
    """Luma from 0 to 255, rounded as in OpenCV's 8-bit conversion, instead of 16 to 235."""
    rgb_beside: bool = False
    """Whether to report the figures on RGB too."""
    shave: int = 0
    """Pixels cropped from each side."""
    ssim_window: SsimWindow = SsimWindow.GAUSSIAN

    def to_json(self) -> dict[str, object]:
        """Return a JSON object for a report."""
        channels = "Y" if self.on_luma or self.color is not ColorMode.RGB else "RGB"
        full = self.full_range if self.on_luma else self.color is ColorMode.GRAY
        luma = {"luma": "0-255" if full else "16-235"} if channels == "Y" else {}
        return {
            "channels": channels,
            **luma,
            "shave": self.shave,
            "ssim_window": self.ssim_window.value,
        }


def protocol_of(family: Family, *, scale: int = 1, gray: bool = False) -> EvaluationProtocol:
    """Return the protocol of a task.

    Super-resolution is scored on luma with cropped borders, gray JPEG on the luma that codecs
    store, adverse weather on full-range luma as by the authors of TransWeather, whose protocol the
    paper follows, defocus with the SSIM of the authors of DPDD and Restormer, and all other tasks
    on RGB.

    Args:
        family: family of the task.
        scale: clean pixels per degraded pixel, along a side.
        gray: whether the images have one channel.
    """
    if scale > 1:
        return EvaluationProtocol(on_luma=True, shave=scale)
    if gray:
        return EvaluationProtocol(color=ColorMode.LUMA if family is Family.JPEG else ColorMode.GRAY)
    if family is Family.WEATHER:
        return EvaluationProtocol(on_luma=True, full_range=True, rgb_beside=True)
    if family is Family.DEFOCUS:
        return EvaluationProtocol(ssim_window=SsimWindow.UNIFORM)
    return EvaluationProtocol()


def protocol_for(contract: ModelContract) -> EvaluationProtocol:
    """Return the protocol of a model."""
    gray = contract.output_channels == 1
    return protocol_of(family_of_task(contract.task), scale=contract.scale, gray=gray)


def family_of_task(task: str) -> Family:
    """Return the family of a contract's task, by its name."""
    known = {"weather": Family.WEATHER, "defocus": Family.DEFOCUS, "jpeg": Family.JPEG}
    # A model of noise and JPEG alike is scored by its own channels, which differ for gray alone.
    return next((family for word, family in known.items() if word in task), Family.OTHER)


def family_of_recipe(recipe: Recipe | None) -> Family:
    """Return the family for a method without a task, from the degradation that it should undo."""
    for step in () if recipe is None else recipe.root:
        family = _family_of_step(step)
        if family is not Family.OTHER:
            return family
    return Family.OTHER


def _family_of_step(step: Step) -> Family:
    match step:
        case Jpeg():
            return Family.JPEG
        case Defocus():
            return Family.DEFOCUS
        case Fog() | Rain() | Snow() | Raindrops():
            return Family.WEATHER
        case OneOf(choices=choices):
            families = {_family_of_step(choice) for choice in choices}
            return families.pop() if len(families) == 1 else Family.OTHER
    return Family.OTHER
