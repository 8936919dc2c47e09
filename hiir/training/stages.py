"""Training in stages, each of which starts from the averaged weights of the previous one."""

from collections.abc import Sequence
from pathlib import Path

from hiir.training.config import ConfigError, TrainingConfig
from hiir.training.experiments import stage_folder
from hiir.training.loop import train
from hiir.training.run_folder import RunFolder

__all__ = ["split_time", "train_stages"]


def split_time(stages: Sequence[TrainingConfig], seconds: float) -> tuple[TrainingConfig, ...]:
    """Divide a total time among stages in proportion to their configured durations.

    Args:
        stages: all stages of one experiment.
        seconds: total time.

    Raises:
        ConfigError: if there are several stages and one has its length in steps.
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
    """Train the unfinished stages in order.

    The folder of an earlier stage is inside that of the run. A stage is finished once a later one
    has a checkpoint.

    Args:
        stages: result of `load_stages`.
        run: folder of the last stage.
        devices: number of GPUs, or of processes on a CPU, per machine.
        nodes: number of machines.
        accelerator: `auto`, `cpu` or `cuda`.
        seconds: time limit of the current stage.
        allow_changed: resume runs although their configurations have changed.
        carry: folder to which checkpoints of the last stage are also written, in small files.
        carry_averages: write only the averaged weights there.

    Returns:
        True if all stages are finished; False after an interrupt.

    Raises:
        ConfigError: as `train`, and if several stages would run in several processes.
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
