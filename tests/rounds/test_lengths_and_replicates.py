"""Confirm at several lengths, with target seeds, and whole replicates of search and confirm."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
import simulated

from clr import rounds, schedules
from clr.analysis.answer import answer
from clr.plan import Plan, PlannedSlot
from clr.results import Evaluation, Trial

LENGTHS = [0.25, 0.5, 1.0]


def slots(plan: Plan, end: Callable[[PlannedSlot], Trial] = simulated.ended) -> tuple[list[PlannedSlot], list[Trial]]:
    seen: list[PlannedSlot] = []
    trials = simulated.run(plan, end=lambda slot: seen.append(slot) or end(slot))
    return seen, trials


def test_every_arm_runs_on_the_same_seeds_at_each_length() -> None:
    plan = simulated.a_plan(lengths=LENGTHS, budget={"iterations": 400})

    seen, trials = slots(plan)

    for arm in plan.arms:
        confirm = [s for s in seen if s.phase == "confirm" and s.arm == arm.name]
        assert sorted({s.config.iterations for s in confirm}) == [100, 200, 400]
        for length in (100, 200, 400):
            assert tuple(s.config.seed for s in confirm if s.config.iterations == length) == plan.confirm_seeds
    assert rounds.over(plan, trials)
    assert all(s.config.test for s in seen if s.phase == "confirm")


def test_stretched_schedules_keep_their_shape_and_cyclic_arms_their_number_of_cycles() -> None:
    plan = simulated.a_plan(lengths=LENGTHS, budget={"iterations": 400})

    seen, _ = slots(plan)

    for arm in ("cosine", "triangular2"):
        whole, quarter = (
            next(s for s in seen if s.phase == "confirm" and s.arm == arm and s.config.iterations == n)
            for n in (400, 100)
        )
        long, short = (schedules.from_dict(s.config.schedule) for s in (whole, quarter))
        assert [short(i) for i in range(0, 100, 5)] == pytest.approx([long(4 * i) for i in range(0, 100, 5)], rel=0.05)
        assert quarter.config.evaluate_every == whole.config.evaluate_every / 4
    cyclic = next(s for s in seen if s.phase == "confirm" and s.arm == "triangular2" and s.config.iterations == 100)
    cycles = 100 / (2 * cyclic.config.schedule["step_size"])
    assert cycles == pytest.approx(round(cycles))


def by_length(**means: tuple[float, float, float]) -> Callable[[PlannedSlot], Trial]:
    """Confirm values of each arm at a quarter, half and the whole of 400 iterations."""

    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        if slot.phase != "confirm":
            return trial
        place = (100, 200, 400).index(slot.config.iterations)
        return replace(trial, value=means[slot.arm][place] + (slot.config.seed % 7) * 1e-4)

    return end


def test_the_answer_ranks_by_length_and_says_where_arms_cross() -> None:
    plan = simulated.a_plan(lengths=LENGTHS, budget={"iterations": 400})
    end = by_length(fixed=(0.80, 0.84, 0.86), cosine=(0.70, 0.84001, 0.90), triangular2=(0.75, 0.80, 0.85))

    found = answer("s", plan, slots(plan, end)[1])

    assert [r.iterations for r in found.lengths] == [100, 200, 400]
    assert [r.arms[0].arm for r in found.lengths] == ["fixed", "cosine", "cosine"]
    crossed = {frozenset({c.ahead_before, c.ahead_after}): c.iterations for c in found.crossings}
    assert 195 < crossed[frozenset({"fixed", "cosine"})] <= 200
    assert 100 < crossed[frozenset({"cosine", "triangular2"})] < 200
    assert frozenset({"fixed", "triangular2"}) not in crossed
    assert all(len(arm.values) == 3 for arm in found.arms), "shorter runs are no part of the comparison"


def test_what_fewer_iterations_cost_is_measured_against_the_baselines_whole_runs() -> None:
    plan = simulated.a_plan(lengths=LENGTHS, budget={"iterations": 400}, margin=0.01)
    end = by_length(fixed=(0.80, 0.84, 0.86), cosine=(0.70, 0.87, 0.90), triangular2=(0.75, 0.855, 0.85))

    found = answer("s", plan, slots(plan, end)[1])

    cost = {(r.iterations, arm.arm): arm for r in found.lengths for arm in r.arms}
    assert cost[200, "cosine"].against_whole == pytest.approx(0.01)
    assert {key for key, arm in cost.items() if arm.sooner} == {(200, "cosine")}
    assert all(arm.against_whole is None for (iterations, _), arm in cost.items() if iterations == 400)
    bounds = cost[200, "triangular2"].against_whole_interval
    assert bounds is not None and bounds.level == pytest.approx(1 - 0.05 / 6)
    (said,) = (note for note in found.notes if note.startswith("cosine in 200"))
    assert "against fixed in 400: +1.00 points" in said and "at once" in said


def test_runs_that_survived_at_a_shorter_length_are_no_claim_of_fewer_iterations() -> None:
    plan = simulated.a_plan(lengths=[0.5, 1.0], budget={"iterations": 400}, margin=0.1)

    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        short = slot.phase == "confirm" and slot.config.iterations < 400
        if short and slot.arm == "cosine" and slot.config.seed == plan.confirm_seeds[0]:
            return replace(trial, outcome="diverged", value=None)
        return replace(trial, value=0.85 + 0.01 * short) if slot.phase == "confirm" else trial

    found = answer("s", plan, slots(plan, end)[1])

    assert {arm.arm for arm in found.lengths[0].arms if arm.sooner} == {"fixed", "triangular2"}


def test_a_wide_interval_is_no_claim_of_fewer_iterations() -> None:
    plan = simulated.a_plan(lengths=[0.5, 1.0], budget={"iterations": 400}, margin=0.01)

    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        noise = 0.05 * (slot.config.seed % 3) * (slot.config.iterations < 400)
        return replace(trial, value=0.85 + noise) if slot.phase == "confirm" else trial

    found = answer("s", plan, slots(plan, end)[1])

    assert not any(arm.sooner for ranking in found.lengths for arm in ranking.arms)
    assert not any("is lost" in note for note in found.notes)


def test_a_study_of_one_length_has_no_ranking_by_length() -> None:
    plan = simulated.a_plan()

    found = answer("s", plan, simulated.run(plan))

    assert found.lengths == () and found.crossings == ()


def curved(slot: PlannedSlot) -> Trial:
    """A run whose validation accuracy rises to 0.9 at its end, and a little with its seed."""
    trial = simulated.ended(slot)
    at = range(slot.config.evaluate_every, slot.config.iterations + 1, slot.config.evaluate_every)
    rise = {"fixed": 1.0, "cosine": 1.0, "triangular2": 2.0}.get(slot.arm, 1.0)
    extra = (slot.config.seed % 5) / 1000
    curve = tuple(Evaluation(i, {"accuracy": min(0.9, 0.9 * rise * i / slot.config.iterations) + extra}) for i in at)
    return replace(trial, curve=curve) if slot.phase == "confirm" else trial


def test_the_targets_seeds_are_the_baselines_own_and_used_for_nothing_else() -> None:
    plan = simulated.a_plan(target_seeds=4, budget={"iterations": 400})

    seen, trials = slots(plan, curved)

    extra = [s for s in seen if s.config.seed in plan.target_seeds]
    assert {s.arm for s in extra} == {"fixed"} and len(extra) == 4
    assert not {*plan.target_seeds} & {*plan.confirm_seeds}
    found = answer("s", plan, trials)
    last = sorted(0.9 + (seed % 5) / 1000 for seed in plan.target_seeds)
    assert found.target == pytest.approx((last[1] + last[2]) / 2)
    assert all(len(arm.values) == 3 for arm in found.arms)


def test_a_replicate_is_a_search_and_a_confirm_of_its_own() -> None:
    plan = simulated.a_plan(replicates=3, confirm_seeds=2)

    seen, trials = slots(plan)

    assert plan.slots == 3 + 3 * (18 + 6) == len(trials)
    for arm in plan.arms:
        search = [s for s in seen if s.phase == "search" and s.arm == arm.name]
        by_replicate = {r: [s for s in search if s.round // len(arm.rounds) == r] for r in range(3)}
        points = [{tuple(s.params.values()) for s in own} for own in by_replicate.values()]
        assert not points[0] & points[1] and not points[1] & points[2], "their samplers have seeds of their own"
        assert len({s.config.seed for s in search}) == 3, "and so do their trials"
        for r in range(3):
            confirm = [s for s in seen if s.phase == "confirm" and s.arm == arm.name and s.round == r]
            assert tuple(s.config.seed for s in confirm) == plan.confirm_seeds[2 * r : 2 * r + 2]
            own = [t for t in trials if t.phase == "search" and t.arm == arm.name and t.round // len(arm.rounds) == r]
            best = max(own, key=lambda t: t.value or 0)
            assert all(s.params == best.params for s in confirm)


def test_one_replicate_is_the_study_as_it_always_was() -> None:
    assert simulated.run(simulated.a_plan(replicates=1)) == simulated.run(simulated.a_plan())


def test_a_replicated_study_judges_families_over_replicates() -> None:
    plan = simulated.a_plan(replicates=4, confirm_seeds=2)

    found = answer("s", plan, slots(plan)[1])

    assert found.status == "confirmed" and found.replicates == 4
    assert {arm.difference.pairs for arm in found.arms if arm.difference} == {4}
    assert "4 paired replicates of search and confirm, 2 seeds each" in found.sentence
    assert "each family as tuned by this budget" in found.sentence
    for arm in found.arms:
        assert len(arm.values) == 8
        assert arm.mean == pytest.approx(sum(arm.values.values()) / 8)
    assert found.price is None or found.price.command is None


@pytest.mark.parametrize("options", [{"replicates": 2}, {"lengths": LENGTHS, "target_seeds": 2, "final_seeds": 2}])
def test_the_order_in_which_trials_end_changes_nothing(options: dict) -> None:
    plan = simulated.a_plan(**options)
    in_order = simulated.run(plan)

    shuffle = random.Random(1)
    assert simulated.run(plan, pick=lambda waiting: shuffle.randrange(len(waiting))) == in_order


@pytest.mark.parametrize(
    "options",
    [{"replicates": 3}, {"lengths": LENGTHS, "target_seeds": 2, "final_seeds": 2, "looks": [2, 3]}],
)
def test_numbers_are_unique_and_reruns_of_the_range_test_come_last(options: dict) -> None:
    plan = simulated.a_plan(range_test={"high": 0.5}, **options)

    trials = simulated.run(plan)

    numbers = [t.number for t in trials]
    assert len(set(numbers)) == len(numbers)
    reruns = [t.number for t in trials if t.phase == "range-test" and t.round]
    assert reruns == [plan.slots + k for k in (1, 2, 3)]
    assert max(t.number for t in trials if t.phase != "range-test") <= plan.slots
    assert rounds.over(plan, trials)


def test_the_ledger_counts_shorter_runs_by_their_iterations() -> None:
    plan = simulated.a_plan(lengths=LENGTHS, budget={"iterations": 400})

    rows = {(row.phase, row.arm): row for row in answer("s", plan, slots(plan)[1]).ledger}

    assert (rows["confirm", "cosine"].asked, rows["confirm", "cosine"].iterations) == (9, 3 * (100 + 200 + 400))
    assert plan.range_test is not None
    assert plan.training_iterations == plan.range_test.iterations * 3 + 18 * 400 + 9 * 700
