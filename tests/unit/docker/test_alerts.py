"""Each alert fires on series that need it, alone, not before its time, and not without them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.unit.docker.chart import Manifests
from tests.unit.docker.promtool import RULES, Expectation, check_rules, is_met
from tests.unit.docker.test_monitoring import expressions

AGE = "hiir_queue_oldest_age_seconds"
INTERACTIVE = f'{AGE}{{priority="interactive",task="denoise",instance="api-1"}}'
BATCH = f'{AGE}{{priority="batch",task="denoise",instance="api-1"}}'
SLOTS = 'hiir_worker_slots{instance="worker-1"}'
UP = 'hiir_store_up{instance="api-1"}'
MEMORY = 'hiir_store_memory_ratio{instance="api-1"}'
REQUESTS = 'hiir_http_requests_total{instance="api-1",route="/v1/jobs",code="%s"}'
ENDED = 'hiir_jobs_total{instance="%s",task="denoise",state="%s",code="%s"}'
SUCCEEDED = ENDED % ("worker-1", "succeeded", "")
FAILED = ENDED % ("worker-1", "failed", "timeout")

# A service that works: values of two hours, one a minute.
HEALTHY = {
    INTERACTIVE: "5x120",
    BATCH: "600x120",
    SLOTS: "2x120",
    UP: "1x120",
    MEMORY: "0.5x120",
    REQUESTS % 202: "0+60x120",
    REQUESTS % 500: "0x120",
    REQUESTS % 503: "0x120",
    SUCCEEDED: "0+10x120",
    FAILED: "0x120",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Series that make an alert fire, alone, and when."""

    alert: str
    labels: str
    series: Mapping[str, str | None]
    """Other values than those of a healthy service; None for a series that is missing."""
    silent: str
    fires: str

    @property
    def all_series(self) -> dict[str, str]:
        changed = {**HEALTHY, **self.series}
        return {name: values for name, values in changed.items() if values is not None}

    @property
    def expectations(self) -> list[Expectation]:
        firing = 'ALERTS{alertstate="firing"}'
        sample = f'ALERTS{{alertname="{self.alert}",alertstate="firing",{self.labels}}}'
        return [
            Expectation(expression=firing, at=self.silent),
            Expectation(expression=firing, at=self.fires, samples={sample: 1}),
        ]


PAGE, TICKET = 'severity="page"', 'severity="ticket"'
CASES = [
    Case(
        alert="HiirJobsWaitTooLong",
        labels=f'{PAGE},task="denoise"',
        series={INTERACTIVE: "0+60x120"},  # over 600 s from minute 11 on
        silent="15m",
        fires="16m",
    ),
    Case(
        alert="HiirBatchJobsWaitTooLong",
        labels=f'{TICKET},task="denoise"',
        series={BATCH: "10000x10 10801x100"},
        silent="25m",
        fires="26m",
    ),
    Case(
        alert="HiirNoWorker",
        labels=PAGE,
        series={SLOTS: "2x10 0x100"},
        silent="12m",
        fires="13m",
    ),
    Case(  # after the five minutes for which Prometheus takes an old value
        alert="HiirNoWorker",
        labels=PAGE,
        series={SLOTS: "2x10"},
        silent="17m",
        fires="18m",
    ),
    Case(alert="HiirNoWorker", labels=PAGE, series={SLOTS: None}, silent="1m", fires="2m"),
    Case(
        alert="HiirStoreAway",
        labels=PAGE,
        series={UP: "1x10 0x100"},
        silent="11m",
        fires="12m",
    ),
    Case(
        alert="HiirStoreNearlyFull",
        labels=TICKET,
        series={MEMORY: "0.8x10 0.81x100"},
        silent="15m",
        fires="16m",
    ),
    Case(
        alert="HiirJobsFail",
        labels=f'{PAGE},task="denoise",code="timeout"',
        series={FAILED: "0x20 1+1x99"},  # one of eleven jobs
        silent="30m",
        fires="45m",
    ),
    Case(
        alert="HiirServerErrors",
        labels=PAGE,
        series={REQUESTS % 500: "0x20 2+2x99"},
        silent="30m",
        fires="45m",
    ),
    Case(
        alert="HiirRefusals",
        labels=TICKET,
        series={REQUESTS % 503: "0x20 10+10x99"},  # 10 of 70 requests
        silent="30m",
        fires="50m",
    ),
]
IDS = [f"{case.alert} {number}" for number, case in enumerate(CASES)]


def alerts() -> list[str]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["alert"] for rule in group["rules"]]


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == set(alerts())


