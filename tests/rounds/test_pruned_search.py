"""A whole study whose weak search trials end early: the same in any order, and confirm is left alone."""

import random
from collections import Counter
from dataclasses import replace

import pytest
import simulated

from clr import plan as plans
from clr import rounds, schedules
from clr.analysis import accounts, answer, pruning
from clr.plan import Plan, PlannedSlot
from clr.plan import rungs as rungs_of
from clr.results import Evaluation, Trial
from clr.spec import Extension, Interval, parse

PRUNERS = ("median", "asha")


def a_plan(pruner: str = "median", **changes: object) -> Plan:
    spec = {"trials": 20, "budget": {"iterations": 360}, "bounds": {"low": 1e-4, "high": 2.0}, "confirm_seeds": 2}
    return simulated.a_plan(**{**spec, "pruner": pruner, **changes})


def trained(slot: PlannedSlot) -> Trial:
    """The slot's trial as the training loop runs it: evaluated at its rungs, ended at one where it is worse.

    Accuracy rises with each update towards the run's final value, and is halved while a cycle is under way.
    """
    whole, config = simulated.ended(slot), slot.config
    if whole.value is None:  # a range test
        return whole
    schedule = schedules.from_dict(config.schedule)
    cycle = schedule.cycle if rungs_of.SHAPES[schedule.family] == "cycles" else None
    at = sorted({*range(18, config.iterations + 1, 18), *(rung.iteration for rung in config.rungs)})
    curve = [Evaluation(i, {"accuracy": whole.value * (0.5 + i / 720) * _dip(i, cycle)}) for i in at]
    for rung in config.rungs:
        (measured,) = (e.metrics["accuracy"] for e in curve if e.iteration == rung.iteration)
        if rung.threshold is not None and measured < rung.threshold:
            reached = tuple(e for e in curve if e.iteration <= rung.iteration)
            return replace(whole, outcome="pruned", value=None, curve=reached, test={})
    return replace(whole, curve=tuple(curve))


def _dip(iteration: int, cycle: float | None) -> float:
    return 1.0 if cycle is None or abs(iteration / cycle - round(iteration / cycle)) < 1e-6 else 0.5


@pytest.fixture(scope="module", params=PRUNERS)
def study(request: pytest.FixtureRequest) -> tuple[Plan, list[Trial], list[PlannedSlot]]:
    plan, seen = a_plan(request.param), []
    return plan, simulated.run(plan, end=lambda slot: seen.append(slot) or trained(slot)), seen


def test_weak_trials_of_later_rounds_are_pruned_and_none_of_the_first(study) -> None:
    _, trials, _ = study

    pruned = [t for t in trials if t.outcome == "pruned"]

    assert len(pruned) >= 5
    assert {t.phase for t in pruned} == {"search"}
    assert min(t.round for t in pruned) == 1


def test_no_run_of_range_test_or_confirm_has_a_rung(study) -> None:
    _, _, slots = study

    assert all(slot.config.rungs == () for slot in slots if slot.phase != "search")
    assert any(slot.config.rungs for slot in slots if slot.phase == "search")
    assert all(not slot.config.rungs for slot in _slots(a_plan(bounds="range-test")) if slot.phase != "search")


def _slots(plan: Plan) -> list[PlannedSlot]:
    seen: list[PlannedSlot] = []
    simulated.run(plan, end=lambda slot: seen.append(slot) or trained(slot))
    assert {slot.phase for slot in seen} == {"range-test", "search", "confirm"}
    return seen


