"""Photos of 10 and of 100 megapixels through codec, tiles and encoder: memory and pace.

    python -m benchmarks.large_photos [--megapixels 10 100]

The model changes nothing and costs nothing, so that what is measured is ours: decoding in the
codec's process, a row of tiles at a time, blending, and encoding by strips. Seconds are of the
processor, of both processes; the peak is their resident sets together.
"""

import argparse
import re
import resource
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hiir.imaging import (
    Codec,
    FloatPixels,
    ImageLimits,
    ModelContract,
    PhotoOptions,
    PixelFile,
    plan_photo,
    restore_tiled,
    restored_shape,
)
from hiir.imaging.metadata import ImageMetadata
from hiir.imaging.strip_writer import write_jpeg, write_png

LIMIT_MIB = 1500
SLOWER = 1.10
BYTES = 1024**3
CONTRACT = ModelContract(
    name="identity",
    task="identity",
    version="1",
    architecture="identity",
    scale=1,
    input_channels=3,
    output_channels=3,
    tile=256,
    overlap=32,
    size_multiple=8,
    sha256="0" * 64,
    provenance={},
    quality={},
)


class Identity:
    """A tile engine that gives back what it is given."""

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        done: Future[FloatPixels] = Future()
        done.set_result(tile)
        return done


class Scene:
    """Rows of a picture with edges, slopes and noise, made where they are asked for."""

    dtype = np.dtype(np.uint8)

    def __init__(self, side: int) -> None:
        self.shape = (side, side, 3)

    def __getitem__(self, rows: slice) -> np.ndarray:
        top, bottom, _ = rows.indices(self.shape[0])
        down, right = np.mgrid[top:bottom, 0 : self.shape[1]].astype(np.float32)
        noise = np.random.default_rng(top).normal(0, 2, down.shape).astype(np.float32)
        plane = 128 + 60 * np.sin(down / 97) * np.cos(right / 61) + 40 * (right % 500 > 250) + noise
        return np.stack([plane, plane * 0.8, 255 - plane], axis=2).clip(0, 255).astype(np.uint8)


def restore(source: BinaryIO) -> tuple[float, float]:
    """Processor seconds, and the peak in MiB."""
    codec = Codec(max_bytes=BYTES, decode_seconds=3600)
    limits = ImageLimits(max_pixels=10**9, max_side=10**6, max_codec_bytes=BYTES)
    options = PhotoOptions()
    codec.probe(source)
    before = processor_seconds(codec)
    with tempfile.TemporaryFile() as target:
        image = codec.decode(source, limits, options)
        decoding_peak = peak_mib(codec)
        shape = restored_shape(image.pixels.shape, CONTRACT)
        with PixelFile(shape, plan_photo(image.info, options).dtype) as restored:
            restore_tiled(
                image=image.pixels,
                output=restored,
                contract=CONTRACT,
                infer=Identity(),
                in_flight=4,
                on_progress=lambda *_: None,
                should_stop=lambda: False,
            )
            seconds = processor_seconds(codec) - before
            codec.encode(restored, like=image, options=options, target=target)
        image.close()
    seconds = max(seconds, processor_seconds(codec) - before)
    own = peak_mib(None)
    peak = own + max(decoding_peak, peak_mib(codec))
    codec.close()
    return seconds, peak


def processor_seconds(codec: Codec) -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    if codec.pid is not None:
        fields = Path(f"/proc/{codec.pid}/stat").read_text().rpartition(") ")[2].split()
        total += (int(fields[11]) + int(fields[12])) / 100
    return total


def peak_mib(codec: Codec | None) -> float:
    """Largest resident set of the codec's process, or of this one."""
    if codec is not None and codec.pid is None:
        return 0.0
    process = "self" if codec is None else codec.pid
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=int, nargs="+", default=[10, 100])
    wanted = parser.parse_args(arguments).megapixels
    for name, write in (("JPEG", write_jpeg), ("PNG", write_png)):
        first = None
        for megapixels in wanted:
            with tempfile.TemporaryFile() as source:
                settings = {"quality": 95} if name == "JPEG" else {}
                scene = Scene(int((megapixels * 1e6) ** 0.5))
                write(scene, source, ImageMetadata(), **settings)
                source.flush()
                seconds, peak = restore(source)
            pace = seconds / megapixels
            first = first or pace
            good = peak < LIMIT_MIB and pace <= SLOWER * first
            print(
                f"{name} {megapixels:4d} MP: {pace:.3f} s/MP ({pace / first:.2f} of the first), "
                f"peak {peak:.0f} MiB: {'holds' if good else 'DOES NOT HOLD'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
