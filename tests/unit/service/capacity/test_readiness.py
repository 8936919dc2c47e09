import threading
import time

import pytest

from service.capacity.model_server import ServersReport
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
    """Answers each question, of the server or of a model, by its readiness or an error."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    def report(self, models):
        return ServersReport(**self._look(models))

    def _look(self, models):
        problem = self._problem(models)
        return {"servers": [problem], "missing": problem}

    def _problem(self, models):
        for name in ("server", *models):
            self.asked.append(name)
            answer = self.answers.get(name, True)
            if isinstance(answer, Exception):
                return "does not answer"
            if not answer:
                return "is not ready" if name == "server" else f"does not serve {name}"
        return None


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
    return build(jobs, triton, clock)


def test_all_is_well_when_every_component_and_model_is_ready(readiness, triton):
    report = readiness.report()
    assert report.ready
    assert report.problems == {"redis": None, "memory": None, "triton": None, "worker": None}
    assert triton.asked == ["server", "denoise-color", "derain"]
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
    ("what", "answer", "problem"),
    [
        ("server", False, "is not ready"),
        ("derain", False, "does not serve derain"),
        ("server", InferenceUnavailableError("Away."), "does not answer"),
        ("derain", InferenceUnavailableError("Away."), "does not answer"),
    ],
)
def test_a_triton_that_is_not_ready_is_named_and_keeps_jobs_away(
    readiness, triton, what, answer, problem
):
    triton.answers[what] = answer
    report = readiness.report()
    assert not report.ready
    expected = {"redis": None, "memory": None, "triton": problem, "worker": None}
    assert report.problems == expected
    with pytest.raises(InferenceUnavailableError):
        readiness.require_servers()


def test_the_server_is_asked_before_its_models(readiness, triton):
    triton.answers["server"] = False
    readiness.report()
    assert triton.asked == ["server"]


def test_absent_workers_are_named_but_jobs_can_wait_for_them(readiness, jobs):
    jobs.workers = []
    report = readiness.report()
    assert not report.ready
    assert report.problems["worker"] == "no worker is alive"
    readiness.require_servers()


def test_redis_is_named_first_when_both_servers_are_away(readiness, jobs, triton):
    jobs.away = True
    triton.answers["server"] = False
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


def test_nearly_full_store_is_not_ready_but_answers(readiness, jobs):
    jobs.percent = 95
    report = readiness.report()
    assert not report.ready
    assert "95 %" in report.problems["memory"]
    assert report.problems["redis"] is None
    readiness.require_servers()
