"""Cursors come back as they went out, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clr.errors import InvalidSpec
from service import pagination

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64)


@given(IDS, st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_a_cursor_gives_its_position_back(text, number):
    assert pagination.decode(pagination.encode(text, number), str, int) == (text, number)


@pytest.mark.parametrize("position", [("a\0", 1), ("\ud800", 1), ("a", 2**63), ("a", True), ("a", 1.0), ("a",)])
def test_what_no_database_can_compare_with_is_refused(position):
    with pytest.raises(InvalidSpec):
        pagination.decode(pagination.encode(*position), str, int)


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "W10", "eyJhIjoxfQ", "WzFd", "WyJhIl0=", "bnVsbA", "ä"])
def test_what_this_list_did_not_make_is_refused(cursor):
    with pytest.raises(InvalidSpec, match="/cursor: not a cursor of this list"):
        pagination.decode(cursor, str, int)