@pytest.mark.parametrize("family", rungs_of.SHAPES)
@pytest.mark.parametrize("pruner", PRUNERS)
def test_every_family_is_pruned_where_its_shape_allows_and_nowhere_else(family: str, pruner: str) -> None:
    plan, seen = a_plan(pruner, arms=[family], confirm_seeds=1), []
    trials = simulated.run(plan, end=lambda slot: seen.append(slot) or trained(slot))

    ends = {t.number: t.curve[-1].iteration for t in trials if t.outcome == "pruned"}

    assert bool(ends) is (rungs_of.SHAPES[family] != "end")
    configs = {slot.number: slot.config for slot in seen}
    for number, end in ends.items():
        config = configs[number]
        schedule = schedules.from_dict(config.schedule)
        allowed = rungs_of.at(schedule, pruner, iterations=360, evaluate_every=config.evaluate_every)
        assert end in allowed and [rung.iteration for rung in config.rungs] == list(allowed)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_the_order_in_which_trials_end_changes_no_rung_and_no_outcome(pruner: str) -> None:
    plan, rungs = a_plan(pruner), []
    for seed in (None, 1, 2, 3):
        seen: list[PlannedSlot] = []
        shuffle = random.Random(seed)
        pick = (lambda waiting: 0) if seed is None else (lambda waiting, r=shuffle: r.randrange(len(waiting)))
        trials = simulated.run(plan, end=lambda slot, s=seen: s.append(slot) or trained(slot), pick=pick)
        rungs.append((trials, {slot.number: slot.config.rungs for slot in seen}))

    assert all(found == rungs[0] for found in rungs)


def test_a_search_without_a_pruner_draws_the_same_first_round(study) -> None:
    _, trials, _ = study
    unpruned = simulated.run(a_plan("none"), end=trained)

    first = [
        [(t.params, t.value) for t in found if t.round == 0 and t.phase == "search"] for found in (trials, unpruned)
    ]

    assert first[0] == first[1]
    assert all(slot.config.rungs == () for slot in rounds.due(a_plan("none"), ()))


def test_a_rung_iteration_never_falls(study) -> None:
    """Wrong step numbers prune wrongly: a run's rungs rise, and its curve holds each that it came by."""
    _, trials, slots = study
    curves = {t.number: [e.iteration for e in t.curve] for t in trials}

    for slot in slots:
        places = [rung.iteration for rung in slot.config.rungs]
        assert places == sorted(set(places)) and all(0 < i < slot.config.iterations for i in places)
        assert {i for i in places if i <= curves[slot.number][-1]} <= set(curves[slot.number])


def test_a_pruned_trial_is_no_finalist_and_the_arm_is_not_starved(study) -> None:
    plan, trials, _ = study

    found = answer.answer("s", plan, trials)

    outcomes = {t.number: t.outcome for t in trials}
    assert all(outcomes[arm.search_trial] == "done" for arm in found.arms if arm.search_trial)
    assert found.unequal == "" and found.status == "confirmed"


def test_the_ledger_says_what_pruning_saved(study) -> None:
    plan, trials, _ = study

    ledger = {(row.phase, row.arm): row for row in accounts.ledger(plan, trials)}

    for arm in plan.arms:
        row, search = ledger["search", arm.name], [t for t in trials if (t.phase, t.arm) == ("search", arm.name)]
        pruned = [t for t in search if t.outcome == "pruned"]
        assert row.pruned == len(pruned) and row.trained + row.pruned + row.failed == row.asked == 20
        assert row.saved == sum(360 - t.curve[-1].iteration for t in pruned)
        assert row.iterations + row.saved == row.iterations_asked == 20 * 360
        assert ledger["confirm", arm.name].pruned == ledger["confirm", arm.name].saved == 0
    saved = sum(row.saved for row in ledger.values())
    assert saved > 0 and f"saved {saved} of {60 * 360} iterations" in answer.answer("s", plan, trials).notes[0]


def test_what_a_diverged_trial_did_not_train_is_not_saved(study) -> None:
    plan, trials, _ = study
    (first, *_) = [t for t in trials if t.outcome == "done" and t.phase == "search"]
    lost = replace(first, outcome="diverged", value=None, curve=first.curve[:3])

    ledgers = [accounts.ledger(plan, [lost if t is first and changed else t for t in trials]) for changed in (0, 1)]

    assert [row.saved for row in ledgers[0]] == [row.saved for row in ledgers[1]]


