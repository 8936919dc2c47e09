"""The extent of a TIFF file according to its directory: its fields, and its strips or tiles.

numpy reads them in a few operations, since the sender chooses the number of fields and strips.
"""

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from hiir.imaging.tiff_fields import SIZES

# Size by type of field; 0 for types that do not exist.
_SIZES = np.array([SIZES.get(kind, 0) for kind in range(max(SIZES) + 2)])
_INTEGERS = (3, 4, 16)
# Tags of offsets and of byte counts: strips, tiles.
_PIXELS = ((273, 279), (324, 325))
# Without these fields the pixels cannot be decoded, or are decoded wrongly: sizes, layout,
# compression, palette, offsets, predictor, alpha, JPEG tables, subsampling.
_DECODING = frozenset(
    {
        254, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 284, 290, 291, 292, 293,
        301, 317, 318, 319, 320, 322, 323, 324, 325, 332, 338, 339, 347, 512, 513, 514, 515, 519,
        520, 521, 529, 530, 531, 532,
    }
)  # fmt: skip


class TiffDirectory:
    """The first directory of a TIFF file.

    Raises:
        EOFError: if a field that is needed to decode the pixels extends beyond the end of the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = stream.seek(0, io.SEEK_END)
        order = "<" if self._read(0, "u1")[0] == ord("I") else ">"
        wider = self._read(2, f"{order}u2")[0] == 43  # BigTIFF: the same fields, larger sizes
        start, number, self._width = (8, 8, 8) if wider else (4, 2, 4)
        short, wide = f"{order}u2", f"{order}u{self._width}"
        directory = int(self._read(start, wide)[0])
        entries = int(self._read(directory, f"{order}u{number}")[0])
        layout = [("tag", short), ("type", short), ("count", wide), ("value", wide)]
        self._order = order
        self._place = directory + number
        self._fields = self._read(self._place, layout, entries)
        # float64, because the product of hostile counts may exceed any integer type.
        sizes = self._fields["count"].astype(np.float64)
        sizes *= _SIZES[self._fields["type"].clip(max=len(_SIZES) - 1)]
        self._outside = sizes > self._width
        beyond = self._outside & (self._fields["value"] + sizes > self._length)
        tags = set(self._fields["tag"][beyond].tolist())
        if not tags.isdisjoint(_DECODING):
            raise EOFError
        self.damaged = tuple(sorted(tags))
        """Tags of metadata that extends beyond the end of the file."""

    def lacks_pixels(self) -> bool:
        """Return whether a strip or a tile extends beyond the end of the file.

        Raises:
            EOFError: if their offsets or sizes do.
        """
        for offsets, counts in _PIXELS:
            starts, sizes = self._numbers(offsets), self._numbers(counts)
            shared = min(len(starts), len(sizes))
            if (starts[:shared] + sizes[:shared] > self._length).any():
                return True
        return False

    def _numbers(self, tag: int) -> npt.NDArray[np.float64]:
        fitting = (self._fields["tag"] == tag) & np.isin(self._fields["type"], _INTEGERS)
        if not fitting.any():
            return np.empty(0)
        index = int(fitting.argmax())
        field = self._fields[index]
        inline = self._place + self._fields.itemsize * index + 4 + self._width
        place = int(field["value"]) if self._outside[index] else inline
        layout = f"{self._order}u{_SIZES[field['type']]}"
        return self._read(place, layout, int(field["count"])).astype(np.float64)

    def _read(self, place: int, layout: Any, count: int = 1) -> npt.NDArray[Any]:
        size = count * np.dtype(layout).itemsize
        if place + size > self._length:
            raise EOFError
        self._stream.seek(place)
        return np.frombuffer(self._stream.read(size), layout)
