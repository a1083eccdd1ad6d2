from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.hours import DAY, Hours

NOON = datetime(2026, 7, 1, 12)
SECONDS = st.integers(0, DAY - 1)


def written(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def at(second: int) -> datetime:
    return datetime(2026, 7, 1) + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("clock", "included"),
    [("19:59:59", False), ("20:00:00", True), ("00:00:00", True), ("07:59:59", True), ("08:00:00", False)],
)
def test_a_window_over_midnight_begins_with_its_first_second_and_ends_before_its_last(
    clock: str, included: bool
) -> None:
    assert Hours.parse("20-08").include(datetime.fromisoformat(f"2026-07-01T{clock}")) is included


def test_a_window_may_end_at_midnight() -> None:
    late = datetime(2026, 7, 1, 23, 59, 59)

    assert Hours.parse("20-24") == Hours("20-24", Hours.parse("20-0").windows)
    assert Hours.parse("20-24").include(late)
    assert not Hours.parse("20-24").include(datetime(2026, 7, 2))


@given(start=SECONDS, end=SECONDS, now=SECONDS)
def test_a_window_and_the_one_that_fills_the_day_share_no_second(start: int, end: int, now: int) -> None:
    if start == end:
        return
    there, back = (Hours.parse(f"{written(a)}-{written(b)}") for a, b in ((start, end), (end, start)))

    assert there.include(at(now)) is not back.include(at(now))


@given(start=SECONDS, length=st.integers(1, DAY - 1), after=SECONDS)
def test_a_window_holds_what_lies_less_than_its_length_after_its_start(start: int, length: int, after: int) -> None:
    hours = Hours.parse(f"{written(start)}-{written((start + length) % DAY)}")

    assert hours.include(at((start + after) % DAY)) is (after < length)


@given(first=st.tuples(SECONDS, SECONDS), second=st.tuples(SECONDS, SECONDS), now=SECONDS)
def test_several_windows_include_what_any_of_them_does(
    first: tuple[int, int], second: tuple[int, int], now: int
) -> None:
    texts = [f"{written(a)}-{written(b)}" for a, b in (first, second) if a != b]
    if not texts:
        return

    assert Hours.parse(",".join(texts)).include(at(now)) is any(Hours.parse(text).include(at(now)) for text in texts)


@pytest.mark.parametrize("text", ["", "20", "20-", "8pm-8am", "25-08", "20:60-08", "20-08;", "24:30-08", "-3-8"])
def test_what_is_no_window_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="hours must be"):
        Hours.parse(text)


@pytest.mark.parametrize("text", ["20-20", "00-24", "0-0"])
def test_an_empty_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="leave them out for the whole day"):
        Hours.parse(text)