def test_a_sampler_is_told_of_pruned_trials(study) -> None:
    plan, trials, _ = study
    seen = [t for t in trials if t.phase == "search" and t.round < 2]
    silent = [replace(t, outcome="failed") if t.outcome == "pruned" else t for t in seen]

    points = [{slot.number: slot.params for slot in rounds.due(plan, told)} for told in (seen, silent)]

    assert points[0].keys() == points[1].keys() and points[0] != points[1]


def test_a_replicate_is_judged_by_its_own_trials_alone() -> None:
    plan = a_plan(arms=["fixed"], replicates=2)
    seen: list[PlannedSlot] = []

    simulated.run(plan, end=lambda slot: seen.append(slot) or trained(slot))

    first = [slot for slot in seen if slot.phase == "search" and slot.round == len(plan.arms[0].rounds)]
    assert len(first) == 10 and all(rung.threshold is None for slot in first for rung in slot.config.rungs)


def test_the_worth_of_tuning_counts_the_random_round_alone_once_trials_are_pruned() -> None:
    """What survives is no random draw: with the random sampler every round counted, were nothing pruned."""
    plan = a_plan(sampler="random")
    found = answer.answer("s", plan, simulated.run(plan, end=trained))
    whole = answer.answer("s", a_plan("none", sampler="random"), simulated.run(a_plan("none", sampler="random")))

    assert [point.trials for point in found.arms[0].tuning] == [1, 2, 4, 8]
    assert [point.trials for point in whole.arms[0].tuning] == [1, 2, 4, 8, 16]


def test_an_extended_search_is_judged_by_every_round_before() -> None:
    """Three, then three trials are too few to be judged by; six are not, and the plan's note of it goes."""
    asked = {"arms": ["fixed"], "trials": 6, "pruner": "median", "bounds": {"low": 1e-4, "high": 2.0}}
    plan, seen = a_plan(**asked), []
    trials = simulated.run(plan, end=trained)
    spec = parse({"task": "digits", "budget": {"iterations": 360}, "confirm_seeds": 2, **asked})

    longer = plans.extended(plan, spec, Extension(trials=4), Interval(low=1e-4, high=2.0))
    simulated.run(longer, end=lambda slot: seen.append(slot) or trained(slot))

    search = [t.curve[4].metrics["accuracy"] for t in trials if t.phase == "search"]
    added = [slot.config.rungs[0].threshold for slot in seen if slot.phase == "search" and slot.round == 2]
    assert added == [pruning.threshold("median", search, "maximize")] * 4
    assert "Nothing is pruned" in plan.notes[0] and longer.notes == ()


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
def test_every_sampler_goes_on_after_pruned_trials(sampler: str) -> None:
    plan = a_plan(sampler=sampler)

    outcomes = Counter(t.outcome for t in simulated.run(plan, end=trained) if t.phase == "search")

    assert outcomes["pruned"] > 0 and outcomes.total() == 60


def test_thresholds_come_from_the_curves_of_earlier_rounds_alone() -> None:
    """Another arm's curves, and those of range test and confirm, change nothing."""
    plan = a_plan()
    trials = [t for t in simulated.run(plan, end=trained) if t.phase == "search" and t.round == 0]
    blind = [replace(t, curve=()) if t.arm != "fixed" else t for t in trials]

    with_all = {slot.number: slot.config.rungs for slot in rounds.due(plan, trials) if slot.arm == "fixed"}
    with_own = {slot.number: slot.config.rungs for slot in rounds.due(plan, blind) if slot.arm == "fixed"}

    own = [t for t in trials if t.arm == "fixed"]
    by_hand = pruning.threshold("median", [t.curve[4].metrics["accuracy"] for t in own], "maximize")
    assert with_all == with_own
    assert {rungs[0].threshold for rungs in with_own.values()} == {by_hand}
