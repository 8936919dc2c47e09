"""A degradation recipe as the command line takes it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiir.degradations.recipe import Recipe

__all__ = ["recipe_from"]


def recipe_from(text: str) -> "Recipe":
    """Read YAML, a YAML file, or ``CONFIG[:LABEL]`` of a shipped configuration."""
    from hiir.degradations.recipe import read_recipe
    from hiir.training.experiments import named_recipe

    return named_recipe(text) or read_recipe(text)
