"""Check every model against float32, then become Triton.

    python3 -m gpu_server tritonserver --model-repository=/models OPTION...

A model whose result by TensorRT differs from float32 by less than 50 dB, or which TensorRT cannot
run, is served by the CUDA provider. If that differs too, nothing is started. The server loads the
models that HIIR_MODELS lists (JSON), or all.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_server.check import measure
from gpu_server.engine_cache import EngineCache, identify_machine
from gpu_server.errors import GpuServerError
from gpu_server.repository import GpuModel, copy_repository, read_models

__all__ = ["main", "prepare"]

_log = logging.getLogger(__name__)

MIN_PSNR = 50.0
"""dB to float32, with the largest float32 value as the peak: what the export asks of its graphs."""
_VOLUME = Path("/engines")
_LINK = Path("/tmp/tensorrt")  # noqa: S108 - the container's own; named in each config.pbtxt
_REPOSITORY = "--model-repository="


def main(command: Sequence[str]) -> int:
    """Replace this process by the server; return only if it cannot be started."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        cache = EngineCache(volume=_VOLUME, machine=identify_machine(), link=_LINK)
        arguments = prepare(command, names=_chosen(), cache=cache)
    except GpuServerError as error:
        _log.error("%s", error)
        return 1
    return os.execvp(arguments[0], arguments)  # noqa: S606 - the server is this container's process


def prepare(command: Sequence[str], *, names: Sequence[str], cache: EngineCache) -> list[str]:
    """Choose a provider for each model, and return the command that serves them.

    Args:
        command: of the server, with one ``--model-repository=``.
        names: of the models to load; all if empty.
        cache: keeps engines and choices between starts.

    Raises:
        GpuServerError: if the repository does not fit, or a model differs from float32 by less than
            `MIN_PSNR` with both providers.
    """
    given = [option for option in command if option.startswith(_REPOSITORY)]
    if len(given) != 1:
        raise GpuServerError(f"one {_REPOSITORY}DIR is needed, not {len(given)}")
    repository = Path(given[0].removeprefix(_REPOSITORY))
    models = read_models(repository, names)
    cache.open()
    unknown = [model for model in models if cache.provider(model) is None]
    if unknown:
        _choose_providers(command, unknown, repository=repository, cache=cache)
    fallback = {model.name for model in models if cache.provider(model) == "cuda"}
    served = repository
    if fallback:
        served = copy_repository(models, cache.copies, fallback=fallback)
    return [
        *(option for option in command if option != given[0]),
        f"{_REPOSITORY}{served}",
        *(f"--load-model={model.name}" for model in models),
    ]


def _choose_providers(
    command: Sequence[str], models: Sequence[GpuModel], *, repository: Path, cache: EngineCache
) -> None:
    refused = []
    for model, psnr in _measured(command, models, repository):
        _log.info("%s: %.1f dB to float32 with TensorRT", model.name, psnr)
        if psnr >= MIN_PSNR:
            cache.remember(model, provider="tensorrt", psnr=psnr)
        else:
            refused.append(model)
    if not refused:
        return
    copied = copy_repository(refused, cache.copies, fallback={model.name for model in refused})
    for model, psnr in _measured(command, refused, copied):
        _log.warning("%s: %.1f dB to float32 with the CUDA provider", model.name, psnr)
        if psnr < MIN_PSNR:
            raise GpuServerError(
                f"{model.name}: {psnr:.1f} dB to float32 with the CUDA provider, and less than "
                f"{MIN_PSNR:g} with TensorRT too; leave it out of HIIR_MODELS"
            )
        cache.remember(model, provider="cuda", psnr=psnr)


def _measured(
    command: Sequence[str], models: Sequence[GpuModel], repository: Path
) -> list[tuple[GpuModel, float]]:
    found = measure(command, models, repository=repository)
    return [(model, found[model.name]) for model in models]


def _chosen() -> list[str]:
    text = os.environ.get("HIIR_MODELS") or "[]"
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise GpuServerError(f'HIIR_MODELS must be a JSON list such as ["sr-x2"], not {text!r}')
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
