"""clr.analysis.reaching and stop points: iterations to target, judged where a user could stop."""

from dataclasses import replace

import pytest
import simulated

from clr.analysis import target
from clr.analysis.answer import answer
from clr.plan import PlannedSlot
from clr.results import Evaluation, Trial

CYCLE = {"family": "triangular", "name": "cyclic", "fixed": {"cycles": 4}}


def curve(*iterations: int) -> list[Evaluation]:
    return [Evaluation(i, {"accuracy": i / 1000}) for i in iterations]


def test_stop_points_are_the_evaluations_nearest_to_multiples_of_the_spacing() -> None:
    found = target.at_stop_points(curve(10, 20, 30, 40, 50, 60), 25.0)

    assert [e.iteration for e in found] == [20, 50]
    assert len(target.at_stop_points(curve(10, 20, 30), None)) == 3
    assert target.at_stop_points((), 5.0) == ()


def test_a_spacing_below_the_evaluations_gives_each_once() -> None:
    assert [e.iteration for e in target.at_stop_points(curve(10, 20, 30), 1.0)] == [10, 20, 30]


def dips(slot: PlannedSlot) -> Trial:
    """400 iterations, evaluated every 20. The cyclic arm is at 0.9 at its cycles' ends from 200 on and dips between;
    the others hold 0.9 from 300 on."""
    trial = simulated.ended(slot)
    if slot.phase != "confirm":
        return trial
    late = 20 * (slot.config.seed % 3)

    def accuracy(i: int) -> float:
        if slot.arm == "cyclic":
            return 0.9 if i % 100 == 0 and i >= 200 else 0.5
        return 0.9 if i >= 300 + late else 0.5

    return replace(trial, curve=tuple(Evaluation(i, {"accuracy": accuracy(i)}) for i in range(20, 401, 20)))


def test_a_cyclic_arm_is_judged_at_its_cycles_ends_and_the_rest_at_the_same_spacing() -> None:
    plan = simulated.a_plan(
        arms=["fixed", "cosine", CYCLE], budget={"iterations": 400}, target=0.85, evaluate_every=20, confirm_seeds=5
    )

    arms = {arm.arm: arm for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    cyclic, fixed = arms["cyclic"].to_target, arms["fixed"].to_target
    assert cyclic is not None and fixed is not None
    assert set(cyclic.per_seed.values()) == {200}
    assert (cyclic.stop_points, fixed.stop_points, cyclic.spacing) == (4, 4, 100)
    assert set(fixed.per_seed.values()) <= {300, None}, "a run that is there at the last stop point alone never held it"
    ratio = arms["cyclic"].target_ratio
    assert ratio is not None and ratio.reached.count == 5
    assert arms["fixed"].target_ratio is None, "the baseline has none"


def test_one_cycle_leaves_its_own_arm_without_a_number_and_says_why_but_no_other_arm() -> None:
    single = {"family": "triangular2", "fixed": {"cycles": 1}}
    plan = simulated.a_plan(
        arms=["fixed", "cosine", single], budget={"iterations": 400}, target=0.85, evaluate_every=20, confirm_seeds=5
    )

    arms = {arm.arm: arm for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    found = {name: arm.to_target for name, arm in arms.items()}
    fixed, cosine, cyclic = found["fixed"], found["cosine"], found["triangular2"]
    assert fixed is not None and cosine is not None and cyclic is not None
    assert (fixed.stop_points, fixed.spacing, cosine.stop_points) == (20, 20, 20)
    assert cosine.reason == "" and set(cosine.per_seed.values()) <= {300, 320, 340}
    assert arms["cosine"].target_ratio is not None and arms["triangular2"].target_ratio is None
    assert (cyclic.stop_points, cyclic.median) == (1, None)
    assert cyclic.reason.startswith("its only cycle ends at the run's end: no second stop point")
    assert "search more cycles" in cyclic.reason and "evaluate more often" not in cyclic.reason


def test_one_cycle_beside_an_arm_with_four_leaves_the_rest_the_spacing_of_the_four() -> None:
    single = {"family": "triangular2", "fixed": {"cycles": 1}}
    plan = simulated.a_plan(
        arms=["fixed", single, CYCLE], budget={"iterations": 400}, target=0.85, evaluate_every=20, confirm_seeds=5
    )

    found = {arm.arm: arm.to_target for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    points = {name: row.stop_points for name, row in found.items() if row}
    assert points == {"fixed": 4, "triangular2": 1, "cyclic": 4}


def test_a_cycle_that_the_run_cuts_off_has_no_end_to_stop_at() -> None:
    long = {"family": "triangular", "fixed": {"step_size": 120}}
    plan = simulated.a_plan(
        arms=["fixed", long], budget={"iterations": 400}, target=0.85, evaluate_every=20, confirm_seeds=5
    )

    found = {arm.arm: arm.to_target for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    row = found["triangular"]
    assert row is not None and row.stop_points == 1
    assert row.reason.startswith("its only cycle ends at iteration 240 of 400: ")


@pytest.mark.parametrize(
    "arm",
    [
        {"family": "cosine_restarts", "name": "cyclic", "fixed": {"cycles": 4}},
        {"family": "triangular", "name": "cyclic", "fixed": {"step_size": 40, "step_size_down": 60}},
    ],
)
def test_restarts_and_lopsided_cycles_are_judged_at_their_own_ends(arm: dict[str, object]) -> None:
    plan = simulated.a_plan(
        arms=["fixed", arm], budget={"iterations": 400}, target=0.85, evaluate_every=20, confirm_seeds=5
    )

    found = {arm.arm: arm.to_target for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    cyclic = found["cyclic"]
    assert cyclic is not None and (cyclic.stop_points, cyclic.median) == (4, 200)


def test_a_ratio_comes_with_its_interval_counts_and_a_word_on_schedules_laid_out_for_the_run() -> None:
    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        start = {"fixed": 200, "cosine": 100}.get(slot.arm, 0) + 20 * (slot.config.seed % 3)
        at = range(20, 401, 20)
        curve = tuple(Evaluation(i, {"accuracy": 0.9 if i >= start else 0.5}) for i in at)
        return replace(trial, curve=curve) if slot.phase == "confirm" else trial

    plan = simulated.a_plan(arms=["fixed", "cosine"], budget={"iterations": 400}, target=0.85, confirm_seeds=5)
    arms = {arm.arm: arm for arm in answer("s", plan, simulated.run(plan, end=end)).arms}

    ratio = arms["cosine"].target_ratio
    assert ratio is not None and ratio.ratio is not None and ratio.interval is not None
    assert ratio.kind == "ratio" and 0.4 < ratio.ratio < 0.75
    assert ratio.interval.low < ratio.ratio < ratio.interval.high
    assert (ratio.reached.count, ratio.baseline_reached.of) == (5, 5)
    assert "laid out for the whole run" in ratio.note


def test_a_target_that_most_runs_miss_has_no_ratio() -> None:
    plan = simulated.a_plan(
        arms=["fixed", CYCLE], budget={"iterations": 400}, target=0.95, evaluate_every=20, confirm_seeds=5
    )

    arms = {arm.arm: arm for arm in answer("s", plan, simulated.run(plan, end=dips)).arms}

    ratio = arms["cyclic"].target_ratio
    assert ratio is not None and (ratio.kind, ratio.ratio) == ("not reached", None)
    assert ratio.reached.interval.high == pytest.approx(0.5218, abs=1e-3)
