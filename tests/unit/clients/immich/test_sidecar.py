"""Each photo of the album is restored, uploaded and stacked once, whatever happens in between."""

import math
from dataclasses import replace

import httpx
import pytest

from hiir_client import ConnectionLostError
from hiir_client.errors import QueueFullError
from hiir_immich.immich import ImmichError
from hiir_immich.sidecar import Settings, Sidecar, pause
from tests.unit.clients.immich.fakes import DATES, FakeImmich, FakeService, refusal
from tests.unit.clients.python.fakes import problem


def changed(sidecar: Sidecar, **settings: object) -> Sidecar:
    return replace(sidecar, settings=replace(sidecar.settings, **settings))


def make_due(sidecar: Sidecar, immich: FakeImmich) -> None:
    """Let the time pass until failed photos are tried again."""
    for photo in sidecar.immich.photos(album="Restore", tag=None):
        request = sidecar.settings.request(photo)
        entry = sidecar.progress.entry(photo.id, request)
        if entry.retry_at != math.inf:
            sidecar.progress.save(photo.id, request, replace(entry, retry_at=0.0))


def test_photos_are_stacked_below_their_restored_copies(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService
) -> None:
    sidecar.run_once()
    assert immich.stacks == [["asset-4", "asset-2"], ["asset-3", "asset-0"]]
    assert immich.contents["asset-3"] == b"restored 1: beach"
    copy = immich.assets["asset-3"]
    assert copy["originalFileName"] == "beach_restored.jpg"
    assert immich.assets["asset-4"]["originalFileName"] == "tower_restored.jpg"
    assert {name: copy[name] for name in DATES} == DATES
    assert copy["deviceAssetId"] == "hiir-asset-0"
    assert service.fields == {"task": "denoise", "format": "same", "priority": "batch"}
    assert service.results == {}, "the service keeps nothing"


def test_a_second_pass_changes_nothing(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService
) -> None:
    sidecar.run_once()
    sidecar.run_once()
    assert immich.uploads == ["created", "created"]
    assert service.submissions == ["beach.jpg", "harbor.jpg", "tower.heic"]


def test_a_photo_that_cannot_be_restored_is_not_sent_again(
    sidecar: Sidecar, service: FakeService
) -> None:
    sidecar.run_once()
    broken = sidecar.immich.photos(album="Restore", tag=None)[1]
    entry = sidecar.progress.entry(broken.id, sidecar.settings.request(broken))
    assert entry.failures == 1
    assert entry.retry_at == math.inf
    assert "image-corrupt" in str(entry.reason)
    changed(sidecar, hiir_task="jpeg-artifacts").run_once()
    assert service.submissions.count("harbor.jpg") == 2, "another task may succeed"


def test_the_original_stays_on_top_if_wanted(sidecar: Sidecar, immich: FakeImmich) -> None:
    changed(sidecar, immich_primary="original").run_once()
    assert immich.stacks == [["asset-2", "asset-4"], ["asset-0", "asset-3"]]


@pytest.mark.parametrize(
    ("primary", "stack"),
    [
        ("restored", ["asset-5", "raw", "asset-0", "asset-4"]),
        ("original", ["raw", "asset-5", "asset-0", "asset-4"]),
    ],
)
def test_an_original_that_is_in_a_stack_stays_in_it(
    sidecar: Sidecar, immich: FakeImmich, primary: str, stack: list[str]
) -> None:
    """For example, below a raw file of the same shot."""
    immich.assets["raw"] = {"id": "raw"}
    video = immich.add("a.mov", b"", album=None)
    immich.albums["Restore"] = ["asset-0"]
    immich.stacks = [["raw", "asset-0", video]]
    changed(sidecar, immich_primary=primary).run_once()
    assert [sorted(found) for found in immich.stacks] == [sorted(stack)]
    assert immich.stacks[0][:2] == stack[:2]


