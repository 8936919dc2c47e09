"""Fakes of Immich 3.1 and of the restoration service, as handlers of httpx's requests."""

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.unit.clients.python.fakes import image, job, problem

API_KEY = "immich-key"
USER = "user-1"
DATES = {"fileCreatedAt": "2019-07-01T10:00:00.000Z", "fileModifiedAt": "2019-07-02T11:00:00.000Z"}

Handler = Callable[[httpx.Request], httpx.Response]


def read_form(request: httpx.Request) -> dict[str, tuple[str | None, bytes]]:
    """Return the parts of a multipart form: file name and content by field."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + request.read())
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in message.get_payload()
    }


@dataclass
class FakeImmich:
    """Assets, albums, tags and stacks, with Immich's own rules for duplicates and stacks."""

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    albums: dict[str, list[str]] = field(default_factory=lambda: {"Restore": []})
    tags: dict[str, list[str]] = field(default_factory=lambda: {"hiir/restore": []})
    stacks: list[list[str]] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    """What each upload was answered: `created` or `duplicate`."""
    before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    """Called before each request: may answer it, or raise an exception."""

    def add(
        self, name: str, content: bytes, *, owner: str = USER, album: str | None = "Restore"
    ) -> str:
        asset_id = f"asset-{len(self.assets)}"
        self.assets[asset_id] = {
            "id": asset_id,
            "ownerId": owner,
            "originalFileName": name,
            "checksum": b64encode(hashlib.sha1(content).digest()).decode(),
            **DATES,
        }
        self.contents[asset_id] = content
        if album is not None:
            self.albums[album].append(asset_id)
        return asset_id

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if answer := self.before(request):
            return answer
        if request.headers.get("x-api-key") != API_KEY:
            return refusal(401, "Invalid API key")
        path = request.url.path.removeprefix("/api/")
        answer = self._get(path) if request.method == "GET" else self._post(path, request)
        return answer or refusal(404, f"Cannot {request.method} {request.url.path}")

    def _get(self, path: str) -> httpx.Response | None:
        match path.split("/"):
            case ["albums"]:
                found = [{"id": f"album of {name}", "albumName": name} for name in self.albums]
                return httpx.Response(200, json=found)
            case ["tags"]:
                found = [{"id": f"tag of {name}", "value": name} for name in self.tags]
                return httpx.Response(200, json=found)
            case ["users", "me"]:
                return httpx.Response(200, json={"id": USER})
            case ["assets", asset_id]:
                stack = next((ids for ids in self.stacks if asset_id in ids), None)
                shown = stack and {"id": "stack", "primaryAssetId": stack[0]}
                return httpx.Response(200, json={**self.assets[asset_id], "stack": shown})
            case ["assets", asset_id, "original"]:
                return httpx.Response(200, content=self.contents[asset_id])
        return None

    def _post(self, path: str, request: httpx.Request) -> httpx.Response | None:
        match path:
            case "search/metadata":
                return self._search(json.loads(request.content))
            case "assets":
                return self._upload(request)
            case "stacks":
                return self._stack(json.loads(request.content)["assetIds"])
        return None

    def _search(self, query: dict[str, Any]) -> httpx.Response:
        assert query["type"] == "IMAGE"
        assert query["withStacked"] is True
        if "albumIds" in query:
            ids = self.albums[query["albumIds"][0].removeprefix("album of ")]
        else:
            ids = self.tags[query["tagIds"][0].removeprefix("tag of ")]
        start = 2 * (query["page"] - 1)  # pages of two, whatever is asked for
        more = str(query["page"] + 1) if len(ids) > start + 2 else None
        items = [self.assets[asset_id] for asset_id in ids[start : start + 2]]
        return httpx.Response(200, json={"assets": {"items": items, "nextPage": more}})

    def _upload(self, request: httpx.Request) -> httpx.Response:
        form = read_form(request)
        filename, content = form["assetData"]
        assert request.headers["x-immich-checksum"] == hashlib.sha1(content).hexdigest()
        same = [asset_id for asset_id, known in self.contents.items() if known == content]
        self.uploads.append("duplicate" if same else "created")
        if same:
            return httpx.Response(200, json={"id": same[0], "status": "duplicate"})
        asset_id = self.add(filename or "", content, album=None)
        for name in DATES:
            self.assets[asset_id][name] = form[name][1].decode()
        self.assets[asset_id]["deviceAssetId"] = form["deviceAssetId"][1].decode()
        return httpx.Response(201, json={"id": asset_id, "status": "created"})

    def _stack(self, ids: list[str]) -> httpx.Response:
        """Merge the stacks whose primary asset is given, as Immich's `StackRepository` does."""
        if len(ids) < 2:
            return refusal(400, "assetIds must contain at least 2 elements")
        merged = [stack for stack in self.stacks if stack[0] in ids]
        members = [*dict.fromkeys([*ids, *(asset for stack in merged for asset in stack)])]
        others = [stack for stack in self.stacks if stack not in merged]
        left = [[asset for asset in stack if asset not in members] for stack in others]
        self.stacks = [members, *(stack for stack in left if stack)]
        return httpx.Response(201, json={"id": "stack", "primaryAssetId": members[0]})


def refusal(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"message": message, "statusCode": status})


@dataclass
class FakeService:
    """Restores everything except what contains `broken`, each time with other bytes."""

    submissions: list[str] = field(default_factory=list)
    """Names of the submitted files."""
    results: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    """Of the latest submission."""
    steps: bool = True
    before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if answer := self.before(request):
            return answer
        match request.method, *request.url.path.removeprefix("/v1/").split("/"):
            case "POST", "jobs":
                return self._submit(request)
            case "GET", "jobs", job_id:
                return self._job(job_id)
            case "GET", "jobs", job_id, "result":
                etag = hashlib.sha256(self.results[job_id]).hexdigest()
                return httpx.Response(
                    200, content=self.results[job_id], headers={"etag": f'"{etag}"'}
                )
            case "DELETE", "jobs", job_id:
                answer = self._job(job_id)
                del self.results[job_id]
                return answer
        return problem("not-found", 404)

    def _submit(self, request: httpx.Request) -> httpx.Response:
        form = read_form(request)
        filename, content = form.pop("file")
        self.fields = {name: value.decode() for name, (_, value) in form.items()}
        self.submissions.append(filename or "")
        if b"broken" in content:
            return problem("image-corrupt", 422)
        number = len(self.submissions)
        self.results[f"{number:032x}"] = b"restored %d: %s" % (number, content)
        return self._job(f"{number:032x}")

    def _job(self, job_id: str) -> httpx.Response:
        content = self.results[job_id]
        output = {**image(len(content), hashlib.sha256(content).hexdigest()), "format": "jpeg"}
        more = {} if self.steps else {"steps": []}
        return httpx.Response(200, json=job("succeeded", id=job_id, output=output, **more))


@contextmanager
def served(handler: Handler) -> Iterator[str]:
    """Serve a handler over HTTP; gives the address."""

    class Bridge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            url = f"http://{self.headers['host']}{self.path}"
            headers = list(self.headers.items())
            answer = handler(httpx.Request(self.command, url, headers=headers, content=body))
            with suppress(ConnectionError):  # the client was killed
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bridge)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
