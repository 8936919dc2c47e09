"""A GPU repository with small tiles, and a program that answers as Triton does."""

import json
import sys
from array import array
from pathlib import Path

import pytest

SHAPES = {"input": [2, 3, 4, 4], "output": [2, 3, 4, 4]}
VALUES = 2 * 3 * 4 * 4

# Answers the HTTP calls of the check. A configuration gives the error that is added to the result.
SERVER = """#!{python}
import json, re, sys
from array import array
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

options = [word.partition("=")[::2] for word in sys.argv[1:]]
named = dict(options)
loaded = [value for name, value in options if name == "--load-model"]
repository = Path(named["--model-repository"])
with open("{log}", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def answer(self, status, body, header=0):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if header:
            self.send_header("Inference-Header-Content-Length", str(header))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        name = re.fullmatch("/v2/models/(.*)/infer", self.path)[1]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        skip = int(self.headers["Inference-Header-Content-Length"])
        text = (repository / name / "config.pbtxt").read_text()
        if name not in loaded or "error: none" in text:
            return self.answer(400, b"not loaded")
        error = float(re.search("error: (.*)", text)[1])
        result = array("f", (value + error for value in array("f", body[skip:])))
        header = json.dumps({{"model_name": name}}).encode()
        self.answer(200, header + result.tobytes(), len(header))

if "{fails}":
    sys.exit(3)
HTTPServer(("127.0.0.1", int(named["--http-port"])), Handler).serve_forever()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """One line for each start of the program: its options as JSON."""
    return tmp_path / "starts.jsonl"


@pytest.fixture
def make_server(tmp_path: Path, log: Path):
    def make(*, fails: bool = False) -> str:
        program = tmp_path / "tritonserver"
        text = SERVER.format(python=sys.executable, log=log, fails="yes" if fails else "")
        program.write_text(text)
        program.chmod(0o755)
        return str(program)

    return make


@pytest.fixture
def add_model(tmp_path: Path):
    """Add a model whose result differs by an error with TensorRT and with the CUDA provider."""

    def add(name: str, *, tensorrt: str = "0.0", cuda: str = "0.0") -> Path:
        folder = tmp_path / "repository" / name
        (folder / "1").mkdir(parents=True)
        (folder / "reference").mkdir()
        (folder / "1/model.onnx").write_bytes(b"graph")
        (folder / "config.pbtxt").write_text(f"error: {tensorrt}")
        (folder / "reference/config.cuda.pbtxt").write_text(f"error: {cuda}")
        values = array("f", (index / VALUES for index in range(VALUES)))
        for file in ("input.f32", "output.f32"):
            (folder / "reference" / file).write_bytes(values.tobytes())
        described = {"fingerprint": "f", **SHAPES}
        (folder / "reference/reference.json").write_text(json.dumps(described))
        return folder

    return add
