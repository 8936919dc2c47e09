"""Opens the blob store that the settings select."""

from service.jobs.blobs import BlobStore
from service.jobs.bucket_blobs import BucketBlobStore
from service.jobs.redis_blobs import RedisBlobStore
from service.settings import Settings


def open_blob_store(settings: Settings) -> BlobStore:
    """Return the store in the bucket if the settings name one, otherwise the store in Redis."""
    if settings.bucket.url is None:
        return RedisBlobStore.from_settings(settings)
    return BucketBlobStore.from_settings(settings)
