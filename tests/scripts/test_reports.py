"""A metrics file, read while it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from clr.errors import InvalidReport
from clr.scripts.files import LONGEST_LINE, Reported, line
from clr.scripts.reports import ReportReader


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_a_file_that_is_not_there_yet_holds_nothing(metrics: Path) -> None:
    assert list(ReportReader(metrics).read()) == []


def test_a_line_is_read_once_it_is_whole(metrics: Path) -> None:
    reader, text = ReportReader(metrics), line(1, {"accuracy": 0.5})

    for piece in (text[:9], text[9:]):
        with metrics.open("a") as file:
            file.write(piece)
        found = list(reader.read())

    assert found == [Reported(1, {"accuracy": 0.5})]
    assert list(reader.read()) == []


def test_a_file_longer_than_a_piece_is_read_to_its_end(metrics: Path) -> None:
    metrics.write_text("".join(line(k, {"accuracy": 0.5}) for k in range(1, 60_001)))

    found = list(ReportReader(metrics).read())

    assert [report.iteration for report in found] == list(range(1, 60_001))  # type: ignore[union-attr]


def test_a_last_line_without_an_end_counts_once_the_script_has_ended(metrics: Path) -> None:
    metrics.write_text(line(1, {"accuracy": 0.5}).rstrip())
    reader = ReportReader(metrics)

    assert list(reader.read()) == []
    assert list(reader.read(ended=True)) == [Reported(1, {"accuracy": 0.5})]
    assert list(reader.read(ended=True)) == []


def test_a_line_that_was_torn_off_is_left_out(metrics: Path) -> None:
    metrics.write_text(line(1, {"accuracy": 0.5}) + '{"iteration": 2, "accu')

    assert list(ReportReader(metrics).read(ended=True)) == [Reported(1, {"accuracy": 0.5})]


@pytest.mark.parametrize("end", ["", "\n"])
def test_an_overlong_line_is_refused_with_or_without_its_end(metrics: Path, end: str) -> None:
    metrics.write_text("x" * (LONGEST_LINE + 1) + end)

    with pytest.raises(InvalidReport, match="longer than 65,536 bytes"):
        list(ReportReader(metrics).read())


def test_bytes_that_are_no_text_are_refused(metrics: Path) -> None:
    metrics.write_bytes(b"\xff\xfe\x00\n")

    with pytest.raises(InvalidReport, match="Line 1 of the script's metrics is not JSON"):
        list(ReportReader(metrics).read())
