"""What goes wrong is said in words, nothing hangs, and nothing is lost that the service has."""

import time

import pytest

from service.keys import Scope
from tests.integration.service.stack import photo, write

pytestmark = pytest.mark.integration
SLOW = photo(200, 300)
HOSTILE = '<img src=x onerror="window.hacked=1">&"\'\u202e.png'


def test_a_file_that_is_no_photo_is_refused_with_advice(open_page) -> None:
    visit = open_page()
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    visit.page.wait_for_selector("compare-view:not([hidden])")
    visit.drop(("notes.jpg", b"this is not a photo at all"))
    visit.wait_state("refused")
    # And not the photo before it, under the wrong name.
    visit.page.wait_for_selector("compare-view", state="hidden")
    assert "accepted image formats" in visit.text("photo-panel .state")
    assert "Save it as JPEG, PNG" in visit.text("photo-panel .advice")
    link = visit.page.get_attribute("photo-panel .advice a", "href")
    assert link == "docs/errors#unsupported-image-format"
    visit.assert_clean()


def test_a_file_that_is_too_large_says_so(visit, make_api) -> None:
    url = make_api(HIIR_LIMITS__BODY_BYTES="2000000")
    opened = visit(url).is_ready()
    opened.drop(("huge.png", write(photo(1200, 1200))))
    opened.wait_state("refused")
    assert "2000000" in opened.text("photo-panel .state").replace(",", "")
    assert "smaller" in opened.text("photo-panel .advice")


def test_a_photo_waits_for_the_connection(open_page) -> None:
    visit = open_page()
    visit.page.context.set_offline(True)
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("offline")
    assert "No connection" in visit.text("photo-panel .state")
    visit.page.context.set_offline(False)
    visit.wait_state("succeeded")
    visit.assert_clean()


def test_a_worker_that_is_killed_costs_time_and_no_photo(open_page, stack) -> None:
    visit = open_page()
    visit.choose_task("slow-identity")
    visit.drop(("holiday.png", write(SLOW)))
    visit.wait_state("running")
    stack.worker.kill()
    stack.worker.start()
    visit.wait_state("succeeded")
    assert stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]["attempt"] >= 2
    visit.assert_clean()


def test_a_service_that_is_away_for_a_while_is_followed_again(open_page, stack) -> None:
    visit = open_page()
    visit.choose_task("slow-identity")
    visit.drop(("holiday.png", write(SLOW)))
    visit.wait_state("running")
    stack.api.kill()
    time.sleep(1)
    stack.api.start()
    visit.wait_state("succeeded")


def test_a_tab_that_slept_for_so_long_that_events_are_missing_asks_for_the_jobs(open_page) -> None:
    visit = open_page()
    reset = "id: 1-0\nevent: reset\ndata: {}\n\n"
    visit.page.route(
        "**/v1/events",
        lambda route: route.fulfill(content_type="text/event-stream", body=reset),
    )
    visit.drop(("holiday.png", write(photo(60, 80))))
    visit.wait_state("succeeded")
    visit.assert_clean()


def test_a_photo_can_be_canceled_and_deleted(open_page, stack) -> None:
    visit = open_page()
    visit.choose_task("slow-identity")
    visit.drop(("holiday.png", write(photo(400, 500))))
    visit.wait_state("running")
    visit.page.click("photo-list .stop:not([hidden])")
    visit.wait_state("canceled")
    job = stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]
    stack.wait_end(job["id"])
    assert stack.job(job["id"])["status"] == "canceled"
    count = len(visit.states())
    visit.page.click("photo-list .remove:not([hidden])")
    visit.wait("(count) => document.querySelectorAll('.card').length === count", count - 1)
    visit.assert_clean()


def test_a_name_with_anything_in_it_is_text(open_page) -> None:
    visit = open_page()
    visit.drop((HOSTILE, write(photo(40, 50))))
    visit.wait_state("succeeded")
    assert visit.text("photo-panel h2") == HOSTILE
    assert visit.page.evaluate("() => window.hacked") is None
    assert visit.page.query_selector("photo-list img[src=x]") is None
    visit.assert_clean()


