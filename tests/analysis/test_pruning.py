"""clr.analysis.pruning: thresholds from earlier rounds of the same arm, compared like with like."""

from collections.abc import Mapping

import pytest
import simulated

from clr.analysis import pruning
from clr.plan import Plan
from clr.protocol import Rung
from clr.results import Evaluation, Trial

ITERATIONS = 360


def a_plan(**changes: object) -> Plan:
    spec = {"arms": ["fixed", "triangular2"], "trials": 20, "pruner": "median", "budget": {"iterations": ITERATIONS}}
    return simulated.a_plan(**{**spec, **changes})


def a_trial(curve: Mapping[int, float], cycles: int | None = None, outcome: str = "done", **fields: object) -> Trial:
    params = {"peak_lr": 0.1} | ({"cycles": cycles, "ratio": 0.1} if cycles else {})
    measured = tuple(Evaluation(iteration, {"accuracy": value}) for iteration, value in curve.items())
    known = {"number": 1, "phase": "search", "arm": "-", "round": 0, "position": 0, "seed": 1, "split_seed": 1}
    return Trial(**known, params=params, iterations=ITERATIONS, outcome=outcome, curve=measured, **fields)


def judged(plan: Plan, arm: str, earlier: list[Trial], **point: float) -> dict[int, float | None]:
    at = {"peak_lr": 0.1, "ratio": 0.1, **point} if arm != "fixed" else {"peak_lr": 0.1}
    (rungs,) = pruning.of_round(plan, plan.arm(arm), [at], earlier)
    return {rung.iteration: rung.threshold for rung in rungs}


FIVE = [a_trial({90: 0.1 * k, 180: 0.1 * k + 0.2, 270: 0.9, 360: 1.0}) for k in range(1, 6)]


def test_the_first_round_is_evaluated_at_its_rungs_and_judged_at_none() -> None:
    assert judged(a_plan(), "fixed", []) == {90: None, 180: None, 270: None}


def test_the_median_of_five_is_the_third() -> None:
    assert judged(a_plan(), "fixed", FIVE) == pytest.approx({90: 0.3, 180: 0.5, 270: 0.9})


def test_four_earlier_trials_are_too_few() -> None:
    assert set(judged(a_plan(), "fixed", FIVE[:4]).values()) == {None}


def test_asha_keeps_the_best_third_with_the_trial_itself_counted() -> None:
    plan = a_plan(pruner="asha")
    eight = [a_trial({36: 0.1 * k, 126: 0.9 - 0.1 * k}) for k in range(8)]

    assert judged(plan, "fixed", eight) == pytest.approx({36: 0.5, 126: 0.7})  # the third best: 3 of 9
    assert judged(plan, "fixed", eight[:7]) == pytest.approx({36: 0.5, 126: 0.8})  # the second best: 2 of 8


def test_where_less_is_better_the_threshold_lies_on_the_other_side() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 0.5]

    assert pruning.threshold("median", values, "minimize") == 0.3
    assert pruning.threshold("asha", values, "minimize") == 0.2


def test_a_diverged_trial_counts_as_the_worst_at_every_rung() -> None:
    diverged = [a_trial({90: 0.99}, outcome="diverged")] * 2

    assert judged(a_plan(), "fixed", [*FIVE[:3], *diverged])[90] == pytest.approx(0.1)  # -, -, 0.1, 0.2, 0.3
    assert judged(a_plan(), "fixed", [*FIVE[:2], *diverged, *diverged])[90] is None, "nothing is worse than diverged"


def test_a_pruned_trial_counts_at_the_rungs_that_it_reached() -> None:
    early = a_trial({90: 0.05}, outcome="pruned")

    found = judged(a_plan(), "fixed", [*FIVE, early])

    assert found[90] == pytest.approx(0.25)  # between 0.2 and 0.3
    assert found[180] == pytest.approx(0.5)


def test_failed_and_cancelled_trials_say_nothing() -> None:
    lost = [a_trial({90: 0.0, 180: 0.0}, outcome=outcome) for outcome in ("failed", "cancelled")]

    assert judged(a_plan(), "fixed", [*FIVE, *lost]) == judged(a_plan(), "fixed", FIVE)


def test_a_cyclic_trial_is_compared_with_others_at_the_end_of_their_cycles() -> None:
    """Within a cycle the metric is low by design: those values, here 0.0, are not looked at."""
    earlier = [a_trial({90: 0.0, 120: 0.1 * k, 180: 0.0, 240: 0.5 + 0.1 * k}, cycles=3) for k in range(1, 6)]

    assert judged(a_plan(), "triangular2", earlier, cycles=3) == pytest.approx({120: 0.3, 240: 0.8})


def test_a_trial_is_never_judged_by_one_that_was_trained_longer() -> None:
    """Four cycles end after 90, 180 and 270 updates, three after 120 and 240."""
    earlier = [a_trial({120: 0.1 * k, 240: 0.5 + 0.1 * k}, cycles=3) for k in range(1, 6)]

    found = judged(a_plan(), "triangular2", earlier, cycles=4)

    assert found == pytest.approx({90: None, 180: 0.3, 270: 0.8})


def test_a_trial_of_one_cycle_says_nothing_before_its_end() -> None:
    earlier = [a_trial({120: 0.1 * k}, cycles=3) for k in range(1, 5)] + [a_trial({120: 0.5, 360: 0.9}, cycles=1)]

    assert judged(a_plan(), "triangular2", earlier, cycles=3)[120] is None
    assert judged(a_plan(), "triangular2", earlier, cycles=1) == {}


def test_without_a_pruner_no_trial_has_a_rung() -> None:
    plan = a_plan(pruner="none")

    assert pruning.of_round(plan, plan.arm("fixed"), [{"peak_lr": 0.1}] * 2, FIVE) == [(), ()]


def test_a_trial_that_is_as_good_as_the_threshold_goes_on() -> None:
    """Its rung says "worse than": all trials equal prunes none."""
    equal = [a_trial({90: 0.5, 180: 0.5, 270: 0.5})] * 6

    rungs = pruning.of_round(a_plan(), a_plan().arm("fixed"), [{"peak_lr": 0.1}], equal)

    assert rungs == [tuple(Rung(iteration=i, threshold=0.5) for i in (90, 180, 270))]
