"""How Triton is started, and what it leaves in shared memory."""

import os
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from service.embedded import triton as module
from service.embedded.process_table import started_at
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import TritonRelease, TritonUnavailableError


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TritonServer:
    """A server of an empty release, whose shared memory is a folder of the test's."""
    release = TritonRelease(root=tmp_path / "release")
    release.python_backend.mkdir(parents=True)
    (release.python_backend / "libtriton_python.so").touch()
    stubs = release.root / "pytriton/tritonserver/python_backend_stubs"
    stub = stubs / sysconfig.get_python_version() / "triton_python_backend_stub"
    stub.parent.mkdir(parents=True)
    stub.touch(mode=0o755)
    shared = tmp_path / "shm"
    shared.mkdir()
    monkeypatch.setattr(module, "_SHM_DIR", shared)
    return TritonServer(
        release=release,
        model_repository=tmp_path / "models",
        work_dir=tmp_path / "work",
        port=1,
        shm_prefix=unique_shm_prefix(),
    )


def test_it_listens_on_this_machine_alone_and_not_for_http(server: TritonServer) -> None:
    command = server.command()
    assert "--grpc-address=127.0.0.1" in command
    assert {"--allow-http=false", "--allow-metrics=false"} <= set(command)


def test_no_client_may_load_models(server: TritonServer) -> None:
    assert "--model-control-mode=none" in server.command()


def test_what_the_service_does_not_use_is_closed_under_a_new_value_each_time(
    server: TritonServer,
) -> None:
    first, second = (
        next(part for part in server.command() if part.startswith("--grpc-restricted-protocol="))
        for _ in range(2)
    )
    protocols = first.removeprefix("--grpc-restricted-protocol=").partition(":")[0].split(",")
    assert set(protocols) >= {"shared-memory", "model-repository", "trace", "logging"}
    assert not {"health", "inference", "model-config"} & set(protocols)
    assert first != second


def test_its_stub_is_this_interpreter(server: TritonServer) -> None:
    environment = server.environment()
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert str(server.release.libraries) in environment["LD_LIBRARY_PATH"].split(os.pathsep)


def test_the_backends_are_copies_made_anew(server: TritonServer) -> None:
    stale = server.work_dir / "backends/openvino/stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    server.prepare()
    backends = server.work_dir / "backends"
    files = {str(path.relative_to(backends)) for path in backends.rglob("*") if path.is_file()}
    assert files == {
        "openvino/cache_dir",
        "openvino/model.py",
        "python/libtriton_python.so",
        "python/triton_python_backend_stub",
    }
    assert not any(path.is_symlink() for path in backends.rglob("*"))
    assert os.access(backends / "python/triton_python_backend_stub", os.X_OK)


def test_compiled_graphs_of_long_ago_are_removed(server: TritonServer) -> None:
    cache = server.release.root.parent / "openvino"
    cache.mkdir()
    for name, days in {"new": 1, "old": 31}.items():
        (cache / name).touch()
        made = time.time() - days * 24 * 3600
        os.utime(cache / name, (made, made))
    server.prepare()
    assert [path.name for path in cache.iterdir()] == ["new"]
    path = server.work_dir / "backends/openvino/cache_dir"
    assert path.read_text(encoding="utf-8") == str(cache)


def test_only_what_dead_servers_left_is_removed(server: TritonServer) -> None:
    own = f"{server.shm_prefix}0"
    mine, started = os.getpid(), started_at(os.getpid())
    names = {
        own: False,  # of an earlier run of this very server
        f"triton_hiir_{mine}_{started}_77_0": True,  # of another server of a living process
        f"triton_hiir_{mine}_1_0_0": False,  # of an earlier process with the same id
        "triton_hiir_4194999_5_0_0": False,  # of no process
        "triton_hiir_readme": True,  # of nobody that we know
        "triton_python_backend_shm_region_1": True,  # of another program's Triton
    }
    for name in names:
        (module._SHM_DIR / name).touch()
    server.prepare()
    assert {path.name for path in module._SHM_DIR.iterdir()} == {
        name for name, kept in names.items() if kept
    }


def test_regions_of_another_user_are_left(
    server: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(path)

    (module._SHM_DIR / "triton_hiir_4194999_5_0_0").touch()
    monkeypatch.setattr(Path, "unlink", refuse)
    server.prepare()


def test_two_servers_never_share_a_prefix() -> None:
    first, second = unique_shm_prefix(), unique_shm_prefix()
    assert not first.startswith(second)
    assert not second.startswith(first)


def test_without_openvino_it_says_what_to_install(
    server: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TritonUnavailableError, match=r"hiir-restore\[embedded\]"):
        server.prepare()


def test_a_python_without_its_library_is_refused(
    server: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.sysconfig, "get_config_var", lambda name: "libnone.so.0")
    with pytest.raises(TritonUnavailableError, match=r"needs libnone\.so\.0"):
        server.prepare()
