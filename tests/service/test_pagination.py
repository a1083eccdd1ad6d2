"""Cursors come back as they went out, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clr.errors import InvalidSpec
from service import pagination


@given(st.text(max_size=40), st.integers(min_value=-(2**53), max_value=2**53))
def test_a_cursor_gives_its_position_back(text, number):
    assert pagination.decode(pagination.encode(text, number), str, int) == (text, number)


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "W10", "eyJhIjoxfQ", "WzFd", "WyJhIl0=", "bnVsbA", "ä"])
def test_what_this_list_did_not_make_is_refused(cursor):
    with pytest.raises(InvalidSpec, match="/cursor: not a cursor of this list"):
        pagination.decode(cursor, str, int)
