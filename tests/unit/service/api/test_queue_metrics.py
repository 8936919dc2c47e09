from prometheus_client import CollectorRegistry

from service.api.queue_metrics import QueueMetrics
from service.capacity.backlog import Backlog
from service.capacity.load import Load
from service.errors import StoreUnavailableError


class Redis:
    """A backlog and a store; or their absence."""

    def __init__(self, *, slots=2, error=None):
        self.slots = slots
        self.error = error

    def snapshot(self):
        if self.error is not None:
            raise self.error
        load = Load(
            slots=self.slots,
            running=1,
            depth={"denoise": 3},
            oldest_age={"denoise": 7.5},
            pixels={"a": 8e6},
        )
        return Backlog(load=load, seconds_per_megapixel={"a": 0.5})

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
        ("hiir_queue_depth", "denoise"): 3,
        ("hiir_queue_depth", "weather"): 0,
        ("hiir_queue_oldest_age_seconds", "denoise"): 7.5,
        ("hiir_queue_oldest_age_seconds", "weather"): 0,
        ("hiir_jobs_running",): 1,
        ("hiir_predicted_wait_seconds",): 2.0,
    }


def test_without_a_worker_no_wait_is_predicted():
    assert ("hiir_predicted_wait_seconds",) not in samples(Redis(slots=0))


def test_without_redis_only_that_is_told():
    assert samples(Redis(error=StoreUnavailableError("Away."))) == {("hiir_store_up",): 0}
