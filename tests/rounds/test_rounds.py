"""clr.rounds: range test, search in rounds, confirm; the same study in any order."""

import random
from dataclasses import replace

import simulated

from clr import rounds
from clr.plan import PlannedSlot
from clr.results import Trial


def test_a_study_opens_range_test_then_search_then_confirm() -> None:
    plan = simulated.a_plan()

    trials = simulated.run(plan)

    assert [t.phase for t in trials] == ["range-test"] * 3 + ["search"] * 18 + ["confirm"] * 9
    assert [t.number for t in trials] == list(range(1, plan.slots + 1))
    assert rounds.over(plan, trials)


def test_the_order_in_which_trials_end_changes_nothing() -> None:
    plan = simulated.a_plan()
    in_order = simulated.run(plan)

    for seed in range(5):
        shuffle = random.Random(seed)
        assert simulated.run(plan, pick=lambda waiting, r=shuffle: r.randrange(len(waiting))) == in_order


def test_no_round_opens_before_the_former_one_has_ended() -> None:
    plan = simulated.a_plan()
    trials = simulated.run(plan)
    first_round = [t for t in trials if t.phase == "range-test" or (t.phase == "search" and t.round == 0)]

    for missing in [t for t in first_round if t.arm == "cosine"]:
        left_open = [replace(t, outcome=None, value=None) if t == missing else t for t in first_round]
        opened = rounds.due(plan, left_open)
        assert {(slot.arm, slot.round) for slot in opened} == {("fixed", 1), ("triangular2", 1)}


def test_every_arm_searches_its_peak_between_a_32nd_of_the_edge_and_the_edge() -> None:
    plan = simulated.a_plan(trials=20)

    trials = simulated.run(plan)

    settled = rounds.peak_interval.settle(plan, rounds.peak_interval.ramp_rounds(plan, trials))
    assert settled is not None and settled.source == "range-test"
    assert 0.6 < settled.interval.high < 1.2
    assert settled.interval.high / settled.interval.low == 32
    for trial in trials:
        if trial.phase == "search":
            assert settled.interval.low <= trial.params["peak_lr"] <= settled.interval.high


def test_a_range_test_that_never_falls_runs_again_with_a_higher_end() -> None:
    plan = simulated.a_plan(range_test={"high": 0.5})

    trials = simulated.run(plan)

    ramps = [t for t in trials if t.phase == "range-test"]
    assert [(t.round, t.params["high"]) for t in ramps] == [(0, 0.5)] * 3 + [(1, 5.0)] * 3
    assert [t.number for t in ramps] == [1, 2, 3, plan.slots + 1, plan.slots + 2, plan.slots + 3]


def test_an_unreadable_range_test_falls_back_to_the_optimizers_interval_and_says_so() -> None:
    def flat(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        return replace(trial, curve=tuple(replace(e, metrics={"accuracy": 0.1}) for e in trial.curve))

    plan = simulated.a_plan()
    trials = simulated.run(plan, end=flat)

    settled = rounds.peak_interval.settle(plan, rounds.peak_interval.ramp_rounds(plan, trials))
    assert settled is not None and settled.source == "default"
    assert (settled.interval.low, settled.interval.high) == (1e-3, 1.0)
    assert "unclear" in settled.notes[0]


def test_given_bounds_skip_the_range_test() -> None:
    trials = simulated.run(simulated.a_plan(bounds={"low": 0.01, "high": 0.02}))

    assert {t.phase for t in trials} == {"search", "confirm"}
    assert all(0.01 <= t.params["peak_lr"] <= 0.02 for t in trials)


def test_confirm_runs_each_arms_best_validated_point_on_the_same_fresh_seeds() -> None:
    plan = simulated.a_plan()
    trials = simulated.run(plan)

    for arm in plan.arms:
        search = [t for t in trials if t.phase == "search" and t.arm == arm.name]
        confirm = [t for t in trials if t.phase == "confirm" and t.arm == arm.name]
        best = max(search, key=lambda t: t.value or 0)
        assert all(t.params == best.params for t in confirm)
        assert tuple(t.seed for t in confirm) == plan.confirm_seeds
        assert not {t.seed for t in search} & set(plan.confirm_seeds)


def test_only_confirm_reads_the_test_split() -> None:
    plan = simulated.a_plan()
    seen: list[PlannedSlot] = []

    simulated.run(plan, end=lambda slot: seen.append(slot) or simulated.ended(slot))

    assert {slot.phase for slot in seen if slot.config.test} == {"confirm"}
    assert all(slot.config.test for slot in seen if slot.phase == "confirm")


def test_an_arm_without_a_finished_search_trial_is_not_confirmed() -> None:
    def end(slot: PlannedSlot) -> Trial:
        trial = simulated.ended(slot)
        return replace(trial, outcome="failed", value=None) if slot.arm == "cosine" else trial

    plan = simulated.a_plan()
    trials = simulated.run(plan, end=end)

    assert {t.arm for t in trials if t.phase == "confirm"} == {"fixed", "triangular2"}
    assert rounds.planned(plan, trials)["confirm", "cosine"] == 0
    assert rounds.over(plan, trials)


def test_every_run_of_a_cyclic_arm_ends_at_a_cycles_end() -> None:
    plan = simulated.a_plan(budget={"iterations": 343}, trials=12)
    seen: list[PlannedSlot] = []

    simulated.run(plan, end=lambda slot: seen.append(slot) or simulated.ended(slot))

    for slot in seen:
        if slot.arm == "triangular2":
            cycles = 343 / (2 * slot.config.schedule["step_size"])
            assert abs(cycles - round(cycles)) < 1e-9


def test_renaming_arms_changes_no_parameter_and_no_value() -> None:
    plain = simulated.run(simulated.a_plan())
    arms = [{"family": f, "name": n} for f, n in (("fixed", "z"), ("cosine", "b"), ("triangular2", "a"))]
    renamed = simulated.run(simulated.a_plan(arms=arms, baseline="z"))

    assert [(t.params, t.value, t.seed) for t in renamed] == [(t.params, t.value, t.seed) for t in plain]