def test_photos_with_a_tag_are_restored(sidecar: Sidecar, immich: FakeImmich) -> None:
    immich.tags["hiir/restore"] = ["asset-2"]
    changed(sidecar, immich_album=None, immich_tag="hiir/restore").run_once()
    assert immich.stacks == [["asset-3", "asset-2"]]


def test_results_and_photos_of_others_are_left_out(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService
) -> None:
    immich.add("shared.jpg", b"shared", owner="user-2")
    immich.add("old_restored.jpg", b"by another sidecar")
    sidecar.run_once()
    copies = [ids[0] for ids in immich.stacks]
    for copy in copies:
        immich.assets[copy]["originalFileName"] = "renamed.jpg"
    immich.albums["Restore"] += copies
    sidecar.run_once()
    assert service.submissions == ["beach.jpg", "harbor.jpg", "tower.heic"]


@pytest.mark.parametrize("path", ["/api/assets", "/api/stacks"])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_request_that_failed_is_repeated_without_a_second_copy(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService, path: str, is_lost: bool
) -> None:
    """Whether Immich carried out the request before the connection was lost, or not."""
    immich.albums["Restore"] = ["asset-0"]

    def break_off(request: httpx.Request) -> None:
        if request.url.path == path and request.method == "POST":
            immich.before = lambda _: None
            if is_lost:
                immich(request)
            raise httpx.ReadError("connection reset")

    immich.before = break_off
    with pytest.raises(ImmichError, match=f"POST {path[5:]}: connection reset"):
        sidecar.run_once()
    sidecar.run_once()
    assert service.submissions == ["beach.jpg"]
    assert immich.uploads.count("created") == 1
    assert immich.stacks == [["asset-3", "asset-0"]]


def test_a_photo_that_immich_refuses_does_not_stop_the_others(
    sidecar: Sidecar, immich: FakeImmich
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        is_first = request.url.path == "/api/assets/asset-0/original"
        return refusal(404, "Not found") if is_first else None

    immich.before = refuse
    sidecar.run_once()
    assert immich.stacks == [["asset-3", "asset-2"]]
    immich.before = lambda _: None
    sidecar.run_once()
    assert len(immich.stacks) == 1, "its pause has not ended"
    make_due(sidecar, immich)
    sidecar.run_once()
    assert len(immich.stacks) == 2


def test_a_wrong_key_ends_the_pass_with_the_reason(sidecar: Sidecar, immich: FakeImmich) -> None:
    immich.before = lambda _: refusal(401, "Invalid API key")
    with pytest.raises(ImmichError, match="GET albums: 401 Invalid API key"):
        sidecar.run_once()


def test_an_unknown_album_is_an_error(sidecar: Sidecar) -> None:
    with pytest.raises(ImmichError, match="Immich has 0 albums named 'Other'"):
        changed(sidecar, immich_album="Other").run_once()


def test_a_busy_service_ends_the_pass_and_no_photo_counts_as_failed(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService
) -> None:
    service.before = lambda _: problem("queue-full", 503, retryable=True, retry_after="9")
    with pytest.raises(QueueFullError):
        sidecar.run_once()
    service.before = lambda _: None
    sidecar.run_once()
    assert len(immich.stacks) == 2


def test_a_photo_without_need_is_not_uploaded(
    sidecar: Sidecar, immich: FakeImmich, service: FakeService
) -> None:
    service.steps = False
    sidecar.run_once()
    sidecar.run_once()
    assert immich.uploads == []
    assert len(service.submissions) == 3


def test_passes_that_fail_are_further_and_further_apart(settings: Settings) -> None:
    error = ConnectionLostError("no route")
    assert [pause(settings, count, error) for count in (1, 2, 3)] == [120, 240, 480]
    assert pause(settings, 1000, error) == 3600
    assert pause(settings, 0, None) == settings.poll_seconds
    busy = QueueFullError("full", retry_after=500.0)
    assert pause(settings, 1, busy) == 500
    assert pause(replace(settings, poll_seconds=86400.0), 1, error) == 86400
