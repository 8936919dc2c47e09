"""Make the small pictures of the web page that show what each task does, before and after.

`python samples/make_task_examples.py` degrades a photo (scikit-image's cat Chelsea, CC0, by Stefan
van der Walt), restores it with the weights of the repository, and writes the left half of the one
beside the right half of the other.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import chelsea

from hiir import restore
from hiir.degradations.recipe import Recipe
from hiir.imaging import Uint8Pixels, from_unit, to_unit

FOLDER = Path(__file__).parents[1] / "service/api/page"
TOP, LEFT, HEIGHT, WIDTH = 60, 60, 144, 320
SEED = 0
QUALITY = 80
EXAMPLES = {
    "denoise": ("denoise-color", [{"kind": "noise", "sigma": [35, 35]}]),
    "jpeg-artifacts": ("jpeg-color", [{"kind": "jpeg", "quality": [10, 10]}]),
    "super-resolution": ("sr-x4", [{"kind": "downscale", "factor": 4}]),
    "demosaic": ("demosaic", [{"kind": "bayer", "patterns": ["rggb"]}]),
    "motion-deblur": ("deblur-motion", [{"kind": "motion", "length": [16, 16]}]),
    "defocus-deblur": ("deblur-defocus", [{"kind": "defocus", "radius": [4, 4]}]),
    "weather": ("weather", [{"kind": "snow", "amount": [0.3, 0.3]}]),
}


def main() -> None:
    """Write `task-<name>.webp` for each task."""
    clean = to_unit(np.ascontiguousarray(chelsea()[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]))
    for index, (task, (model, steps)) in enumerate(EXAMPLES.items()):
        degraded = Recipe.model_validate(steps).degrade(clean, seed=SEED, index=index)
        sent = from_unit(np.clip(degraded, 0, 1), np.uint8)
        before = enlarge(sent, HEIGHT // sent.shape[0])
        halves = [before[:, : WIDTH // 2], restore(sent, model)[:, WIDTH // 2 :]]
        image = Image.fromarray(np.concatenate(halves, axis=1))
        image.save(FOLDER / f"task-{task}.webp", quality=QUALITY, method=6)


def enlarge(image: Uint8Pixels, scale: int) -> Uint8Pixels:
    """Repeat each pixel `scale` times along both sides."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


if __name__ == "__main__":
    main()
