"""Reads a spec from a file or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from clr import documents
from clr.errors import FieldError, InvalidSpec


def read(path: Path) -> Any:
    """The document in a file; "-" is standard input.

    Raises:
        InvalidSpec: the file can't be read, or holds neither JSON nor YAML.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        return documents.parse(text, json=path.suffix == ".json")
    except documents.UNREADABLE as error:
        raise InvalidSpec([FieldError("", f"can't read the spec in {path}: {documents.why(error)}")]) from None
