"""Parses a degradation recipe of the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiir.degradations.recipe import Recipe

__all__ = ["recipe_from"]


def recipe_from(text: str) -> "Recipe":
    """Parse YAML, a YAML file, or ``CONFIG[:LABEL]`` of a shipped configuration."""
    from hiir.degradations.recipe import read_recipe
    from hiir.training.experiments import named_recipe

    return named_recipe(text) or read_recipe(text)
