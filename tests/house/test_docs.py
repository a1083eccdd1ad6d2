"""Docs say what the code says."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_rooms_of_the_architecture_page_are_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    block = (ROOT / "docs" / "architecture.md").read_text().partition("```\nservice | worker")[2].partition("```")[0]

    assert ["service | worker", *block.split("\n")[1:-1]] == contracts[0]["layers"]
