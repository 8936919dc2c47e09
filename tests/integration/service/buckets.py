"""A bucket of a store that speaks S3, in this process, and what a test sees in it."""

import contextlib
import logging
from collections.abc import Iterator
from datetime import timedelta

import httpx
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from pydantic import SecretStr

from service.settings.bucket import BucketSettings

BUCKET = "photos"
PREFIX = "restored/test"


@contextlib.contextmanager
def moto_bucket(port: int) -> Iterator[BucketSettings]:
    """Run moto's server with one empty bucket. It checks neither signatures nor expiries."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{port}"
        made = httpx.put(f"{endpoint}/{BUCKET}", trust_env=False, timeout=60)
        made.raise_for_status()
        yield bucket_settings(endpoint)
    finally:
        server.stop()


def bucket_settings(endpoint: str, **changes: object) -> BucketSettings:
    return BucketSettings(
        **{
            "url": f"s3://{BUCKET}/{PREFIX}",
            "endpoint": endpoint,
            "region": "us-east-1",
            "access_key_id": "S3RVER",
            "secret_access_key": SecretStr("S3RVER"),
            **changes,
        }  # type: ignore[arg-type]
    )


def environment_of(settings: BucketSettings) -> dict[str, str]:
    """The variables that give another process these settings."""
    values = settings.model_dump(exclude_defaults=True)
    secret = settings.secret_access_key
    if secret is not None:
        values["secret_access_key"] = secret.get_secret_value()
    return {f"HIIR_BUCKET__{name.upper()}": str(value) for name, value in values.items()}


def whole_bucket(settings: BucketSettings) -> S3Store:
    """The bucket without the prefix, past the code under test."""
    assert settings.endpoint is not None
    assert settings.secret_access_key is not None
    return S3Store(
        BUCKET,
        endpoint=settings.endpoint,
        region="us-east-1",
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key.get_secret_value(),
        client_options={"allow_http": True, "timeout": timedelta(seconds=30)},
    )


def keys_in(settings: BucketSettings) -> set[str]:
    listed = obstore.list(whole_bucket(settings)).collect()
    return {str(item["path"]) for item in listed}
