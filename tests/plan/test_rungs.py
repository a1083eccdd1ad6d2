"""clr.plan.rungs: where a trial may be judged before its end, by the shape of its schedule."""

import pytest
import simulated
from hypothesis import given
from hypothesis import strategies as st

from clr import schedules, search_space
from clr.plan import rungs
from clr.spec import Interval

ITERATIONS, EVERY = 360, 18
CYCLIC = [family for family in search_space.COORDINATES if "cycles" in search_space.coordinates(family)]


def at(family: str, pruner: str = "median", iterations: int = ITERATIONS, every: int = EVERY, **point: float):
    space = search_space.space(family, {}, {}, {}, Interval(low=0.01, high=0.1), (1, 5))
    highest = {name: r.high for name, r in space.items()} | point
    schedule = search_space.schedule(family, {}, {}, highest, iterations)
    return rungs.at(schedule, pruner, iterations=iterations, evaluate_every=every)


def test_every_family_that_can_be_searched_has_a_shape() -> None:
    assert set(rungs.SHAPES) == set(search_space.COORDINATES)
    assert {family for family, shape in rungs.SHAPES.items() if shape == "cycles"} == set(CYCLIC)


@pytest.mark.parametrize("pruner", ["median", "asha"])
@pytest.mark.parametrize("family", search_space.COORDINATES)
@given(iterations=st.integers(1, 3000), every=st.integers(1, 3000), cycles=st.integers(1, 20))
def test_rungs_rise_and_lie_before_the_runs_end(family, pruner, iterations, every, cycles) -> None:
    cycles = max(1, min(cycles, iterations // 2))
    point = {"cycles": cycles} if family in CYCLIC else {}

    found = at(family, pruner, iterations, min(every, iterations), **point)

    assert list(found) == sorted(set(found))
    assert all(0 < rung < iterations for rung in found)


@pytest.mark.parametrize("family", CYCLIC)
@given(iterations=st.integers(2, 3000), cycles=st.integers(1, 40))
def test_a_cyclic_run_is_judged_after_the_last_update_of_a_cycle(family, iterations, cycles) -> None:
    cycles = min(cycles, iterations // 2)

    for rung in at(family, iterations=iterations, cycles=cycles):
        ended = rung * cycles / iterations  # cycles, in cycles
        assert ended - round(ended) < cycles / iterations and round(ended) >= 1
        assert ended > round(ended) - 1e-6, "the cycle is whole"


@pytest.mark.parametrize(
    ("cycles", "expected"), [(1, ()), (2, (180,)), (3, (120, 240)), (4, (90, 180, 270)), (10, (108, 180, 288))]
)
def test_a_cyclic_run_is_judged_at_the_first_cycle_end_after_each_quarter(cycles, expected) -> None:
    assert at("triangular2", cycles=cycles) == expected


def test_a_run_with_longer_and_longer_cycles_is_judged_at_their_ends() -> None:
    schedule = schedules.make("cosine_restarts", lr=0.1, end_lr=0.0, period=40, period_multiplier=2)

    assert rungs.at(schedule, "median", iterations=1000, evaluate_every=50) == (280, 600)  # 40 + 80 + 160 (+ 320)


def test_a_cycle_of_unequal_halves_ends_after_both() -> None:
    schedule = schedules.make("triangular", base_lr=0.01, max_lr=0.1, step_size=30, step_size_down=70)

    assert rungs.at(schedule, "median", iterations=360, evaluate_every=18) == (100, 200, 300)


def test_a_fixed_rate_is_judged_at_each_quarter_and_a_falling_one_from_half_on() -> None:
    assert at("fixed") == (90, 180, 270)
    for family, shape in rungs.SHAPES.items():
        if shape == "falling":
            assert at(family) == (180, 270), family
            assert at(family, "asha") == (180,), family


def test_asha_judges_a_fixed_rate_at_a_ninth_and_a_third() -> None:
    assert at("fixed", "asha") == (36, 126)  # the nearest evaluations to 40 and 120


def test_steps_are_judged_at_the_end_of_a_plateau_after_the_first_drop() -> None:
    assert at("step") == (240,)  # two drops, after 120 and 240 updates
    assert at("step", "asha") == (240,)


@pytest.mark.parametrize("family", ["one_cycle", "warmup_stable_decay"])
@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_a_run_whose_rate_comes_down_at_its_end_alone_is_not_judged_before(family, pruner) -> None:
    assert at(family, pruner) == ()


def test_no_pruner_has_no_rungs() -> None:
    assert all(at(family, "none") == () for family in search_space.COORDINATES)


def test_rungs_that_may_lie_anywhere_cost_no_evaluation_of_their_own() -> None:
    assert at("fixed", iterations=343, every=17) == (85, 170, 255)
    assert at("fixed", iterations=343, every=343) == (86, 172, 257), "unless there is none to take"


def test_the_plan_says_where_nothing_can_be_pruned() -> None:
    arms = ["fixed", "one_cycle", "cosine"]

    (notes,) = [simulated.a_plan(pruner="median", arms=arms, trials=20).notes]
    few = simulated.a_plan(pruner="asha", arms=arms, trials=6).notes

    assert notes == ("Nothing is pruned in one_cycle: there a run can be judged at its end alone.",)
    assert few[1] == (
        "Nothing is pruned in fixed, cosine: a trial is judged by at least 5 trials of earlier rounds, and there are "
        "fewer; ask for more trials."
    )
    assert simulated.a_plan(arms=arms, trials=6).notes == ()


def test_an_arm_whose_runs_hold_one_cycle_is_not_pruned() -> None:
    arms = [{"family": "triangular", "fixed": {"cycles": 1}}, {"family": "triangular2", "search": {"cycles": [1, 3]}}]

    plan = simulated.a_plan(pruner="median", arms=arms, trials=20)

    assert [note for note in plan.notes if "pruned" in note] == [
        "Nothing is pruned in triangular: there a run can be judged at its end alone."
    ]
