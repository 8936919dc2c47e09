"""Test sets: clean images degraded by a recipe, or real pairs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hiir.datasets.packed_images import list_images
from hiir.datasets.pair_files import read_pair
from hiir.datasets.pair_layouts import Layout, list_pairs
from hiir.datasets.photo_files import ColorMode, crop_to_multiple, is_gray, read_photo
from hiir.evaluation.seeded_degradation import Degradation
from hiir.imaging import FloatPixels, Uint8Pixels, to_unit

__all__ = ["PairedSet", "Sample", "SampleSet", "SyntheticSet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One image of a test set."""

    name: str
    clean: Uint8Pixels | FloatPixels
    """``(H, W, C)``, in [0, 255]; float32 if the file has more than 8 bits."""
    degraded: FloatPixels
    """``(H / scale, W / scale, C')`` float32, nominally in [0, 1]."""
    gray: bool = False
    """Whether the file has one channel: then it is not converted to luma, as in the literature."""


class SampleSet(Protocol):
    """A test set that can be iterated repeatedly."""

    @property
    def scale(self) -> int:
        """The number of clean pixels per degraded pixel, along a side."""
        ...

    def read(self, color: ColorMode) -> Iterator[Sample]:
        """Yield the samples, with clean images in a color mode; raises `DatasetError`."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return a JSON object for a report."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSet:
    """A folder of clean images that are degraded on the fly."""

    folder: Path
    degradation: Degradation

    @property
    def scale(self) -> int:
        """The scale of the degradation."""
        return self.degradation.scale

    def read(self, color: ColorMode) -> Iterator[Sample]:
        """Yield images in the order of their names; the index is part of the seed."""
        for index, path in enumerate(list_images(self.folder)):
            clean = crop_to_multiple(read_photo(path, color), self.scale)
            degraded = self.degradation.degrade(clean, index)
            yield Sample(name=path.name, clean=clean, degraded=degraded, gray=is_gray(path))

    def to_json(self) -> dict[str, object]:
        """Return the folder and the degradation."""
        return {"set": self.folder.name, **self.degradation.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedSet:
    """A folder of degraded photos with their clean counterparts."""

    folder: Path
    """Folder of the pairs, or a list file."""
    layout: Layout | None = None
    """Folder layout; detected by default."""

    @property
    def scale(self) -> int:
        """The scale of the first pair; raises `DatasetError`."""
        return read_pair(list_pairs(self.folder, layout=self.layout)[0]).scale

    def read(self, color: ColorMode) -> Iterator[Sample]:
        """Yield the pairs in the order of their names."""
        for pair in list_pairs(self.folder, layout=self.layout):
            samples = read_pair(pair, color)
            yield Sample(
                name=pair.name,
                clean=samples.clean_levels,
                degraded=to_unit(samples.degraded),
                gray=is_gray(pair.clean),
            )

    def to_json(self) -> dict[str, object]:
        """Return the folder."""
        return {"set": self.folder.name, "pairs": True}
