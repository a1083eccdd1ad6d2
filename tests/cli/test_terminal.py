"""Where output goes, and that it arrives as it is."""

import pytest
from rich.table import Table

from clr import snippets
from clr.cli import terminal
from clr.schedules import make

CODE = 'callbacks=[callback(schedule)]  # [bold]kept[/bold], [i], :smile:, "1"'


@pytest.mark.parametrize("columns", [None, "40"])
def test_code_with_brackets_is_printed_as_it_is(capsys, monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)

    terminal.data(CODE)

    assert capsys.readouterr().out == CODE + "\n"


@pytest.mark.parametrize("kind", snippets.KINDS)
def test_a_snippet_of_every_kind_is_printed_as_it_is(capsys, kind):
    text = snippets.snippet(make("triangular2", base_lr=0.001, max_lr=0.006, step_size=20), kind, 100)

    terminal.data(text)

    assert capsys.readouterr().out.rstrip("\n") == text.rstrip("\n")


def test_names_with_brackets_stay_whole_in_tables(capsys):
    table = Table("name", box=None)
    table.add_row("[lr] sweep")

    terminal.data(table)
    terminal.talk(table)

    told = capsys.readouterr()
    assert "[lr] sweep" in told.out and "[lr] sweep" in told.err
