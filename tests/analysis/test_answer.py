"""clr.analysis.answer: what a study says, from plan and trials alone."""

from dataclasses import replace

import pytest
import simulated

from clr import schedules
from clr.analysis.answer import answer
from clr.plan import Plan, PlannedSlot
from clr.results import Trial

ARMS = ["fixed", "cosine", "triangular2", "exp_range"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return simulated.a_plan(arms=ARMS, confirm_seeds=5)


@pytest.fixture(scope="module")
def trials(plan: Plan) -> list[Trial]:
    return simulated.run(plan)


def with_values(plan: Plan, trials: list[Trial], **shift: float) -> list[Trial]:
    """Confirm values of each arm: a small seed effect around 0.9, shifted."""
    effects = dict(zip(plan.confirm_seeds, (0.004, -0.003, 0.001, -0.002, 0.0), strict=True))
    wobble = {name: k * 0.0003 for k, name in enumerate(ARMS)}

    def value(t: Trial) -> float:
        return 0.9 + effects[t.seed] + shift.get(t.arm, 0.0) + wobble[t.arm] * (-1) ** plan.confirm_seeds.index(t.seed)

    return [replace(t, value=value(t)) if t.phase == "confirm" else t for t in trials]


def test_arms_are_ranked_by_confirmed_test_metric(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, with_values(plan, trials, triangular2=0.05, cosine=-0.05))

    assert found.status == "confirmed"
    assert [arm.rank for arm in found.arms] == [1, 2, 3, 4]
    assert (found.arms[0].arm, found.arms[-1].arm) == ("triangular2", "cosine")
    assert found.arms[0].mean == pytest.approx(sum(found.arms[0].values.values()) / 5)
    assert found.best is not None and found.best.arm == "triangular2"
    assert found.sentence.startswith("Use triangular2")


def test_a_result_that_favours_the_fixed_rate_is_reported_the_same_way(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, with_values(plan, trials, fixed=0.05))

    assert found.best is not None and found.best.arm == "fixed"
    assert found.sentence.startswith("Keep your baseline: fixed")
    assert "cosine" in found.sentence


def test_equal_arms_give_no_difference_shown_and_no_winner(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, with_values(plan, trials, triangular2=0.0002))

    assert "o difference" in found.sentence
    assert "Use " not in found.sentence
    assert all(
        arm.difference.interval.low < 0 < arm.difference.interval.high
        for arm in found.arms
        if arm.difference and arm.difference.interval
    )


def test_a_study_in_search_is_provisional_and_gives_no_verdict(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, [t for t in trials if t.phase != "confirm"])

    assert found.status == "provisional"
    assert found.sentence.startswith("Not confirmed")
    assert all(arm.mean is None and arm.difference is None for arm in found.arms)


def test_half_a_confirm_phase_is_still_provisional(plan: Plan, trials: list[Trial]) -> None:
    last = max(t.number for t in trials)

    found = answer("s", plan, [replace(t, outcome=None, value=None) if t.number == last else t for t in trials])

    assert found.status == "provisional"


def test_nothing_finished_says_so(plan: Plan) -> None:
    found = answer("s", plan, [])

    assert found.status == "none"
    assert found.best is None
    assert "no search trial has finished" in found.sentence


def test_a_lost_seed_leaves_the_paired_analysis_of_every_arm_and_is_counted(plan: Plan, trials: list[Trial]) -> None:
    lost = next(t for t in trials if t.phase == "confirm" and t.arm == "cosine")

    found = answer("s", plan, [replace(t, outcome="failed", value=None) if t == lost else t for t in trials])

    by_name = {arm.arm: arm for arm in found.arms}
    assert by_name["cosine"].confirm_failed == 1
    assert len(by_name["cosine"].values) == 4 and len(by_name["exp_range"].values) == 5
    assert by_name["exp_range"].mean == pytest.approx(
        sum(v for seed, v in by_name["exp_range"].values.items() if seed != str(lost.seed)) / 4
    ), "means of arms that are compared are over the same seeds"
    assert "4 paired seeds" in found.sentence
    assert {arm.difference.pairs for arm in found.arms if arm.difference} == {4}
    assert any("cosine" in note and "1 failed" in note for note in found.notes)


def test_an_arm_with_a_diverged_confirm_run_ranks_below_the_stable_ones(plan: Plan, trials: list[Trial]) -> None:
    best = with_values(plan, trials, exp_range=0.05)
    lost = next(t for t in best if t.phase == "confirm" and t.arm == "exp_range")

    found = answer("s", plan, [replace(t, outcome="diverged", value=None) if t == lost else t for t in best])

    assert found.arms[-1].arm == "exp_range"
    assert found.best is not None and found.best.arm != "exp_range"


def test_an_arm_without_a_finished_search_trial_has_failed(plan: Plan) -> None:
    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        return replace(trial, outcome="diverged", value=None) if slot.arm == "fixed" else trial

    found = answer("s", plan, simulated.run(plan, end=end))

    failed = found.arms[-1]
    assert (failed.arm, failed.status, failed.schedule) == ("fixed", "failed", None)
    assert failed.search_diverged == failed.search_trials
    assert all(arm.difference is None for arm in found.arms), "its baseline is gone"
    assert "No verdict" in found.sentence


def test_one_confirm_seed_gives_no_interval_and_no_verdict() -> None:
    plan = simulated.a_plan(arms=ARMS, confirm_seeds=1)

    found = answer("s", plan, simulated.run(plan))

    assert all(arm.interval is None for arm in found.arms)
    assert found.sentence.startswith("No verdict")


def test_the_baseline_is_not_kept_for_lack_of_data(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, with_values(plan, trials, fixed=0.0004))

    assert found.best is not None and found.best.arm == "fixed"
    assert found.sentence.startswith("No difference shown")


def test_the_snippet_runs_and_gives_the_answers_schedule(plan: Plan, trials: list[Trial]) -> None:
    import torch

    found = answer("s", plan, trials)
    assert found.best is not None
    scope = {"optimizer": torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)}

    exec(found.best.snippet, scope)

    assert scope["schedule"] == schedules.from_dict(found.best.schedule)
    assert scope["optimizer"].param_groups[0]["lr"] == scope["schedule"](0)


