"""Validates an upload: decodes it once, and checks it against the limits, the task and the model.

a photo                one file
two views              of a dual-pixel sensor, alike in size, format, depth and color
a mosaic               gray PNG or TIFF of 8 or 16 bits; the client gives the pattern
a camera raw file      a mosaic that carries its own pattern
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hiir.imaging import (
    Codec,
    ImageFormat,
    ImageHeader,
    ModelContract,
    NoteCode,
    OutputPlan,
    PhotoAnalysis,
    PhotoInfo,
    PhotoOptions,
    UnsupportedImageFormat,
    UnsupportedPixelMode,
    check_header,
    encoding_bytes,
    plan_photo,
)
from service.catalogue.restoration import Restoration
from service.catalogue.tasks import PATTERN
from service.errors import (
    InvalidParameterError,
    NoModelForImageError,
    ResultTooLargeError,
    ServiceError,
    ViewsDifferError,
)
from service.intake.receive import RIGHT_FIELD, Upload
from service.jobs.planned_step import PlannedStep, Step, plan_steps
from service.jobs.stored_image import Blob, StoredImage
from service.limits import Limits

_MOSAIC_FORMATS = (ImageFormat.PNG, ImageFormat.TIFF)
_LOSSLESS = (ImageFormat.PNG, ImageFormat.TIFF, ImageFormat.BMP)
_LOSSY_BYTES_PER_PIXEL = 1.5
"""Quality 95 takes 0.1 to 1.3 bytes per pixel; 1.3 was measured with noise of 15 of 255 levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedUpload:
    """A valid upload."""

    photo: PhotoInfo
    options: PhotoOptions
    steps: tuple[PlannedStep, ...]
    """Steps of the job, in order; empty if the analysis suggests none."""
    right_from: int | None
    is_raw: bool
    result_format: ImageFormat
    result_estimate: int
    """Estimated size of the result in bytes."""
    restored_pixels: int
    """Pixels that the steps restore: those of the photo, or of the tiles that a region needs."""

    @property
    def format(self) -> str:
        """Format of the upload."""
        return "camera-raw" if self.is_raw else self.photo.header.format.value

    def stored(self, blob: Blob) -> StoredImage:
        """Return the upload as the image that a job's record stores."""
        header = self.photo.header
        file_format = header.format
        return StoredImage(
            blob=blob,
            format=self.format,
            media_type="application/octet-stream" if self.is_raw else file_format.media_type,
            extension=".raw" if self.is_raw else file_format.extension,
            width=header.width,
            height=header.height,
            right_from=self.right_from,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadCheck:
    """Validates one upload with a codec process."""

    codec: Codec
    limits: Limits
    request: Restoration

    def run(
        self, upload: Upload, options: PhotoOptions, formats: Sequence[ImageFormat]
    ) -> CheckedUpload:
        """Validate the upload.

        If the options name no format, and the format of the upload is not among `formats`, the
        result gets the first of `formats`.

        Raises:
            ImagingError: if the file cannot be decoded, or exceeds a limit.
            ResultTooLargeError: if the result would be too large.
            NoModelForImageError: if no model takes this kind of image.
            ViewsDifferError: if the two views differ in size, format, depth or color.
            MissingParameterError: for a mosaic without a pattern.
            InvalidParameterError: for a region outside the photo, or a strength that the model does
                not allow.
        """
        request = self.request
        is_raw = request.takes_mosaics and request.steps[0].pattern is None
        if is_raw:
            photo = self._check_raw(upload, options)
        elif request.is_auto:
            photo, analysis = self.analyze(upload, options)
            request = request.following(analysis.suggestions)
        else:
            photo = self._check_photo(upload, options)
        header = photo.header
        self._check_region(photo, options)
        if options.format is None and formats and header.format not in formats:
            options = replace(options, format=formats[0])
        self._check_result(header, options)
        plan = plan_photo(photo, options, scale=request.scale)
        self._check_result_bytes(photo, plan, options)
        gray = photo.gray
        if request.takes_mosaics:
            if not is_raw:
                _check_mosaic(photo)
            gray = False  # the model takes a color image
        views = 1 if upload.right is None else 2
        if upload.right is not None:
            _choose_models(request, gray=gray, views=views)  # before the other view is decoded
            right = self.codec.check(upload.right, self.limits.image_limits(), options)
            _check_alike(photo, right)
        models = _choose_models(request, gray=gray, views=views)
        for model in models:
            _check_strength(options, model)
        steps = plan_steps(
            photo.shape,
            [
                Step.of(step.task.name, step.parameters, model)
                for step, model in zip(request.steps, models, strict=True)
            ],
            models,
            any_size=[False] * len(models),
            region=options.region,
        )
        return CheckedUpload(
            photo=photo,
            options=options,
            steps=steps,
            right_from=upload.right_from,
            is_raw=is_raw,
            result_format=plan.format,
            result_estimate=self._estimate(photo, plan, options, gray=gray),
            restored_pixels=sum(step.pixels for step in steps) or header.pixels,
        )

    def analyze(self, upload: Upload, options: PhotoOptions) -> tuple[PhotoInfo, PhotoAnalysis]:
        """Decode and measure a photo.

        Raises:
            ImagingError: if the file cannot be decoded, or exceeds a limit.
            ResultTooLargeError: if its result would be too large.
        """
        limits = self.limits.image_limits()
        self._check_header(upload, options)
        return self.codec.analyze(upload.file, limits, options)

    def _check_photo(self, upload: Upload, options: PhotoOptions) -> PhotoInfo:
        self._check_header(upload, options)
        return self.codec.check(upload.file, self.limits.image_limits(), options)

    def _check_header(self, upload: Upload, options: PhotoOptions) -> None:
        header = self.codec.probe(upload.file, options.frame)
        check_header(header, self.limits.image_limits(), options.frame)
        self._check_result(header, options)

    def _check_raw(self, upload: Upload, options: PhotoOptions) -> PhotoInfo:
        try:
            return self.codec.check_raw(upload.file, self.limits.image_limits(), options)
        except UnsupportedImageFormat as error:
            raise self._missing_pattern(upload) or error from error

    def _missing_pattern(self, upload: Upload) -> ServiceError | None:
        """Return the error for an image that is not a camera raw file; None for any other file."""
        try:
            self.codec.probe(upload.file)
        except UnsupportedImageFormat:
            return None
        return self.request.steps[0].task.missing(PATTERN)

    def _check_region(self, photo: PhotoInfo, options: PhotoOptions) -> None:
        if options.region is None:
            return
        height, width, _ = photo.shape
        if not options.region.is_inside(height=height, width=width):
            raise InvalidParameterError(
                "region must lie inside the photo, which has "
                f"{width}x{height} pixels when it is upright.",
                limit=f"0,0,{width},{height}",
                actual=str(options.region),
            )
        shortest = min(options.region.width, options.region.height)
        if shortest < self.limits.min_side:
            raise InvalidParameterError(
                f"The shorter side of region has {shortest} pixels; at least "
                f"{self.limits.min_side} are needed.",
                limit=self.limits.min_side,
                actual=shortest,
            )

    def _estimate(
        self, photo: PhotoInfo, plan: OutputPlan, options: PhotoOptions, *, gray: bool
    ) -> int:
        pixels = self._result_pixels(photo.header, options)
        lossless = plan.is_lossless or plan.format in _LOSSLESS
        channels = (1 if gray else 3) + photo.has_alpha
        sample_bytes = plan.bit_depth // 8
        estimate = pixels * (channels * sample_bytes if lossless else _LOSSY_BYTES_PER_PIXEL)
        return min(int(estimate), self.limits.result_bytes)

    def _result_pixels(self, header: ImageHeader, options: PhotoOptions) -> int:
        # Whether a region is outside the photo is known only after decoding.
        pixels = header.pixels
        if options.region is not None:
            pixels = min(pixels, options.region.pixels)
        return pixels * self.request.scale**2

    def _check_result_bytes(
        self, photo: PhotoInfo, plan: OutputPlan, options: PhotoOptions
    ) -> None:
        """Check the size of a result whose size is known before it is written.

        Raises:
            ResultTooLargeError: if it exceeds the limit.
        """
        if plan.format is not ImageFormat.BMP:
            return
        channels = 3 if self.request.takes_mosaics else photo.shape[2]
        needed = self._result_pixels(photo.header, options) * channels
        if needed > self.limits.result_bytes:
            raise ResultTooLargeError(
                f"The result would have {needed} bytes: BMP is not compressed.",
                limit=self.limits.result_bytes,
                actual=needed,
            )

    def _check_result(self, header: ImageHeader, options: PhotoOptions) -> None:
        pixels = self._result_pixels(header, options)
        if pixels > self.limits.output_pixels:
            raise ResultTooLargeError(
                f"The result would have {pixels} pixels.",
                limit=self.limits.output_pixels,
                actual=pixels,
            )
        target = options.format or header.format
        needed = encoding_bytes(target, pixels)
        if needed > self.limits.codec_bytes:
            raise ResultTooLargeError(
                f"Encoding the result as {target.name} takes {needed} bytes of memory.",
                limit=self.limits.codec_bytes,
                actual=needed,
            )


def _check_strength(options: PhotoOptions, model: ModelContract) -> None:
    if options.strength < 100 and not model.can_blend:
        raise InvalidParameterError(
            f"{model.name} turns {model.image_channels} channels into {model.output_channels}, "
            "so that its result cannot be blended with the photo.",
            limit=100,
            actual=options.strength,
        )


def _choose_models(request: Restoration, *, gray: bool, views: int) -> tuple[ModelContract, ...]:
    """Choose the model of each step: the first takes the photo, the others a restored image."""
    if views > 1 and not request.steps:
        raise NoModelForImageError(
            f"{request.name} takes one view of a scene.", limit=1, actual=views
        )
    return tuple(
        step.choose_model(gray=gray, views=views if place == 0 else 1)
        for place, step in enumerate(request.steps)
    )


def _check_mosaic(photo: PhotoInfo) -> None:
    header = photo.header
    if header.format not in _MOSAIC_FORMATS:
        raise UnsupportedImageFormat(
            "A mosaic must be lossless: PNG, TIFF or a camera raw file.",
            limit=", ".join(item.name for item in _MOSAIC_FORMATS),
            actual=header.format.name,
        )
    if not photo.gray or photo.has_alpha or header.bit_depth not in {8, 16}:
        raise UnsupportedPixelMode(
            "A mosaic must have a single channel of 8 or 16 bits.",
            limit="gray, 8 or 16 bits",
            actual=f"{header.mode}, {header.bit_depth} bits",
        )
    if any(note.code is NoteCode.ORIENTATION_APPLIED for note in photo.notes):
        raise UnsupportedPixelMode(
            "A mosaic must not have an EXIF orientation: rotating it would rotate its pattern.",
            actual="EXIF orientation",
        )


def _check_alike(left: PhotoInfo, right: PhotoInfo) -> None:
    views = (_description(left), _description(right))
    if views[0] != views[1]:
        raise ViewsDifferError(
            f"Both views must have the same size, format, depth and color. {RIGHT_FIELD!r} is "
            f"{views[1]}, not {views[0]}.",
            limit=views[0],
            actual=views[1],
        )


def _description(photo: PhotoInfo) -> str:
    height, width, _ = photo.shape
    color = ("gray" if photo.gray else "color") + (" with alpha" if photo.has_alpha else "")
    return f"{width}x{height} {photo.header.format.name}, {photo.bit_depth} bits, {color}"
