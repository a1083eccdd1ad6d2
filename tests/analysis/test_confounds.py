"""clr.analysis.confounds: what differs besides the shape."""

import numpy as np
import pytest
import simulated

from clr import schedules
from clr.analysis import confounds
from clr.analysis.answer import answer


def test_peak_end_mean_warm_up_and_decay_are_those_of_the_rates() -> None:
    plan = simulated.a_plan(
        budget={"iterations": 400}, optimizer={"name": "sgd", "options": {"weight_decay": 0.01, "momentum": 0.5}}
    )
    schedule = schedules.make("triangular", base_lr=0.1, max_lr=0.5, step_size=100.0)
    rates = schedule.rates(400)

    found = confounds.of(plan, schedule)

    assert (found.peak, found.warmup, found.updates, found.momentum) == (0.5, 100, 400, 0.5)
    assert found.end == rates[-1]
    assert found.mean == pytest.approx(rates.mean())
    assert found.decay == pytest.approx(0.01 * rates.sum())


@pytest.mark.parametrize(
    ("family", "parameters", "updates"),
    [
        # No update falls on the first peaks; of the fourth, at 340, the rate is highest.
        ("triangular", {"base_lr": 0.003, "max_lr": 0.04, "step_size": 680 / 14}, 49),
        ("one_cycle", {"max_lr": 0.5, "iterations": 680}, 204),
        ("warmup_stable_decay", {"lr": 0.5, "end_lr": 0.0, "warmup": 34, "decay": 100, "iterations": 680}, 34),
        ("cosine_restarts", {"lr": 0.5, "end_lr": 0.0, "period": 170.0}, 0),
        ("linear", {"lr": 0.5, "end_lr": 0.0, "iterations": 680}, 0),
    ],
)
def test_a_warm_up_ends_at_the_first_peak_of_many(family: str, parameters: dict, updates: int) -> None:
    plan = simulated.a_plan(budget={"iterations": 680})

    assert confounds.of(plan, schedules.make(family, **parameters)).warmup == pytest.approx(updates, abs=1)


def test_a_run_of_ten_million_updates_is_sampled() -> None:
    plan = simulated.a_plan(budget={"iterations": 10_000_000})
    found = confounds.of(plan, schedules.make("linear", lr=1.0, end_lr=0.0, iterations=10_000_000))

    assert found.mean == pytest.approx(0.5, rel=1e-3)
    assert found.peak == 1.0


def test_adam_has_beta1_for_momentum() -> None:
    plan = simulated.a_plan(optimizer="adamw")

    found = confounds.of(plan, schedules.make("fixed", lr=0.1))

    assert (found.momentum, found.decay) == (0.9, pytest.approx(0.01 * 0.1 * plan.iterations))


def test_what_differs_is_said_in_words() -> None:
    plan = simulated.a_plan(budget={"iterations": 400})
    fixed = confounds.of(plan, schedules.make("fixed", lr=0.1))
    triangular = confounds.of(plan, schedules.make("triangular", base_lr=0.1, max_lr=0.5, step_size=100.0))

    words = confounds.in_words(triangular, fixed, "fixed")

    assert "its peak rate is 5 times that of fixed" in words
    assert "its mean rate is 3 times that of fixed" in words
    assert "its peak rate comes first after 100 updates, in fixed after 0" in words
    assert not any("weight decay" in word for word in words), "there is none"
    assert confounds.in_words(fixed, fixed, "fixed") == ("peak, mean and end of its rates are those of fixed",)


def test_a_rate_of_zero_is_no_ratio() -> None:
    plan = simulated.a_plan(budget={"iterations": 400})
    fixed = confounds.of(plan, schedules.make("fixed", lr=0.1))
    down = fixed.model_copy(update={"end": 0.0})

    assert "its end rate is 0, that of fixed 0.1" in confounds.in_words(down, fixed, "fixed")


def test_every_finalist_but_the_baseline_is_told_apart_in_the_answer() -> None:
    plan = simulated.a_plan()

    for arm in answer("s", plan, simulated.run(plan)).arms:
        assert arm.confounds is not None
        assert bool(arm.confounds.differences) == (arm.arm != plan.baseline)
        assert np.isfinite(arm.confounds.decay)
