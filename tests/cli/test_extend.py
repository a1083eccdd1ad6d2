"""clr extend against a real service with a real worker."""

import json

import pytest


@pytest.fixture
def finished(clr, tiny):
    """A study that a real worker has trained; its id."""
    study = clr("submit", tiny()).stdout.strip()
    assert clr("status", "--watch", study).returncode == 0
    return study


def test_it_says_what_was_added_and_how_to_watch_it(clr, finished):
    extended = clr("extend", finished, "--trials", "2", "--peak-lr", "0.01", "1", "--confirm-seeds", "3")

    assert extended.returncode == 0
    assert "Added: 2 search trials of each arm and 3 seeds of each confirmed arm" in extended.stdout
    assert "10 trials of 200 iterations in all" in extended.stdout
    assert f"clr status --watch {finished}" in extended.stderr
    assert clr("status", "--watch", finished).returncode == 0
    answer = json.loads(clr("best", finished, "--json").stdout)
    assert {len(arm["values"]) for arm in answer["arms"]} == {5} and answer["extensions"] == 1


def test_the_same_key_extends_once(clr, finished):
    told = [clr("extend", finished, "--confirm-seeds", "1", "--key", "mine", "--json") for _ in range(2)]

    assert [len(json.loads(one.stdout)["extensions"]) for one in told] == [1, 1]


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        ((), 2, "asks for nothing"),
        (("--trials", "-2"), 2, "/trials"),
        (("--peak-lr", "0.01", "1"), 2, "give trials, too"),
        (("--trials", "2", "--peak-lr", "0.1", "0.2"), 2, "must hold the interval"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_in_words(clr, finished, arguments, code, words):
    refused = clr("extend", finished, *arguments)

    assert refused.returncode == code and words in refused.stderr and refused.stdout == ""


def test_an_unknown_study_and_a_cancelled_one_are_refused(clr, tiny):
    study = clr("submit", tiny(budget={"iterations": 100_000})).stdout.strip()
    clr("cancel", study)

    assert clr("extend", "s-unknown", "--trials", "1").returncode == 5
    refused = clr("extend", study, "--trials", "1")
    assert refused.returncode == 1 and "was cancelled: it can't be extended" in refused.stderr


def test_the_command_that_an_answer_prints_can_be_run(clr, tiny):
    """Accuracy rises all the way to the upper end of such an interval, so that it is flagged."""
    spec = tiny(
        arms=["fixed"], bounds={"low": 1e-3, "high": 1e-2}, trials=12, sampler="grid", budget={"iterations": 60}
    )
    study = clr("submit", spec).stdout.strip()
    assert clr("status", "--watch", study).returncode == 0
    answer = json.loads(clr("best", study, "--json").stdout)
    widened = [edge["command"] for arm in answer["arms"] for edge in arm["edges"] if edge["command"]]
    assert widened, "an optimum at an edge"
    assert widened[0] in " ".join(answer["notes"])

    assert clr(*widened[0].removeprefix("clr ").split()).returncode == 0
    assert clr("status", "--watch", study).returncode == 0
