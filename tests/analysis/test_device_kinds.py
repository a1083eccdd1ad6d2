"""clr.analysis.device_kinds: a comparison across kinds of device says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import simulated

from clr.analysis import device_kinds
from clr.analysis.answer import answer
from clr.plan import Plan
from clr.results import Trial


@pytest.fixture(scope="module")
def plan() -> Plan:
    return simulated.a_plan(confirm_seeds=3)


@pytest.fixture(scope="module")
def trials(plan: Plan) -> list[Trial]:
    return simulated.run(plan)


def on(trials: list[Trial], kind: Callable[[Trial], str]) -> list[Trial]:
    return [replace(trial, device_kind=kind(trial)) if trial.phase == "confirm" else trial for trial in trials]


def test_runs_on_one_kind_need_no_word(plan: Plan, trials: list[Trial]) -> None:
    assert device_kinds.notes(plan, on(trials, lambda trial: "A100")) == ()


def test_runs_whose_kind_is_not_known_need_no_word(plan: Plan, trials: list[Trial]) -> None:
    assert device_kinds.notes(plan, on(trials, lambda trial: "")) == ()


def test_arms_on_different_kinds_are_named_with_the_seeds_that_mix_them(plan: Plan, trials: list[Trial]) -> None:
    (note,) = device_kinds.notes(plan, on(trials, lambda trial: "H100" if trial.arm == "cosine" else "A100"))

    assert "fixed on A100 (3); cosine on H100 (3); triangular2 on A100 (3)" in note
    assert "the paired differences of 3 of 3 seeds hold the device's effect" in note


def test_a_seed_whose_runs_share_a_kind_is_not_counted(plan: Plan, trials: list[Trial]) -> None:
    odd = plan.confirm_seeds[0]
    (note,) = device_kinds.notes(
        plan, on(trials, lambda trial: "H100" if trial.arm == "cosine" and trial.seed == odd else "A100")
    )

    assert "cosine on A100 (2) and H100 (1)" in note
    assert "1 of 3 seeds" in note


def test_pairs_within_a_kind_are_said_to_be_that(plan: Plan, trials: list[Trial]) -> None:
    (note,) = device_kinds.notes(
        plan, on(trials, lambda trial: "H100" if trial.seed == plan.confirm_seeds[0] else "A100")
    )

    assert "each seed shared a kind" in note


def test_the_answer_holds_the_warning(plan: Plan, trials: list[Trial]) -> None:
    mixed = on(trials, lambda trial: "H100" if trial.arm == "cosine" else "A100")

    said, plain = (answer("s1", plan, found) for found in (mixed, trials))

    assert [note for note in said.notes if "kinds of device" in note]
    assert not [note for note in plain.notes if "kinds of device" in note]
