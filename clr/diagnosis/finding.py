"""Finding: one thing that was looked at."""

from __future__ import annotations

from typing import Literal

from clr.protocol import Message

State = Literal["ok", "warning", "problem"]


class Finding(Message):
    """`what` was looked at, what it is (`said`), and, where it is not well, what to do (`advice`)."""

    what: str
    state: State
    said: str
    advice: str = ""


def ok(what: str, said: str) -> Finding:
    return Finding(what=what, state="ok", said=said)


def warning(what: str, said: str, advice: str) -> Finding:
    return Finding(what=what, state="warning", said=said, advice=advice)


def problem(what: str, said: str, advice: str) -> Finding:
    return Finding(what=what, state="problem", said=said, advice=advice)


def size(amount: int) -> str:
    """Bytes as a person reads them.

    >>> size(5 * 2**30), size(300 * 2**20)
    ('5.0 GiB', '300 MiB')
    """
    return f"{amount / 2**30:.1f} GiB" if amount >= 2**30 else f"{amount / 2**20:.0f} MiB"
