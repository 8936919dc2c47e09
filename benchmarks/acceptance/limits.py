"""What a model does to pictures that it should leave alone, and to what it finds hard.

`python -m benchmarks.acceptance.limits jpeg-color [--set photos/LIVE1] [--draw docs/models]`
prints how far
clean photos are from what comes back (scikit-image's own, or those of a folder), and by how many
levels flat colors are shifted and made uneven; with `--draw` a picture shows a drawn chart of flat
colors, letters and lines, and a photo, clean and at every setting of the model's validation: what
goes in, what comes back, the truth. Demosaicking gets a zone plate for a chart, whose gray rings
show zippers and false colors, and the mean of those before and after.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from hiir.datasets.packed_images import list_images
from hiir.datasets.photo_files import ColorMode, read_photo, to_gray
from hiir.evaluation.drawings import FLAT_COLORS, FLAT_GRAYS, draw_flat_color
from hiir.evaluation.metrics import psnr
from hiir.evaluation.restorer import TiledRestorer
from hiir.evaluation.torch_tiles import TorchTiles
from hiir.imaging import Uint8Pixels, from_unit, to_unit
from hiir.models.release import list_releases, load_release
from hiir.training.config import TrainingConfig
from hiir.training.experiments import load_config

SIDE = 192
LINE = 14


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="*", help="all shipped models unless named")
    parser.add_argument("--set", type=Path, metavar="DIR", help="clean photos")
    parser.add_argument("--images", type=int, default=8, help="how many of them, from the first")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="for a picture of each model")
    options = parser.parse_args(arguments)
    for name in options.model or list_releases():
        model = Model(name)
        if model.scale == 1 and model.config.data.degradation.views == 1:
            print(model.on_clean(list(model.photos(options.set, options.images))), flush=True)
        print(model.on_flat(), flush=True)
        if model.demosaics:
            print(model.on_zone_plate(), flush=True)
        if options.draw:
            model.picture().save(options.draw / f"{name}.webp", quality=90)


class Model:
    def __init__(self, name: str) -> None:
        release = load_release(name)
        self.name = name
        self.config: TrainingConfig = load_config(name)
        self.scale = release.contract.scale
        self.views = self.config.data.degradation.views
        self.demosaics = release.contract.task == "demosaic"
        self.gray = self.config.data.color is not ColorMode.RGB
        self.restorer = TiledRestorer(contract=release.contract, engine=TorchTiles(release))

    def photos(self, folder: Path | None, count: int) -> Iterator[Uint8Pixels]:
        if folder is None:
            yield from map(self.colored, (data.astronaut(), data.coffee(), data.chelsea()))
        else:
            for path in list_images(folder)[:count]:
                yield read_photo(path, ColorMode.GRAY if self.gray else ColorMode.RGB)

    def on_clean(self, photos: Sequence[Uint8Pixels]) -> str:
        figures = [psnr(photo, self.restorer.restore(to_unit(photo))) for photo in photos]
        return (
            f"{self.name}: {len(photos)} clean photos come back at {np.mean(figures):.1f} dB, "
            f"the worst at {min(figures):.1f} dB"
        )

    def on_flat(self) -> str:
        grays = [self.flat(color) for color in FLAT_GRAYS]
        colors = [] if self.gray else [self.flat(color) for color in FLAT_COLORS]
        text = f"{self.name}: flat grays are shifted by {max(s for s, _ in grays)} levels at most"
        if colors:
            text += f", flat colors by {max(s for s, _ in colors)}"
        return f"{text}, and uneven by {max(u for _, u in grays + colors)} at most"

    def flat(self, color: tuple[int, int, int]) -> tuple[int, int]:
        """Largest shift of one color, and largest difference of two pixels of one channel."""
        plane = self.colored(draw_flat_color(color))
        given = np.tile(to_unit(plane), (1, 1, self.views))
        restored = self.restorer.restore(given).astype(int)
        shift = np.abs(restored - plane[0, 0].astype(int)).max()
        return int(shift), int(np.ptp(restored, axis=(0, 1)).max())

    def on_zone_plate(self) -> str:
        item = self.config.validation[0]
        degraded = item.degradation.degrade(to_unit(zone_plate()), seed=0, index=0)
        mosaicked = from_unit(np.clip(degraded, 0, 1), np.uint8)
        before, after = (
            np.ptp(pixels.astype(int), axis=2).mean()
            for pixels in (mosaicked, self.restorer.restore(degraded))
        )
        return (
            f"{self.name}: on a gray zone plate the channels lie {before:.1f} levels apart after "
            f"the filters and {after:.1f} after the model, in the mean"
        )

    def picture(self) -> Image.Image:
        rows = list(self.rows())
        gap = 6
        width, height = 6 * (SIDE + gap) + gap, len(rows) * (SIDE + gap + LINE) + gap
        sheet = Image.new("RGB", (width, height), "white")
        pen = ImageDraw.Draw(sheet)
        for row, (title, pictures) in enumerate(rows):
            top = gap + row * (SIDE + gap + LINE)
            pen.text((gap, top), f"{title}: before, after, truth", fill="black")
            for column, pixels in enumerate(pictures):
                picture = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
                picture = picture.resize((SIDE, SIDE), Image.Resampling.NEAREST)
                sheet.paste(picture, (gap + column * (SIDE + gap), top + LINE))
        return sheet

    def rows(self) -> Iterator[tuple[str, list[Uint8Pixels]]]:
        drawn = zone_plate() if self.demosaics else chart()
        cleans = [self.colored(drawn), self.colored(data.astronaut()[10:202, 130:322])]
        if self.scale == 1 and self.views == 1:
            yield "clean", [p for c in cleans for p in (c, self.restorer.restore(to_unit(c)), c)]
        for item in self.config.validation:
            shown = []
            for clean in cleans:
                degraded = item.degradation.degrade(to_unit(clean), seed=0, index=0)
                before = from_unit(np.clip(degraded[..., : clean.shape[2]], 0, 1), np.uint8)
                shown += [before, self.restorer.restore(degraded), clean]
            yield item.label, shown

    def colored(self, pixels: Uint8Pixels) -> Uint8Pixels:
        pixels = np.ascontiguousarray(pixels)
        return to_gray(pixels) if self.gray else pixels


def chart() -> Uint8Pixels:
    """Flat colors, a gradient, letters and lines of one pixel."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    for index, color in enumerate(FLAT_COLORS):
        pen.rectangle((32 * index, 0, 32 * index + 31, 47), fill=color)
    for x in range(SIDE):
        pen.line((x, 48, x, 71), fill=(round(255 * x / (SIDE - 1)),) * 3)
    for index, size in enumerate((10, 14, 20)):
        text = "Quick 0123 fox" if size < 20 else "Hi-IR 45"
        pen.text((6, 76 + 20 * index), text, fill="black", font=ImageFont.load_default(size))
    for index in range(16):
        pen.line((110, 76 + 4 * index, 186, 76 + 4 * index), fill="black")
        pen.line((6 + 12 * index, 146, 6 + 14 * index, 188), fill=(200, 0, 0))
    return np.asarray(image)


def zone_plate() -> Uint8Pixels:
    """Gray rings of growing frequency: 0.4 cycles a pixel at the middle of each side."""
    offsets = np.arange(SIDE) - (SIDE - 1) / 2
    squares = offsets[:, None] ** 2 + offsets[None, :] ** 2
    rings = 127.5 + 127.5 * np.cos(0.8 * np.pi * squares / SIDE)
    return np.repeat(np.rint(rings).astype(np.uint8)[:, :, None], 3, axis=2)


if __name__ == "__main__":
    main()
