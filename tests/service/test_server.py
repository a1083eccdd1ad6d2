"""The listening socket and the address that it is announced under."""

import socket

import pytest

from clr.errors import ServiceError
from service.server import address, listen


def test_a_free_port_is_taken_and_named():
    with listen("127.0.0.1", 0) as listener:
        assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_answers_go_out_at_once():
    """asyncio sets TCP_NODELAY only on sockets whose protocol is named; without it each answer waits some 40 ms."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")])
def test_the_address_is_one_that_this_machine_can_call(host, shown):
    with listen(host, 0) as listener:
        assert address(listener) == f"http://{shown}:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["192.0.2.77", "no such host"])
def test_an_address_of_another_machine_is_refused_by_name(host):
    with pytest.raises(ServiceError, match=f"Can't listen on {host}:0"):
        listen(host, 0)
