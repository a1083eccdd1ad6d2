"""What several rooms' tests need of the network: this host's address, and small servers on it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


def own_address() -> str | None:
    """An address of this host beyond loopback; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel picks the address that it would send from
        address = str(probe.getsockname()[0])
        return None if address.startswith("127.") else address
    return None


def outside_address() -> str:
    """`own_address`; without one the test is skipped."""
    return own_address() or pytest.skip("this host has no address beyond loopback")


class QuietHandler(BaseHTTPRequestHandler):
    """Says nothing of the requests on stderr."""

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextlib.contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """An HTTP server on a free port, until the block ends; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
