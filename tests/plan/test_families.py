"""Every family of the registry can be an arm."""

import pytest
import simulated

from clr import plan as plans
from clr import schedules, search_space
from clr.analysis.answer import answer
from clr.spec import parse

OWN = {
    "multi_step": {"lr": 0.1, "gamma": 0.1, "milestones": [100, 200]},
    "custom": {"base_lr": 0.01, "max_lr": 0.1, "step_size": 50, "scale_fn": "halving"},
    "warmup": {"schedule": {"family": "cosine", "lr": 0.1, "end_lr": 0.0, "iterations": 290}, "iterations": 10},
    "piecewise": {
        "schedules": [
            {"family": "fixed", "lr": 0.1},
            {"family": "linear", "lr": 0.1, "end_lr": 0.0, "iterations": 200},
        ],
        "milestones": [100],
    },
}


def test_every_family_has_coordinates_or_is_given_whole() -> None:
    assert set(search_space.COORDINATES) | set(OWN) == set(schedules.names())


@pytest.mark.parametrize("family", schedules.names())
def test_a_study_of_any_family_runs_to_its_answer(family: str) -> None:
    arm = {"family": family, "fixed": OWN.get(family, {})}
    plan = simulated.a_plan(arms=[arm], trials=4, budget={"iterations": 340}, confirm_seeds=2)

    found = answer("s", plan, simulated.run(plan))

    assert found.status == "confirmed"
    schedule = schedules.from_dict(found.arms[0].schedule or {})
    rates = schedule.rates(340)
    assert rates.min() >= 0
    if family in search_space.COORDINATES:
        assert rates.max() == pytest.approx(found.arms[0].params["peak_lr"], rel=0.03), "peak_lr is the real peak"
        assert len(set(found.arms[0].params)) == len(search_space.searched(family))


def test_what_is_wrong_inside_a_given_schedule_is_named() -> None:
    arm = {"family": "piecewise", "fixed": {**OWN["piecewise"], "milestones": [-5]}}
    (error,) = plans.check(parse({"task": "digits", "arms": [arm]}), simulated.FACTS, ["digits"])

    assert error.pointer == "/arms/0/fixed/milestones"


def test_a_missing_parameter_of_a_family_without_search_is_named() -> None:
    (error,) = plans.check(parse({"task": "digits", "arms": ["multi_step"]}), simulated.FACTS, ["digits"])

    assert error.pointer == "/arms/0/fixed"
    assert "milestones" in error.detail
