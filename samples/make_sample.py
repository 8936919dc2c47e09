"""Make the bundled sample: a crop of scikit-image's astronaut (public domain, NASA), and its noise.

`python samples/make_sample.py` writes both files beside itself, the same bytes each time.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

SIGMA = 25.0
SEED = 0
TOP, LEFT, SIDE = 0, 96, 256  # the face

FOLDER = Path(__file__).parent


def main() -> None:
    """Write the clean crop and its 8-bit noisy version, rounded and clipped like any photo."""
    clean = astronaut()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    noise = np.random.default_rng(SEED).normal(0.0, SIGMA, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    Image.fromarray(clean).save(FOLDER / "astronaut.png", optimize=True)
    Image.fromarray(noisy).save(FOLDER / "astronaut_sigma25.png", optimize=True)


if __name__ == "__main__":
    main()
