"""What the literature measures for each task: on which channels, with how much border cut off."""

from dataclasses import dataclass

from hiir.datasets.photo import Colour
from hiir.degradations.recipe import Recipe
from hiir.degradations.steps import Jpeg

__all__ = ["Convention", "convention_for_baseline", "convention_for_task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """How a task is scored."""

    colour: Colour = Colour.RGB
    """What clean images are read as."""
    on_luma: bool = False
    """Score BT.601 luma (16 to 235) of colour images instead of all samples."""
    shave: int = 0
    """Pixels cut off on each side."""

    def to_json(self) -> dict[str, object]:
        """What a report says of it."""
        channels = "Y" if self.on_luma or self.colour is not Colour.RGB else "RGB"
        return {"channels": channels, "shave": self.shave}


def convention_for_task(task: str, *, scale: int, channels: int) -> Convention:
    """The convention for a model.

    Args:
        task: of its contract.
        scale: of its contract.
        channels: of its output.
    """
    if scale > 1:
        return Convention(on_luma=True, shave=scale)
    if channels == 1:
        return Convention(colour=Colour.LUMA if "jpeg" in task else Colour.GRAY)
    return Convention()


def convention_for_baseline(recipe: Recipe | None, *, gray: bool) -> Convention:
    """The convention for a method without a task: what the degradation is usually scored by."""
    if recipe is not None and recipe.scale > 1:
        return Convention(on_luma=True, shave=recipe.scale)
    if gray:
        compressed = recipe is not None and any(isinstance(step, Jpeg) for step in recipe.root)
        return Convention(colour=Colour.LUMA if compressed else Colour.GRAY)
    return Convention()
