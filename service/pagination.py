"""Opaque cursors: where a page ended, as text that a client hands back unread."""

from __future__ import annotations

import base64
import binascii
import json

from clr.errors import FieldError, InvalidSpec

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR = 500


def encode(*position: str | int) -> str:
    """The cursor of a position: the sort key of the last item on the page.

    >>> encode("s01", 7)
    'WyJzMDEiLDdd'
    """
    text = json.dumps(position, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *kinds: type[str] | type[int]) -> tuple[str | int, ...]:
    """The position that `encode` was given, which must be of these kinds.

    Raises:
        InvalidSpec: it was not made by this service, or for another list.
    """
    try:
        padded = cursor[:MAX_CURSOR] + "=" * (-len(cursor) % 4)
        position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _invalid(cursor) from None
    if (
        not isinstance(position, list)
        or tuple(type(part) for part in position) != kinds
        or not all(map(_plain, position))
    ):
        raise _invalid(cursor)
    return tuple(position)


def _plain(part: str | int) -> bool:
    """Whether a database can compare with it."""
    return part.isprintable() if isinstance(part, str) else -(2**63) <= part < 2**63


def _invalid(cursor: str) -> InvalidSpec:
    short = cursor if len(cursor) <= 40 else cursor[:37] + "..."
    return InvalidSpec(
        [FieldError("/cursor", f"not a cursor of this list, got {short!r}: take next_cursor of the page before")]
    )
