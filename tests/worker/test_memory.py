from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import memory


@given(st.integers(512, 10**7))
def test_an_amount_is_read_as_it_is_shown_up_to_four_digits(mebibytes: int) -> None:
    amount = mebibytes * 2**20

    assert memory.parse(memory.shown(amount)) == pytest.approx(amount, rel=1e-3)


@pytest.mark.parametrize("text", ["", "8", "8 gigs", "-8G", "G", "8X"])
def test_what_is_no_amount_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="like 8G or 900M"):
        memory.parse(text)


def test_less_than_a_training_process_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 512M"):
        memory.parse("511M")
