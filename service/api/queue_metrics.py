"""Metrics of the whole service, read from Redis at every scrape.

Every API process reports the same values: aggregate them by `max by (priority, task)` instead of a
sum.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.capacity.backlog import BacklogMonitor
from service.errors import ServiceError
from service.jobs.priority import Priority
from service.jobs.store import JobStore


class QueueMetrics(Collector):
    """Queue depth and age by priority and task, and the state of the store."""

    def __init__(self, *, backlog: BacklogMonitor, jobs: JobStore, tasks: Iterable[str]) -> None:
        self._backlog = backlog
        self._jobs = jobs
        self._tasks = tuple(tasks)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; if Redis is down, only the gauge that says so."""
        up = "Whether Redis answers."
        try:
            backlog, percent = self._backlog.snapshot(), self._jobs.memory_percent()
        except ServiceError:
            yield GaugeMetricFamily("hiir_store_up", up, 0)
            return
        yield GaugeMetricFamily("hiir_store_up", up, 1)
        memory = "Fraction of Redis's maxmemory in use, 0 to 1; 0 without a limit."
        yield GaugeMetricFamily("hiir_store_memory_ratio", memory, percent / 100)
        loads = {priority: backlog.load.of(priority) for priority in Priority}
        yield self._by_task(
            "hiir_queue_depth", "Queued jobs.", {each: load.depth for each, load in loads.items()}
        )
        yield self._by_task(
            "hiir_queue_oldest_age_seconds",
            "Seconds that the oldest queued job has waited.",
            {each: load.oldest_age for each, load in loads.items()},
        )
        yield _by_priority(
            "hiir_jobs_running",
            "Running jobs.",
            {each: load.running for each, load in loads.items()},
        )
        yield _by_priority(
            "hiir_predicted_wait_seconds",
            "Predicted wait of a new job in seconds; absent without a worker.",
            {each: backlog.wait_seconds(each) for each in Priority},
        )

    def _by_task(
        self, name: str, about: str, values: Mapping[Priority, Mapping[str, float]]
    ) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, about, labels=("priority", "task"))
        # Every task always has a series, so that alerts can distinguish an empty queue from a
        # missing value.
        for priority, by_task in values.items():
            for task in sorted({*self._tasks, *by_task}):
                family.add_metric((priority.value, task), by_task.get(task, 0))
        return family


def _by_priority(
    name: str, about: str, values: Mapping[Priority, float | None]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=("priority",))
    for priority, value in values.items():
        if value is not None:
            family.add_metric((priority.value,), value)
    return family