def test_the_order_of_trials_changes_nothing(plan: Plan, trials: list[Trial]) -> None:
    assert answer("s", plan, trials[::-1]) == answer("s", plan, trials)


def test_iterations_to_target_only_where_a_target_was_given(trials: list[Trial], plan: Plan) -> None:
    with_target = plan.model_copy(update={"target": 0.8})

    assert all(arm.to_target is None for arm in answer("s", plan, trials).arms)
    assert all(arm.to_target and arm.to_target.reason for arm in answer("s", with_target, trials).arms)


def confirm_of(trials: list[Trial], arm: str) -> list[Trial]:
    return [t for t in trials if t.phase == "confirm" and t.arm == arm]


def without(trials: list[Trial], lost: list[Trial], outcome: str) -> list[Trial]:
    return [replace(t, outcome=outcome, value=None) if t in lost else t for t in trials]


def test_a_better_arm_that_diverged_once_is_named_with_its_count(plan: Plan, trials: list[Trial]) -> None:
    better = with_values(plan, trials, cosine=0.05)

    found = answer("s", plan, without(better, confirm_of(better, "cosine")[:1], "diverged"))

    assert found.best is not None and found.best.arm != "cosine"
    assert "of the arms without a diverged run" in found.sentence
    assert found.arms[-1].arm == "cosine" and found.arms[-1].confirm_diverged == 1


def test_an_arm_that_lost_most_of_its_seeds_leaves_the_others_theirs(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, without(trials, confirm_of(trials, "cosine")[:4], "diverged"))

    assert found.arms[-1].status == "failed"
    assert {arm.difference.pairs for arm in found.arms if arm.difference} == {5}
    assert any("not compared" in note for note in found.notes)


def test_cancelled_runs_give_no_verdict(plan: Plan, trials: list[Trial]) -> None:
    found = answer("s", plan, without(trials, confirm_of(trials, "cosine")[:3], "cancelled"))

    assert found.status == "provisional"
    assert all(arm.mean is None and not arm.values for arm in found.arms)


def test_arms_equal_seed_by_seed_are_identical(plan: Plan, trials: list[Trial]) -> None:
    same = dict(zip(plan.confirm_seeds, (0.9, 0.91, 0.92, 0.93, 0.94), strict=True))

    found = answer("s", plan, [replace(t, value=same[t.seed]) if t.phase == "confirm" else t for t in trials])

    assert found.sentence.startswith("Identical")
    assert all(arm.difference.identical for arm in found.arms if arm.difference)


def test_a_study_in_which_every_run_diverged_says_so(plan: Plan) -> None:
    diverged = simulated.run(plan, end=lambda slot: replace(simulated.ended(slot), outcome="diverged", value=None))

    found = answer("s", plan, diverged)

    assert "in every arm the runs diverged or failed" in found.sentence


def test_an_unequal_search_is_said_in_the_sentence() -> None:
    plan = simulated.a_plan(arms=["cosine", {"family": "fixed", "fixed": {"lr": 0.1}}], confirm_seeds=5)

    assert "searched unequally, 1 to 6 trials" in answer("s", plan, simulated.run(plan)).sentence
