"""Trains an experiment in stages, each from the averaged weights of the one before."""

from collections.abc import Sequence
from pathlib import Path

from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.experiments import stage_folder
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder

__all__ = ["split_time", "train_stages"]


def split_time(stages: Sequence[TrainingConfig], seconds: float) -> tuple[TrainingConfig, ...]:
    """Divide a total time among stages, in proportion to their configured durations.

    Args:
        stages: all stages of one experiment.
        seconds: total time.

    Raises:
        ConfigError: if one of several stages has a length in steps.
    """
    if len(stages) == 1:
        return (stages[0].model_copy(update={"duration": seconds}),)
    lengths = [stage.duration for stage in stages]
    if None in lengths:
        names = ", ".join(stage.name for stage in stages if stage.duration is None)
        raise ConfigError(f"cannot divide a time among stages whose length is in steps: {names}")
    known = [length for length in lengths if length is not None]
    return tuple(
        stage.model_copy(update={"duration": seconds * length / sum(known)})
        for stage, length in zip(stages, known, strict=True)
    )


def train_stages(
    stages: Sequence[TrainingConfig],
    run: RunFolder,
    *,
    devices: int = 1,
    nodes: int = 1,
    accelerator: str = "auto",
    seconds: float | None = None,
    allow_changed: bool = False,
    carry: Path | None = None,
    carry_averages: bool = False,
) -> bool:
    """Train the stages that are not finished, in order.

    The folder of an earlier stage lies inside that of the run. A stage is not trained again once a
    later one has a checkpoint.

    Args:
        stages: of `load_stages`.
        run: folder of the last stage.
        devices: GPUs, or processes on a CPU, of each machine.
        nodes: machines.
        accelerator: `auto`, `cpu` or `cuda`.
        seconds: to stop the stage under way after.
        allow_changed: resume runs of another configuration.
        carry: folder that receives the last stage's run in small files.
        carry_averages: carry the averaged weights alone.

    Returns:
        Whether all stages are finished; an interrupt leaves them unfinished.

    Raises:
        ConfigError: as `train`, and for several stages in several processes.
    """
    last = len(stages) - 1
    folders = [RunFolder(run.path / stage_folder(n, s.name)) for n, s in enumerate(stages, 1)]
    folders[last] = run
    begun = [index for index, folder in enumerate(folders) if folder.load() is not None]
    first = max(begun, default=0)
    if first < last and devices * nodes > 1:
        raise ConfigError(
            f"{stages[last].name} is trained in {len(stages)} stages: train {stages[first].name} "
            "in one process first, or all of them"
        )
    for index in range(first, len(stages)):
        finished = train(
            stages[index],
            folders[index],
            devices=devices,
            nodes=nodes,
            accelerator=accelerator,
            seconds=seconds,
            allow_changed=allow_changed,
            carry=carry if index == last else None,
            carry_averages=carry_averages,
        )
        if not finished:
            return False
    return True
