import pytest

from hiir.training.config import TrainingConfig
from hiir.training.run_position import RunPosition
from hiir.training.schedule import learning_rate

# Seconds of the runs whose length is a time.
DURATION = 200


def rate(config: TrainingConfig, step: int) -> float:
    """Of a run that has taken so many steps, or as much of its time as these are of all steps."""
    if config.duration is None:
        return learning_rate(RunPosition(config, step=step))
    return learning_rate(RunPosition(config, step=10**6, seconds=step / config.steps * DURATION))


@pytest.fixture(params=["null", DURATION], ids=["steps", "seconds"])
def duration(request: pytest.FixtureRequest) -> str:
    return f"duration={request.param}"


@pytest.fixture
def config(make_config, duration: str):
    return make_config(
        duration,
        "schedule.warmup=10",
        "schedule.decay_share=0.5",
        "schedule.lr_min=0.001",
        "optimizer.lr=1.0",
        steps=100,
    )


def test_the_rate_rises_to_its_peak(config) -> None:
    positions = [RunPosition(config, step=step) for step in (0, 4, 9)]
    assert [learning_rate(position) for position in positions] == pytest.approx([0.1, 0.5, 1.0])


def test_a_run_that_is_too_short_for_the_steps_of_its_warm_up_warms_up_by_time(config) -> None:
    if config.duration is None:
        config = config.model_copy(update={"duration": DURATION})
    seconds = [0, 0.02 * DURATION, 0.05 * DURATION]
    positions = [RunPosition(config, step=0, seconds=time) for time in seconds]
    assert [learning_rate(position) for position in positions] == pytest.approx([0.1, 0.4, 1.0])


def test_the_rate_stays_until_the_decay(config) -> None:
    assert rate(config, 10) == rate(config, 49) == 1.0


def test_the_rate_falls_by_a_cosine_to_its_minimum(config) -> None:
    assert rate(config, 75) == pytest.approx(0.5005)
    assert rate(config, 100) == pytest.approx(0.001)
    rates = [rate(config, step) for step in range(50, 100)]
    assert rates == sorted(rates, reverse=True)


def test_steps_multiply_the_rate_at_each_milestone(make_config, duration: str) -> None:
    config = make_config(
        duration,
        "schedule.kind=multi-step",
        "schedule.warmup=10",
        "schedule.milestones=[40, 60]",
        "schedule.gamma=0.1",
        "optimizer.lr=1.0",
        steps=100,
    )
    rates = [rate(config, step) for step in (10, 39, 40, 59, 60, 99)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
