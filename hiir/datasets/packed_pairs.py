"""The pairs of a data set, decoded once into one memory-mapped file that all processes share."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hiir.datasets.packed_images import DatasetError
from hiir.datasets.pair_files import PairSamples, read_pair
from hiir.datasets.pair_layouts import ImagePair, Layout, list_pairs

__all__ = ["PackedPairs"]

logger = logging.getLogger(__name__)

# Of a pair: shapes and type of samples, degraded and clean, and where they begin; or why there
# are none.
_Entry = dict[str, Any] | str


class PackedPairs:
    """Pairs of any size, 8 or 16 bits, as views into one memory-mapped file."""

    def __init__(self, packed: npt.NDArray[np.uint8], entries: Sequence[dict[str, Any]]) -> None:
        self._packed = packed
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> PairSamples:
        """Return the pair at an index, without copying it."""
        entry = self._entries[index]
        return PairSamples(**{name: self._view(entry[name]) for name in ("degraded", "clean")})

    def _view(self, place: dict[str, Any]) -> Any:
        samples = np.dtype(place["dtype"])
        start, length = place["start"], int(np.prod(place["shape"])) * samples.itemsize
        return self._packed[start : start + length].view(samples).reshape(place["shape"])

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        layout: Layout | None = None,
        cache: Path,
        scale: int,
        views: int,
        min_side: int,
        skip_corrupt: bool = False,
        skip_small: bool = False,
    ) -> "PackedPairs":
        """Map the packed pairs of a data set; they are packed first if necessary.

        The pack is named after the files, their sizes and modification times, so that a changed
        data set is packed again. It holds decoded samples: a pair of 8-bit megapixels takes 6 MB.

        Args:
            root: folder of the data set, or its list file.
            layout: folder layout; detected by default.
            cache: folder of the pack.
            scale: clean pixels per degraded pixel along a side, as the network requires.
            views: 2 for pairs of a dual-pixel sensor, otherwise 1.
            min_side: minimum side of a clean image in pixels.
            skip_corrupt: skip files that cannot be decoded, with a warning that names them.
            skip_small: skip images smaller than ``min_side``, with a warning that counts them.

        Raises:
            DatasetError: if the data set has no pairs, if pairs have another scale or number of
                views, or if a pair is corrupt or too small and is not skipped.
        """
        pairs = list_pairs(root, layout=layout)
        packed, index = _paths(pairs, cache)
        if not index.exists():
            _pack(pairs, packed, index)
        entries: list[_Entry] = json.loads(index.read_text())
        kept: list[tuple[ImagePair, dict[str, Any]]] = []
        small: list[tuple[ImagePair, dict[str, Any]]] = []
        for pair, entry in zip(pairs, entries, strict=True):
            if isinstance(entry, str):
                if not skip_corrupt:
                    raise DatasetError(entry)
                logger.warning("skipped: %s", entry)
                continue
            _check(pair, entry, scale=scale, views=views)
            (small if min(entry["clean"]["shape"][:2]) < min_side else kept).append((pair, entry))
        if small:
            name, entry = small[0]
            size = tuple(entry["clean"]["shape"][:2])
            text = f"{name.clean} measures {size}, a patch needs {min_side} pixels"
            if not skip_small:
                raise DatasetError(text)
            logger.warning("skipped %d pairs of %s that are too small: %s", len(small), root, text)
        if not kept:
            raise DatasetError(f"none of the {len(pairs)} pairs of {root} can be used")
        return cls(np.memmap(packed, np.uint8, "r"), [entry for _, entry in kept])


def _check(pair: ImagePair, entry: dict[str, Any], *, scale: int, views: int) -> None:
    degraded, clean = entry["degraded"]["shape"], entry["clean"]["shape"]
    if clean[0] != scale * degraded[0] or clean[1] != scale * degraded[1]:
        raise DatasetError(
            f"{pair.clean} measures {tuple(clean[:2])} and {pair.degraded[0]} "
            f"{tuple(degraded[:2])}: the clean image must be {scale} times as large"
        )
    if degraded[2] != views * clean[2]:
        raise DatasetError(
            f"{pair.degraded[0]}: {degraded[2] // clean[2]} views are found, {views} are needed"
        )


def _paths(pairs: Sequence[ImagePair], cache: Path) -> tuple[Path, Path]:
    files = [path for pair in pairs for path in (*pair.degraded, pair.clean)]
    stamp = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:16]
    return cache / f"pairs-{key}.bin", cache / f"pairs-{key}.json"


def _pack(pairs: Sequence[ImagePair], packed: Path, index: Path) -> None:
    packed.parent.mkdir(parents=True, exist_ok=True)
    entries: list[_Entry] = []
    # Two runs that start together pack side by side; the last to finish replaces the same bytes.
    scratch = packed.with_suffix(f".{os.getpid()}.tmp")
    try:
        with scratch.open("wb") as file:
            for pair in pairs:
                try:
                    samples = read_pair(pair)
                except DatasetError as error:
                    entries.append(str(error))
                    continue
                entry = {}
                for name in ("degraded", "clean"):
                    pixels = getattr(samples, name)
                    # A view of 16-bit samples must begin at an even byte.
                    file.write(b"\0" * (file.tell() % 2))
                    start = file.tell()
                    file.write(pixels.tobytes())
                    entry[name] = {
                        "start": start,
                        "shape": list(pixels.shape),
                        "dtype": pixels.dtype.name,
                    }
                entries.append(entry)
        scratch.replace(packed)
    finally:
        scratch.unlink(missing_ok=True)
    # Last: its presence says that the pack is whole.
    index.write_text(json.dumps(entries))
