"""What a person does on the page, in a headless Chromium."""

import base64
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.stack import wait_until

PATIENCE_MS = 90_000
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_DROP = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
    }
    const options = { bubbles: true, cancelable: true };
    document.querySelector("drop-zone").dispatchEvent(
        new DragEvent("drop", { dataTransfer: transfer, ...options }));
}"""
_PASTE = """([type, content]) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    transfer.items.add(new File([bytes], "", { type }));
    document.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
}"""
_WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".tif": "image/tiff", ".webp": "image/webp"}


def find_chromium() -> str:
    """Path of the browser; skips the test where there is none."""
    for program in _PROGRAMS:
        if found := shutil.which(program):
            return found
    pytest.skip("no Chromium on this machine: install the package `chromium`")


@contextmanager
def run_browser() -> Iterator[Any]:
    """A headless browser; skips the test where it or Playwright is missing."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: install requirements/dev.lock"
    )
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=_ARGUMENTS)
        yield browser
        browser.close()


@dataclass(kw_only=True)
class Visit:
    """One tab, and everything that it has asked for and complained of."""

    page: Any
    urls: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, browser: Any, url: str, **options: Any) -> "Visit":
        """Open the page in a context of its own."""
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(PATIENCE_MS)
        visit = cls(page=page)
        page.add_init_script(_WATCH)
        page.on("request", lambda request: visit.urls.append(request.url))
        page.on("pageerror", lambda error: visit.errors.append(str(error)))
        page.on("console", visit._hear)
        page.goto(url)
        return visit

    def is_ready(self) -> "Visit":
        self.page.wait_for_selector("body.ready")
        return self

    def drop(self, *files: tuple[str, bytes]) -> None:
        """Drop files, given by their names and contents."""
        parts = [
            [name, _TYPES.get(Path(name).suffix, ""), _text(content)] for name, content in files
        ]
        self.page.evaluate(_DROP, parts)

    def paste(self, content: bytes) -> None:
        self.page.evaluate(_PASTE, ["image/png", _text(content)])

    def choose_task(self, name: str) -> None:
        self.page.check(f'input[name=task][value="{name}"]', force=True)

    def wait_state(self, state: str) -> None:
        """Until the chosen photo is in a state."""
        self.page.wait_for_selector(f'photo-panel .state[data-state="{state}"]', state="attached")

    def zoom_to_pixels(self) -> Any:
        """Show every pixel of the chosen photo; return the stage that shows it."""
        self.page.locator("compare-view img.after[src]").wait_for(state="attached")
        stage = self.page.locator("compare-view .stage")
        stage.focus()
        stage.press("1")
        self.page.wait_for_selector("compare-view.zoomed")
        return stage

    def states(self) -> list[str]:
        cards = self.page.query_selector_all("photo-list .card")
        return [card.get_attribute("data-state") for card in cards]

    def wait_ended(self, count: int) -> None:
        """Until there are `count` photos at least, and all have ended."""
        self.page.locator("photo-list .card").nth(count - 1).wait_for(state="attached")
        self.page.wait_for_selector("photo-list .stop:not([hidden])", state="detached")

    def wait(self, script: str, argument: Any = None) -> None:
        """Until a function of the page returns something true; Playwright's own needs `eval`."""
        wait_until(lambda: self.page.evaluate(script, argument), script, pause_s=0.1)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def download(self, selector: str = "photo-panel button.primary") -> tuple[str, bytes]:
        """Click, and return name and content of what is downloaded."""
        with self.page.expect_download() as info:
            self.page.click(selector)
        return info.value.suggested_filename, Path(info.value.path()).read_bytes()

    def violations(self) -> list[str]:
        return self.page.evaluate("() => window.violations")

    def _hear(self, message: Any) -> None:
        # A refusal of the service is an error to the console, and no fault of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def assert_clean(self) -> None:
        """No script has failed, and nothing was against the content security policy."""
        assert self.errors == []
        assert self.violations() == []


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
