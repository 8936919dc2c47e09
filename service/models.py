"""The catalogue of served models: the contracts that stand in the model repository."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hiir.imaging import ContractError, ModelContract
from service.errors import UnknownTask
from service.text_format import Message, TextFormatError, parse_text_format


class ModelRepositoryError(Exception):
    """The model repository cannot be served; the message names the file."""


class ModelCatalogue:
    """The models by name, which is the name of the task that a client asks for."""

    def __init__(self, contracts: Iterable[ModelContract]) -> None:
        self._contracts: dict[str, ModelContract] = {}
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
        return cls(_read_contract(path) for path in paths)

    def __iter__(self) -> Iterator[ModelContract]:
        return iter(self._contracts.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all tasks."""
        return tuple(self._contracts)

    def get(self, task: str) -> ModelContract:
        """The contract of one task; raises `UnknownTask`, which lists the known ones."""
        try:
            return self._contracts[task]
        except KeyError:
            known = ", ".join(self._contracts)
            raise UnknownTask(f"The tasks are: {known}.", limit=known, actual=task[:100]) from None


def _read_contract(path: Path) -> ModelContract:
    try:
        config = parse_text_format(path.read_text(encoding="utf-8"))
        contract = ModelContract.from_parameters(_string_parameters(config))
    except (TextFormatError, ContractError, OSError, UnicodeDecodeError) as error:
        raise ModelRepositoryError(f"{path}: {error}") from error
    if not contract.name == config.get("name", [contract.name])[0] == path.parent.name:
        raise ModelRepositoryError(f"{path}: the folder, the name and the contract differ")
    return contract


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
