"""What is refused of a document, before anything is stored or started."""

from pathlib import Path

import pytest

from clr.errors import InvalidSpec
from service import submission


def refused(document, **how) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as found:
        submission.precheck(document, **how)
    return {error.pointer: error.detail for error in found.value.errors}


def test_a_task_that_nobody_can_announce_is_refused_at_once():
    assert "'mine'" in refused({"task": "mine", "arms": ["fixed"]})["/task"]


def test_a_task_of_the_user_s_own_may_yet_be_announced():
    submission.precheck({"task": "mine", "arms": ["fixed"]}, own_tasks=True)

    assert set(refused({"task": "mine", "arms": ["circular"]}, own_tasks=True)) == {"/arms/0/family"}
    assert set(refused({"arms": ["fixed"]}, own_tasks=True)) == {"/task"}


def test_a_task_of_an_installed_distribution_may_yet_be_announced(tmp_path: Path, monkeypatch):
    distribution = tmp_path / "users-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: users\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[clr.tasks]\nits-entry-point = users_module:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)

    submission.precheck({"task": "mine", "arms": ["fixed"]})


@pytest.mark.parametrize(("wrong", "pointer"), [
    ({"budget": {"iterations": 0}}, "/budget/iterations"),
    ({"budget": {"iterations": 10, "epochs": 1}}, "/budget"),
    ({"batch_size": 0}, "/batch_size"),
    ({"bounds": {"low": 1.0, "high": 0.1}}, "/bounds"),
    ({"optimizer": {"name": "sgd", "options": {"momentum": "high"}}}, "/optimizer/options/momentum"),
    ({"optimizer": 7}, "/optimizer"),
    ({"task": {"name": "digits", "colour": "red"}}, "/task/colour"),
    ({"range_test": {"low": -1.0}}, "/range_test/low"),
    ({"trials": 0}, "/trials"),
])  # fmt: skip
def test_what_is_wrong_in_meaning_is_listed_beside_any_error_of_form(wrong, pointer):
    rest = {"task": "digits", "arms": ["fixed", "circular"], "model": "zzz", "target": 7, "baseline": "nobody"}

    found = refused({**rest, **wrong})

    assert set(found) == {pointer, "/model", "/target", "/arms/1/family", "/baseline"}


@pytest.mark.parametrize("task", [{}, {"task": 7}, {"task": {"name": "no task"}}])
def test_without_a_task_the_rest_is_judged_but_what_hangs_on_the_task(task):
    found = refused({**task, "arms": ["circular"], "model": "zzz", "target": 7, "optimizer": "zzz"})

    assert set(found) - {"/task", "/task/name"} == {"/arms/0/family", "/optimizer"}
    assert len(found) == 3


@pytest.mark.parametrize(("arms", "pointers"), [
    ([], {"/arms", "/model"}),
    ([7, "circular"], {"/arms/0", "/arms/1/family", "/model"}),
    ([{"family": "fixed", "name": 7}, "fixed"], {"/arms/0/name", "/model"}),
    ([{"family": "triangular", "fixed": {"base_lr": None, "step_size": -1}}], {"/arms/0/fixed/base_lr",
                                                                               "/arms/0/fixed/step_size", "/model"}),
])  # fmt: skip
def test_arms_beside_a_broken_one_are_judged(arms, pointers):
    assert set(refused({"task": "digits", "arms": arms, "model": "zzz"})) == pointers


@pytest.mark.parametrize("wrong", [
    {"budget": {"iterations": -5}, "evaluate_every": 100_000},
    {"budget": {"iterations": "1e6"}, "arms": [{"family": "triangular", "fixed": {"step_size": 400_000}}]},
    {"batch_size": 10**6, "evaluate_every": 2_000},  # a batch of 1 makes it possible
    {"batch_size": "eight", "arms": [{"family": "triangular", "fixed": {"step_size": 1_000}}]},
    {"bounds": {"low": "a", "high": 50.0}, "arms": [{"family": "triangular", "fixed": {"base_lr": 10.0}}]},
    {"optimizer": {"name": 7}, "range_test": {"low": 1e-7, "high": 8e-6}, "arms": ["fixed"]},
    {"range_test": {"low": "a", "high": 1e-5}},
    {"arms": [7, "fixed"], "baseline": "mine"},
    {"arms": [{"family": "fixed", "name": "a b"}, "fixed"]},
    {"arms": [{"family": "triangular", "fixed": {"base_lr": [None], "max_lr": 1e-4}}]},
    {"looks": [5, 3], "confirm_seeds": 3},
    {"confirm_seeds": 0, "looks": [3, 7], "arms": ["fixed", "cosine"]},
    {"target": "high", "target_seeds": 3},
])  # fmt: skip
def test_nothing_is_called_wrong_that_hangs_on_a_value_of_wrong_form(wrong):
    assert len(refused({"task": "digits", "arms": ["fixed"], **wrong})) == 1


@pytest.mark.parametrize("document", [[], 7, None, "digits", {"": 1}, {"arms": {"0": 1}, "task": []}])
def test_what_is_no_spec_at_all_is_refused(document):
    assert refused(document)
