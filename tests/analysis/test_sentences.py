"""What no answer may print, and what every verdict must: over generated studies, from noise to clear effects.

No "faster" of one run, no "best" of search trials, no "no difference" of a wide
interval, no ratio to a target that the compared runs set, and no fixed rate for lack of data.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

import pytest
import simulated

from clr.analysis.answer import answer
from clr.plan import Plan
from clr.resources import Answer
from clr.results import Evaluation, Trial

ARMS = ("fixed", "cosine", "triangular2", "exp_range", "linear")
SPECS: tuple[dict[str, Any], ...] = (
    {},
    {"confirm_seeds": 2},
    {"confirm_seeds": 1},
    {"arms": ["fixed", "cosine"], "confirm_seeds": 3},
    {"arms": ["cosine"], "baseline": "cosine"},
    {"baseline": "cosine", "confirm": "finalists"},
    {"looks": [2, 5]},
    {"final_seeds": 2},
    {"target": 0.6},
    {"target_seeds": 3},
    {"lengths": [0.5, 1.0]},
    {"replicates": 3, "confirm_seeds": 2},
    {"margin": 0.02},
)
VERDICTS = {
    "use it",
    "equivalent: take the simplest",
    "undecided: take the highest confirmed mean",
    "keep your baseline",
}
STUDIES = 260


@cache
def studied(k: int) -> tuple[Plan, tuple[Trial, ...]]:
    plan = simulated.a_plan(**{"arms": list(ARMS), "trials": 2, "confirm_seeds": 5, **SPECS[k]})
    return plan, tuple(simulated.run(plan))


@cache
def generated() -> tuple[tuple[Plan, tuple[Trial, ...], Answer], ...]:
    """Answers at every stage of studies with random effects, spreads and losses."""
    return tuple(_one(number) for number in range(STUDIES))


def _one(number: int) -> tuple[Plan, tuple[Trial, ...], Answer]:
    plan, trials = studied(number % len(SPECS))
    chance = random.Random(number)
    spread, effect = 10 ** chance.uniform(-4, -1.3), chance.choice([0.0, 0.004, 0.03])
    shift = {name: chance.choice([0.0, effect, -effect]) for name in ARMS}
    stage = chance.choice(["over", "over", "over", "in confirm", "in search", "cancelled"])
    loss = chance.choice([0.0, 0.0, 0.1])

    def played(t: Trial) -> Trial:
        if t.phase == "range-test":
            return t
        if chance.random() < loss:
            return replace(t, outcome=chance.choice(["diverged", "failed"]), value=None, test={})
        value = min(0.99, 0.85 + shift[t.arm] + spread * chance.gauss(0, 1))
        curve = tuple(Evaluation(i, {"accuracy": value * min(1.0, i / 200)}) for i in range(17, t.iterations + 1, 17))
        return replace(t, value=value, curve=curve, test={"accuracy": value} if t.phase == "confirm" else {})

    def kept(t: Trial) -> bool:
        return stage in ("over", "in confirm") or t.phase != "confirm"

    made = [played(t) for t in trials if kept(t)]
    if stage in ("in confirm", "cancelled"):
        last = max(t.number for t in made)
        end = "cancelled" if stage == "cancelled" else None
        made = [replace(t, outcome=end, value=None, test={}) if t.number == last else t for t in made]
    return plan, tuple(made), answer(f"s{number}", plan, made, ended=stage in ("over", "cancelled"))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


@pytest.mark.parametrize(
    "words", ["faster", "speed-up", "speedup", "no difference", "significant", "proves", "optimal"]
)
def test_no_answer_prints(words: str) -> None:
    for _, _, found in generated():
        assert not [text for text in texts(found.model_dump()) if words in text.lower()]


def test_nothing_is_called_best_of_search_trials_alone() -> None:
    unconfirmed = [found for _, _, found in generated() if found.status != "confirmed"]

    assert {found.status for found in unconfirmed} == {"provisional", "screen-only"}
    for found in unconfirmed:
        assert "best" not in found.sentence.lower() and found.recommended is None and not found.best_set
        assert found.action == "no verdict: screened only"
        assert all(arm.mean is None and arm.difference is None and not arm.values for arm in found.arms)


def test_equivalent_is_said_only_where_intervals_lie_within_the_margin() -> None:
    said = [found for _, _, found in generated() if found.action == "equivalent: take the simplest"]

    assert len(said) > 5
    for found in said:
        assert found.loss is not None and found.margin is not None
        assert found.loss <= found.margin or set(found.equivalent) <= set(max(found.identical, key=len))
        means = {arm.arm: arm.mean or 0.0 for arm in found.arms if arm.arm in found.equivalent}
        assert max(means.values()) - min(means.values()) <= found.margin + 1e-12


def test_a_ratio_is_of_a_target_that_no_compared_run_set() -> None:
    with_ratios = [
        (plan, trials, found) for plan, trials, found in generated() if any(arm.target_ratio for arm in found.arms)
    ]

    assert with_ratios
    for plan, trials, found in with_ratios:
        if plan.target is not None:
            assert found.target == plan.target
            continue
        own = [t for t in trials if t.seed in plan.target_seeds and t.outcome == "done"]
        assert not set(plan.target_seeds) & set(plan.confirm_seeds)
        assert not {str(t.seed) for t in own} & {seed for arm in found.arms for seed in arm.values}
        assert found.target == pytest.approx(median(t.curve[-1].metrics["accuracy"] for t in own))


def test_no_answer_recommends_the_fixed_rate_or_the_baseline_for_lack_of_data() -> None:
    simple = 0
    for _, _, found in generated():
        if found.recommended is None:
            assert found.best is None or found.best.arm == found.arms[0].arm, "shown because it ranks first, no more"
            continue
        arm = next(arm for arm in found.arms if arm.arm == found.recommended)
        if arm.family == "fixed" or arm.arm == found.baseline:
            simple += 1
        if found.action == "equivalent: take the simplest":
            continue  # shown by intervals within the margin: another test
        stable = [one.mean for one in found.arms if one.mean is not None and not one.confirm_diverged]
        assert arm.mean == max(stable), "it is taken for its mean, not for being simple"
        if found.action == "keep your baseline":
            others = [one.difference.interval for one in found.arms if one.difference and one.difference.interval]
            assert others and all(interval.high < 0 for interval in others)
    assert simple > 20


def test_every_verdict_carries_action_scope_number_of_seeds_and_interval() -> None:
    verdicts = [(plan, found) for plan, _, found in generated() if found.action in VERDICTS]

    assert {found.action for _, found in verdicts} == VERDICTS
    for plan, found in verdicts:
        text = found.sentence
        assert re.search(r"\(\d+ paired (seed|replicate)s?\b", text), text
        assert f"{plan.iterations:,} iterations of mlp on digits" in text
        assert ("these configurations only" in text) == (plan.replicates == 1)
        assert re.search(r"simultaneous [\d.]+ % interval|\(at [\d.]+ %\)|the same value", text), text
        assert found.recommended is not None and found.recommended in text.partition(": it has")[0]


def test_a_task_that_trains_itself_is_called_its_script() -> None:
    plan, trials = studied(0)
    facts = plan.facts.model_copy(update={"name": "mine", "updates_per_epoch": 17})
    scripted = plan.model_copy(update={"facts": facts})

    assert " iterations of the script of mine; " in answer("s", scripted, trials).sentence
