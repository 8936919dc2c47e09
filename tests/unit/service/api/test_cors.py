"""Pages of other origins: nothing without the setting, with it only with a key."""

import asyncio

import httpx
import pytest
from pydantic import ValidationError

from service.api.app import create_app
from service.api.cors import CORS_REQUEST_HEADERS
from service.settings import AuthMode, Settings
from service.settings.cors import CorsSettings

PAGE = "https://photos.example.com"


def ask(unused_port, method, *, origins=(PAGE,), **headers):
    settings = Settings(
        auth=AuthMode.KEYS,
        redis_url=f"redis://127.0.0.1:{unused_port}",
        triton_url=f"127.0.0.1:{unused_port}",
        model_repository="model_repository",
        cors=CorsSettings(origins=origins),
    )
    app = create_app(settings)

    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, "/v1/jobs", headers=names)

    try:
        return asyncio.run(send())
    finally:
        app.state.services.close()


def preflight(unused_port, *, origin=PAGE, **changes):
    return ask(
        unused_port,
        "OPTIONS",
        origin=origin,
        access_control_request_method="POST",
        access_control_request_headers=", ".join(CORS_REQUEST_HEADERS).lower(),
        **changes,
    )


def test_a_page_of_an_allowed_origin_may_send_a_key(unused_port):
    answer = preflight(unused_port)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-max-age"] == "600"


def test_a_refusal_can_be_read_by_the_page(unused_port):
    answer = ask(unused_port, "GET", origin=PAGE)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-missing")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("origins", "origin"), [((), PAGE), ((PAGE,), "https://evil.example.com"), ((PAGE,), "null")]
)
def test_other_pages_are_told_nothing(unused_port, origins, origin):
    for answer in (
        preflight(unused_port, origins=origins, origin=origin),
        ask(unused_port, "GET", origins=origins, origin=origin),
    ):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["*", "photos.example.com", "https://photos.example.com/", "null", "https://A.com"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin):
    with pytest.raises(ValidationError, match="is not an origin"):
        CorsSettings(origins=(origin,))


def test_open_mode_allows_no_other_origin():
    with pytest.raises(ValidationError, match="requires auth=keys"):
        Settings(auth=AuthMode.OPEN, cors=CorsSettings(origins=(PAGE,)))
