"""How much memory a trial may use, and what is said of one that used more."""

from __future__ import annotations

import re

_UNITS = {"M": 2**20, "G": 2**30, "T": 2**40}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([MGT])i?B?", re.IGNORECASE)
LEAST = 2**29
"""A training process holds about 400 MiB before its first trial."""


def parse(text: str) -> int:
    """The bytes that "8G" or "900M" stand for; units of 1024.

    >>> parse("8G"), parse("1.5GiB"), parse("900m")
    (8589934592, 1610612736, 943718400)

    Raises:
        ValueError: it is no such amount, or less than a training process needs.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if not found:
        raise ValueError(f"memory must be like 8G or 900M, got {text!r}.")
    amount = int(float(found[1]) * _UNITS[found[2].upper()])
    if amount < LEAST:
        raise ValueError(f"memory must be at least {shown(LEAST)}, which a training process needs, got {text!r}.")
    return amount


def shown(amount: int) -> str:
    """An amount of bytes as a person writes it.

    >>> shown(8 * 2**30), shown(943718400)
    ('8G', '900M')
    """
    return f"{amount / 2**30:.4g}G" if amount >= 2**30 else f"{amount / 2**20:.4g}M"


def exceeded(limit: int, host: str) -> str:
    """Why a trial failed that used more than its worker allows."""
    return (
        f"used more than --max-memory {shown(limit)} of the worker on {host}; "
        "allow it more there, or ask for a smaller batch_size or more `training.accumulate`"
    )
