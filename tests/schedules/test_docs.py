"""docs/schedules.md: its examples run, and it has a row and a panel for every family."""

import doctest
import re
from pathlib import Path

import pytest

from clr import schedules

PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"


def test_its_examples_run():
    result = doctest.testfile(str(PAGE), module_relative=False)

    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.parametrize("family", schedules.names())
def test_every_family_has_a_row_with_its_parameters(family):
    (row,) = re.findall(rf"^\| `{family}` \|.*$", PAGE.read_text(), flags=re.MULTILINE)

    if "the same" not in row:
        for name in schedules.json_schema(family)["properties"]:
            assert re.search(rf"\b{name}\b", row), name


def test_every_family_is_drawn():
    drawn = PAGE.with_name("schedules.svg").read_text()

    assert all(f">{family}</text>" in drawn for family in schedules.names())
