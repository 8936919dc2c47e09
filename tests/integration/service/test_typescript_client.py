"""The TypeScript client: built for the service's own document, tested, and used on the service."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.integration.service.stack import ROOT, Stack, photo, read, write

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PACKAGE = ROOT / "clients/typescript"

RESTORE = """
import { readFile, writeFile } from "node:fs/promises";
import { HiirClient } from "./dist/index.js";
const client = new HiirClient(process.argv[2]);
const file = new File([await readFile("in.png")], "in.png");
const states = [];
const result = await client.restore(file, {
  task: "slow-identity", metadata: "strip", client_metadata: { album: "a" },
  onProgress: (state) => states.push(state.status),
});
await writeFile("out.png", Buffer.from(await result.content.arrayBuffer()));
const { code } = await client.restore(new File(["no"], "a.png"), { task: "identity" })
  .catch((error) => error);
const batch = await client.batches.submit([file, file], { task: "identity" });
const ended = await client.batches.wait(batch.id);
const chain = await client.restore(file, { task: "identity,super-resolution:2" });
const analysis = await client.analyze(file);
const tasks = (await client.tasks.list()).map((task) => task.name);
console.log(JSON.stringify({ states, code, job: result.job, counts: ended.counts, tasks,
  steps: chain.job.steps.map((step) => step.task), suggestion: analysis.suggestion }));
"""


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def package(stack: Stack, tmp_path: Path) -> Path:
    """A copy of the package, built from the document of the running service."""
    if shutil.which("node") is None or not (PACKAGE / "node_modules").is_dir():
        pytest.skip("needs Node 20, and `npm ci` in clients/typescript")
    folder = tmp_path / "typescript"
    ignored = shutil.ignore_patterns("node_modules", "dist", "schema.ts")
    shutil.copytree(PACKAGE, folder, ignore=ignored)
    (folder / "node_modules").symlink_to(PACKAGE / "node_modules")
    run("node", "scripts/generate.mjs", f"{stack.client.base_url}/openapi.json", folder=folder)
    run("node_modules/.bin/tsc", "-p", "tsconfig.json", folder=folder)
    return folder


def test_its_own_tests_pass_and_its_types_hold(package: Path) -> None:
    run("node_modules/.bin/tsc", "-p", "tsconfig.test.json", folder=package)
    tests = [str(path.relative_to(package)) for path in sorted(package.glob("test/*.mjs"))]
    assert "fail 0" in run("node", "--test", *tests, folder=package)


def test_it_restores_photos_on_the_service(stack: Stack, package: Path) -> None:
    (package / "in.png").write_bytes(write(photo(100, 120)))
    (package / "restore.mjs").write_text(RESTORE)
    said = json.loads(run("node", "restore.mjs", str(stack.client.base_url), folder=package))
    np.testing.assert_array_equal(read((package / "out.png").read_bytes()), photo(100, 120))
    assert said["states"][-1] == "succeeded"
    assert said["code"] == "unsupported-image-format"
    assert said["job"]["client_metadata"] == {"album": "a"}
    assert said["job"]["options"]["metadata"] == "strip"
    assert said["counts"]["succeeded"] == 2
    assert "denoise" in said["tasks"]
    assert said["steps"] == ["identity", "super-resolution"]
    assert isinstance(said["suggestion"], list)
