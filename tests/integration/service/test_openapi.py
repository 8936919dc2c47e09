"""The running service against its own OpenAPI document, with requests that nobody would think of.

`API_EXAMPLES=500` makes many more of them.
"""

import json
import os
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.service.stack import Stack, photo, wait_until, write

pytestmark = pytest.mark.integration
ENDLESS = "/v1/events"
"""A stream that does not end by itself: `test_event_streams.py` reads it."""
EXAMPLES = int(os.environ.get("API_EXAMPLES", "6"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
PROBLEM = "application/problem+json"
PNG = write(photo(40, 50))


@pytest.fixture(scope="module")
def known(running_stack: Stack) -> dict[str, list[str]]:
    """Ids that exist, so that not everything ends in a 404; of jobs that have ended each way."""
    running_stack.start()
    stack = running_stack
    fields = {"webhook_url": "http://127.0.0.2:9/"}
    jobs = [stack.submit(PNG, "identity", **fields)["id"] for _ in range(2)]
    for job_id in jobs:
        stack.wait_end(job_id)
    stack.worker.kill()
    jobs.append(stack.submit(PNG, "identity")["id"])
    stack.client.delete(f"/v1/jobs/{jobs[-1]}")
    stack.start()
    batch = stack.client.post(
        "/v1/batches",
        data={"task": "identity", **fields, "webhook_events": "batch.completed"},
        files=[("file", PNG), ("file", b"none")],
    ).json()
    wait_until(lambda: stack.client.get(batch["urls"]["self"]).json()["ended"], "the batch")
    deliveries = stack.client.get(f"/v1/jobs/{jobs[0]}/deliveries").json()["deliveries"]
    link = stack.client.post(f"/v1/jobs/{jobs[0]}/links", json={"ttl": 3600}).json()["url"]
    return {
        "job_id": jobs,
        "task": ["identity"],
        "token": [link.rpartition("/")[2]],
        "batch_id": [batch["id"]],
        "delivery_id": [item["id"] for item in deliveries],
        "batch delivery_id": [f"msg_{batch['id']}_1"],
    }


def test_every_answer_to_whatever_is_asked_is_one_that_is_described(
    stack: Stack, known: dict[str, list[str]]
) -> None:
    base = str(stack.client.base_url).rstrip("/")
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    seen: dict[str, set[int]] = {}
    wrong: dict[str, Exception] = {}
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [found for found in operations if found.path != ENDLESS]
    # What deletes comes last: the others shall have something to find.
    for operation in sorted(operations, key=lambda item: item.method == "delete"):
        label = f"{operation.method.upper()} {operation.path}"
        seen[label] = set()
        try:
            exercise(operation, known, base, seen[label])
        except Exception as error:  # noqa: BLE001 - all of them are told at once
            wrong[label] = error
    assert not wrong, "\n".join(f"{label}: {error}" for label, error in wrong.items())
    assert len(seen) > 20
    statuses = {label: min(found) for label, found in seen.items()}
    refused = {label for label, status in statuses.items() if status >= 300}
    # In open mode there are no keys, without a bucket no uploads, and no tensor that is drawn is an
    # image: other tests have them.
    keys = {"GET /v1/keys", "POST /v1/keys", "DELETE /v1/keys/{key_id}"}
    assert refused == keys | {"POST /v1/uploads", "POST /v2/models/{task}/infer"}


def exercise(operation: Any, known: dict[str, list[str]], base: str, seen: set[int]) -> None:
    """Send requests of one operation: as they are drawn, or with parts that make sense."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), data=st.data())
    def check(case: Any, data: st.DataObject) -> None:
        for name, values in known.items():
            if name in (case.path_parameters or {}) and data.draw(st.sampled_from([1, 1, 0])):
                of_batch = known.get(f"batch {name}") if "/batches/" in operation.path else None
                case.path_parameters[name] = data.draw(st.sampled_from(of_batch or values))
        if operation.method == "put":  # not under the id of a job that is to be found again
            (name,) = path_names(operation)
            case.path_parameters[name] = data.draw(st.uuids()).hex
        send(case)

    def send(case: Any) -> None:
        response = case.call(base_url=base, timeout=60)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)
        expect_problem(response)

    check()
    if takes_form(operation):
        seen.add(submit_well(operation, base))


def takes_form(operation: Any) -> bool:
    return any("multipart" in body.media_type for body in operation.body)


def path_names(operation: Any) -> list[str]:
    return re.findall(r"\{(\w+)\}", operation.path)


def submit_well(operation: Any, base: str) -> int:
    """A good submission: what is drawn hardly ever holds an image."""
    named = dict.fromkeys(path_names(operation), "of-mine")
    case = operation.Case(path_parameters=named, media_type="multipart/form-data", body={})
    fields = {} if operation.path == "/v1/analyses" else {"task": "identity"}
    form = {"data": fields, "files": {"file": ("a.png", PNG)}}
    response = case.call(base_url=base, timeout=60, **form)
    case.validate_response(response, checks=CHECKS)
    return response.status_code


def expect_problem(response: Any) -> None:
    """Every error is a problem document, and says what it is."""
    if response.status_code < 400 or response.request.method == "HEAD":
        return
    if response.request.path_url.startswith("/readyz"):
        return
    (kind,) = response.headers["content-type"]
    assert kind == PROBLEM, (response.status_code, kind)
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code
    assert problem["type"].endswith(f"#{problem['code']}")
    assert problem["request_id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/jobs/a/b/c", 404, "not-found"),
        ("PATCH", "/v1/jobs", 405, "method-not-allowed"),
        ("TRACE", "/v1/batches", 405, "method-not-allowed"),
        ("GET", "/v1/jobs?limit=many", 400, "invalid-request"),
        ("GET", "/v1/jobs?status=odd", 400, "invalid-request"),
        ("POST", "/v1/jobs?task=identity", 413, "body-too-large"),
        ("POST", "/v1/jobs", 422, "missing-file"),
    ],
)
def test_errors_of_the_framework_are_problems_too(
    stack: Stack, method: str, path: str, status: int, code: str
) -> None:
    more: dict[str, Any] = {}
    if status == 413:
        more = {"content": bytes(20_000_001), "headers": {"content-type": "image/png"}}
    elif status == 422:
        more = {"files": {"task": (None, "identity")}}
    answer = stack.client.request(method, path, **more)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["code"] == code
