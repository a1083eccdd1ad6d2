"""The confirm phase in stages: planned looks, finalists, final seeds; the same in any order."""

import random
from collections.abc import Callable
from dataclasses import replace

import simulated

from clr import rounds
from clr.analysis.answer import answer
from clr.plan import Plan, PlannedSlot
from clr.results import Trial

EFFECTS = (0.004, -0.003, 0.001, -0.002, 0.0, 0.003, -0.001, 0.002, -0.004, 0.0015)


def valued(plan: Plan, spread: float = 0.1, **shift: float) -> Callable[[PlannedSlot], Trial]:
    """Ends a slot; in confirm its value is 0.9, the arm's shift and `spread` times an effect of its seed and arm."""

    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        if slot.phase != "confirm":
            return trial
        k = (slot.config.seed + 3 * [arm.name for arm in plan.arms].index(slot.arm)) % len(EFFECTS)
        value = 0.9 + shift.get(slot.arm, 0.0) + spread * EFFECTS[k]
        return replace(trial, value=value, test={"accuracy": value})

    return end


def confirm(trials: list[Trial], arm: str) -> list[Trial]:
    return [t for t in trials if t.phase == "confirm" and t.arm == arm]


def test_without_options_the_seeds_are_run_at_once() -> None:
    plan = simulated.a_plan()

    assert {t.round for t in simulated.run(plan) if t.phase == "confirm"} == {0}
    assert plan.planned_looks == (3,)


def test_a_clear_winner_ends_the_looks_at_the_first() -> None:
    plan = simulated.a_plan(confirm_seeds=10, looks=[3, 5, 10])

    trials = simulated.run(plan, end=valued(plan, cosine=0.05))

    assert [len(confirm(trials, arm.name)) for arm in plan.arms] == [3, 3, 3]
    assert rounds.over(plan, trials)
    found = answer("s", plan, trials)
    assert (found.action, found.recommended, found.status) == ("use it", "cosine", "confirmed")
    assert round(found.level, 4) == 0.9833
    assert "3 paired seeds (looks planned at 3, 5, 10)" in found.sentence


def test_an_undecided_look_opens_the_next_one_on_more_seeds() -> None:
    plan = simulated.a_plan(confirm_seeds=10, looks=[3, 5, 10], margin=1e-5)

    trials = simulated.run(plan, end=valued(plan, spread=1.0))

    for arm in plan.arms:
        runs = confirm(trials, arm.name)
        assert tuple(t.seed for t in runs) == plan.confirm_seeds
        assert [t.round for t in runs] == [0] * 3 + [1] * 2 + [2] * 5
    assert answer("s", plan, trials).action.startswith("undecided")


def test_between_two_looks_nothing_is_confirmed() -> None:
    plan = simulated.a_plan(confirm_seeds=10, looks=[3, 5, 10], margin=1e-5)
    trials = simulated.run(plan, end=valued(plan, spread=1.0))

    between = answer("s", plan, [t for t in trials if t.phase != "confirm" or t.round == 0])

    assert between.status == "provisional"
    assert all(not arm.values for arm in between.arms)


def test_finalists_are_the_baseline_and_the_best_of_the_search() -> None:
    arms = ["fixed", "cosine", "linear", "triangular", "triangular2"]
    plan = simulated.a_plan(arms=arms, confirm="finalists", baseline="triangular2")

    trials = simulated.run(plan)

    best = {
        name: max(t.value or 0 for t in trials if t.phase == "search" and t.arm == name)
        for name in arms
        if name != "triangular2"
    }
    expected = {"triangular2", *sorted(best, key=lambda name: -best[name])[:2]}
    assert {t.arm for t in trials if t.phase == "confirm"} == expected
    left_out = [arm for arm in arms if arm not in expected]
    assert all(rounds.planned(plan, trials)["confirm", arm] == 0 for arm in left_out)
    found = answer("s", plan, trials)
    assert found.status == "confirmed" and "of 5 arms the 3 finalists" in found.sentence
    assert {arm.arm for arm in found.arms if arm.status == "not confirmed"} == set(left_out)
    assert found.unequal == ""


def test_the_best_set_runs_once_more_on_fresh_seeds_and_those_are_reported() -> None:
    plan = simulated.a_plan(confirm_seeds=5, final_seeds=4)

    trials = simulated.run(plan, end=valued(plan, cosine=0.05))

    (final,) = [arm for arm in answer("s", plan, trials).arms if arm.final_values]
    assert final.arm == "cosine"
    runs = [t for t in confirm(trials, "cosine") if t.round == 1]
    assert tuple(t.seed for t in runs) == plan.final_seeds
    assert not {*plan.final_seeds} & {*plan.confirm_seeds}
    found = answer("s", plan, trials)
    assert found.reported is not None and found.reported.fresh
    assert found.reported.values == {str(t.seed): t.value for t in runs}
    assert "On 4 fresh seeds, which the choice never saw, cosine" in found.sentence
    assert len(found.arms[0].values) == 5, "the comparison rests on the seeds that all arms share"


def test_undecided_members_all_get_the_final_seeds() -> None:
    plan = simulated.a_plan(confirm_seeds=3, final_seeds=2, margin=1e-6)

    trials = simulated.run(plan, end=valued(plan, spread=1.0))

    assert {t.arm for t in trials if t.round == 1 and t.phase == "confirm"} == set(answer("s", plan, trials).best_set)


def test_without_final_seeds_the_reported_figure_is_the_confirmed_one() -> None:
    plan = simulated.a_plan(confirm_seeds=5)

    found = answer("s", plan, simulated.run(plan, end=valued(plan, cosine=0.05)))

    assert found.reported is not None and not found.reported.fresh
    assert found.reported.mean == found.arms[0].mean


def test_staged_studies_are_the_same_in_any_order_of_ends() -> None:
    plan = simulated.a_plan(confirm_seeds=6, looks=[2, 4, 6], final_seeds=3, confirm="finalists", margin=1e-5)
    end = valued(plan, spread=1.0)
    in_order = simulated.run(plan, end=end)

    for seed in range(3):
        shuffle = random.Random(seed)
        assert simulated.run(plan, end, lambda waiting, r=shuffle: r.randrange(len(waiting))) == in_order


def test_numbers_of_all_stages_are_unique_and_below_those_of_reruns() -> None:
    plan = simulated.a_plan(confirm_seeds=5, final_seeds=4, looks=[2, 5], range_test={"high": 0.5})

    trials = simulated.run(plan, end=valued(plan, spread=1.0))

    numbers = [t.number for t in trials]
    assert len(set(numbers)) == len(numbers)
    reruns = [t.number for t in trials if t.phase == "range-test" and t.round > 0]
    assert reruns == [plan.slots + 1, plan.slots + 2, plan.slots + 3]
    assert max(t.number for t in trials if t.phase == "confirm") <= plan.slots


def test_an_old_plan_still_reads() -> None:
    plan = simulated.a_plan()
    stored = plan.model_dump(mode="json")
    for field in ("margin", "confirm", "looks", "final_seeds"):
        del stored[field]

    assert Plan.model_validate(stored) == plan
