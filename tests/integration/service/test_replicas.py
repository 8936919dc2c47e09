"""Without a replica that confirms, a submission is refused, and leaves nothing."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from redis import Redis

from service.jobs.replicas import Replicas
from service.settings import ReplicaSettings
from tests.integration.service.callers import PNG, ask
from tests.integration.service.stack import Stack

pytestmark = pytest.mark.integration
REQUIRED = ReplicaSettings(required=1, timeout_seconds=0.1)


def test_replicas_are_waited_for_only_if_required(redis: "Redis[str]") -> None:
    redis.hset("record", "tenant", "museum")
    assert Replicas(client=redis, settings=ReplicaSettings()).confirm("record", "tenant", "museum")
    assert not Replicas(client=redis, settings=REQUIRED).confirm("record", "tenant", "museum")
    assert redis.hgetall("record") == {"tenant": "museum"}


def test_a_lost_record_is_not_written_again(redis: "Redis[str]") -> None:
    assert not Replicas(client=redis, settings=REQUIRED).confirm("record", "tenant", "museum")
    assert not redis.exists("record")


def test_a_submission_that_no_replica_has_is_refused_and_leaves_nothing(
    stack: Stack, make_app: Callable[..., FastAPI]
) -> None:
    before = stack.stored()
    answer = ask(
        make_app(replicas=REQUIRED),
        "POST",
        "/v1/jobs?task=identity",
        base_url="http://localhost",
        content=PNG,
        headers={"content-type": "image/png"},
    )
    assert answer.status_code == 503
    assert answer.json()["code"] == "store-unavailable"
    assert "replicas" in answer.json()["detail"]
    assert stack.stored() == before
