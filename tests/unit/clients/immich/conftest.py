"""A fake Immich with three photos, one of them broken, and a sidecar of it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hiir_client import Client, RetryPolicy
from hiir_immich.immich import Immich
from hiir_immich.progress import Progress
from hiir_immich.sidecar import Settings, Sidecar
from tests.unit.clients.immich.fakes import API_KEY, FakeImmich, FakeService


@pytest.fixture
def immich() -> FakeImmich:
    fake = FakeImmich()
    fake.add("beach.jpg", b"beach")
    fake.add("harbor.jpg", b"broken harbor")
    fake.add("tower.heic", b"tower")
    return fake


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        immich_url="http://immich.test",
        immich_api_key=API_KEY,
        immich_album="Restore",
        hiir_url="http://hiir.test",
        hiir_task="denoise",
    )


@pytest.fixture
def sidecar(
    immich: FakeImmich, service: FakeService, settings: Settings, tmp_path: Path
) -> Iterator[Sidecar]:
    with (
        Immich(
            settings.immich_url, api_key=API_KEY, transport=httpx.MockTransport(immich)
        ) as client,
        Client(
            settings.hiir_url,
            transport=httpx.MockTransport(service),
            retries=RetryPolicy(retries=0),
        ) as hiir,
        Progress(tmp_path / "state.sqlite") as progress,
    ):
        yield Sidecar(settings=settings, immich=client, client=hiir, progress=progress)
