"""Clean photos and drawings, and what damages them."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.data import astronaut, chelsea, coffee, rocket
from skimage.filters import gaussian

from hiir.evaluation.drawings import DRAWINGS
from hiir.imaging import probe
from hiir.imaging.analysis.photo_analysis import PhotoAnalysis, analyze_photo

SIDE = 256


def clean_photos() -> dict[str, np.ndarray]:
    """Photos `(256, 256, 3)` uint8; reduced by 2, so that what noise they came with is gone."""
    photos = {}
    for picture in (astronaut, chelsea, coffee, rocket):
        image = Image.fromarray(picture())
        small = np.asarray(image.reduce(2) if min(image.size) >= 2 * 150 else image)
        photos[picture.__name__] = small[:SIDE, :SIDE]
    return photos


def gradients() -> np.ndarray:
    """A sky: a smooth gradient without noise, rounded to 8 bits."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    sky = np.stack([90 + 60 * rows, 130 + 50 * rows, 200 + 30 * columns], axis=2)
    return sky.round().astype(np.uint8)


def stars() -> np.ndarray:
    """Many small stars on a dark sky that is not black."""
    rng = np.random.default_rng(7)
    sky = np.zeros((SIDE, SIDE))
    places = rng.integers(0, SIDE, (2, 1500))
    sky[tuple(places)] = rng.exponential(400, 1500)
    lit = gaussian(sky, 0.8)[..., None] + gradients() / 8 + 6
    return lit.clip(0, 255).round().astype(np.uint8)


def weave() -> np.ndarray:
    """Fine texture: threads of one color, each of its own brightness."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    threads = np.where((rows // 2 + columns // 2) % 2, 20.0, -20.0)
    threads += np.repeat(np.repeat(rng.normal(0, 9, (SIDE // 4, SIDE // 4)), 4, 0), 4, 1)
    color = gaussian(threads, 0.7)[..., None] * np.array([1.0, 0.8, 0.6]) + [150, 120, 90]
    return color.clip(0, 255).round().astype(np.uint8)


def screenshots() -> dict[str, np.ndarray]:
    """Drawings of the evaluation, and a page of text."""
    page = Image.new("RGB", (SIDE, SIDE), "#f5f6f7")
    pen = ImageDraw.Draw(page)
    for line in range(12):
        text = f"{line * 7919:06d} restore(image, strength={line})"
        pen.text((8, 8 + 20 * line), text, fill="#222", font=ImageFont.load_default(12))
    return {"page": np.asarray(page), **{name: draw() for name, draw in DRAWINGS.items()}}


def noisy(photo: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(int(sigma)).normal(0, sigma, photo.shape)
    return (photo + noise).clip(0, 255).round().astype(np.uint8)


def blurred(photo: np.ndarray, sigma: float) -> np.ndarray:
    soft = gaussian(photo.astype(np.float64), sigma, channel_axis=2)
    return soft.round().astype(np.uint8)


def jpeg(photo: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return file.getvalue()


def decoded(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


def analyzed(picture: np.ndarray | bytes) -> PhotoAnalysis:
    """The analysis of pixels, or of a JPEG file with its tables."""
    if isinstance(picture, bytes):
        return analyze_photo(decoded(picture), luma_steps=probe(picture).luma_steps)
    return analyze_photo(picture)
