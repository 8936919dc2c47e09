"""Photos of 10 and of 100 megapixels: memory and pace.

    python -m benchmarks.service.large_photos [--megapixels 10 100] [--service] [--rounds 3]

The model changes nothing and costs nothing, so that what is measured is ours: decoding in the
codec's process, a row of tiles at a time, blending, and encoding by strips. Seconds are of the
processor, of both processes; the peak is their resident sets together.

With `--service` they go over HTTP through a whole service, from the upload to the last byte of the
result. The peak is that of the worker's processes, its codec's included; seconds are those of all
servers, medians of rounds that take turns. A PNG must come back exactly.
"""

import argparse
import re
import resource
import statistics
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyvips

from benchmarks.service.stack import IDENTITY, Stack, Watch, identity_repository, running_stack
from hiir.imaging import (
    Codec,
    FloatPixels,
    ImageLimits,
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
FORMATS = ("JPEG", "PNG")
# Above the default limit of the service.
SETTINGS = {
    "HIIR_LIMITS__PIXELS": 150_000_000,
    "HIIR_LIMITS__OUTPUT_PIXELS": 150_000_000,
    "HIIR_LIMITS__BODY_BYTES": 500 * 2**20,
    "HIIR_LIMITS__RESULT_BYTES": 500 * 2**20,
    "HIIR_LIMITS__DECODE_SECONDS": 900,
    "HIIR_LIMITS__PREDICTED_WAIT_SECONDS": 10**6,
}


class Identity:
    """A tile engine that returns its input."""

    any_size = True

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
        shape = restored_shape(image.pixels.shape, IDENTITY)
        with PixelFile(shape, plan_photo(image.info, options).dtype) as restored:
            restore_tiled(
                image=image.pixels,
                output=restored,
                contract=IDENTITY,
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


def through_service(stack: Stack, source: Path, result: Path) -> Watch:
    """Send a file, wait, and fetch what became of it."""
    with Watch(stack) as watch, source.open("rb") as file:
        answer = stack.submit(file)
        if answer.status_code != 202:
            raise SystemExit(f"refused: {answer.text}")
        job = stack.wait(answer.json())
        if job["status"] != "succeeded":
            raise SystemExit(f"the job ended {job['status']}: {job['error']}")
        with result.open("wb") as output, stack.client.stream("GET", job["urls"]["result"]) as body:
            for part in body.iter_bytes():
                output.write(part)
    stack.client.delete(job["urls"]["self"]).raise_for_status()
    print(f"  {source.name} {job['timings']}", flush=True)
    return watch


def same_pixels(one: Path, other: Path) -> bool:
    images = [pyvips.Image.new_from_file(str(path), access="sequential") for path in (one, other)]
    return bool((images[0] - images[1]).abs().max() == 0)


def measure_service(name: str, wanted: Sequence[int], rounds: int) -> bool:
    """Print a line for each size; whether they hold."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photos = {size: folder / f"{size}.{name.lower()}" for size in wanted}
        for size, path in photos.items():
            with path.open("wb") as file:
                write_photo(name, size, file)
        seconds: dict[int, list[float]] = {size: [] for size in wanted}
        watches = {}
        result = folder / "result"
        with running_stack(folder, identity_repository(folder), settings=SETTINGS) as stack:
            through_service(stack, photos[min(wanted)], result)  # what is made once
            for _ in range(rounds):
                for size in sorted(wanted):
                    watch = through_service(stack, photos[size], result)
                    seconds[size].append(sum(watch.seconds().values()))
                    # A peak never falls: a smaller photo's is known before the first larger one.
                    if size not in watches or size == max(wanted):
                        watches[size] = watch
                    if name == "PNG" and not same_pixels(photos[size], result):
                        raise SystemExit("the pixels that came back are not those that were sent")
        first = statistics.median(seconds[wanted[0]]) / wanted[0]
        good = True
        for size in wanted:
            peaks = ", ".join(f"{key} {peak:.0f}" for key, peak in watches[size].peak_mib.items())
            pace = statistics.median(seconds[size]) / size
            holds = watches[size].peak_mib["worker"] < LIMIT_MIB and pace <= SLOWER * first
            good = good and holds
            print(
                f"{name} {size:4d} MP, {photos[size].stat().st_size / 1e6:.0f} MB: {pace:.3f} s/MP "
                f"({pace / first:.2f} of the first), peaks in MiB: {peaks}: "
                f"{'holds' if holds else 'DOES NOT HOLD'}",
                flush=True,
            )
    return good


def write_photo(name: str, megapixels: int, target: BinaryIO) -> None:
    scene = Scene(int((megapixels * 1e6) ** 0.5))
    if name == "JPEG":
        write_jpeg(scene, target, ImageMetadata(), quality=95)
    else:
        write_png(scene, target, ImageMetadata())


def measure_here(name: str, wanted: Sequence[int]) -> bool:
    """Print a line for each size; whether they hold."""
    first, good = 0.0, True
    for megapixels in wanted:
        with tempfile.TemporaryFile() as source:
            write_photo(name, megapixels, source)
            source.flush()
            seconds, peak = restore(source)
        pace = seconds / megapixels
        first = first or pace
        holds = peak < LIMIT_MIB and pace <= SLOWER * first
        good = good and holds
        print(
            f"{name} {megapixels:4d} MP: {pace:.3f} s/MP ({pace / first:.2f} of the first), "
            f"peak {peak:.0f} MiB: {'holds' if holds else 'DOES NOT HOLD'}",
            flush=True,
        )
    return good


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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megapixels", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--service", action="store_true", help="over HTTP, through all of it")
    parser.add_argument("--rounds", type=int, default=3, help="of the service")
    options = parser.parse_args(arguments)
    held = [
        measure_service(name, options.megapixels, options.rounds)
        if options.service
        else measure_here(name, options.megapixels)
        for name in options.formats
    ]
    if not all(held):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
