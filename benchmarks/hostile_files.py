"""Mutated files through the codec's process: no crash, typed errors alone, memory as before.

    python -m benchmarks.hostile_files [--files 10000] [--seed 1]

Each is a file of one of the formats with some of its bytes changed, cut, doubled or swapped. What
ends the process counts, since a service would lose that one file to it; what raises anything but an
`ImagingError` ends the run.
"""

import argparse
import collections
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from hiir.imaging import Codec, ImageLimits, ImagingError, PhotoOptions
from hiir.imaging.plugins import enable_heif

LIMITS = ImageLimits(max_pixels=1_000_000, min_side=1)
GROWTH_MIB = 30
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    generator = np.random.default_rng(asked.seed)
    codec = Codec(max_bytes=256 * 1024**2, decode_seconds=30)
    sources = list(seeds())
    outcomes: collections.Counter[str] = collections.Counter()
    started: float | None = None
    peak_growth, ended = 0.0, 0
    with tempfile.TemporaryFile() as file:
        for number in range(asked.files):
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
                    print(f"file {number}, {name}, seed {asked.seed}: {error.detail}", flush=True)
            if codec.pid is None or codec.pid != process:
                started = None
                continue
            if started is None:
                started = memory_mib(codec)
            peak_growth = max(peak_growth, memory_mib(codec) - started)
    codec.close()
    for code, count in outcomes.most_common():
        print(f"{count:6d} {code}")
    good = ended == 0 and peak_growth < GROWTH_MIB
    print(
        f"{asked.files} files, {ended} ended their process, memory grew by {peak_growth:.1f} MiB "
        f"between replacements: {'holds' if good else 'DOES NOT HOLD'}"
    )


if __name__ == "__main__":
    main()
