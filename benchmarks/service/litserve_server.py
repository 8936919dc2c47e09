"""The same model behind LitServe: one request in, one image out, the same tiles.

`python benchmarks/service/litserve_server.py --model-repository DIR --task NAME --port N`
"""

import argparse
import io
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import litserve
import numpy as np
import onnxruntime as ort
from fastapi import Request, Response
from numpy.typing import NDArray
from PIL import Image

from hiir.imaging import FloatPixels, restore_tiled, restored_shape
from service.catalogue.models import ModelCatalogue


class Tiles:
    """ONNX Runtime with the threads that Triton gives the model."""

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._pool = ThreadPoolExecutor(2)  # as Triton has two of the model

    @property
    def any_size(self) -> bool:
        return not isinstance(self._session.get_inputs()[0].shape[-1], int)

    def submit(self, tile: FloatPixels) -> Future[FloatPixels]:
        return self._pool.submit(lambda: self._session.run(["output"], {"input": tile})[0])


class Restore(litserve.LitAPI):
    """Decode, restore, encode."""

    def __init__(self, *, repository: Path, task: str, threads: int) -> None:
        super().__init__(api_path="/restore")
        self._repository, self._task, self._threads = repository, task, threads

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe gives it
        self._contract = ModelCatalogue.read(self._repository).get(self._task)
        self._tiles = Tiles(self._repository / self._task / "1" / "model.onnx", self._threads)

    def decode_request(self, request: Request) -> Any:
        with Image.open(request["file"].file) as image:
            return image.format, np.asarray(image.convert("RGB"))

    def predict(self, image: tuple[str, NDArray[np.uint8]]) -> bytes:
        image_format, pixels = image
        restored = np.empty(restored_shape(pixels.shape, self._contract), np.uint8)
        restore_tiled(
            image=pixels,
            output=restored,
            contract=self._contract,
            infer=self._tiles,
            in_flight=4,
            on_progress=lambda *_: None,
            should_stop=lambda: False,
        )
        content = io.BytesIO()
        Image.fromarray(restored).save(content, format=image_format, quality=95)
        return content.getvalue()

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="application/octet-stream")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-repository", type=Path, required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    api = Restore(repository=options.model_repository, task=options.task, threads=options.threads)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=options.workers, timeout=600
    )
    server.run(host="127.0.0.1", port=options.port, generate_client_file=False, log_level="error")


if __name__ == "__main__":
    main()
