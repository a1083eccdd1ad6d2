"""Tests that a page cites as `tests/room/test_module.py::test_fact`."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def missing_tests(text: str) -> list[str]:
    """Citations in a text of which there is no such test."""
    cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    return [f"{path}::{name}" for path, name in cited if not _defines(ROOT / path, name)]


def _defines(path: Path, name: str) -> bool:
    return path.exists() and re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) is not None
