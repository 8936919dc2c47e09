"""What the page may load, and who may use the API from a browser."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.integration.service.stack import photo, write

pytestmark = pytest.mark.integration
ASK = """async ([url, key]) => {
    const headers = key ? { "X-API-Key": key } : {};
    try {
        const answer = await fetch(`${url}/v1/jobs`, { headers });
        return [answer.status, answer.headers.get("RateLimit")];
    } catch (error) {
        return ["blocked", null];
    }
}"""


@pytest.fixture
def foreign_origin(tmp_path) -> Iterator[str]:
    """A page of another site, on another port."""
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>Foreign</title>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_everything_comes_from_the_service(open_page, stack) -> None:
    visit = open_page()
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    visit.download()
    origin = str(stack.client.base_url).rstrip("/")
    foreign = [url for url in visit.urls if not url.startswith((origin, f"blob:{origin}"))]
    assert foreign == []
    visit.assert_clean()


def test_little_is_transferred_before_a_person_can_begin(open_page) -> None:
    visit = open_page()
    sizes = visit.page.evaluate(
        """() => performance.getEntries()
            .filter((entry) => entry.transferSize && !entry.name.includes("/v1/"))
            .map((entry) => [entry.name, entry.transferSize])"""
    )
    listed = "\n".join(f"{size:8} {name}" for name, size in sizes)
    assert sum(size for _, size in sizes) < 100_000, listed
    paint = visit.page.evaluate(
        """() => performance.getEntriesByName("first-contentful-paint")[0].startTime"""
    )
    assert paint < 3000


def test_markup_and_scripts_that_are_injected_do_nothing(open_page) -> None:
    visit = open_page()
    refused = visit.page.evaluate(
        """() => {
            try { document.body.innerHTML = "<b>x</b>"; } catch (error) { return error.name; }
        }"""
    )
    assert refused == "TypeError"
    visit.page.evaluate(
        """() => {
            const image = document.createElement("img");
            image.src = "http://127.0.0.1:9/track.png";
            document.body.append(image);
        }"""
    )
    visit.wait("() => window.violations.length >= 2")
    assert any("img-src" in violation for violation in visit.violations())


def test_a_foreign_page_can_do_nothing_without_keys(visit, stack, foreign_origin) -> None:
    opened = visit(foreign_origin)
    found = opened.page.evaluate(ASK, [str(stack.client.base_url).rstrip("/"), ""])
    assert found == ["blocked", None]
    framed = visit(foreign_origin)
    framed.page.evaluate(
        """(url) => {
            const frame = document.createElement("iframe");
            frame.src = url;
            document.body.append(frame);
        }""",
        f"{stack.client.base_url}/",
    )
    framed.page.wait_for_timeout(1000)
    assert not any(frame.query_selector("task-form") for frame in framed.page.frames[1:])


def test_a_foreign_page_that_is_allowed_can_use_a_key(
    visit, make_api, make_key, foreign_origin
) -> None:
    url = make_api(HIIR_AUTH="keys", HIIR_CORS__ORIGINS=f'["{foreign_origin}"]')
    closed = make_api(HIIR_AUTH="keys")
    key = make_key("foreign")
    opened = visit(foreign_origin)
    status, limits = opened.page.evaluate(ASK, [url, key])
    assert status == 200
    assert '"submits"' in limits
    assert opened.page.evaluate(ASK, [url, "wrong"])[0] == 401
    assert opened.page.evaluate(ASK, [closed, key]) == ["blocked", None]


def test_the_reference_renders_without_the_internet(visit, stack) -> None:
    opened = visit(f"{stack.client.base_url}/docs")
    assert "API reference" in opened.text("h1")
    assert {urlsplit(url).hostname for url in opened.urls} == {"127.0.0.1"}
    opened.assert_clean()
