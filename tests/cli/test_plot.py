"""clr plot, as a user calls it; no service is needed."""

import io
import json
import re
import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from clr import schedules, search_space
from clr.cli import command, exits

TRIANGULAR = {"family": "triangular", "base_lr": 0.1, "max_lr": 0.4, "step_size": 50}
SPEC = {
    "task": "digits",
    "budget": {"iterations": 600},
    "arms": ["cosine", {"family": "triangular", "name": "paper", "fixed": {"ratio": 0.25, "max_lr": 0.5, "cycles": 2}}],
}


@pytest.fixture
def plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `clr plot` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(input))
        with pytest.raises(SystemExit) as ended:
            command.run(["plot", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_families_are_drawn_by_their_shape(plot, tmp_path: Path):
    code, said, talk = plot("cosine", "triangular2", "fixed")

    assert (code, said) == (0, "schedules.png\n")
    assert (tmp_path / "schedules.png").read_bytes().startswith(b"\x89PNG")
    assert "triangular2: Triangular2(base_lr=0.1, max_lr=1.0, step_size=166.66666666666666)" in talk


@pytest.mark.parametrize("family", ["step", "exp_range", "one_cycle", "inverse", "cosine_restarts", "decay"])
def test_a_shape_goes_to_its_peak_of_1(plot, family: str):
    _, said, _ = plot(family, "--json", "--iterations", "120")

    (document,) = json.loads(said)["schedules"].values()
    assert schedules.from_dict(document).rates(121).max() == pytest.approx(1.0)


@pytest.mark.parametrize("family", [name for name in schedules.names() if not search_space.coordinates(name)])
def test_a_family_without_a_shape_says_what_to_write_and_that_draws_it(plot, family: str):
    code, _, talk = plot(family)

    commands = [shlex.split(line) for line in talk.splitlines() if line.startswith("  clr plot ")]
    assert code == exits.USAGE and len(commands) == 2
    by_name, by_document = (json.loads(plot(*words[2:], "--json")[1])["schedules"] for words in commands)
    assert list(by_name.values()) == list(by_document.values())
    assert [drawn["family"] for drawn in by_document.values()] == [family]


def test_parameters_are_taken_as_they_are_written(plot):
    wanted = "multi_step:lr=1e-1,gamma=0.5,milestones=[30,60]"

    code, said, _ = plot(wanted, "warmup:iterations=10,schedule=" + json.dumps(TRIANGULAR), "cosine:lr=0.3", "--json")

    assert code == 0
    drawn = json.loads(said)["schedules"]
    assert drawn[wanted] == {"family": "multi_step", "lr": 0.1, "gamma": 0.5, "milestones": [30, 60]}
    assert list(drawn.values())[1] == {
        "family": "warmup",
        "schedule": {**TRIANGULAR, "step_size": 50.0},
        "iterations": 10,
    }
    assert drawn["cosine:lr=0.3"]["lr"] == 0.3


def test_a_schedules_document_is_drawn_from_a_file_from_input_and_from_the_command_line(plot, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("family: linear\nlr: 1e-1\nend_lr: 0\niterations: 700\n")

    _, said, _ = plot("mine.yaml", "-", json.dumps(TRIANGULAR), "--json", input=json.dumps(TRIANGULAR))

    told = json.loads(said)
    assert told["iterations"] == 700
    assert list(told["schedules"]) == ["mine", "-", "triangular"]
    assert told["schedules"]["-"] == told["schedules"]["triangular"] == schedules.from_dict(TRIANGULAR).to_dict()


def test_a_specs_arms_are_drawn_over_its_run(plot, tmp_path: Path):
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))

    _, said, _ = plot("spec.json", "--output", "arms.svg", "--json")

    told = json.loads(said)
    assert told["file"] == "arms.svg" and told["iterations"] == 600
    assert told["schedules"]["cosine"]["iterations"] == 600
    assert told["schedules"]["paper"] == {"family": "triangular", "base_lr": 0.125, "max_lr": 0.5, "step_size": 150.0}
    assert ElementTree.parse(tmp_path / "arms.svg").getroot().tag.endswith("svg")


def test_the_same_name_twice_is_two_curves(plot):
    _, said, _ = plot("fixed", "fixed", "fixed", "--json")

    assert list(json.loads(said)["schedules"]) == ["fixed", "fixed (2)", "fixed (3)"]


def test_rates_can_be_drawn_on_a_logarithmic_axis(plot, tmp_path: Path):
    plot("exponential", "--output", "plain.svg")
    plot("exponential", "--output", "log.svg", "--log")

    ticks = re.compile(r"<!-- (.+?) -->")
    assert ticks.findall((tmp_path / "plain.svg").read_text()) != ticks.findall((tmp_path / "log.svg").read_text())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["cosin"], exits.NOT_FOUND, "There is no schedule family 'cosin'. Known: fixed"),
        (["fixed:lr=-1"], exits.USAGE, "lr of fixed must be above 0"),
        (["fixed:lr"], exits.USAGE, "NAME=VALUE"),
        (["fixed:rate=1"], exits.USAGE, "rate of fixed is not a parameter"),
        (["custom"], exits.USAGE, "/base_lr: is required, since custom has no shape of its own to draw"),
        (["multi_step:lr=1"], exits.USAGE, "/gamma: is required, since multi_step has no shape"),
        (["triangular:cycles=1.5"], exits.USAGE, "/cycles: must be a whole number"),
        (["triangular:ratio=high"], exits.USAGE, "/ratio: must be a number"),
        (["missing.yaml"], exits.USAGE, "missing.yaml"),
        (["{"], exits.USAGE, "is not JSON"),
        (['{"family": "fixed"}'], exits.USAGE, "lr of fixed is required"),
        (['{"task": "digits"}'], exits.USAGE, "/arms"),
        (["fixed", "--output", "curve.xyz"], exits.USAGE, ".png, .svg, .pdf"),
        (["fixed", "--output", "no/such/folder/curve.png"], exits.USAGE, "can't write"),
        (["fixed", "--iterations", "0"], exits.USAGE, "--iterations"),
        ([], exits.USAGE, "WHAT"),
    ],
)
def test_what_can_not_be_drawn_is_said_and_nothing_is_written(plot, tmp_path: Path, arguments, code: int, said: str):
    found, out, talk = plot(*arguments)

    assert (found, out) == (code, "")
    assert said in re.sub(r"\s+", " ", re.sub(r"[│╭╮╰╯─]", " ", talk))
    assert not list(tmp_path.iterdir())
