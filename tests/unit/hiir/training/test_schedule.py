import pytest

from hiir.training.schedule import learning_rate


@pytest.fixture
def config(make_config):
    return make_config(
        "schedule.warmup=10",
        "schedule.decay_share=0.5",
        "schedule.lr_min=0.001",
        "optimizer.lr=1.0",
        steps=100,
    )


def test_the_rate_rises_to_its_peak(config) -> None:
    assert [learning_rate(config, step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])


def test_the_rate_stays_until_the_decay(config) -> None:
    assert learning_rate(config, 10) == learning_rate(config, 49) == 1.0


def test_the_rate_falls_by_a_cosine_to_its_minimum(config) -> None:
    assert learning_rate(config, 75) == pytest.approx(0.5005)
    assert learning_rate(config, 100) == pytest.approx(0.001)
    rates = [learning_rate(config, step) for step in range(50, 100)]
    assert rates == sorted(rates, reverse=True)


def test_steps_multiply_the_rate_at_each_milestone(make_config) -> None:
    config = make_config(
        "schedule.kind=multi-step",
        "schedule.warmup=10",
        "schedule.milestones=[40, 60]",
        "schedule.gamma=0.1",
        "optimizer.lr=1.0",
        steps=100,
    )
    rates = [learning_rate(config, step) for step in (4, 10, 39, 40, 59, 60, 99)]
    assert rates == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01, 0.01])
