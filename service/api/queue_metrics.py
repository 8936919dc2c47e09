"""Metrics of the whole service, read from Redis on every scrape.

Every API process reports the same values: aggregate them by `max by (task)`, not by sum.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.capacity.backlog import BacklogMonitor
from service.errors import ServiceError
from service.jobs.store import JobStore


class QueueMetrics(Collector):
    """Queue depth and age by task, and the state of the store."""

    def __init__(self, *, backlog: BacklogMonitor, jobs: JobStore, tasks: Iterable[str]) -> None:
        self._backlog = backlog
        self._jobs = jobs
        self._tasks = tuple(tasks)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; if Redis is down, only that."""
        up = "Whether Redis answers."
        try:
            backlog, percent = self._backlog.snapshot(), self._jobs.memory_percent()
        except ServiceError:
            yield GaugeMetricFamily("hiir_store_up", up, 0)
            return
        load = backlog.load
        yield GaugeMetricFamily("hiir_store_up", up, 1)
        memory = "Fraction of Redis's maxmemory in use, 0 to 1; 0 without a limit."
        yield GaugeMetricFamily("hiir_store_memory_ratio", memory, percent / 100)
        yield self._by_task("hiir_queue_depth", "Queued jobs.", load.depth)
        age = "Seconds that the oldest queued job has waited."
        yield self._by_task("hiir_queue_oldest_age_seconds", age, load.oldest_age)
        yield GaugeMetricFamily("hiir_jobs_running", "Running jobs.", load.running)
        wait = "Predicted wait of a new job in seconds; absent without a worker."
        if backlog.wait_seconds is not None:
            yield GaugeMetricFamily("hiir_predicted_wait_seconds", wait, backlog.wait_seconds)

    def _by_task(self, name: str, about: str, values: Mapping[str, float]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, about, labels=("task",))
        # Every task always has a series: alerts must tell an empty queue from a missing value.
        for task in sorted({*self._tasks, *values}):
            family.add_metric((task,), values.get(task, 0))
        return family
