"""Samples of more than 8 bits, read by libvips, because Pillow silently reduces them to 8."""

from typing import BinaryIO, cast

import numpy as np
from PIL import TiffImagePlugin
from PIL.ImageFile import ImageFile

from hiir.imaging.formats import ImageFormat
from hiir.imaging.libvips import libvips
from hiir.imaging.modes import Layout
from hiir.imaging.pixels import Uint16Pixels

_LEVELS_APART = 4
# Pillow, which reads the metadata, cannot open a directory of gray with alpha in 16 bits. This
# entry lets it open the file; the samples are never read through it.
for _prefix in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _kind in (0, 2):
        _key = (_prefix, 1, (1,), 1, (16, 16), (_kind,))
        TiffImagePlugin.OPEN_INFO.setdefault(_key, ("LA", "LA"))


def read_deep(
    stream: BinaryIO, image: ImageFile, image_format: ImageFormat, layout: Layout
) -> Uint16Pixels:
    """Read all samples of the current page of `image`, as stored: `(H, W, n)`, straight alpha.

    Raises:
        OSError: if the file is damaged or has another depth.
    """
    pyvips = libvips()

    stream.seek(0)
    source = pyvips.Source.new_from_memory(stream.read())
    try:
        if image_format is ImageFormat.AVIF:
            loaded = pyvips.Image.heifload_source(source, fail_on="error")
        elif image_format is ImageFormat.PNG:
            loaded = pyvips.Image.pngload_source(source, fail_on="error")
        else:
            loaded = pyvips.Image.tiffload_source(source, page=image.tell(), fail_on="error")
        samples = loaded.numpy()
    except pyvips.Error as error:
        raise OSError("libvips cannot decode it") from error
    if samples.dtype != np.uint16 or sorted(samples.shape[:2]) != sorted(image.size):
        raise OSError("the samples are not those of the header")
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.shape[2] < len(layout.mode):
        raise OSError("there are fewer samples than the header says")
    samples = samples[..., : len(layout.mode)]  # the fourth channel may have no meaning
    if image_format is ImageFormat.AVIF:
        samples = _spread(samples, loaded.get("bits-per-sample"))
        # In a damaged file the depth of the header may differ from that of the samples.
        shallow = np.asarray(image.convert("RGB"))
        if abs(samples[..., :3].mean() / 257 - shallow.mean()) > _LEVELS_APART:
            raise OSError("two decoders disagree about the samples")
    return cast("Uint16Pixels", samples)


def _spread(samples: Uint16Pixels, bits: int) -> Uint16Pixels:
    """Scale 10 or 12 bits, which libvips shifts to the high bits, to the whole range of 16 bits."""
    levels = np.arange(2**bits) * 65535 / (2**bits - 1)
    return cast("Uint16Pixels", np.rint(levels).astype(np.uint16)[samples >> (16 - bits)])
