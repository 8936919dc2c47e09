"""The reference at `/docs`: complete, escaped, and without anything from elsewhere."""

import asyncio
import base64
import hashlib
import re
import shlex
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from service.api.app import create_app
from service.api.reference_page import render_reference
from service.settings import AuthMode, Settings


@pytest.fixture
def app(unused_port):
    settings = Settings(
        auth=AuthMode.KEYS,
        redis_url=f"redis://127.0.0.1:{unused_port}",
        triton_url=f"127.0.0.1:{unused_port}",
        model_repository="model_repository",
    )
    made = create_app(settings)
    yield made
    made.state.services.close()


def fetch(app, path="/docs", **headers):
    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test:81") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(send())


class Page(HTMLParser):
    """Collects ids, links and the names of elements."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src") if name in found]


def test_every_operation_is_on_the_page_and_every_link_leads_somewhere(app):
    page = Page(fetch(app).text)
    assert len(page.ids) == len(set(page.ids))
    operations = sum(len(item) for item in app.openapi()["paths"].values())
    assert sum(link[0] == "#" and link[1:] in page.ids for link in page.links) >= operations
    assert [link for link in page.links if link[0] == "#" and link[1:] not in page.ids] == []


def test_nothing_is_loaded_and_nothing_runs(app):
    answer = fetch(app)
    page = Page(answer.text)
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    assert all(link.startswith(("#", "/")) for link in page.links)
    style = re.search("<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert " style=" not in answer.text


def test_examples_are_commands_for_the_address_that_was_asked(app):
    blocks = re.findall(r"<pre><code>(curl .*?)</code></pre>", fetch(app).text, re.DOTALL)
    commands = [shlex.split(unescape(block)) for block in blocks]
    assert len(commands) == sum(len(item) for item in app.openapi()["paths"].values())
    assert all(command[-1].startswith("http://test:81/") for command in commands)
    submit = next(c for c in commands if c[-1].endswith("/v1/jobs") and "POST" in c)
    assert "file=@samples/astronaut_sigma25.png" in submit
    assert "X-API-Key: YOUR_KEY" in submit
    public = next(c for c in commands if c[-1].endswith("/livez"))
    assert public == ["curl", "http://test:81/livez"]


def test_a_strange_host_is_not_repeated(app):
    text = fetch(app, host="evil.example.com';rm -rf $HOME<script>").text
    assert "evil.example.com" not in text
    assert "http://127.0.0.1:8000/v1/jobs" in text


def test_text_of_the_document_is_escaped():
    document = {
        "info": {"title": "<b>", "summary": "<i>"},
        "paths": {
            "/x": {
                "get": {
                    "description": "<script> and `a<b`",
                    "responses": {"200": {"description": "<img>"}},
                    "parameters": [{"name": "<p>", "in": "query", "schema": {"enum": ["<u>"]}}],
                }
            }
        },
        "components": {"schemas": {}},
    }
    page = render_reference(document, base_url="http://h", with_key=False)
    assert Page(page).tags.isdisjoint({"script", "b", "i", "img", "u"})
    assert "<code>a&lt;b</code>" in page


def test_redoc_is_gone(app):
    assert fetch(app, "/redoc").status_code in {401, 404}
