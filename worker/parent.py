"""A process that ends with the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int, number: signal.Signals) -> None:
    """Has the kernel send this process a signal when its parent dies, even if Python can't run any more (Linux).

    Args:
        parent: the id of the process that started this one; if it is gone already, this one ends now.
        number: SIGKILL, or a signal that this process answers.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(0)
