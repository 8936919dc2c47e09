"""What the engine does about a Triton that has too little memory, with Triton's client replaced."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from hiir.imaging import ModelContract, restore_tiled
from service.errors import GpuOutOfMemoryError
from service.inference import triton as triton_module
from service.inference.triton import TritonClient, TritonEngine
from service.settings import InferenceSettings

OUT_OF_MEMORY = (
    "onnx runtime error 6: Non-zero status code returned while running Conv node: "
    "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1"
)


class Answer:
    def __init__(self, output: np.ndarray) -> None:
        self._output = output

    def as_numpy(self, name: str) -> np.ndarray:
        return self._output

    def cancel(self) -> None:
        pass


class SmallTriton:
    """Answers tiles alone or in company, as long as no more than `room` are there at once."""

    def __init__(self, *, room: int) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._inside = 0
        self.most: list[int] = []
        """Tiles that were there at once, at each tile's end."""

    def async_infer(self, *, inputs: list[Any], callback: Callable[..., None], **_: Any) -> Answer:
        tile = np.frombuffer(inputs[0]._get_content(), np.float32).reshape(inputs[0].shape())
        with self._lock:
            self._inside += 1
        threading.Timer(0.05, self._end, (tile, callback)).start()
        return Answer(tile)

    def _end(self, tile: np.ndarray, callback: Callable[..., None]) -> None:
        with self._lock:
            inside = self._inside
        threading.Event().wait(0.02)  # tiles of one batch end together
        with self._lock:
            self._inside -= 1
            self.most.append(inside)
        if inside > self._room:
            callback(None, InferenceServerException(OUT_OF_MEMORY, status="StatusCode.INTERNAL"))
        else:
            callback(Answer(tile), None)

    def close(self) -> None:
        pass


@pytest.fixture
def open_engine(
    monkeypatch: pytest.MonkeyPatch, make_contract: Callable[..., ModelContract]
) -> Callable[..., Any]:
    @contextmanager
    def open_one(server: SmallTriton, **settings: Any) -> Iterator[TritonEngine]:
        monkeypatch.setattr(triton_module, "InferenceServerClient", lambda *_, **__: server)
        client = TritonClient(url="unused:1", settings=InferenceSettings(**settings))
        with client.engine(make_contract()) as engine:
            yield engine

    return open_one


@pytest.mark.parametrize("room", [1, 2])
def test_an_image_is_restored_with_as_many_tiles_at_once_as_there_is_room_for(
    open_engine: Callable[..., Any], make_contract: Callable[..., ModelContract], room: int
) -> None:
    server = SmallTriton(room=room)
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    with open_engine(server, tiles_in_flight=8) as engine:
        restored = np.empty_like(photo)
        restore_tiled(
            image=photo,
            output=restored,
            contract=make_contract(),
            infer=engine,
            in_flight=8,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
    np.testing.assert_array_equal(restored, photo)
    assert max(server.most) > room, "nothing was too much"


def test_a_tile_that_does_not_fit_alone_fails_the_job_and_says_that_later_may_help(
    open_engine: Callable[..., Any],
) -> None:
    server = SmallTriton(room=0)
    tile = np.zeros((1, 3, 16, 16), np.float32)
    with open_engine(server, tiles_in_flight=4, fault_seconds=1.0) as engine:
        futures = [engine.submit(tile) for _ in range(4)]
        with pytest.raises(GpuOutOfMemoryError) as caught:
            futures[0].result(60)
    assert caught.value.retryable
    assert "BFCArena" not in caught.value.detail
    assert server.most[-1] == 1, "it was given up before it was tried alone"
