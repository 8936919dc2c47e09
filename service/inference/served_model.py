"""Checks Triton's configuration of a model against the contract, and reads how it accepts tiles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tritonclient.grpc import model_config_pb2

from hiir.imaging import ContractError, ModelContract
from service.errors import ModelMismatchError

INPUT, OUTPUT = "input", "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """How a server accepts the tiles of a model."""

    any_size: bool = False
    """Whether tiles may be smaller than those of the contract (`hiir.imaging.TileEngine`)."""
    tiles_in_flight: int = 1
    """Number of tiles that fill the largest batch of every instance."""
    by_server: Mapping[str, int] = field(default_factory=dict, hash=False)
    """`tiles_in_flight` of each server, by address."""


def check_served(config: Any, contract: ModelContract, *, any_size: bool = False) -> ServedModel:
    """Read the `ModelConfig` (protobuf) of a served model.

    Raises:
        ModelMismatchError: if the model does not fulfill its contract, or `any_size` is set and it
            does not accept tiles of any size.
    """
    served = {"input": _tensors(config.input), "output": _tensors(config.output)}
    takes_any = served == _wanted(contract, -1, -1)
    if any_size and not takes_any:
        raise ModelMismatchError("The server takes tiles of one size only.", limit=contract.tile)
    wanted = _wanted(contract, contract.tile, contract.tile * contract.scale)
    for end, tensors in wanted.items():
        if not takes_any and served[end] != tensors:
            raise ModelMismatchError(
                f"The {end} of the served model differs from its contract.",
                limit=str(tensors),
                actual=str(served[end]),
            )
    if config.max_batch_size < 1:
        raise ModelMismatchError("The served model does not support batches.", limit=1, actual=0)
    try:
        parameters = {key: value.string_value for key, value in config.parameters.items()}
        theirs = ModelContract.from_parameters(parameters)
    except ContractError as error:
        raise ModelMismatchError("The served model has no valid contract.") from error
    if theirs != contract:
        raise ModelMismatchError(
            "The inference server and the worker have different versions of the model.",
            limit=f"{contract.version} {contract.sha256}",
            actual=f"{theirs.version} {theirs.sha256}",
        )
    return ServedModel(
        any_size=takes_any, tiles_in_flight=config.max_batch_size * _instances(config)
    )


def _instances(config: Any) -> int:
    """Count the instances of a model; a group on GPUs has `count` instances on each GPU."""
    groups = [max(group.count, 1) * max(len(group.gpus), 1) for group in config.instance_group]
    return sum(groups) or 1


def _wanted(
    contract: ModelContract, side: int, scaled: int
) -> dict[str, list[tuple[str, str, tuple[int, ...]]]]:
    """Return input and output of a contract in the format of `_tensors`; -1 for a variable side."""
    return {
        "input": [(INPUT, "TYPE_FP32", (contract.input_channels, side, side))],
        "output": [(OUTPUT, "TYPE_FP32", (contract.output_channels, scaled, scaled))],
    }


def _tensors(entries: Any) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return name, data type and dimensions of each input or output of a model."""
    names = model_config_pb2.DataType
    return [(entry.name, names.Name(entry.data_type), tuple(entry.dims)) for entry in entries]
