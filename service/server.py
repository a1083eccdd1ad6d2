"""The server process: listens, says where, keeps its workers, and stops without leaving anything."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from clr.errors import ServiceError
from service.app import create_app
from service.fleet import Fleet
from service.settings import Settings

logger = logging.getLogger("clr.service")
GRACEFUL_SHUTDOWN = 5  # uvicorn waits for open connections; for ever, unless it is told [s]
TENDING = 1.0  # between two looks at the workers [s]


class Server(uvicorn.Server):
    """uvicorn with workers beside it. They are stopped first, while the service still takes what they give back."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        fleet: Fleet,
        ready: Callable[[str], None],
        needs_workers: bool,
    ) -> None:
        self._app = create_app(settings)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN,
            server_header=False,
            proxy_headers=False,
        )
        super().__init__(config)
        self._fleet, self._ready, self._url = fleet, ready, address(listener)
        self._needs_workers = needs_workers
        self._tending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._fleet.start(self._url)
        self._tending = asyncio.create_task(self._tend())
        # What is loaded by now stays. Walking its 240,000 objects again would hold requests up for 130 ms every time.
        gc.freeze()
        self._ready(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._tending is not None:
            self._tending.cancel()
        await asyncio.to_thread(self._fleet.stop)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # asked a second time
            self._fleet.kill()
        self._app.state.parts.doorbell.close()
        super().handle_exit(sig, frame)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TENDING)
            self._fleet.tend()
            if self._needs_workers and not self._fleet.alive:
                logger.error("no worker is left: stopping")
                self.handle_exit(signal.SIGTERM, None)


def serve(settings: Settings, fleet: Fleet, ready: Callable[[str], None], *, embedded: bool = False) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        settings: where to listen, and over which data.
        fleet: workers to start once it answers.
        ready: called with the service's address once it answers.
        embedded: also stop when standard input ends, that is, when the process that holds its other end is gone, and
            when no worker is left.

    Raises:
        ServiceError: the address can't be listened on. ClrError: the database can't be opened.
    """
    listener = listen(settings.host, settings.port)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    server = Server(settings, listener, fleet, ready, needs_workers=embedded)
    signal.signal(signal.SIGTERM, _ended)  # uvicorn raises what it caught once more, after it has shut down
    signal.signal(signal.SIGINT, _ended)
    if embedded:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    server.run([listener])


def _ended(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _stop_at_eof(server: Server) -> None:
    # Not sys.stdin.read: the interpreter can't end while a thread is inside the buffered reader.
    while os.read(0, 4096):
        pass
    server.handle_exit(signal.SIGTERM, None)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        ServiceError: the port is taken, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio then sets TCP_NODELAY: an answer otherwise waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        return listener
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise ServiceError(f"Can't listen on {host}:{port}: {reason}. Another --port, or 0 for a free one?") from None


def address(listener: socket.socket) -> str:
    """The URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
