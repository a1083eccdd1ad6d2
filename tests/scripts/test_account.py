"""What reports mean for a trial."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scripting import a_config

from clr.errors import InvalidReport, ScriptDied
from clr.results import Diverged, Evaluated, Evaluation, Event, Finished, Pruned
from clr.scripts.account import MOST_BETWEEN, Account
from clr.scripts.files import FinalReport, Reported


def an_account(*, tested: bool = False, direction: Any = "maximize", **fields: Any) -> Account:
    return Account(a_config(**fields), "accuracy", direction, tested=tested)


def taken(account: Account, *reports: tuple[int, float] | FinalReport) -> list[Event]:
    found: list[Event] = []
    for report in reports:
        said = report if isinstance(report, FinalReport) else Reported(report[0], {"accuracy": report[1]})
        found += account.take(said)
    return found


def test_every_report_is_an_evaluation_and_the_last_completes_the_run() -> None:
    account = an_account()

    found = taken(account, (10, 0.1), (25, 0.2))
    assert not account.complete
    taken(account, (40, 0.3))

    assert found == [Evaluated(Evaluation(10, {"accuracy": 0.1})), Evaluated(Evaluation(25, {"accuracy": 0.2}))]
    assert account.complete
    assert account.ended(0) == Finished(40, 0.3, {})


def test_the_same_report_again_is_nothing_new() -> None:
    assert len(taken(an_account(), (10, 0.1), (10, 0.1))) == 1


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ([(10, 0.1), (10, 0.2)], "reported update 10 twice, with different metrics"),
        ([(20, 0.1), (10, 0.1)], "reported update 10 after update 20"),
        ([(41, 0.1)], "reported update 41, but the run has 40: leave the loop where run.report"),
    ],
)
def test_reports_that_contradict_are_refused(reports: list[tuple[int, float]], said: str) -> None:
    with pytest.raises(InvalidReport, match=said):
        taken(an_account(), *reports)


@pytest.mark.parametrize("value", [93.2, -0.1])
def test_an_accuracy_in_percent_is_refused_and_any_other_metric_is_not(value: float) -> None:
    with pytest.raises(InvalidReport, match=f"must lie in 0 to 1, got {value}. Divide percent by 100"):
        taken(an_account(), (10, value))
    with pytest.raises(InvalidReport, match="must lie in 0 to 1"):
        taken(an_account(phase="confirm", test=True, tested=True), FinalReport({"accuracy": value}))

    assert list(Account(a_config(), "score", "maximize", tested=False).take(Reported(10, {"score": value})))


def test_a_report_without_the_metric_names_what_it_has() -> None:
    with pytest.raises(InvalidReport, match="lacks the task's metric 'accuracy'; it has: acc, loss"):
        list(an_account().take(Reported(10, {"acc": 0.5, "loss": 1.0})))


@pytest.mark.parametrize("metrics", [{"accuracy": math.nan}, {"accuracy": 0.5, "loss": math.inf}])
def test_a_metric_that_is_not_finite_is_divergence(metrics: dict[str, float]) -> None:
    (event,) = an_account().take(Reported(10, metrics))

    assert isinstance(event, Diverged)
    assert event.iteration == 10
    assert event.reason in ("the script reported accuracy as nan", "the script reported loss as inf")


def test_a_confirm_run_waits_for_its_test_metrics() -> None:
    account = an_account(phase="confirm", test=True, tested=True)

    taken(account, (40, 0.3))
    assert not account.complete
    with pytest.raises(InvalidReport, match="without test metrics"):
        account.ended(0)
    taken(account, FinalReport({"accuracy": 0.25}))

    assert account.finished() == Finished(40, 0.3, {"accuracy": 0.25})


def test_test_metrics_may_come_before_the_last_report() -> None:
    account = an_account(phase="confirm", test=True, tested=True)

    taken(account, FinalReport({"accuracy": 0.25}), (40, 0.3))

    assert account.complete


def test_without_a_test_split_the_last_validation_metrics_stand_for_the_tests() -> None:
    account = an_account(phase="confirm", test=True)

    taken(account, (10, 0.9), (40, 0.3))

    assert account.finished() == Finished(40, 0.3, {"accuracy": 0.3})


def test_test_metrics_of_a_search_trial_are_left_alone() -> None:
    account = an_account(tested=True)

    taken(account, (40, 0.3), FinalReport({"accuracy": 0.25}))

    assert account.finished().test == {}


def test_test_metrics_that_are_not_finite_are_divergence() -> None:
    account = an_account(phase="confirm", test=True, tested=True)

    assert isinstance(taken(account, (40, 0.3), FinalReport({"accuracy": math.nan}))[-1], Diverged)


@pytest.mark.parametrize(
    ("direction", "value", "pruned"),
    [("maximize", 0.4, True), ("maximize", 0.5, False), ("minimize", 0.6, True), ("minimize", 0.5, False)],
)
def test_a_trial_worse_than_a_rung_s_threshold_is_pruned_there(direction: str, value: float, pruned: bool) -> None:
    rungs = [{"iteration": 20, "threshold": 0.5}]

    found = taken(an_account(direction=direction, rungs=rungs), (10, 0.0), (20, value))

    assert (found[-1] == Pruned(20, value)) is pruned


def test_a_script_that_ends_early_says_where() -> None:
    account = an_account()
    taken(account, (20, 0.3))

    with pytest.raises(InvalidReport, match="ended after a report at update 20 of 40: train for"):
        account.ended(0)


@pytest.mark.parametrize(("code", "said"), [(7, "exited with code 7"), (-9, "was killed by signal 9")])
def test_a_script_that_dies_may_be_tried_again(code: int, said: str) -> None:
    with pytest.raises(ScriptDied, match=f"{said} after update 0 of 40"):
        an_account().ended(code)


def test_a_complete_run_is_finished_whatever_the_script_does_afterwards() -> None:
    account = an_account()
    taken(account, (40, 0.3))

    assert account.ended(1) == Finished(40, 0.3, {})


def test_a_ramp_ends_at_the_report_that_is_beyond_it() -> None:
    account = an_account(phase="range-test")

    assert taken(account, (30, 0.3), (45, 0.1))[-1] == Finished(30, 0.3, {})


def test_a_ramp_ends_early_once_accuracy_has_fallen() -> None:
    account = an_account(phase="range-test", iterations=1200)
    curve = [0.1 + 0.005 * k for k in range(100)] + [0.1] * 20

    found = [event for k, value in enumerate(curve, start=1) for event in taken(account, (10 * k, value))]

    assert any(isinstance(event, Finished) for event in found[:119])


def test_of_a_flood_of_reports_the_planned_ones_are_kept() -> None:
    account = an_account(iterations=4000, evaluate_every=1000)

    found = taken(account, *((k, 0.5) for k in range(1, 4001)))

    kept = [event.evaluation.iteration for event in found if isinstance(event, Evaluated)]
    assert len(kept) == MOST_BETWEEN + 4
    assert kept[-3:] == [2000, 3000, 4000]
