"""The served models: their contracts, read from the model repository.

Only the schema of `config.pbtxt` comes from Triton's client; no server is contacted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from hiir.imaging import ContractError, ModelContract


class ModelRepositoryError(Exception):
    """The model repository cannot be served; the message names the file."""


class ModelCatalogue:
    """The models by name."""

    def __init__(
        self,
        contracts: Iterable[ModelContract],
        *,
        precisions: Mapping[str, str] | None = None,
        repository: Path | None = None,
    ) -> None:
        self._repository = repository
        self._contracts: dict[str, ModelContract] = {}
        self._precisions = precisions or {}
        self._refreshed: dict[str, str] = {}
        """Text from which each contract was last read."""
        for contract in contracts:
            if contract.name in self._contracts:
                raise ModelRepositoryError(f"two models are named {contract.name}")
            self._contracts[contract.name] = contract

    @classmethod
    def read(cls, repository: Path, *, names: Collection[str] = ()) -> "ModelCatalogue":
        """Read `<model>/config.pbtxt` of the named models, or of all models.

        Raises:
            ModelRepositoryError: if the repository has no models, lacks a named model, or a file is
                invalid.
        """
        paths = sorted(repository.glob("*/config.pbtxt"))
        if not paths:
            raise ModelRepositoryError(f"{repository} contains no <model>/config.pbtxt")
        found = [path.parent.name for path in paths]
        if missing := sorted(set(names) - set(found)):
            raise ModelRepositoryError(
                f"HIIR_MODELS names {', '.join(missing)}, but {repository} contains "
                f"{', '.join(found)}"
            )
        paths = [path for path in paths if not names or path.parent.name in names]
        configs = {path: _read_config(path) for path in paths}
        contracts = {path: _read_contract(path, config) for path, config in configs.items()}
        return cls(
            contracts.values(),
            precisions={contracts[path].name: _precision(configs[path]) for path in paths},
            repository=repository,
        )

    def __iter__(self) -> Iterator[ModelContract]:
        return iter(self._contracts.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models."""
        return tuple(self._contracts)

    def get(self, name: str) -> ModelContract | None:
        """Return the contract of a model, or None if no model has this name."""
        return self._contracts.get(name)

    def refresh(self, name: str) -> ModelContract | None:
        """Read a model's configuration again, and return its contract.

        Workers thereby follow an update of the repository without a restart. If the configuration
        is missing or invalid, for example while it is being replaced, the contract stays as it is.
        A file that has not changed is not parsed again.
        """
        if self._repository is not None:
            path = self._repository / name / "config.pbtxt"
            with suppress(ModelRepositoryError):
                text = _read_text(path)
                if text != self._refreshed.get(name):
                    self._contracts[name] = _read_contract(path, _parse_config(path, text))
                    self._refreshed[name] = text
        return self.get(name)

    def precision(self, name: str) -> str:
        """Return the precision in which a model computes: `fp32` unless configured otherwise."""
        return self._precisions.get(name, "fp32")


def _read_config(path: Path) -> ModelConfig:
    return _parse_config(path, _read_text(path))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRepositoryError(f"{path}: {error}") from error


def _parse_config(path: Path, text: str) -> ModelConfig:
    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise ModelRepositoryError(f"{path}: {error}") from error


def _read_contract(path: Path, config: ModelConfig) -> ModelContract:
    parameters = {key: value.string_value for key, value in config.parameters.items()}
    try:
        contract = ModelContract.from_parameters(parameters)
    except ContractError as error:
        raise ModelRepositoryError(f"{path}: {error}") from error
    if not contract.name == (config.name or contract.name) == path.parent.name:
        raise ModelRepositoryError(
            f"{path}: the model has three names: the directory's is {path.parent.name}, "
            f"the configuration's {config.name or 'absent'}, the contract's {contract.name}"
        )
    return contract


def _precision(config: ModelConfig) -> str:
    """Return `fp16` if a GPU accelerator is configured for it, or `bf16` for OpenVINO's hint."""
    accelerators = config.optimization.execution_accelerators.gpu_execution_accelerator
    modes = {accelerator.parameters.get("precision_mode") for accelerator in accelerators}
    if "FP16" in modes:
        return "fp16"
    return "bf16" if config.parameters["HINT_BF16"].string_value == "YES" else "fp32"
