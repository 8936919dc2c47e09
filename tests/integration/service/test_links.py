"""Signed links to results."""

import time

import pytest

from service.settings import AuthMode
from tests.integration.service.callers import ask
from tests.integration.service.stack import Stack, photo, write

pytestmark = pytest.mark.integration
SOME_TILES = (110, 160)


def make_link(stack: Stack, job_id: str, **wanted: int) -> str:
    answer = stack.client.post(f"/v1/jobs/{job_id}/links", json=wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


@pytest.fixture
def job_id(stack: Stack) -> str:
    made = stack.submit(write(photo(*SOME_TILES)), "identity")["id"]
    stack.wait_end(made)
    return str(made)


def test_link_downloads_the_result_or_a_part_of_it_without_a_key(
    stack: Stack, job_id: str, make_app
) -> None:
    url = make_link(stack, job_id, ttl=60)
    app = make_app(auth=AuthMode.KEYS)
    answer = ask(app, "GET", url)
    assert answer.status_code == 200, answer.text
    assert answer.content == stack.result(job_id)
    assert answer.headers["referrer-policy"] == "no-referrer"
    part = ask(app, "GET", url, headers={"range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, answer.content[3:10])
    assert ask(app, "GET", f"/v1/jobs/{job_id}/result").status_code == 401
    assert ask(app, "POST", f"/v1/jobs/{job_id}/links", json={}).status_code == 401


def test_link_that_was_changed_or_has_expired_is_refused(stack: Stack, job_id: str) -> None:
    url = make_link(stack, job_id, ttl=2)
    head, expiry, day, signature = url.split(".")
    other = stack.submit(write(photo(*SOME_TILES, seed=1)), "identity")["id"]
    stack.wait_end(other)
    changed = [
        f"{head}.{int(expiry) + 1}.{day}.{signature}",
        f"{head}.{expiry}.{int(day) - 1}.{signature}",
        f"{head}.{expiry}.{day}.{'A' * 43}",
        f"{head.replace(job_id, other)}.{expiry}.{day}.{signature}",
        "/v1/results/nothing",
    ]
    for bad in changed:
        answer = stack.client.get(bad)
        assert (answer.status_code, answer.json()["code"]) == (403, "link-invalid"), bad
        assert "www-authenticate" not in answer.headers
    assert stack.client.get(url).status_code == 200
    time.sleep(2.1)
    assert stack.client.get(url).json()["code"] == "link-invalid"


def test_link_ends_with_the_result(stack: Stack, job_id: str) -> None:
    url = make_link(stack, job_id)
    stack.client.delete(f"/v1/jobs/{job_id}")
    answer = stack.client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, "result-expired")
    again = stack.client.post(f"/v1/jobs/{job_id}/links", json={})
    assert (again.status_code, again.json()["code"]) == (410, "result-expired")


@pytest.mark.parametrize("wanted", [{"ttl": 0}, {"ttl": 86_401}, {"ttl": "x"}, {"more": 1}])
def test_impossible_link_is_refused(stack: Stack, job_id: str, wanted: dict[str, object]) -> None:
    answer = stack.client.post(f"/v1/jobs/{job_id}/links", json=wanted)
    assert answer.status_code == 400


def test_links_are_not_written_to_the_log(stack: Stack, job_id: str) -> None:
    url = make_link(stack, job_id)
    assert stack.client.get(url).status_code == 200
    log = stack.api.log.read_text()
    assert "/v1/results/{token} 200" in log
    assert url.rpartition("/")[2] not in log
