"""What a listener receives, and when it must read the stored events."""

import asyncio
import json
import time

from service.jobs.event_feed import EventFeed

JOB, OTHER = "a" * 32, "b" * 32


def connected() -> EventFeed:
    feed = EventFeed(url="redis://127.0.0.1:1/1")
    feed._receive({"type": "subscribe"})
    return feed


def publish(feed: EventFeed, number: int, job_id: str = JOB, tenant: str = "museum") -> None:
    fields = {
        "job_id": job_id,
        "batch_id": "",
        "kind": "progress",
        "status": "running",
        "stage": "restore",
        "attempt": "1",
    }
    fields |= {"tiles_done": str(number), "tiles_total": "1000"}
    parts = [part for pair in fields.items() for part in pair]
    data = json.dumps([job_id, f"{number}-0", tenant, f"{number}-7", *parts])
    feed._receive({"type": "message", "data": data})


def test_listener_reads_first_and_then_receives_events_of_its_job_in_order() -> None:
    async def check() -> None:
        feed = connected()
        with feed.listen(JOB) as listener:
            assert await listener.wait(seconds=60) == ()
            assert listener.is_behind()
            publish(feed, 1)
            publish(feed, 2, OTHER)
            publish(feed, 3)
            events = await listener.wait(seconds=60)
            assert [event.id for event in events] == ["1-0", "3-0"]
            assert events[1].progress.tiles_done == 3
            assert not listener.is_behind()
            assert await listener.wait(seconds=0.01) == ()
            assert not listener.is_behind()

    asyncio.run(check())


def test_slow_listener_reads_the_stored_events_instead() -> None:
    async def check() -> None:
        feed = connected()
        with feed.listen(JOB) as listener:
            listener.is_behind()
            for number in range(1000):
                publish(feed, number)
            assert len(await listener.wait(seconds=60)) < 100
            assert listener.is_behind()

    asyncio.run(check())


def test_listeners_poll_while_there_is_no_connection() -> None:
    async def check() -> None:
        feed = EventFeed(url="redis://127.0.0.1:1/1")
        with feed.listen(JOB) as listener:
            listener.is_behind()
            began = time.monotonic()
            assert await listener.wait(seconds=60) == ()
            assert time.monotonic() - began < 10
            assert listener.is_behind()

    asyncio.run(check())


def test_a_new_connection_and_a_shutdown_end_the_wait() -> None:
    async def check() -> None:
        feed = connected()
        with feed.listen(JOB) as listener:
            listener.is_behind()
            asyncio.get_running_loop().call_later(0.01, feed._receive, {"type": "subscribe"})
            await listener.wait(seconds=60)
            assert listener.is_behind()
            asyncio.get_running_loop().call_later(0.01, feed.wake_all)
            await listener.wait(seconds=60)
            assert not listener.is_behind()
        assert feed._of_jobs == {}

    asyncio.run(check())


def test_listener_of_a_tenant_receives_the_events_of_all_its_jobs() -> None:
    async def check() -> None:
        feed = connected()
        with feed.listen_to_tenant("museum") as listener:
            listener.is_behind()
            publish(feed, 1)
            publish(feed, 2, OTHER)
            publish(feed, 3, tenant="archive")
            events = await listener.wait(seconds=60)
            assert [(event.id, event.job_id) for event in events] == [("1-7", JOB), ("2-7", OTHER)]
            assert events[1].change.progress.tiles_done == 2
            assert events[0].batch_id is None
        assert feed._of_tenants == {}

    asyncio.run(check())
