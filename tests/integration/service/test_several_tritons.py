"""Several servers: tiles are spread over those that have the model, and one may die."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.capacity.model_server import ModelServers
from service.embedded.ports import choose_port
from service.embedded.settings import StackSettings
from service.embedded.triton import TritonServer, unique_shm_prefix
from service.embedded.triton_release import ensure_tritonserver
from service.errors import ModelMismatchError
from service.inference import triton as triton_module
from service.inference.triton import TritonClient
from service.settings import InferenceSettings
from tests.integration.service.models import add_identity, contract
from tests.integration.service.stack import Process, ready

pytestmark = pytest.mark.integration
OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4
StartServer = Callable[[Path], tuple[str, Process]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    add_identity(root, "identity")
    return root


@pytest.fixture
def start_server(tmp_path: Path, taken_ports: set[int]) -> Iterator[StartServer]:
    started: list[tuple[TritonServer, Process]] = []

    def start(model_repository: Path) -> tuple[str, Process]:
        work = tmp_path / f"triton-{len(started)}"
        work.mkdir()
        server = TritonServer(
            release=ensure_tritonserver(StackSettings().cache_dir),
            model_repository=model_repository,
            work_dir=work,
            port=choose_port(28_701, taken=taken_ports),
            shm_prefix=unique_shm_prefix(),
        )
        process = Process(
            name=f"triton-{server.port}",
            command=server.command(),
            environment=server.environment(),
            log=work / "log",
            is_ready=ready(server.is_ready),
            prepare=server.prepare,
        )
        started.append((server, process))
        process.start()
        return server.url, process

    yield start
    for server, process in started:
        process.kill()
        server.remove_shared_memory()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> "Counter[str]":
    """Tiles that were sent to each address."""
    counted: Counter[str] = Counter()

    class Counting(triton_module.InferenceServerClient):  # type: ignore[misc]
        def __init__(self, url: str, **options: Any) -> None:
            super().__init__(url, **options)
            self._address = url

        def async_infer(self, *arguments: Any, **options: Any) -> Any:
            counted[self._address] += 1
            return super().async_infer(*arguments, **options)

    monkeypatch.setattr(triton_module, "InferenceServerClient", Counting)
    return counted


def tile(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((1, 3, 64, 64), np.float32)


def client_of(*urls: str, **settings: float) -> TritonClient:
    chosen = {"tiles_in_flight": 4, "outage_seconds": 20.0, "fault_seconds": 2.0, **settings}
    return TritonClient(url=",".join(urls), settings=InferenceSettings(**chosen))  # type: ignore[arg-type]


def check(seed: int, future: "Future[Any]") -> None:
    np.testing.assert_array_equal(future.result(60), tile(seed))


def test_one_of_three_dies_under_load_and_comes_back(
    repository: Path, start_server: StartServer, sent: "Counter[str]"
) -> None:
    servers = dict(start_server(repository) for _ in range(3))
    urls = list(servers)
    rates: list[float] = []
    with closing(client_of(*urls)) as client:
        with client.engine(contract("identity")) as engine:
            served = engine.require_model()
        assert set(served.by_server) == set(urls)
        with client.engine(contract("identity"), served=served) as engine:

            def burst(count: int = 300) -> None:
                began = time.monotonic()
                futures = [engine.submit(tile(seed)) for seed in range(count)]
                for seed, future in enumerate(futures):
                    check(seed, future)
                rates.append(count / (time.monotonic() - began))

            burst()
            assert min(sent[url] for url in urls) > 20, "a share of the 300 tiles for each"
            killing = threading.Timer(0.1, servers[urls[0]].kill)
            killing.start()
            burst()
            killing.join()
            before = sent[urls[0]]
            burst()
            engine.confirm_model()  # does not wait for the one that is dead
            servers[urls[0]].start()
            time.sleep(2)
            burst()
            assert sent[urls[0]] > before + 20, "the server that is back takes its share again"
            engine.confirm_model()
    shown = ", ".join(f"{rate:.0f}" for rate in rates)
    print(f"\ntiles/s with three, during the kill, with two, with three again: {shown}")  # noqa: T201
    assert rates[3] > 0.5 * rates[0]


def test_model_of_one_server_is_routed_to_it(
    repository: Path, tmp_path: Path, start_server: StartServer, sent: "Counter[str]"
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    add_identity(other, "derain")
    without, having = start_server(other)[0], start_server(repository)[0]
    with closing(client_of(without, having)) as client:
        with client.engine(contract("identity")) as engine:
            served = engine.require_model()
        assert set(served.by_server) == {having}
        with client.engine(contract("identity"), served=served) as engine:
            for seed, future in enumerate([engine.submit(tile(seed)) for seed in range(50)]):
                check(seed, future)
            engine.confirm_model()
    assert sent[having] == 50
    assert sent[without] == 0
    with closing(ModelServers(url=f"{without},{having}", timeout_seconds=5)) as health:
        assert health.report(["identity", "derain"]).missing is None
        assert health.report(["identity", "absent"]).missing == "does not serve absent"


def test_tiles_of_one_image_come_from_one_version(
    repository: Path, tmp_path: Path, start_server: StartServer, sent: "Counter[str]"
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(repository, newer)
    config = newer / "identity" / "config.pbtxt"
    config.write_text(config.read_text().replace(OLD, NEW))
    old, process = start_server(repository)
    new = start_server(newer)[0]
    with closing(client_of(old, new, outage_seconds=2.0)) as client:
        for sha256, url in ((OLD, old), (NEW, new)):
            sent.clear()
            model = contract("identity", sha256=sha256)
            with client.engine(model) as engine:
                served = engine.require_model()
            with client.engine(model, served=served) as engine:
                for seed, future in enumerate([engine.submit(tile(seed)) for seed in range(40)]):
                    check(seed, future)
                engine.confirm_model()
            assert sent == {url: 40}
        # The old server is replaced by one with new weights during an image of the old version.
        model = contract("identity")
        with client.engine(model) as engine:
            served = engine.require_model()
        with client.engine(model, served=served) as engine:
            check(0, engine.submit(tile(0)))
            process.kill()
            config = repository / "identity" / "config.pbtxt"
            config.write_text(config.read_text().replace(OLD, NEW))
            process.start()
            time.sleep(1.1)  # a server that has answered within a second is not asked again
            with pytest.raises(ModelMismatchError):
                engine.submit(tile(1)).result(60)
            with pytest.raises(ModelMismatchError):
                engine.confirm_model()


def test_each_server_is_reported(
    repository: Path, start_server: StartServer, taken_ports: set[int]
) -> None:
    url = start_server(repository)[0]
    both = f"{url},127.0.0.1:{choose_port(28_801, taken=taken_ports)}"
    with closing(ModelServers(url=both, timeout_seconds=2)) as health:
        report = health.report(["identity"])
    assert report.servers == [None, "does not answer"]
    assert report.missing is None
