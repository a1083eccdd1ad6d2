"""Starts a training script and ends with whoever started it: all that the script has started ends, too.

Run by its path, so that it needs nothing but Python: `python -I guard.py SOCKET FOLDER WORD...`. It leads a process
group of its own; its end of the socket says how the script ended ("0", "-9", or "!" and why it did not start). Where
the other end closes, for whatever reason, it removes FOLDER and ends the group.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    line, folder, words = socket.socket(fileno=int(sys.argv[1])), sys.argv[2], sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what leaves the group stays our descendant
    threading.Thread(target=_end_with, args=(line, folder), daemon=True).start()
    try:
        code = str(subprocess.Popen(words, stdin=subprocess.DEVNULL).wait())
    except OSError as error:
        code = f"!{error}"
    _kill(descendants(os.getpid()))
    with suppress(OSError):
        line.sendall(code.encode())
        line.shutdown(socket.SHUT_WR)
    os.killpg(0, signal.SIGKILL)


def descendants(process: int) -> list[int]:
    """Every process that descends from this one (Linux; elsewhere none is found)."""
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def _end_with(line: socket.socket, folder: str) -> None:
    with suppress(OSError):
        line.recv(1)
    _kill(descendants(os.getpid()))
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
