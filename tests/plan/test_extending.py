"""clr.plan.extending: what may be added to a plan, and what is said of the rest."""

import pytest
import simulated

from clr import plan as plans
from clr.errors import InvalidSpec
from clr.plan import Plan
from clr.spec import Extension, Interval, StudySpec, parse_extension

BOUNDS = Interval(low=0.001, high=0.1)
FIXED = {"family": "fixed", "fixed": {"lr": 0.1}}
OWN = {"family": "cosine", "search": {"peak_lr": {"low": 0.01, "high": 0.1, "log": True}}}
TWICE = [{"family": "fixed", "name": "a", "fixed": {"lr": 0.1}}, {"family": "fixed", "name": "b", "fixed": {"lr": 0.2}}]


def made(**changes: object) -> tuple[StudySpec, Plan]:
    spec = simulated.a_spec(**{"bounds": BOUNDS.model_dump(), **changes})
    return spec, plans.make(spec, simulated.FACTS)


@pytest.mark.parametrize(
    "document, pointer, words",
    [
        ({}, "", "asks for nothing"),
        ({"trials": 0, "confirm_seeds": 0}, "", "asks for nothing"),
        ({"trials": -1}, "/trials", "greater than or equal to 0"),
        ({"trials": 1.5}, "/trials", "valid integer"),
        ({"confirm_seeds": 1001}, "/confirm_seeds", "less than or equal to 1000"),
        ({"trials": 4, "seeds": 2}, "/seeds", "no such field"),
        ({"trials": 4, "peak_lr": {"low": 1.0, "high": 0.1}}, "/peak_lr", "must be below high"),
        ({"trials": 4, "peak_lr": {"low": float("nan"), "high": 0.1}}, "/peak_lr/low", "got nan"),
        ([4], "", "valid dictionary"),
    ],
)
def test_a_malformed_extension_is_refused_by_field(document: object, pointer: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        parse_extension(document)

    (error,) = refused.value.errors
    assert error.pointer == pointer and words in error.detail


@pytest.mark.parametrize(
    "study, asked, pointer, words",
    [
        ({"replicates": 2}, {"confirm_seeds": 2}, "", "submit a new study with more replicates"),
        ({"arms": TWICE}, {"trials": 4}, "/trials", "nothing is searched"),
        ({}, {"trials": 9_995}, "/trials", "at most 10,000"),
        ({"confirm_seeds": 600}, {"confirm_seeds": 500}, "/confirm_seeds", "at most 1,000"),
        ({"arms": [f"fixed-{k}" for k in range(30)]}, {"trials": 4_000}, "/trials", "at most 100,000"),
        ({}, {"peak_lr": {"low": 0.001, "high": 1.0}}, "/peak_lr", "give trials, too"),
        ({}, {"trials": 4, "peak_lr": {"low": 0.002, "high": 1.0}}, "/peak_lr", "must hold the interval"),
        ({}, {"trials": 4, "peak_lr": {"low": 0.001, "high": 0.09}}, "/peak_lr", "0.001 to 0.1, got 0.001 to 0.09"),
        ({}, {"trials": 4, "peak_lr": {"low": 1e-13, "high": 0.1}}, "/peak_lr/low", "must lie in 1e-12"),
        ({"arms": [FIXED, OWN]}, {"trials": 4, "peak_lr": {"low": 0.001, "high": 1.0}}, "/peak_lr", "no arm searches"),
    ],
)
def test_an_extension_that_makes_no_sense_says_why(
    study: dict[str, object], asked: dict[str, object], pointer: str, words: str
) -> None:
    arms = study.get("arms")
    if isinstance(arms, list) and isinstance(arms[0], str):
        study = {"arms": [{"family": "fixed", "name": name} for name in arms]}
    spec, plan = made(**study)

    with pytest.raises(InvalidSpec) as refused:
        plans.extended(plan, spec, Extension.model_validate(asked), BOUNDS)

    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert words in refused.value.errors[0].detail


def test_an_interval_can_be_widened_once_it_is_known() -> None:
    spec, plan = made(bounds="range-test")
    asked = Extension(trials=4, peak_lr=Interval(low=1e-4, high=1.0))

    (error,) = plans.check_extension(plan, spec, asked, None)

    assert "range test has not found" in error.detail
    assert plans.check_extension(plan, spec, asked, BOUNDS) == ()


def test_every_arm_gets_the_same_and_old_plans_still_read() -> None:
    spec, plan = made()

    longer = plans.extended(plan, spec, Extension(trials=6, confirm_seeds=2), BOUNDS)

    assert {arm.rounds for arm in longer.arms} == {(3, 3, 4, 2)}
    assert longer.extensions[0].rounds == dict.fromkeys(("fixed", "cosine", "triangular2"), (4, 2))
    assert longer.slots == plan.slots + 3 * 6 + 3 * 5, "where every finalist changes"
    assert longer.after(0) == plan and longer.after(1) == longer
    stored = longer.model_dump(mode="json")
    assert Plan.model_validate(stored) == longer
    assert Plan.model_validate({k: v for k, v in plan.model_dump(mode="json").items() if k != "extensions"}) == plan


def test_an_extended_plan_can_be_extended() -> None:
    spec, plan = made()

    for _ in range(3):
        plan = plans.extended(plan, spec, Extension(trials=2, confirm_seeds=1), BOUNDS)

    assert plan.all_confirm_seeds == made(confirm_seeds=6)[1].confirm_seeds
    assert plan.after(2).arm("cosine").trials == 10 and plan.arm("cosine").trials == 12
    arms = [arm.name for arm in plan.arms]
    numbers = [plan.numbers.of("search", arm, k) for arm in arms for k in range(12)]
    numbers += [plan.numbers.of("confirm", arm, k, part) for arm in arms for part in range(4) for k in range(3 + part)]
    assert sorted(numbers) == list(range(1, plan.slots + 1)) and plan.slots == plan.numbers.last
