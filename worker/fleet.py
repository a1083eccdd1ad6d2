"""One worker process per device, started and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType


def run(devices: Sequence[str], arguments: Sequence[str]) -> int:
    """Starts `python -m worker` once per device, hands signals on, and waits for all.

    Args:
        devices: "cuda:0", "cuda:1", ...
        arguments: of every worker, without --device.

    Returns:
        The largest of their exit codes.
    """
    command = [sys.executable, "-P", "-m", "worker", *arguments, "--parent", str(os.getpid())]
    # In sessions of their own: a terminal's Ctrl-C then reaches each once, from here.
    workers = [subprocess.Popen([*command, "--device", device], start_new_session=True) for device in devices]

    def hand_on(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            worker.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hand_on)
    return max(abs(worker.wait()) for worker in workers)
