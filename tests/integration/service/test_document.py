"""The OpenAPI document describes the answers that are given."""

import pytest

from tests.integration.service.stack import Stack

pytestmark = pytest.mark.integration


def test_every_operation_describes_its_errors_as_they_come(stack: Stack) -> None:
    document = stack.client.get("/openapi.json").json()
    operations = [item for path in document["paths"].values() for item in path.values()]
    assert len(operations) > 10
    for operation in operations:
        name = "InferenceProblem" if "inference" in operation.get("tags", ()) else "Problem"
        content = operation["responses"]["default"]["content"]
        schema = {"$ref": f"#/components/schemas/{name}"}
        assert content == {"application/problem+json": {"schema": schema}}
        assert operation["summary"]
    for path, name in (("/v3", "Problem"), ("/v2/repository/index", "InferenceProblem")):
        problem = stack.client.get(path).json()
        described = document["components"]["schemas"][name]["properties"]
        assert problem.keys() == described.keys()
    assert document == stack.client.get("/openapi.json").json()


def test_what_a_submission_takes_and_gives_is_described(stack: Stack) -> None:
    submission = stack.client.get("/openapi.json").json()["paths"]["/v1/jobs"]["post"]
    kinds = {"multipart/form-data", "image/*", "application/octet-stream", "application/json"}
    assert submission["requestBody"]["content"].keys() == kinds
    names = {parameter["name"] for parameter in submission["parameters"]}
    assert names >= {
        "task",
        "scale",
        "pattern",
        "cancel_on_disconnect",
        "Idempotency-Key",
        "Prefer",
    }
    assert names >= {"webhook_url", "webhook_events"}
    assert submission["responses"]["202"]["headers"].keys() >= {"Location", "Retry-After"}
    assert submission["responses"]["200"]["content"].keys() == {"application/json", "image/*"}


def test_what_needs_a_key_says_so(stack: Stack) -> None:
    document = stack.client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert document["security"] == [{name: []} for name in schemes]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    public = {
        path
        for path, operations in document["paths"].items()
        if all(operation.get("security") == [] for operation in operations.values())
    }
    health = {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}
    assert public == {*health, "/docs/errors", "/v1/results/{token}"}


def test_operations_have_the_names_that_a_generated_client_gives_them(stack: Stack) -> None:
    document = stack.client.get("/openapi.json").json()
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert len(names) == len(set(names))
    assert {"submit_job", "follow_job", "fetch_result"} <= set(names)
