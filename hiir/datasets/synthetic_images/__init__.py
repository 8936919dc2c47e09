"""Synthetic pictures of screens, paper and the sky, which photo collections rarely contain.

A network that is trained on photos only shifts saturated flat colors by many levels, softens the
edges of letters and treats stars as noise. A share of its training images is therefore synthetic.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from hiir.datasets.synthetic_images.chart import draw_chart
from hiir.datasets.synthetic_images.halftone import draw_halftone
from hiir.datasets.synthetic_images.lines import draw_lines
from hiir.datasets.synthetic_images.screen import draw_screen
from hiir.datasets.synthetic_images.shapes import draw_flat, draw_gradient, draw_shapes
from hiir.datasets.synthetic_images.stars import draw_stars
from hiir.datasets.synthetic_images.text import draw_text
from hiir.imaging import Uint8Pixels

__all__ = ["PICTURES", "draw_picture"]

Draw = Callable[[np.random.Generator, int], Uint8Pixels]

PICTURES: Mapping[Draw, float] = MappingProxyType(
    {
        draw_flat: 3,
        draw_gradient: 2,
        draw_shapes: 2,
        draw_lines: 3,
        draw_text: 3,
        draw_screen: 2,
        draw_chart: 1,
        draw_halftone: 1,
        draw_stars: 1,
    }
)
"""Relative probability of each kind."""


def draw_picture(random: np.random.Generator, side: int) -> Uint8Pixels:
    """Draw a synthetic picture ``(side, side, 3)`` uint8 of a random kind.

    Args:
        random: random generator.
        side: side in pixels, at least 8.

    Raises:
        ValueError: if the side is smaller.
    """
    if side < 8:
        raise ValueError(f"a drawn picture has a side of at least 8 pixels, not {side}")
    weights = np.array(list(PICTURES.values()))
    kind = int(random.choice(len(PICTURES), p=weights / weights.sum()))
    return list(PICTURES)[kind](random, side)
