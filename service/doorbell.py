"""Doorbell: wakes lease requests that wait for slots, from any thread."""

from __future__ import annotations

import asyncio
import contextlib


class Doorbell:
    """Waiting costs no thread. Rung when slots may have become leasable; closed when the service stops."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closed = False

    def ring(self) -> None:
        """Wakes everyone who waits. Safe from any thread."""
        if self._loop is not None:
            # Nobody waits in a loop that has ended.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wakes everyone for good, so that a stopping service need not wait for them."""
        self.closed = True
        self.ring()

    async def wait(self, seconds: float) -> None:
        """Returns at the next ring, or after so many seconds."""
        self._loop = asyncio.get_running_loop()
        if self.closed:
            return
        rung = self._loop.create_future()
        self._waiting.add(rung)
        try:
            await asyncio.wait([rung], timeout=seconds)
        finally:
            self._waiting.discard(rung)

    def _wake(self) -> None:
        for rung in self._waiting:
            if not rung.done():
                rung.set_result(None)
