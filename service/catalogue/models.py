"""The catalogue of served models: the contracts that stand in the model repository."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hiir.imaging import ContractError, ModelContract
from service.catalogue.text_format import Message, TextFormatError, parse_text_format


class ModelRepositoryError(Exception):
    """The model repository cannot be served; the message names the file."""


class ModelCatalogue:
    """The models by name."""

    def __init__(
        self, contracts: Iterable[ModelContract], *, precisions: Mapping[str, str] | None = None
    ) -> None:
        self._contracts: dict[str, ModelContract] = {}
        self._precisions = precisions or {}
        for contract in contracts:
            if contract.name in self._contracts:
                raise ModelRepositoryError(f"two models are named {contract.name}")
            self._contracts[contract.name] = contract

    @classmethod
    def read(cls, repository: Path) -> "ModelCatalogue":
        """Read `<model>/config.pbtxt` of every model; raises `ModelRepositoryError`."""
        paths = sorted(repository.glob("*/config.pbtxt"))
        if not paths:
            raise ModelRepositoryError(f"{repository} holds no <model>/config.pbtxt")
        configs = {path: _read_config(path) for path in paths}
        contracts = {path: _read_contract(path, config) for path, config in configs.items()}
        return cls(
            contracts.values(),
            precisions={contracts[path].name: _precision(configs[path]) for path in paths},
        )

    def __iter__(self) -> Iterator[ModelContract]:
        return iter(self._contracts.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models."""
        return tuple(self._contracts)

    def get(self, name: str) -> ModelContract | None:
        """The contract of one model, or None if there is none of this name."""
        return self._contracts.get(name)

    def precision(self, name: str) -> str:
        """What a model computes in: `fp32` unless its configuration says otherwise."""
        return self._precisions.get(name, "fp32")


def _read_config(path: Path) -> Message:
    try:
        return parse_text_format(path.read_text(encoding="utf-8"))
    except (TextFormatError, OSError, UnicodeDecodeError) as error:
        raise ModelRepositoryError(f"{path}: {error}") from error


def _read_contract(path: Path, config: Message) -> ModelContract:
    try:
        contract = ModelContract.from_parameters(_string_parameters(config))
    except (TextFormatError, ContractError) as error:
        raise ModelRepositoryError(f"{path}: {error}") from error
    if not contract.name == config.get("name", [contract.name])[0] == path.parent.name:
        raise ModelRepositoryError(f"{path}: the folder, the name and the contract differ")
    return contract


def _precision(config: Message) -> str:
    """The lowest that an accelerator of the configuration is asked for."""
    options = [
        (parameter.get("key"), parameter.get("value"))
        for optimization in _messages(config, "optimization")
        for accelerators in _messages(optimization, "execution_accelerators")
        for accelerator in _messages(accelerators, "gpu_execution_accelerator")
        for parameter in _messages(accelerator, "parameters")
    ]
    return "fp16" if (["precision_mode"], ["FP16"]) in options else "fp32"


def _messages(message: Message, name: str) -> Iterator[Message]:
    return (value for value in message.get(name, []) if isinstance(value, dict))


def _string_parameters(config: Message) -> Mapping[str, str]:
    """`parameters { key: "k" value { string_value: "v" } }`, repeated, as a mapping."""
    parameters: dict[str, str] = {}
    for entry in config.get("parameters", []):
        match entry:
            case {"key": [str(key)], "value": [{"string_value": [str(value)]}]}:
                if key in parameters:
                    raise TextFormatError(f"parameter {key} is given twice")
                parameters[key] = value
            case _:
                raise TextFormatError(f"not a string parameter: {entry}")
    return parameters
