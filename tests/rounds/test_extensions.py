"""An extended study: no trial twice, no number changed, the same whenever it was extended, paired throughout."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st

from clr import plan as plans
from clr import rounds
from clr.analysis import confirmed, peak_interval
from clr.analysis.answer import answer
from clr.plan import Plan, PlannedSlot
from clr.results import Trial
from clr.spec import Extension, StudySpec

ARMS = ("fixed", "cosine", "triangular2")
BOUNDS = {"low": 0.001, "high": 0.1}
WIDER = {"low": 0.001, "high": 1.0}


def extend(spec: StudySpec, plan: Plan, trials: list[Trial], /, **asked: object) -> Plan:
    settled = peak_interval.settle(plan, peak_interval.ramp_rounds(plan, trials))
    return plans.extended(plan, spec, Extension(**asked), settled.interval if settled else None)  # type: ignore[arg-type]


def a_study(**changes: object) -> tuple[StudySpec, Plan, list[Trial]]:
    """A study that has ended."""
    spec = simulated.a_spec(**changes)
    plan = plans.make(spec, simulated.FACTS)
    return spec, plan, simulated.run(plan)


def confirm(trials: list[Trial], arm: str) -> list[Trial]:
    return [trial for trial in trials if (trial.phase, trial.arm) == ("confirm", arm)]


def ranked_last(name: str, after: int) -> Callable[[PlannedSlot], Trial]:
    """Ends a slot; search trials of the arm from round `after` on find nothing better."""

    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        hopeless = slot.phase == "search" and slot.arm == name and slot.round >= after
        return replace(trial, value=0.05) if hopeless else trial

    return end


asked = st.fixed_dictionaries(
    {},
    optional={
        "trials": st.integers(1, 9),
        "confirm_seeds": st.integers(1, 4),
    },
).filter(bool)


@settings(max_examples=40)
@given(
    extensions=st.lists(asked, min_size=1, max_size=3),
    sampler=st.sampled_from(["tpe", "random", "qmc", "cma-es", "grid"]),
    beside=st.sampled_from(
        [
            {},
            {"final_seeds": 2},
            {"lengths": [0.5, 1]},
            {"target_seeds": 2},
            {"looks": [2, 4]},
            {"confirm": "finalists"},
        ]
    ),
    shuffle=st.integers(0, 1000),
)
def test_a_study_is_the_same_whether_it_was_extended_at_once_or_after_each_end(
    extensions: list[dict[str, int]], sampler: str, beside: dict[str, object], shuffle: int
) -> None:
    spec, plan, trials = a_study(bounds=BOUNDS, sampler=sampler, **({"confirm_seeds": 4} if beside else {}), **beside)
    whole = plan
    for one in extensions:
        before = trials
        plan = extend(spec, plan, trials, **one)
        trials = simulated.run(plan, before=trials)
        whole = extend(spec, whole, [], **one)

        assert [trial for trial in trials if trial.number <= before[-1].number] == before, "numbers and trials stay"

    chance = random.Random(shuffle)
    assert whole == plan
    assert simulated.run(whole, pick=lambda waiting: chance.randrange(len(waiting))) == trials
    assert len({trial.number for trial in trials}) == len(trials)
    run = Counter((t.arm, tuple(t.params.items()), t.seed, t.iterations) for t in trials)
    assert max(run.values()) == 1, "no trial is repeated"
    assert len({sum(t.phase == "search" for t in trials if t.arm == arm) for arm in ARMS}) == 1
    assert rounds.over(plan, trials)
    _paired(plan, trials)


def _paired(plan: Plan, trials: list[Trial]) -> None:
    """Every arm that is compared has the same seeds, run with its best search trial."""
    found = answer("s", plan, trials)
    assert found.status == "confirmed" and found.unequal == ""
    compared = {arm: confirmed.runs(plan, trials, arm) for arm in ARMS if confirmed.runs(plan, trials, arm)}
    seeds = {tuple(sorted(t.seed for t in runs)) for runs in compared.values()}
    assert len(seeds) == 1 and set(*seeds) <= set(plan.all_confirm_seeds)
    for arm, runs in compared.items():
        best = max((t for t in trials if (t.phase, t.arm) == ("search", arm)), key=lambda t: t.value or 0)
        assert all(run.params == best.params for run in runs)


def test_more_seeds_are_those_that_a_larger_study_would_have_had() -> None:
    spec, plan, trials = a_study()

    longer = extend(spec, plan, trials, confirm_seeds=2)
    after = simulated.run(longer, before=trials)

    assert longer.all_confirm_seeds == simulated.a_plan(confirm_seeds=5).confirm_seeds
    assert all(tuple(t.seed for t in confirm(after, arm)) == longer.all_confirm_seeds for arm in ARMS)
    assert len(after) == len(trials) + 2 * len(ARMS)
    assert min(t.number for t in after[len(trials) :]) > plan.numbers.last
    found = answer("s", longer, after)
    assert {len(arm.values) for arm in found.arms} == {5} and found.extensions == 1


def test_a_better_finalist_is_confirmed_on_the_same_seeds_and_the_others_are_left_alone() -> None:
    spec = simulated.a_spec(bounds=BOUNDS)
    plan = plans.make(spec, simulated.FACTS)
    trials = simulated.run(plan)
    longer = extend(spec, plan, trials, trials=8, peak_lr=WIDER)

    after = simulated.run(longer, ranked_last("cosine", after=len(plan.arm("cosine").rounds)), before=trials)

    assert confirm(after, "cosine") == confirm(trials, "cosine")
    for name in ("fixed", "triangular2"):
        former, newer = confirm(trials, name), [t for t in confirm(after, name) if t not in trials]
        assert [t.seed for t in newer] == [t.seed for t in former] and newer[0].params != former[0].params
        assert confirmed.runs(longer, after, name) == newer
        assert confirmed.superseded(longer, after, name) == former
    found = answer("s", longer, after)
    assert {len(arm.values) for arm in found.arms} == {3}
    assert any("3 confirm runs of former finalists" in note for note in found.notes)
    asked = {row.arm: row.asked for row in found.ledger if row.phase == "search"}
    assert asked == dict.fromkeys(ARMS, 14)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
def test_a_wider_interval_is_searched_by_the_new_trials_alone(sampler: str) -> None:
    spec, plan, trials = a_study(bounds=BOUNDS, sampler=sampler)
    longer = extend(spec, plan, trials, trials=12, peak_lr=WIDER)

    after = simulated.run(longer, before=trials)

    for arm in ARMS:
        new = [t.params["peak_lr"] for t in after if (t.phase, t.arm) == ("search", arm) and t not in trials]
        assert len(new) == 12 and max(new) > BOUNDS["high"] and min(new) >= WIDER["low"] and max(new) <= WIDER["high"]
    found = answer("s", longer, after)
    assert any("widened that to 0.001 to 1" in note for note in found.notes)
    assert len({tuple(t.params.items()) for t in after if (t.phase, t.arm) == ("search", "fixed")}) == 18


@pytest.mark.parametrize("sampler, hears", [("tpe", True), ("qmc", False), ("cma-es", False)])
def test_in_a_wider_interval_a_sampler_that_is_replayed_begins_anew(sampler: str, hears: bool) -> None:
    """What it was told lies at other places of another space; the others hear of every trial where it lies."""
    spec, plan, trials = a_study(bounds=BOUNDS, sampler=sampler, trials=20)
    longer = extend(spec, plan, trials, trials=4, peak_lr=WIDER)
    worse_where_better = [replace(t, value=1 - (t.value or 0)) if t.phase == "search" else t for t in trials]

    points = [[slot.params for slot in rounds.due(longer, told)] for told in (trials, worse_where_better)]

    assert len(points[0]) == 12 and (points[0] != points[1]) == hears
    assert not {str(point) for point in points[0]} & {str(t.params) for t in trials}


def test_the_answer_before_an_extension_stands_until_it_has_run() -> None:
    spec, plan, trials = a_study()
    before = answer("s", plan, trials)
    longer = extend(spec, plan, trials, confirm_seeds=2)
    slots = rounds.due(longer, trials)
    half = [*trials, simulated.ended(slots[0]), *map(simulated.opened, slots[1:])]

    for under_way in (trials, [*trials, *map(simulated.opened, slots)], half):
        found = answer("s", longer, under_way)
        assert (found.status, found.arms, found.sentence) == ("confirmed", before.arms, before.sentence)
        assert any("before the last extension" in note for note in found.notes)

    cancelled = [replace(t, outcome=t.outcome or "cancelled") for t in half]
    assert answer("s", longer, cancelled).arms == before.arms


def test_each_look_that_was_not_planned_gets_half_of_the_error() -> None:
    spec, plan, trials = a_study()
    levels, bounds = [answer("s", plan, trials).level], []
    for _ in range(2):
        plan = extend(spec, plan, trials, confirm_seeds=1)
        trials = simulated.run(plan, before=trials)
        found = answer("s", plan, trials)
        levels.append(found.level)
        bounds += [note for note in found.notes if "not planned" in note]

    assert levels == [0.95, 0.975, 0.9875]
    assert "in at most 7.5 % of studies" in bounds[0] and "in at most 8.75 % of studies" in bounds[1]


def test_a_search_that_finds_nothing_better_is_no_further_look() -> None:
    spec, plan, trials = a_study()
    longer = extend(spec, plan, trials, trials=4)

    def worse(slot: PlannedSlot) -> Trial:
        return replace(simulated.ended(slot), value=0.05)

    after = simulated.run(longer, worse, before=trials)

    assert {t.phase for t in after if t not in trials} == {"search"}
    found, former = answer("s", longer, after), answer("s", plan, trials)
    assert (found.level, found.sentence, found.extensions) == (0.95, former.sentence, 1)


def test_an_arm_that_becomes_a_finalist_is_confirmed_on_all_seeds_beside_the_former_ones() -> None:
    arms = [*ARMS, "linear"]
    spec = simulated.a_spec(arms=arms, confirm="finalists")
    plan = plans.make(spec, simulated.FACTS)
    trials = simulated.run(plan, ranked_last("linear", after=0))
    longer = extend(spec, plan, trials, trials=4, confirm_seeds=1)

    def linear_wins(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        return replace(trial, value=0.99 if slot.arm == "linear" else 0.05) if slot.phase == "search" else trial

    after = simulated.run(longer, linear_wins, before=trials)

    assert not confirm(trials, "linear")
    assert {arm: len(confirm(after, arm)) for arm in arms} == dict.fromkeys(arms, 4)


def test_final_seeds_lengths_and_target_follow_a_new_finalist() -> None:
    beside = {"lengths": [0.5, 1.0], "final_seeds": 2, "target_seeds": 2, "confirm_seeds": 4}
    spec, plan, trials = a_study(bounds=BOUNDS, **beside)
    longer = extend(spec, plan, trials, trials=8, peak_lr=WIDER)

    after = simulated.run(longer, before=trials)

    found = answer("s", longer, after)
    assert found.reported is not None and found.reported.fresh and len(found.reported.values) == 2
    assert [(ranking.seeds, len(ranking.arms)) for ranking in found.lengths] == [(4, 3), (4, 3)]
    finalist = next(arm for arm in found.arms if arm.arm == "fixed")
    target = confirmed.target_runs(longer, after)
    assert [t.seed for t in target] == list(plan.target_seeds)
    assert all(t.params == finalist.params for t in target)


def test_a_study_of_which_nothing_was_confirmed_is_confirmed_after_more_trials() -> None:
    spec = simulated.a_spec()
    plan = plans.make(spec, simulated.FACTS)

    def failed(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        return replace(trial, outcome="failed", value=None) if slot.phase == "search" else trial

    trials = simulated.run(plan, failed)
    longer = extend(spec, plan, trials, trials=12)

    after = simulated.run(longer, before=trials)

    assert rounds.over(plan, trials) and not [t for t in trials if t.phase == "confirm"]
    assert all(tuple(t.seed for t in confirm(after, arm)) == plan.confirm_seeds for arm in ARMS)


def test_an_extension_comes_after_reruns_of_the_range_test() -> None:
    spec, plan, trials = a_study(range_test={"high": 0.5})

    longer = extend(spec, plan, trials, trials=2, confirm_seeds=1)
    after = simulated.run(longer, before=trials)

    assert len([t for t in trials if t.phase == "range-test"]) == 6
    assert [t for t in after if t in trials] == trials
    assert min(t.number for t in after if t not in trials) > plan.slots + 9
    assert len({t.number for t in after}) == len(after)


def test_an_arm_with_nothing_to_search_gets_no_second_trial() -> None:
    spec, plan, trials = a_study(arms=["cosine", {"family": "fixed", "fixed": {"lr": 0.1}}])

    after = simulated.run(extend(spec, plan, trials, trials=3), before=trials)

    searched = Counter(t.arm for t in after if t.phase == "search")
    assert searched == {"cosine": 9, "fixed": 1}


def test_the_number_of_trials_to_come_counts_those_of_an_extension() -> None:
    spec, plan, trials = a_study()

    longer = extend(spec, plan, trials, trials=4, confirm_seeds=2)

    planned = rounds.planned(longer, trials)
    assert planned["search", "cosine"] == 10 and planned["confirm", "cosine"] == 5
