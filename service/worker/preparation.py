"""Prepares the model's input from the stored file: a photo, two views, or a sensor mosaic."""

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
from service.jobs.planned_step import PlannedStep

_BAND_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPhoto:
    """Input of the model, and the decoded image that gives the result its format and metadata."""

    rows: PixelRows
    """`(H, W, C)` uint8, uint16 or float32 [0, 1]."""
    like: DecodedImage
    development: Development | None = None
    """Color processing to apply to the result; None if there is none."""

    def visible(self, files: ExitStack, region: Region | None = None) -> PixelFile:
        """Return the developed input for display, `(H, W, C)`, or a region of it.

        Args:
            files: closes the files that this method opens.
            region: the part to return; None for the whole image.
        """
        if isinstance(self.rows, DemosaickedRows):
            shown = _copied(self.rows, region, np.dtype(np.uint8), files)
            self.develop(shown)
            return shown
        pixels = cast("PixelFile", self.like.pixels)  # the codec decodes into files
        return pixels if region is None else _copied(pixels, region, pixels.dtype, files)

    def develop(self, restored: PixelFile) -> None:
        """Apply the color processing to the result in place, if there is any."""
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
    """Left and right view of a scene, stacked along the channel axis (a `PixelRows`)."""

    def __init__(self, left: PixelRows, right: PixelRows) -> None:
        """Stack two images of `(H, W, 1)` or `(H, W, 3)`; gray is repeated to three channels."""
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
    contract: ModelContract | None,
    codec: Codec,
    limits: ImageLimits,
    files: ExitStack,
) -> PreparedPhoto:
    """Decode a job's upload for the model of its first step.

    Args:
        source: the uploaded file.
        job: the job.
        contract: the model of the first step; None for a job without steps.
        codec: process that decodes the file.
        limits: limits on the decoded image.
        files: closes the files that this function opens.

    Raises:
        ImagingError: if the file cannot be decoded, or exceeds a limit.
    """
    if contract is None or not takes_mosaics(contract):
        return _photo(source, job, codec=codec, limits=limits, files=files)
    pattern = job.steps[0].parameters.get(PATTERN)
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


def input_of_step(planned: PlannedStep, rows: PixelRows, *, known: Region | None) -> PixelRows:
    """Return the input of a step's model: `(H, W, C)` of the whole image.

    Args:
        planned: the step.
        rows: `(h, w, C)` uint8, uint16 or float32 [0, 1]; the photo, or the output of the previous
            step.
        known: the part of the image that `rows` covers, for a step that needs only a part; None for
            the whole image.
    """
    model, image = planned.model, rows
    if known is not None:
        image = PlacedRows(rows, known, height=planned.shape[0], width=planned.shape[1])
    if not model.noise_level:
        return image
    given = planned.step.parameters.get(NOISE_LEVEL, AUTO)
    level = estimate_of_rows(rows) if given == AUTO else float(given)
    return RowsWithLevel(image, level, channels=model.image_channels)


class PlacedRows:
    """An image of which only a part is known; all other samples are 0 (a `PixelRows`)."""

    def __init__(self, rows: PixelRows, part: Region, *, height: int, width: int) -> None:
        """Place `(h, w, C)` rows at `part` of an image of `(height, width, C)`."""
        self._rows = rows
        self._part = part
        self.shape = (height, width, rows.shape[2])
        self.dtype = rows.dtype

    def __getitem__(self, rows: slice) -> Any:
        """Return the rows as `(n, W, C)`."""
        top, bottom, _ = rows.indices(self.shape[0])
        samples = np.zeros((max(bottom - top, 0), *self.shape[1:]), self.dtype)
        first, last = max(top, self._part.top), min(bottom, self._part.bottom)
        if first < last:
            samples[first - top : last - top, self._part.left : self._part.right] = self._rows[
                first - self._part.top : last - self._part.top
            ]
        return samples


def _mosaic(
    image: DecodedImage, pattern: BayerPattern, development: Development | None
) -> PreparedPhoto:
    """Demosaic the image while its rows are read.

    The result is in color, so the ICC profile of a gray image does not apply; a camera raw file
    gets the profile of the developed photo.
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
