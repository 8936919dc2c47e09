"""The configurations in docs/09-proxy.md, in the proxies themselves where they are installed."""

import contextlib
import http.client
import itertools
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml

from hiir_client import Client
from service.embedded.ports import choose_port
from tests.integration.service.stack import ROOT, Stack, photo, read, wait_until, write

pytestmark = pytest.mark.integration

PAGE = (ROOT / "docs/09-proxy.md").read_text()


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def nginx(folder: Path, port: int, api: str) -> list[str]:
    """Write the page's file with its path prefix, without TLS, and return the command."""
    main, prefix = blocks("nginx")
    main = re.sub(r"^ *ssl_.*\n", "", main, flags=re.MULTILINE)
    main = main.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    main = main.replace("127.0.0.1:8000", api).replace(
        "    location / {", f"{prefix}    location / {{"
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; user root;\nevents {{}}\n"
        f"http {{ access_log off;\n{temporary}{main}\n}}\n"
    )
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(folder: Path, port: int, api: str) -> list[str]:
    """Write the page's file with its path prefix, without TLS, and return the command."""
    main, prefix = blocks("caddyfile")
    main = main.replace("{\n", "{\n\tadmin off\n", 1)
    main = main.replace("restore.example.org {\n", f"http://127.0.0.1:{port} {{\n{prefix}")
    (folder / "Caddyfile").write_text(main.replace("127.0.0.1:8000", api))
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, stack: Stack, taken_ports: set[int], tmp_path: Path
) -> Iterator[str]:
    """The address of a proxy in front of the service."""
    if shutil.which(request.param.__name__) is None:
        pytest.skip(f"{request.param.__name__} is not installed")
    port = choose_port(28_601, taken=taken_ports)
    command = request.param(tmp_path, port, stack.client.base_url.netloc.decode())
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        except httpx.ConnectError:
            return False

    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/usr/sbin"},
        ) as process,
    ):
        wait_until(answers, "the proxy to be ready")
        yield url
        process.terminate()


def test_a_photo_larger_than_nginx_takes_by_default_passes(proxy: str, tmp_path: Path) -> None:
    sent = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    content = write(sent)
    assert len(content) > 2_000_000
    with Client(proxy) as client:
        result = client.restore(content, task="identity")
    np.testing.assert_array_equal(read(result.read_bytes()), sent)


def test_events_pass_while_the_job_runs(proxy: str) -> None:
    with Client(proxy) as client:
        job = client.jobs.submit(write(photo(300, 400)), task="slow-identity")
        arrived = [
            (event.job.progress.percent, time.monotonic()) for event in client.jobs.events(job.id)
        ]
    moments = [at for _, at in arrived]
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    # Held back, many events arrive together, and the first ones late.
    assert len(pauses) >= 5
    assert sum(pause > 0.02 for pause in pauses) >= len(pauses) / 2, pauses


def test_a_request_may_wait_for_its_job(proxy: str) -> None:
    with Client(proxy) as client:
        job = client.jobs.submit(write(photo(100, 100)), task="slow-identity")
        assert client.jobs.wait(job.id, timeout=60).status == "succeeded"


def test_a_path_prefix_is_removed(proxy: str) -> None:
    tasks = httpx.get(f"{proxy}/restore/v1/tasks", trust_env=False)
    assert tasks.status_code == 200
    assert tasks.json()["tasks"]


def test_a_body_beyond_the_limit_is_refused_by_nginx(proxy: str, request) -> None:
    if request.node.callspec.id != "nginx":
        pytest.skip("the others have no limit before the body is read")
    connection = http.client.HTTPConnection(proxy.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/v1/jobs")
        connection.putheader("Content-Length", str(201 * 1024**2))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_the_files_of_traefik_fit_together() -> None:
    static, dynamic, prefix = map(yaml.safe_load, blocks("yaml"))
    router = dynamic["http"]["routers"]["hiir"]
    assert set(router["entryPoints"]) <= static["entryPoints"].keys()
    assert router["service"] in dynamic["http"]["services"]
    assert prefix["http"]["middlewares"]["hiir-prefix"]["stripPrefix"]["prefixes"] == ["/restore"]
    assert "buffering" not in str(dynamic)
