"""axe-core finds nothing on any state of the page; it adapts to the screen and to the person."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.page.browser import Visit
from tests.integration.service.stack import photo, write

pytestmark = pytest.mark.integration
AXE = Path(__file__).with_name("node_modules") / "axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(visit: Visit) -> list[str]:
    """Run axe in a world of its own, which the page's content security policy does not bind."""
    if not AXE.exists():
        pytest.skip(f"axe-core is not installed: run `npm ci` in {AXE.parents[2].name}")
    session = visit.page.context.new_cdp_session(visit.page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
    context = world["executionContextId"]

    def run(script: str) -> Any:
        answer = session.send(
            "Runtime.evaluate",
            {
                "expression": script,
                "contextId": context,
                "awaitPromise": True,
                "returnByValue": True,
            },
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    run(AXE.read_text())
    options = json.dumps({"runOnly": {"type": "tag", "values": RULES}})
    found = json.loads(run(f"axe.run(document, {options}).then((it) => JSON.stringify(it))"))
    assert len(found["passes"]) > 10
    return [
        f"{item['id']}: {node['target']} {node.get('failureSummary')}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_state_is_accessible(open_page, scheme: str, width: int) -> None:
    visit = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    assert violations(visit) == []
    visit.drop(("notes.jpg", b"no photo"))
    visit.wait_state("refused")
    assert violations(visit) == []
    visit.choose_task("slow-identity")
    visit.drop(("holiday.png", write(photo(200, 300))))
    visit.wait_state("running")
    assert violations(visit) == []
    visit.wait_state("succeeded")
    visit.choose_task("super-resolution")
    visit.page.click("summary >> text=Saving")
    assert violations(visit) == []


def test_the_question_for_the_key_is_accessible(visit, make_api) -> None:
    opened = visit(make_api(HIIR_AUTH="keys"))
    opened.page.wait_for_selector("#key-dialog[open]")
    assert violations(opened) == []


def test_nothing_is_lost_at_400_percent(open_page) -> None:
    visit = open_page(viewport={"width": 320, "height": 256})
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 320


def test_targets_are_large_enough_for_a_finger(open_page) -> None:
    visit = open_page(viewport={"width": 390, "height": 800}, has_touch=True)
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    small = visit.page.evaluate(
        """() => [...document.querySelectorAll("button, select, summary, .task, .wipe")]
            .filter((item) => item.offsetParent && item.getBoundingClientRect().height < 24)
            .map((item) => item.textContent)"""
    )
    assert small == []
    assert visit.page.locator("photo-panel button.primary").bounding_box()["height"] >= 44


def test_forced_colors_and_reduced_motion_are_respected(open_page) -> None:
    visit = open_page(forced_colors="active", reduced_motion="reduce")
    style = visit.page.evaluate(
        """() => {
            const task = document.querySelector(".task:has(input:checked)");
            const style = getComputedStyle(task);
            return [style.outlineStyle, style.transitionDuration];
        }"""
    )
    assert style == ["solid", "0s"]
