"""A job in any state, and an environment that sets nothing."""

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.jobs.job import Job
from service.jobs.planned_step import Step
from service.jobs.stored_image import Blob, StoredImage


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("HIIR_"):
            monkeypatch.delenv(name)


@pytest.fixture
def make_image() -> Callable[..., StoredImage]:
    def make(**changes: Any) -> StoredImage:
        values: dict[str, Any] = {
            "blob": Blob(id="b" * 32, size=1234, sha256="c" * 64),
            "format": "jpeg",
            "media_type": "image/jpeg",
            "extension": ".jpg",
            "width": 640,
            "height": 480,
        }
        return StoredImage(**{**values, **changes})

    return make


@pytest.fixture
def make_step() -> Callable[..., Step]:
    def make(**changes: Any) -> Step:
        values: dict[str, Any] = {
            "task": "denoise-color",
            "parameters": {},
            "model": "denoise-color",
            "model_version": "1",
            "model_sha256": "d" * 64,
        }
        return Step(**{**values, **changes})

    return make


@pytest.fixture
def make_job(
    make_image: Callable[..., StoredImage], make_step: Callable[..., Step]
) -> Callable[..., Job]:
    def make(**changes: Any) -> Job:
        values: dict[str, Any] = {
            "id": "a" * 32,
            "task": "denoise-color",
            "steps": (make_step(),),
            "filename": "grand-mère.jpg",
            "source": make_image(),
            "created_at": 1_700_000_000.25,
            "expires_at": 1_700_086_400.25,
        }
        return Job(**{**values, **changes})

    return make


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of this machine at which nobody answers: bound, so that nobody takes it either."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]
