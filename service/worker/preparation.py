"""From the stored file to the model's input: a photo, two views, or a sensor mosaic."""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

import numpy as np

from hiir.imaging import (
    BayerPattern,
    Codec,
    DecodedImage,
    DemosaickedRows,
    Development,
    ImageLimits,
    ModelContract,
    PixelFile,
    PixelRows,
    Region,
    RowsWithLevel,
    estimate_of_rows,
    from_unit,
)
from service.catalogue.tasks import AUTO, NOISE_LEVEL, PATTERN, takes_mosaics
from service.jobs.job import Job

_BAND_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """Input of the model, and the image whose format and metadata the result gets."""

    rows: PixelRows
    """`(H, W, C)` uint8, uint16 or float32 [0, 1]."""
    like: DecodedImage
    development: Development | None = None
    """Color processing of the result."""

    def visible(self, files: ExitStack, region: Region | None = None) -> PixelFile:
        """Return the input as it looks, `(H, W, C)`, whole or a region of it.

        `files` closes what is opened.
        """
        if isinstance(self.rows, DemosaickedRows):
            shown = _copied(self.rows, region, np.dtype(np.uint8), files)
            self.develop(shown)
            return shown
        pixels = cast("PixelFile", self.like.pixels)  # the codec decodes into files
        return pixels if region is None else _copied(pixels, region, pixels.dtype, files)

    def develop(self, restored: PixelFile) -> None:
        """Apply the color processing to the result; most images need none."""
        if self.development is None:
            return
        height = restored.shape[0]
        for top in range(0, height, _BAND_ROWS):
            rows = slice(top, min(top + _BAND_ROWS, height))
            restored[rows] = self.development.apply(restored[rows])


def _copied(
    pixels: PixelRows, region: Region | None, dtype: np.dtype[Any], files: ExitStack
) -> PixelFile:
    """Copy `(H, W, C)` samples of `dtype` or float32 [0, 1], or a region of them, to a file."""
    height, width, channels = pixels.shape
    part = region or Region(left=0, top=0, width=width, height=height)
    copy = files.enter_context(PixelFile((part.height, part.width, channels), dtype))
    for top in range(part.top, part.bottom, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, part.bottom)
        samples = pixels[top:bottom][:, part.left : part.right]
        if samples.dtype != dtype:
            samples = from_unit(samples, dtype)
        copy[top - part.top : bottom - part.top] = samples
    return copy


class StackedViews:
    """Left and right view of a scene, stacked as the channels of one image (a `PixelRows`)."""

    def __init__(self, left: PixelRows, right: PixelRows) -> None:
        """Take `(H, W, 1)` or `(H, W, 3)` twice; gray is repeated to three channels."""
        self._views = (left, right)
        self.shape = (*left.shape[:2], 6)
        self.dtype = left.dtype

    def __getitem__(self, rows: slice) -> Any:
        """Return the rows as `(n, W, 6)`."""
        views = [view[rows] for view in self._views]
        return np.concatenate(
            [np.repeat(view, 3, axis=2) if view.shape[2] == 1 else view for view in views], axis=2
        )


def prepare_photo(
    source: BinaryIO,
    job: Job,
    *,
    contract: ModelContract,
    codec: Codec,
    limits: ImageLimits,
    files: ExitStack,
) -> PreparedPhoto:
    """Decode a job's upload; `files` closes what is opened.

    Raises the codec's errors.
    """
    if not takes_mosaics(contract):
        photo = _photo(source, job, codec=codec, limits=limits, files=files)
        return _with_noise_level(photo, job, contract) if contract.noise_level else photo
    pattern = job.parameters.get(PATTERN)
    if pattern is None:
        raw = codec.decode_raw(source, limits, job.options)
        files.callback(raw.image.close)
        return _mosaic(raw.image, raw.pattern, raw.development)
    image = codec.decode(source, limits, job.options)
    files.callback(image.close)
    return _mosaic(image, BayerPattern(pattern.lower()), None)


def _photo(
    source: BinaryIO, job: Job, *, codec: Codec, limits: ImageLimits, files: ExitStack
) -> PreparedPhoto:
    right: BinaryIO | None = None
    if job.source.right_from is not None:
        right = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - `files` closes it
        source.seek(job.source.right_from)
        shutil.copyfileobj(source, right)
        source.truncate(job.source.right_from)
    left = codec.decode(source, limits, job.options)
    files.callback(left.close)
    if right is None:
        return PreparedPhoto(rows=left.pixels, like=left)
    other = codec.decode(right, limits, job.options)
    files.callback(other.close)
    return PreparedPhoto(rows=StackedViews(left.pixels, other.pixels), like=left)


def _with_noise_level(photo: PreparedPhoto, job: Job, contract: ModelContract) -> PreparedPhoto:
    """Add a channel with the noise level that the client gave, or with an estimate."""
    given = job.parameters.get(NOISE_LEVEL, AUTO)
    level = estimate_of_rows(photo.rows) if given == AUTO else float(given)
    rows = RowsWithLevel(photo.rows, level, channels=contract.image_channels)
    return replace(photo, rows=rows)


def _mosaic(
    image: DecodedImage, pattern: BayerPattern, development: Development | None
) -> PreparedPhoto:
    """Demosaic while reading.

    The result is in color, so the ICC profile of a gray image does not apply; that of a camera raw
    file is the one of the developed photo.
    """
    height, width, _ = image.info.shape
    metadata = image.info.metadata
    if development is None:
        metadata = replace(metadata, icc_profile=None)
    info = replace(image.info, shape=(height, width, 3), metadata=metadata)
    return PreparedPhoto(
        rows=DemosaickedRows(image.pixels, pattern),
        like=replace(image, info=info),
        development=development,
    )
