import threading
import time

import httpx
import pytest

from service.capacity.readiness import Readiness
from service.errors import InferenceUnavailableError, StoreUnavailableError

MODELS = ("denoise-color", "derain")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Jobs:
    """What readiness asks the job store."""

    def __init__(self):
        self.away = False
        self.workers = ["worker-1"]
        self.pings = 0
        self.percent = 10

    def ping(self):
        self.pings += 1
        if self.away:
            raise StoreUnavailableError("No.")

    def memory_percent(self):
        if self.away:
            raise StoreUnavailableError("No.")
        return self.percent

    def live_workers(self):
        if self.away:
            raise StoreUnavailableError("No.")
        return self.workers


class Triton:
    """Answers by path: a status, or an error of the connection."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    def __call__(self, request):
        path = request.url.path
        self.asked.append(path)
        answer = self.answers.get(path, 200)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)


def build(jobs, client, clock):
    return Readiness(jobs=jobs, triton=client, models=MODELS, max_memory_percent=95, clock=clock)


@pytest.fixture
def jobs():
    return Jobs()


@pytest.fixture
def triton():
    return Triton()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def readiness(jobs, triton, clock):
    transport = httpx.MockTransport(triton)
    with httpx.Client(base_url="http://triton:8002", transport=transport) as client:
        yield build(jobs, client, clock)


def test_all_is_well_when_every_component_and_model_is_ready(readiness, triton):
    report = readiness.report()
    assert report.ready
    assert report.problems == {"redis": None, "memory": None, "triton": None, "worker": None}
    assert triton.asked == [
        "/v2/health/ready",
        "/v2/models/denoise-color/ready",
        "/v2/models/derain/ready",
    ]
    readiness.require_servers()


def test_an_absent_redis_is_named_and_keeps_jobs_away(readiness, jobs):
    jobs.away = True
    report = readiness.report()
    assert not report.ready
    assert report.problems["redis"] == "does not answer"
    assert report.problems["worker"] == "unknown, as Redis does not answer"
    assert report.problems["triton"] is None
    with pytest.raises(StoreUnavailableError):
        readiness.require_servers()


@pytest.mark.parametrize(
    ("path", "answer", "problem"),
    [
        ("/v2/health/ready", 503, "is not ready"),
        ("/v2/health/ready", 404, "is not ready"),
        ("/v2/models/derain/ready", 400, "does not serve derain"),
        ("/v2/health/ready", httpx.ConnectError("refused"), "does not answer"),
        ("/v2/health/ready", httpx.ReadTimeout("slow"), "does not answer"),
        ("/v2/models/derain/ready", httpx.RemoteProtocolError("cut"), "does not answer"),
    ],
)
def test_a_triton_that_is_not_ready_is_named_and_keeps_jobs_away(
    readiness, triton, path, answer, problem
):
    triton.answers[path] = answer
    report = readiness.report()
    assert not report.ready
    expected = {"redis": None, "memory": None, "triton": problem, "worker": None}
    assert report.problems == expected
    with pytest.raises(InferenceUnavailableError):
        readiness.require_servers()


def test_the_server_is_asked_before_its_models(readiness, triton):
    triton.answers["/v2/health/ready"] = 503
    readiness.report()
    assert triton.asked == ["/v2/health/ready"]


def test_absent_workers_are_named_but_jobs_can_wait_for_them(readiness, jobs):
    jobs.workers = []
    report = readiness.report()
    assert not report.ready
    assert report.problems["worker"] == "no worker is alive"
    readiness.require_servers()


def test_redis_is_named_first_when_both_servers_are_away(readiness, jobs, triton):
    jobs.away = True
    triton.answers["/v2/health/ready"] = 503
    with pytest.raises(StoreUnavailableError):
        readiness.require_servers()


def test_an_answer_serves_for_two_seconds(readiness, jobs, triton, clock):
    readiness.report()
    jobs.away = True
    clock.now += 2.0
    assert readiness.report().ready
    assert jobs.pings == 1
    clock.now += 0.1
    assert not readiness.report().ready
    assert jobs.pings == 2


def test_recovery_is_noticed_after_the_same_two_seconds(readiness, jobs, clock):
    jobs.away = True
    assert not readiness.report().ready
    jobs.away = False
    clock.now += 2.1
    assert readiness.report().ready


def test_freshness_counts_from_the_answer_and_not_from_the_question(readiness, jobs, clock):
    original = jobs.ping

    def slow_ping():
        clock.now += 5
        original()

    jobs.ping = slow_ping
    readiness.report()
    clock.now += 1.9
    readiness.report()
    assert jobs.pings == 1


def test_many_askers_at_once_ask_the_servers_once(readiness, jobs):
    original = jobs.ping

    def slow_ping():
        time.sleep(0.05)
        original()

    jobs.ping = slow_ping
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(readiness.report())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jobs.pings == 1
    assert len({id(report) for report in reports}) == 1


def test_every_question_has_a_deadline(jobs, clock):
    deadlines = []

    def answer(request):
        deadlines.append(request.extensions["timeout"])
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    with httpx.Client(base_url="http://triton:8002", transport=transport) as client:
        build(jobs, client, clock).report()
    assert len(deadlines) == 3
    assert all(0 < seconds <= 2 for deadline in deadlines for seconds in deadline.values())


def test_nearly_full_store_is_not_ready_but_answers(readiness, jobs):
    jobs.percent = 95
    report = readiness.report()
    assert not report.ready
    assert "95 %" in report.problems["memory"]
    assert report.problems["redis"] is None
    readiness.require_servers()
