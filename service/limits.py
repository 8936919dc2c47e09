"""Every limit of the product in one place; all are checked before the work that they bound."""

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from hiir.imaging import ImageLimits

MIB = 1024 * 1024


class Limits(BaseModel):
    """What one request, one image and the service as a whole may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: PositiveInt = 50 * MIB
    """Bytes of a request body, form framing included."""

    form_fields: PositiveInt = 24
    """Fields, and apart from them files, that a form may have before reading stops."""

    batch_files: PositiveInt = 100
    """Files of one batch."""

    batch_bytes: PositiveInt = 200 * MIB
    """Bytes of a batch's body; each of its files is held to `body_bytes` too."""

    pixels: PositiveInt = 50_000_000
    side: PositiveInt = 16_384
    min_side: PositiveInt = 16
    frames: PositiveInt = 1

    output_pixels: PositiveInt = 100_000_000
    """Pixels of a result: an upscaling model reaches it long before `pixels` is reached."""

    result_bytes: PositiveInt = 256 * MIB

    wait_seconds: PositiveInt = 60
    """Longest time that an answer is held back until the job has ended."""

    list_jobs: PositiveInt = 100
    """Most jobs on one page of the list."""

    ping_seconds: PositiveFloat = 15
    """Silence after which a stream of events says that it is still there."""

    live_keys: PositiveInt = 2
    """Keys that a tenant may have at once: one in use, and one to change to."""

    concurrent_uploads: PositiveInt = 16
    """Bodies being received at once; each may occupy `body_bytes` of disk."""

    concurrent_batches: PositiveInt = 2
    """Batches being received at once; each may occupy `batch_bytes` of disk."""

    concurrent_checks: PositiveInt = 2
    """Uploads being decoded at once to prove them whole; each may take `codec_bytes` of memory."""

    codec_bytes: PositiveInt = 1024 * MIB
    """Memory for decoding or encoding one image, beside some 100 MiB of its process. An image that
    needs more by its header is refused, and one that takes more fails."""

    decode_seconds: PositiveFloat = 120
    """How long one image may take to decode."""

    queue_depth: PositiveInt = 1000
    """Jobs waiting; beyond it a submission would only time out later."""

    predicted_wait_seconds: PositiveInt = 600
    """Time that a new job would wait, by what a megapixel took lately, at which it is refused."""

    store_percent: PositiveInt = 85
    """Part of Redis's `maxmemory` in use at which submissions are refused: the rest is for the
    results of the jobs that were accepted."""

    def image_limits(self) -> ImageLimits:
        """The part that an image's header is held against."""
        return ImageLimits(
            max_pixels=self.pixels,
            max_side=self.side,
            min_side=self.min_side,
            max_frames=self.frames,
            max_codec_bytes=self.codec_bytes,
        )


class TenantLimits(BaseModel):
    """What one tenant may ask for: beyond it others would wait for its jobs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submits_per_minute: PositiveInt = 60
    """Submissions, of which `burst` may come at once."""

    burst: PositiveInt = 20

    open_jobs: PositiveInt = 10
    """Jobs that wait and run at once, those of batches apart."""

    open_batch_jobs: PositiveInt = 100
    """Jobs of batches that wait and run at once."""

    megapixels_per_day: PositiveInt = 2000
    """Megapixels of the images that are sent; the day begins at midnight UTC."""
