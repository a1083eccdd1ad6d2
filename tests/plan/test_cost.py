"""What a plan will take is its own ledger, summed."""

import pytest
from builders import FACTS

from clr.plan import cost, make
from clr.protocol import Pace
from clr.spec import parse

PACE = Pace(iteration_seconds=0.5, evaluation_seconds=2.0)


def plan(facts=FACTS, **spec):
    document = {"task": "digits", "arms": ["fixed", "cosine"], "trials": 4, "confirm_seeds": 3, "evaluate_every": 10}
    return make(parse({**document, "budget": {"iterations": 100}, **spec}), facts)


@pytest.mark.parametrize(
    "spec", [{}, {"bounds": {"low": 0.01, "high": 1.0}}, {"lengths": [0.25, 1.0]}, {"replicates": 3}], ids=str
)
def test_the_work_is_the_plan_s_slots_and_iterations(spec):
    made = plan(**spec)

    assert sum(row.trials for row in cost.work(made)) == made.slots
    assert cost.iterations(made) == made.training_iterations


def test_device_time_is_updates_and_evaluations_the_test_included():
    made = plan(bounds={"low": 0.01, "high": 1.0}, arms=["fixed"])
    search, confirm = cost.work(made, PACE)

    assert (search.trials, search.iterations, search.evaluations) == (4, 400, 40)
    assert search.seconds == 400 * 0.5 + 40 * 2.0
    test = FACTS.test_size / FACTS.validation_size
    assert confirm.seconds == pytest.approx(3 * (100 * 0.5 + (10 + test) * 2.0))
    assert cost.seconds(made, PACE) == pytest.approx(search.seconds + confirm.seconds)


def test_finalists_are_three_arms_whoever_they_are():
    made = plan(arms=["fixed", "cosine", "step", "linear", "triangular"], confirm="finalists")
    confirm = [row for row in cost.work(made) if row.phase == "confirm"]

    assert [(row.arm, row.trials) for row in confirm] == [("", 3)] * 3


def test_a_workload_is_what_an_update_s_time_hangs_on_and_nothing_else():
    base = plan().base
    alike = base.model_copy(update={"iterations": 7, "seed": 9, "phase": "confirm", "optimizer_options": {"lr": 1.0}})

    assert cost.workload(alike) == cost.workload(base)
    for change in (
        {"batch_size": 32},
        {"model": "other"},
        {"task_options": {"augment": "crop"}},
        {"optimizer": "adam"},
    ):
        assert cost.workload(base.model_copy(update=change)) != cost.workload(base)


def test_a_projection_is_what_was_used_and_what_is_left_at_the_pace():
    made = plan()
    whole = cost.seconds(made, PACE)

    assert cost.projected(0.0, 0, made, PACE) == pytest.approx(whole)
    assert cost.projected(1000.0, made.training_iterations // 2, made, PACE) == pytest.approx(1000 + whole / 2)
    assert cost.projected(1000.0, 2 * made.training_iterations, made, PACE) == 1000.0