def test_a_reload_loses_nothing_that_the_service_has(open_page) -> None:
    visit = open_page()
    visit.choose_task("slow-identity")
    visit.drop(("running.png", write(SLOW)), ("second.png", write(photo(70, 90))))
    visit.wait_state("running")
    visit.page.wait_for_selector('.card[data-state="uploading"]', state="detached")
    visit.page.reload()
    visit.is_ready()
    visit.page.click('photo-list .name >> text="running.png"')
    visit.wait_state("succeeded")
    name, _ = visit.download()
    assert name == "running-restored.png"


def test_a_result_that_has_expired_says_so(open_page, stack) -> None:
    visit = open_page()
    visit.drop(("old.png", write(photo(40, 50))))
    visit.wait_state("succeeded")
    job = stack.client.get("/v1/jobs?limit=1").json()["jobs"][0]
    assert stack.client.delete(f"/v1/jobs/{job['id']}").status_code == 200
    visit.page.click("photo-panel button.primary")
    visit.page.wait_for_selector("photo-panel .advice:not([hidden])")
    assert "Results are kept for a limited time" in visit.text("photo-panel .advice")


def test_the_key_is_asked_for_and_asked_for_again_when_it_is_revoked(
    visit, make_api, keys, make_key
) -> None:
    url = make_api(HIIR_AUTH="keys")
    first, second = make_key("page"), make_key("page")
    opened = visit(url)
    page = opened.page
    page.wait_for_selector("#key-dialog[open]")
    page.fill("#key-input", "wrong")
    page.click("#key-dialog .primary")
    page.wait_for_selector("#key-reason >> text=unknown, revoked or expired")
    page.fill("#key-input", first)
    page.click("#key-dialog .primary")
    opened.is_ready()
    opened.choose_task("slow-identity")
    opened.drop(("first.png", write(SLOW)))
    opened.wait_state("running")

    (live,) = [key for key in keys.live() if first.startswith(f"hiir_{key.id}")] or [None]
    assert live is not None
    keys.revoke(live.id)
    opened.drop(("second.png", write(photo(50, 60))))
    page.wait_for_selector("#key-dialog[open]")
    page.fill("#key-input", second)
    page.click("#key-dialog .primary")
    opened.wait_state("succeeded")
    opened.wait_ended(2)
    assert opened.states() == ["succeeded", "succeeded"]
    for key in (first, second):
        assert not any(key in url for url in opened.urls)
        assert key not in page.content()
    stored = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert stored == "[{},{}]"
    assert page.context.cookies() == []
    assert opened.violations() == []


def test_a_key_that_may_only_read_is_told_what_is_missing(visit, make_api, make_key) -> None:
    opened = visit(make_api(HIIR_AUTH="keys"))
    opened.page.fill("#key-input", make_key("reader", Scope.READ))
    opened.page.click("#key-dialog .primary")
    opened.is_ready()
    opened.drop(("holiday.png", write(photo(40, 50))))
    opened.wait_state("refused")
    assert "Use an API key that allows" in opened.text("photo-panel .advice")


def test_30_photos_at_once_all_end_within_the_limits(visit, make_api) -> None:
    url = make_api(
        HIIR_TENANTS__SUBMITS_PER_MINUTE="120",
        HIIR_TENANTS__BURST="8",
        HIIR_TENANTS__OPEN_JOBS="4",
    )
    opened = visit(url).is_ready()
    opened.page.evaluate(
        """() => {
            window.longest = 0;
            new PerformanceObserver((list) => {
                for (const { duration } of list.getEntries()) {
                    window.longest = Math.max(window.longest, duration);
                }
            }).observe({ type: "longtask" });
        }"""
    )
    before = len(opened.states())
    same = write(photo(64, 80, seed=0))
    others = [write(photo(64, 80, seed=seed)) for seed in range(1, 29)]
    opened.drop(*((f"{index}.png", item) for index, item in enumerate([same, same, *others])))
    opened.page.wait_for_selector('.card[data-state="limited"]', state="attached")
    opened.wait_ended(before + 30)
    assert opened.states()[:30] == ["succeeded"] * 30
    submits = [found for found in opened.urls if "/v1/jobs/" in found and found.count("/") == 5]
    streams = [found for found in opened.urls if found.endswith("/v1/events")]
    assert len(streams) == 1
    assert len(submits) >= 30
    assert opened.page.evaluate("() => window.longest") < 200
    opened.assert_clean()
