"""The state of the whole service, read from Redis whenever Prometheus asks.

Every process of the API tells the same: take `max by (task)` of it, not the sum.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.capacity.backlog import BacklogMonitor
from service.errors import ServiceError
from service.jobs.store import JobStore


class QueueMetrics(Collector):
    """Depth and age of the queue, task by task, and what keeps new jobs out."""

    def __init__(self, *, backlog: BacklogMonitor, jobs: JobStore, tasks: Iterable[str]) -> None:
        self._backlog = backlog
        self._jobs = jobs
        self._tasks = tuple(tasks)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now; without Redis only that it is away."""
        up = "Whether Redis answers."
        try:
            backlog, percent = self._backlog.snapshot(), self._jobs.memory_percent()
        except ServiceError:
            yield GaugeMetricFamily("hiir_store_up", up, 0)
            return
        load = backlog.load
        yield GaugeMetricFamily("hiir_store_up", up, 1)
        memory = "Part of Redis's memory that is in use, 0 to 1; 0 where it has no limit."
        yield GaugeMetricFamily("hiir_store_memory_ratio", memory, percent / 100)
        yield self._by_task("hiir_queue_depth", "Jobs that wait.", load.depth)
        age = "Seconds that the oldest waiting job has waited."
        yield self._by_task("hiir_queue_oldest_age_seconds", age, load.oldest_age)
        yield GaugeMetricFamily("hiir_jobs_running", "Jobs that a worker holds.", load.running)
        wait = "Seconds that a job that comes now is thought to wait; absent without a worker."
        if backlog.wait_seconds is not None:
            yield GaugeMetricFamily("hiir_predicted_wait_seconds", wait, backlog.wait_seconds)

    def _by_task(self, name: str, about: str, values: Mapping[str, float]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, about, labels=("task",))
        # Every task has its series at all times: an alert must not mistake none for no answer.
        for task in sorted({*self._tasks, *values}):
            family.add_metric((task,), values.get(task, 0))
        return family
