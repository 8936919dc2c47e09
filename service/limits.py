"""All limits of the service; each is checked before the work that it bounds."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from hiir.imaging import ImageLimits

MIB = 1024 * 1024


class Limits(BaseModel):
    """Limits of one request, one image and the whole service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: PositiveInt = 50 * MIB
    """Bytes of a request body, including form framing."""

    url_bytes: PositiveInt = 8192
    """Bytes of a request's path and query."""

    form_fields: PositiveInt = 24
    """Form fields, and separately files, that are read before the request is refused."""

    batch_files: PositiveInt = 100
    """Files of one batch."""

    batch_bytes: PositiveInt = 200 * MIB
    """Bytes of the body of a batch; `body_bytes` limits each of its files."""

    pixels: PositiveInt = 50_000_000
    side: PositiveInt = 16_384
    min_side: PositiveInt = 16
    frames: PositiveInt = 1

    output_pixels: PositiveInt = 100_000_000
    """Pixels of a result; an upscaling model reaches this long before `pixels`."""

    result_bytes: PositiveInt = 256 * MIB

    wait_seconds: PositiveInt = 60
    """Longest time in seconds that a request may wait for its job to end."""

    list_jobs: PositiveInt = 100
    """Maximum number of jobs on one page of the list."""

    ping_seconds: PositiveFloat = 15
    """Interval of keep-alive comments on an event stream, in seconds."""

    live_keys: PositiveInt = 2
    """Live keys of a tenant: one in use and one to rotate to."""

    concurrent_uploads: PositiveInt = 16
    """Bodies that are received concurrently; each may take `body_bytes` of disk space."""

    concurrent_batches: PositiveInt = 2
    """Batches that are received concurrently; each may take `batch_bytes` of disk space."""

    body_grace_seconds: PositiveFloat = 10.0
    """Seconds that a client has for its body, in addition to the time for the bytes that it sends.
    """

    body_bytes_per_second: PositiveInt = 32_768
    """Bytes that add one second to the time of a body: the slowest transfer that is accepted."""

    concurrent_checks: PositiveInt = 2
    """Uploads that are decoded concurrently for validation; each may take `codec_bytes` of memory.
    """

    codec_bytes: PositiveInt = 1024 * MIB
    """Memory for decoding or encoding one image, in addition to about 100 MiB for the process.

    An image whose header announces more is refused, and one that takes more fails.
    """

    decode_seconds: PositiveFloat = 120
    """Maximum seconds to decode one image."""

    queue_depth: PositiveInt = 1000
    """Queued jobs of each priority; further jobs would only time out later."""

    predicted_wait_seconds: PositiveInt = 600
    """Predicted wait in seconds above which submissions of a priority are refused.

    The prediction is based on the measured throughput; later jobs of other tenants do not count.
    """

    store_percent: PositiveInt = 85
    """Percentage of Redis's `maxmemory` that accepted jobs may fill.

    It covers their stored data and the estimated results of jobs that have not ended. Submissions
    beyond it are refused.
    """

    store_lease_percent: PositiveInt = 95
    """Percentage of Redis's `maxmemory` in use from which workers take no more jobs.

    The service is then not ready.
    """

    store_blob_percent: PositiveInt = 97
    """Percentage of Redis's `maxmemory` that uploads and results may fill.

    The rest is reserved for records and messages, so that a job can end in a full store.
    """

    def image_limits(self) -> ImageLimits:
        """Return the limits for checking an image's header."""
        return ImageLimits(
            max_pixels=self.pixels,
            max_side=self.side,
            min_side=self.min_side,
            max_frames=self.frames,
            max_codec_bytes=self.codec_bytes,
        )


class TenantLimits(BaseModel):
    """Limits of one tenant, so that no tenant delays the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submits_per_minute: PositiveInt = 60
    """Submissions per minute; up to `burst` of them may come at once."""

    burst: PositiveInt = 20

    open_jobs: PositiveInt = 10
    """Queued and running jobs, except those of batches."""

    open_batch_jobs: PositiveInt = 100
    """Queued and running jobs of batches; the other jobs of accepted batches are held."""

    held_batch_jobs: PositiveInt = 1000
    """Held jobs of batches; batches beyond it are refused."""

    concurrent_uploads: PositiveInt = 4
    """Bodies of one tenant that are received concurrently.

    They are part of the `concurrent_uploads` of all tenants. In open mode the only tenant may use
    them all.
    """

    concurrent_batches: PositiveInt = 1
    """Batches of one tenant that are received concurrently."""

    open_uploads: PositiveInt = 100
    """Presigned uploads that have neither been used for a job nor expired."""

    megapixels_per_day: PositiveInt = 2000
    """Megapixels of submitted images per day, which begins at midnight UTC."""


OPEN_MODE: Mapping[str, Mapping[str, int]] = {
    "limits": {"predicted_wait_seconds": 21_600},
    "tenants": {
        "submits_per_minute": 6000,
        "burst": 1000,
        "open_jobs": 1000,
        "open_batch_jobs": 1000,
        "open_uploads": 1000,
        "megapixels_per_day": 1_000_000,
    },
}
"""Defaults that differ in open mode, by the fields of `Settings`.

Everyone on this machine is one tenant there, so quotas would have no purpose, and a folder of
photos is a normal submission. The limits of the machine still apply: `queue_depth`, the memory of
the store, and the six hours that a job may wait (`jobs.input_seconds`).
"""
