"""A refusal comes before the body: nobody's bytes are read for nothing."""

import asyncio
import json

from starlette.applications import Starlette

from service.api.access import Caller
from service.api.admission import Admission, caller_of
from service.errors import KeyMissing
from service.telemetry import JsonFormatter
from tests.unit.service.test_telemetry import record

PUBLIC_PATH = "/livez"


class Refusing:
    def admit(self, connection):
        raise KeyMissing("No.")


class Admitting:
    def admit(self, connection):
        return Caller(tenant="museum", key_id="k")


def serve(app, path="/v1/jobs", **headers):
    """Answer one request; returns its messages and the number of bytes that were received."""
    sent, received = [], 0

    async def receive():
        nonlocal received
        received += 1024
        return {"type": "http.request", "body": bytes(1024), "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(app(scope, receive, send))
    return sent, received


def test_a_refused_upload_is_answered_unread_and_its_connection_ends():
    app = Admission(Starlette(), access=Refusing())
    (start, body), received = serve(app, content_length="67108864")
    assert received == 0
    headers = dict(start["headers"])
    assert start["status"] == 401
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"www-authenticate"].startswith(b"Bearer")
    assert headers[b"connection"] == b"close"
    assert json.loads(body["body"])["code"] == "key-missing"


def test_a_refusal_without_a_body_keeps_its_connection():
    app = Admission(Starlette(), access=Refusing())
    (start, _), _ = serve(app, content_length="0")
    assert b"connection" not in dict(start["headers"])


def test_what_is_public_is_not_asked_for_a_key():
    app = Admission(Starlette(), access=Refusing())
    (start, _), _ = serve(app, path=PUBLIC_PATH)
    assert start["status"] == 404  # of the application behind


def test_who_is_let_in_is_known_to_the_route_and_the_log():
    seen = []

    async def app(scope, receive, send):
        line = json.loads(JsonFormatter().format(record()))
        seen.append((caller_of(scope).tenant, line["tenant"]))

    serve(Admission(app, access=Admitting()))
    assert seen == [("museum", "museum")]
    assert "tenant" not in json.loads(JsonFormatter().format(record()))