def test_the_rules_are_valid(promtool: Path, tmp_path: Path) -> None:
    assert check_rules(promtool, RULES) == ""
    broken = tmp_path / "alerts.yml"
    broken.write_text(RULES.read_text().replace("humanizeDuration", "humaniseDuration"))
    assert "humaniseDuration" in check_rules(promtool, broken)


def test_a_healthy_service_alerts_nobody(promtool: Path, tmp_path: Path) -> None:
    nothing = [Expectation(expression="ALERTS", at=f"{minute}m") for minute in (1, 30, 60, 115)]
    assert is_met(promtool, tmp_path, *nothing, series=HEALTHY)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_alert_fires_alone_and_in_time(promtool: Path, tmp_path: Path, case: Case) -> None:
    assert is_met(promtool, tmp_path, *case.expectations, series=case.all_series)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_without_the_alert_or_without_its_cause_the_case_fails(
    promtool: Path, tmp_path: Path, case: Case
) -> None:
    document = yaml.safe_load(RULES.read_text())
    (group,) = document["groups"]
    group["rules"] = [rule for rule in group["rules"] if rule["alert"] != case.alert]
    others = tmp_path / "alerts.yml"
    others.write_text(yaml.safe_dump(document))
    assert not is_met(promtool, tmp_path, *case.expectations, series=case.all_series, rules=others)
    assert not is_met(promtool, tmp_path, *case.expectations, series=HEALTHY)


@pytest.mark.parametrize(("before", "is_counted"), [("0x20", True), ("_x20", False)])
def test_a_first_failure_counts_if_its_counter_was_there_before(
    promtool: Path, tmp_path: Path, before: str, is_counted: bool
) -> None:
    """One failure on each of two workers; the metrics begin with all codes at 0 for this."""
    workers = {
        ENDED % ("worker-1", "failed", "timeout"): f"{before} 1x100",
        ENDED % ("worker-2", "failed", "timeout"): f"{before} {before[0]}x7 1x92",
        SUCCEEDED: "0+0.1x120",
    }
    alert = 'ALERTS{alertname="HiirJobsFail",alertstate="firing"}'
    labels = 'alertname="HiirJobsFail",alertstate="firing",code="timeout",severity="page"'
    samples = {f'ALERTS{{{labels},task="denoise"}}': 1.0} if is_counted else {}
    fired = Expectation(expression=alert, at="32m", samples=samples)
    assert is_met(promtool, tmp_path, fired, series={**HEALTHY, **workers})


def test_prometheus_can_read_every_panel_and_trigger(
    promtool: Path, tmp_path: Path, everything: Manifests
) -> None:
    triggers = everything.one("ScaledObject", "hiir-worker")["spec"]["triggers"]
    asked = [expression for _, expression in expressions()]
    asked += [trigger["metadata"]["query"] for trigger in triggers]
    rules = tmp_path / "rules.yml"

    def errors(queries: list[str]) -> str:
        recorded = [{"record": f"rule_{n}", "expr": query} for n, query in enumerate(queries)]
        rules.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))
        return check_rules(promtool, rules)

    assert len(asked) > 20
    assert errors(asked) == ""
    assert "unclosed left parenthesis" in errors([*asked, "sum(hiir_inflight"])


def test_workers_are_asked_for_as_jobs_have_need_of(
    promtool: Path, tmp_path: Path, everything: Manifests
) -> None:
    demand = everything.one("ScaledObject", "hiir-worker")["spec"]["triggers"][0]
    query = demand["metadata"]["query"]
    depth = 'hiir_queue_depth{instance="%s",priority="%s",task="%s"}'
    queues = {
        depth % ("api-1", "interactive", "denoise"): "4x10",
        depth % ("api-2", "interactive", "denoise"): "4x10",  # the same four jobs
        depth % ("api-1", "interactive", "weather"): "2x10",
        depth % ("api-1", "batch", "denoise"): "8x10",
    }
    workers = {SLOTS: "2x10", 'hiir_inflight{instance="worker-1"}': "2x10"}
    # (4 + 2 interactive + 8 batch at four a slot + 2 running) / 2 slots of a worker
    wanted = Expectation(expression=query, at="5m", samples={"{}": 5})
    assert is_met(promtool, tmp_path, wanted, series={**queues, **workers})
    # Before the first worker: one for each slot.
    assert is_met(
        promtool,
        tmp_path,
        Expectation(expression=query, at="5m", samples={"{}": 8}),
        series=queues,
    )
    # Without the API there is no answer, which is not "none".
    assert is_met(promtool, tmp_path, Expectation(expression=query, at="5m"), series=workers)
