"""`clr range-test` on real digits: what it prints, writes and exits with."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clr.cli import command, exits

SHORT = ("--task", "digits", "--iterations", "300")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def clr(*arguments: str) -> Done:
    """Runs the command line in this process: torch is loaded already."""
    out, talk, codes = io.StringIO(), io.StringIO(), []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(talk):
        try:
            command.run(["range-test", *arguments], exit=codes.append)
        except SystemExit as ended:
            codes.append(ended.code)
    return Done(codes[-1] or 0, out.getvalue(), talk.getvalue())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One short run with a picture: (process, file)."""
    file = tmp_path_factory.mktemp("picture") / "ramp.svg"
    return clr(*SHORT, "--rule", "paper", "--picture", str(file)), file


def test_it_prints_the_bounds_the_verdict_and_the_ramps_length(done: Any) -> None:
    process, _ = done

    lines = process.stdout.splitlines()
    assert process.returncode == exits.DONE, process.stderr
    assert lines[0].startswith("LR range test: ") and "exponential ramp from 1e-05 to 10" in lines[0]
    assert [line.split()[0] for line in lines[1:5]] == ["max_lr", "base_lr", "edge", "rise"]
    assert "300 iterations" in lines[4]
    assert 0.3 < float(lines[3].split()[1]) < 2.0


def test_the_papers_rule_is_rise_and_edge(done: Any) -> None:
    lines = done[0].stdout.splitlines()

    edge, rise = (line.split()[1] for line in lines[3:5])
    assert f"  by the rule paper: base_lr {rise}, max_lr {edge}" in lines


def test_the_help_says_that_a_linear_ramp_is_in_python_alone() -> None:
    said = " ".join(clr("--help").stdout.split())

    assert "A linear one is in Python alone: clr.range_test(" in said


def test_progress_goes_to_stderr_and_the_picture_to_its_file(done: Any) -> None:
    process, file = done

    assert "seed 3 ..." in process.stderr and str(file) in process.stderr
    assert "Ramp" not in process.stdout
    assert Path(file).read_text().count("<path") > 20


def test_as_json_it_prints_the_curves_and_the_same_reading_and_the_bounds_by_a_rule(done: Any) -> None:
    process = clr(*SHORT, "--json", "--rule", "3")

    document = json.loads(process.stdout)
    assert len(document["curves"]) == 3 and document["ramp_iterations"] == 300
    printed = next(line for line in done[0].stdout.splitlines() if line.startswith("  max_lr"))
    assert f"{document['reading']['max_lr']:.3g}" == printed.split()[1]
    max_lr = document["reading"]["max_lr"]
    assert document["by_rule"] == {"rule": 3.0, "base_lr": max_lr / 3, "max_lr": max_lr}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--task", "digitz"), exits.NOT_FOUND, "There is no task 'digitz'"),
        (("--task", "digits", "--model", "nope"), exits.USAGE, "digits has no model 'nope'"),
        (("--task", "digits", "--seeds", "2"), exits.USAGE, "/range_test/seeds"),
        (("--task", "digits", "--low", "1", "--high", "2"), exits.USAGE, "must rise 10 times at least"),
        (("--task", "digits", "--option", "root"), exits.USAGE, "must be NAME=VALUE"),
        (("--task", "digits", "--rule", "1"), exits.USAGE, 'must be a divisor above 1 or "paper", got 1'),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(arguments: Any, code: int, message: str) -> None:
    process = clr(*arguments)

    assert process.returncode == code
    assert message in process.stderr and "Ramp" not in process.stderr
