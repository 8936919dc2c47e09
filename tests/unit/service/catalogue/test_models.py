import json

import pytest

from service.catalogue import models
from service.catalogue.models import ModelCatalogue, ModelRepositoryError


def pbtxt(contract, *, name=None, more="", **changes):
    """A model's configuration with its contract as string parameters."""
    parameters = {**contract.to_parameters(), "intra_op_thread_count": "1", **changes}
    lines = [
        f"parameters {{ key: {json.dumps(key)} value: {{ string_value: {json.dumps(text)} }} }}"
        for key, text in parameters.items()
    ]
    return "\n".join([f'name: "{name or contract.name}"', "max_batch_size: 8", *lines, more])


@pytest.fixture
def repository(tmp_path):
    def add(folder, text):
        path = tmp_path / folder / "config.pbtxt"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return tmp_path

    add.path = tmp_path
    return add


def test_every_model_of_the_repository_is_read_in_the_order_of_names(repository, make_contract):
    second, first = make_contract(name="super-resolution-x2", scale=2), make_contract()
    for contract in (second, first):
        repository(contract.name, pbtxt(contract))
    catalogue = ModelCatalogue.read(repository.path)
    assert list(catalogue) == [first, second]
    assert catalogue.names == ("denoise-color", "super-resolution-x2")
    assert catalogue.get("super-resolution-x2") == second


def test_folders_without_a_configuration_are_no_models(repository, make_contract):
    (repository.path / ".cache").mkdir()
    (repository.path / "README.md").write_text("models")
    repository("denoise-color", pbtxt(make_contract()))
    assert ModelCatalogue.read(repository.path).names == ("denoise-color",)


def test_named_models_alone_are_offered(repository, make_contract):
    for contract in (make_contract(), make_contract(name="weather")):
        repository(contract.name, pbtxt(contract))
    assert ModelCatalogue.read(repository.path, names=["weather"]).names == ("weather",)
    with pytest.raises(
        ModelRepositoryError,
        match=r"HIIR_MODELS names a, z, but .* contains denoise-color, weather",
    ):
        ModelCatalogue.read(repository.path, names=["weather", "z", "a"])


@pytest.mark.parametrize("name", ["deblur", "", "denoise-color/1", "../denoise-color"])
def test_there_is_no_model_of_another_name(make_contract, name):
    assert ModelCatalogue([make_contract()]).get(name) is None


def test_precision_is_what_the_configuration_asks_of_its_accelerators(repository, make_contract):
    half = """optimization { execution_accelerators { gpu_execution_accelerator [ {
        name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }"""
    repository("denoise-color", pbtxt(make_contract()))
    repository("derain", pbtxt(make_contract(name="derain"), more=half))
    catalogue = ModelCatalogue.read(repository.path)
    assert [catalogue.precision(name) for name in catalogue.names] == ["fp32", "fp16"]


def test_two_models_of_one_name_are_refused(make_contract):
    with pytest.raises(ModelRepositoryError, match="two models are named denoise-color"):
        ModelCatalogue([make_contract(), make_contract(version="2")])


@pytest.mark.parametrize("repository_exists", [True, False])
def test_a_repository_without_models_is_refused(tmp_path, repository_exists):
    path = tmp_path if repository_exists else tmp_path / "missing"
    with pytest.raises(ModelRepositoryError, match="contains no"):
        ModelCatalogue.read(path)


def test_a_folder_named_otherwise_than_its_model_is_refused(repository, make_contract):
    path = repository("denoise", pbtxt(make_contract()))
    with pytest.raises(ModelRepositoryError, match=r"denoise/config\.pbtxt: .*is denoise,"):
        ModelCatalogue.read(path)


def test_a_configuration_named_otherwise_than_its_contract_is_refused(repository, make_contract):
    path = repository("denoise-color", pbtxt(make_contract(), name="derain"))
    with pytest.raises(ModelRepositoryError, match="derain, the contract's denoise-color"):
        ModelCatalogue.read(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tile": "wide"}, "tile cannot be 'wide'"),
        ({"tile": ""}, "tile cannot be ''"),
        ({"overlap": "99"}, "overlap must be"),
        ({"surprise": "1"}, "unknown surprise"),
    ],
)
def test_a_contract_that_does_not_hold_names_its_file(repository, make_contract, changes, problem):
    path = repository("denoise-color", pbtxt(make_contract(), **changes))
    with pytest.raises(ModelRepositoryError, match=rf"denoise-color/config.pbtxt: .*{problem}"):
        ModelCatalogue.read(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: ", "Expected string"),
        ("name: 'a' tile: 1", 'no field named "tile"'),
        ("}", "1:1"),
        ('name: "denoise-color"', "missing architecture"),
        ('parameters { key: "tile" value: { int64_value: 16 } }', 'no field named "int64_value"'),
        ('parameters: "tile"', "Expected"),
    ],
)
def test_a_configuration_without_a_contract_names_its_file(repository, text, problem):
    path = repository("denoise-color", text)
    with pytest.raises(ModelRepositoryError, match=rf"denoise-color/config.pbtxt: .*{problem}"):
        ModelCatalogue.read(path)


def test_the_last_value_of_a_repeated_parameter_counts_as_it_does_in_triton(
    repository, make_contract
):
    again = 'parameters { key: "version" value: { string_value: "2" } }'
    repository("denoise-color", pbtxt(make_contract(), more=again))
    (contract,) = ModelCatalogue.read(repository.path)
    assert contract.version == "2"


def test_a_configuration_that_is_no_text_names_its_file(repository, tmp_path):
    path = repository("denoise-color", "")
    (tmp_path / "denoise-color" / "config.pbtxt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelRepositoryError, match=r"denoise-color/config\.pbtxt"):
        ModelCatalogue.read(path)


def test_a_configuration_that_is_a_folder_names_its_file(tmp_path):
    (tmp_path / "denoise-color" / "config.pbtxt").mkdir(parents=True)
    with pytest.raises(ModelRepositoryError, match=r"denoise-color/config\.pbtxt"):
        ModelCatalogue.read(tmp_path)


def test_configuration_is_parsed_again_only_after_it_has_changed(
    repository, make_contract, monkeypatch
):
    old, new = make_contract(version="1"), make_contract(version="2")
    path = repository(old.name, pbtxt(old)) / old.name / "config.pbtxt"
    catalogue = ModelCatalogue.read(repository.path)
    parsed = []
    parse = models.text_format.Parse
    monkeypatch.setattr(
        models.text_format, "Parse", lambda *given: (parsed.append(given), parse(*given))[1]
    )
    assert [catalogue.refresh(old.name) for _ in range(3)] == [old] * 3
    assert len(parsed) == 1
    path.write_text(pbtxt(new), encoding="utf-8")
    assert [catalogue.refresh(old.name) for _ in range(3)] == [new] * 3
    assert len(parsed) == 2
    path.write_text("half a conf", encoding="utf-8")
    assert catalogue.refresh(old.name) == new
    path.unlink()
    assert catalogue.refresh(old.name) == new
    path.write_text(pbtxt(old), encoding="utf-8")
    assert catalogue.refresh(old.name) == old
