"""Mutated files: no crash, typed errors alone, memory as before.

    python -m benchmarks.acceptance.hostile_files [--files 10000] [--seed 1] [--service]

Each is a file of one of the formats with some of its bytes changed, cut, doubled or swapped. They
go through the codec's process: what ends it counts, since a service would lose that one file to it;
what raises anything but an `ImagingError` ends the run.

With `--service` they go over HTTP to a whole service with a model that costs nothing. No answer may
be a 5xx, each job that was accepted must end succeeded or failed by its file, every server must be
the process that it was, and a good file must be restored at the end.
"""

import argparse
import collections
import hashlib
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from benchmarks.service.stack import Stack, identity_repository, running_stack
from hiir.imaging import Codec, ImageLimits, ImagingError, PhotoOptions
from hiir.imaging.plugins import enable_heif
from tests.photo_kinds import KINDS

LIMITS = ImageLimits(max_pixels=1_000_000, min_side=1)
GROWTH_MIB = 30
PART = 500
SEEDS = [
    ("AVIF", "RGBA", {}),
    ("BMP", "P", {}),
    ("BMP", "RGB", {}),
    ("HEIF", "RGB", {}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("PNG", "I;16", {}),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "RGBA", {}),
    ("TIFF", "I;16", {}),
    ("TIFF", "RGB", {"compression": "jpeg"}),
    ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGB", {}),
]


def seeds() -> Iterator[tuple[str, bytes]]:
    enable_heif()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    levels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    for image_format, mode, options in SEEDS:
        image = Image.fromarray(levels)
        if mode == "I;16":
            image = Image.fromarray(levels[..., 0].astype(np.uint16) * 251)
        else:
            image = image.quantize(16) if mode == "P" else image.convert(mode)
        output = io.BytesIO()
        metadata = {"icc_profile": profile}
        if "compression" not in options and image_format != "BMP":
            metadata["exif"] = exif.tobytes()
        image.save(output, image_format, **metadata, **options)
        yield f"{image_format} {mode}", output.getvalue()
    for kind, (content, _) in KINDS.items():
        yield kind, content


def mutate(data: bytes, generator: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(generator.integers(1, 9)):
        # Every second change falls on the first hundred bytes, where the structure is.
        reach = len(changed) if generator.random() < 0.5 else min(len(changed), 100)
        place = int(generator.integers(0, max(reach, 1)))
        length = int(generator.integers(1, 9))
        match generator.integers(0, 6):
            case 0:
                changed[place : place + 1] = generator.bytes(1)
            case 1:
                changed[place : place + length] = b"\xff" * length
            case 2:
                changed[place : place + length] = b"\0" * length
            case 3:
                del changed[place : place + length]
            case 4:
                changed[place:place] = changed[place : place + length]
            case _:
                del changed[max(place, 12) :]
    return bytes(changed)


def memory_mib(codec: Codec) -> float:
    status = Path(f"/proc/{codec.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024


def through_codec(files: int, seed: int) -> bool:
    generator = np.random.default_rng(seed)
    codec = Codec(max_bytes=256 * 1024**2, decode_seconds=30)
    sources = list(seeds())
    outcomes: collections.Counter[str] = collections.Counter()
    started: float | None = None
    peak_growth, ended = 0.0, 0
    with tempfile.TemporaryFile() as file:
        for number in range(files):
            name, data = sources[number % len(sources)]
            file.seek(0)
            file.truncate()
            file.write(mutate(data, generator))
            process = codec.pid
            try:
                codec.check(file, LIMITS, PhotoOptions())
                outcomes["decoded"] += 1
            except ImagingError as error:
                outcomes[error.code] += 1
                if "crash" in error.detail or error.code in {"decoding-timeout", "codec-failed"}:
                    ended += 1
                    print(f"file {number}, {name}, seed {seed}: {error.detail}", flush=True)
            if codec.pid is None or codec.pid != process:
                started = None
                continue
            if started is None:
                started = memory_mib(codec)
            peak_growth = max(peak_growth, memory_mib(codec) - started)
    codec.close()
    for code, number in outcomes.most_common():
        print(f"{number:6d} {code}")
    print(
        f"{files} files, {ended} ended their process, memory grew by {peak_growth:.1f} MiB "
        "between replacements"
    )
    return ended == 0 and peak_growth < GROWTH_MIB


def through_service(files: int, seed: int, clients: int) -> bool:
    generator = np.random.default_rng(seed)
    sources = list(seeds())
    outcomes: collections.Counter[str] = collections.Counter()
    good = True
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(clients) as pool:
        folder = Path(scratch)
        with running_stack(folder, identity_repository(folder)) as stack:
            mutants = (mutate(sources[number % len(sources)][1], generator) for number in count())
            # What is made at the first files, the codecs' processes too, is there from now on.
            for _ in pool.map(partial(send, stack), [data for _, data in sources] * 20):
                pass
            pids, memory = stack.addresses()["pids"], resident(stack)
            for done in range(0, files, PART):
                part = list(islice(mutants, min(PART, files - done)))
                for data, outcome in zip(part, pool.map(partial(send, stack), part), strict=True):
                    outcomes[outcome] += 1
                    if not outcome.startswith(("2", "4")) or "worker-lost" in outcome:
                        good = False
                        kept = Path(f"{hashlib.sha256(data).hexdigest()[:12]}.bin")
                        kept.write_bytes(data)
                        print(f"{outcome}: {kept}", flush=True)
                print(f"{done + len(part)} files, MiB {resident(stack)}", flush=True)
            end = resident(stack)
            same = pids == stack.addresses()["pids"]
            last = send(stack, dict(sources)["PNG RGBA"])
            lost = [line for line in stack.log.read_text().splitlines() if "WorkerLost" in line]
    for outcome, number in outcomes.most_common():
        print(f"{number:6d} {outcome}")
    for name, before in memory.items():
        grown = end[name] - before
        good = good and grown < GROWTH_MIB
        print(f"{name}: {before:.1f} MiB before, {grown:+.1f} after")
    print(f"servers {'are' if same else 'ARE NOT'} what they were, {len(lost)} workers lost")
    print(f"a good file: {last}")
    return good and same and not lost and last == "202 succeeded"


def resident(stack: Stack) -> dict[str, float]:
    """MiB of each server's processes."""
    return {name: round(sum(found.values()), 1) for name, found in stack.resident_mib().items()}


def send(stack: Stack, data: bytes) -> str:
    """What becomes of a file: the status, and the code of its problem or of its job."""
    answer = stack.submit(data)
    if answer.status_code != 202:
        return f"{answer.status_code} {answer.json()['code']}"
    job = stack.wait(answer.json())
    return f"202 {job['status']}" + (f" {job['error']['code']}" if job["error"] else "")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service", action="store_true", help="over HTTP, to a whole service")
    parser.add_argument("--clients", type=int, default=4, help="of the service")
    asked = parser.parse_args(arguments)
    if asked.service:
        holds = through_service(asked.files, asked.seed, asked.clients)
    else:
        holds = through_codec(asked.files, asked.seed)
    print("holds" if holds else "DOES NOT HOLD")
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
