"""Waiting without a thread, woken from any thread."""

import asyncio
import threading
import time

from service.doorbell import Doorbell

LONG = 60.0


async def waiting(bell, count):
    """So many waiters, all of them inside `wait`."""
    tasks = [asyncio.create_task(bell.wait(LONG)) for _ in range(count)]
    while len(bell._waiting) < count:
        await asyncio.sleep(0)
    return tasks


def test_a_ring_from_another_thread_wakes_everyone_who_waits():
    async def scene():
        bell = Doorbell()
        tasks = await waiting(bell, 3)
        await asyncio.sleep(0)
        threading.Timer(0.1, bell.ring).start()  # the loop sleeps by then
        started = time.monotonic()
        done, _ = await asyncio.wait(tasks, timeout=10)
        return len(done), time.monotonic() - started < 5, bell._waiting

    assert asyncio.run(scene()) == (3, True, set())


def test_a_ring_before_the_wait_is_not_kept():
    async def scene():
        bell = Doorbell()
        await bell.wait(0)
        bell.ring()
        await asyncio.sleep(0)
        (task,) = await waiting(bell, 1)
        _, pending = await asyncio.wait([task], timeout=0.05)
        task.cancel()
        return len(pending)

    assert asyncio.run(scene()) == 1


def test_a_closed_bell_keeps_nobody_waiting():
    async def scene():
        bell = Doorbell()
        (task,) = await waiting(bell, 1)
        bell.close()
        await asyncio.wait_for(task, 10)
        await asyncio.wait_for(bell.wait(LONG), 10)

    asyncio.run(scene())


def test_ringing_where_no_loop_runs_is_harmless():
    bell = Doorbell()
    bell.ring()
    asyncio.run(bell.wait(0))

    bell.ring()
