from prometheus_client import CollectorRegistry

from service.api.queue_metrics import QueueMetrics
from service.capacity.backlog import Backlog
from service.capacity.load import Load, PriorityLoad
from service.errors import StoreUnavailableError
from service.jobs.priority import Priority


class Redis:
    """A backlog and a store; or their absence."""

    def __init__(self, *, slots=2, error=None):
        self.slots = slots
        self.error = error

    def snapshot(self):
        if self.error is not None:
            raise self.error
        batch = PriorityLoad(
            running=1,
            depth={"denoise": 3},
            oldest_age={"denoise": 7.5},
            queued_pixels={"a": 6e6},
            running_pixels={"a": 2e6},
        )
        return Backlog(
            load=Load(slots=self.slots, by_priority={Priority.BATCH: batch}),
            seconds_per_megapixel={"a": 0.5},
            interactive_slots=1,
        )

    def memory_percent(self):
        return 42


def samples(redis):
    registry = CollectorRegistry()
    registry.register(QueueMetrics(backlog=redis, jobs=redis, tasks=["denoise", "weather"]))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def test_every_task_has_its_series_waiting_or_not():
    assert samples(Redis()) == {
        ("hiir_store_up",): 1,
        ("hiir_store_memory_ratio",): 0.42,
        ("hiir_queue_depth", "interactive", "denoise"): 0,
        ("hiir_queue_depth", "interactive", "weather"): 0,
        ("hiir_queue_depth", "batch", "denoise"): 3,
        ("hiir_queue_depth", "batch", "weather"): 0,
        ("hiir_queue_oldest_age_seconds", "interactive", "denoise"): 0,
        ("hiir_queue_oldest_age_seconds", "interactive", "weather"): 0,
        ("hiir_queue_oldest_age_seconds", "batch", "denoise"): 7.5,
        ("hiir_queue_oldest_age_seconds", "batch", "weather"): 0,
        ("hiir_jobs_running", "interactive"): 0,
        ("hiir_jobs_running", "batch"): 1,
        ("hiir_predicted_wait_seconds", "interactive"): 0,
        ("hiir_predicted_wait_seconds", "batch"): 4.0,
    }


def test_without_a_worker_no_wait_is_predicted():
    names = {name for name, *_ in samples(Redis(slots=0))}
    assert "hiir_jobs_running" in names
    assert "hiir_predicted_wait_seconds" not in names


def test_without_redis_only_that_is_told():
    assert samples(Redis(error=StoreUnavailableError("Away."))) == {("hiir_store_up",): 0}
