"""clr.analysis.edges: a best value at an edge of its interval is flagged, with what widens it."""

import pytest
import simulated

from clr import plan as plans
from clr.analysis import edges
from clr.analysis.answer import answer
from clr.spec import Extension, Interval, parse

INTERVAL = Interval(low=0.01, high=1.0)


@pytest.fixture(scope="module")
def plan() -> plans.Plan:
    return simulated.a_plan(arms=["fixed", {"family": "cosine", "search": {"peak_lr": {"low": 1, "high": 2}}}])


@pytest.mark.parametrize(
    "rate, side", [(0.01, "low"), (0.0125, "low"), (0.0127, None), (0.1, None), (0.78, None), (0.8, "high")]
)
def test_five_percent_of_the_log_interval_is_its_edge(plan: plans.Plan, rate: float, side: str | None) -> None:
    found = edges.flags("s1", plan, plan.arm("fixed"), {"peak_lr": rate}, INTERVAL)

    assert [flag.side for flag in found] == ([side] if side else [])


def test_what_widens_a_common_interval_is_a_bounds_that_parses(plan: plans.Plan) -> None:
    (flag,) = edges.flags("s1", plan, plan.arm("fixed"), {"peak_lr": 0.9}, INTERVAL)

    assert flag.extend == {"bounds": {"low": 0.01, "high": 4.0}}
    assert parse({"task": "digits", "arms": ["fixed"], **flag.extend}).bounds == Interval(low=0.01, high=4.0)
    assert "0.9" in flag.advice and "clr extend s1 --trials 4 --peak-lr 0.01 4" in flag.advice


@pytest.mark.parametrize("low, high, rate", [(0.012345678, 0.9876543, 0.9), (0.0100004, 0.99995, 0.0101)])
def test_the_command_widens_the_interval_of_the_study(low: float, high: float, rate: float) -> None:
    """It cuts nothing off, however many digits a range test gave: an extension takes a wider interval alone."""
    spec = simulated.a_spec(bounds={"low": low, "high": high}, trials=20)
    plan = plans.make(spec, simulated.FACTS)

    (flag,) = edges.flags("s1", plan, plan.arm("fixed"), {"peak_lr": rate}, Interval(low=low, high=high))

    assert flag.command is not None and flag.command in flag.advice
    extend, study, option, trials, ends, *rates = flag.command.removeprefix("clr ").split()
    assert (extend, study, option, ends) == ("extend", "s1", "--trials", "--peak-lr")
    asked = Extension(trials=int(trials), peak_lr=Interval(low=float(rates[0]), high=float(rates[1])))
    longer = plans.extended(plan, spec, asked, plan.interval)
    assert longer.arm("fixed").trials == 20 + 7, "as densely as the interval so far: ln 4 / ln 80 of its 20 trials"
    wider = longer.extensions[0].interval
    assert wider is not None and wider.high / wider.low == pytest.approx(4 * high / low, rel=1e-3)


def test_what_no_extension_can_widen_is_left_to_a_new_study(plan: plans.Plan) -> None:
    replicated = simulated.a_plan(replicates=2)

    (own,) = edges.flags("s1", plan, plan.arm("cosine"), {"peak_lr": 1.04, "ratio": 0.01}, INTERVAL)
    (ratio,) = edges.flags("s1", plan, plan.arm("cosine"), {"peak_lr": 1.5, "ratio": 0.001}, INTERVAL)
    (repeated,) = edges.flags("s1", replicated, replicated.arm("fixed"), {"peak_lr": 0.9}, INTERVAL)

    assert own.command is None and ratio.command is None and repeated.command is None
    assert '"high": 4.0' in repeated.advice


def test_an_arms_own_range_is_widened_in_that_arm_on_its_own_scale(plan: plans.Plan) -> None:
    (flag,) = edges.flags("s1", plan, plan.arm("cosine"), {"peak_lr": 1.04, "ratio": 0.01}, INTERVAL)

    assert flag.extend["arms"][0]["search"] == {"peak_lr": {"low": 0.25, "high": 2.0, "log": False}}
    assert plans.check(parse({"task": "digits", **flag.extend}), simulated.FACTS, ["digits"]) == ()


def test_a_ratio_at_the_end_of_its_rule_is_not_flagged() -> None:
    arm = {"family": "cosine", "search": {"ratio": {"low": 0.1, "high": 1.0, "log": True}}}
    plan = simulated.a_plan(arms=["fixed", arm])

    assert edges.flags("s1", plan, plan.arm("cosine"), {"peak_lr": 0.1, "ratio": 0.99}, INTERVAL) == ()


def test_the_answer_notes_it() -> None:
    plan = simulated.a_plan(bounds={"low": 1e-5, "high": 1e-3})  # accuracy rises all the way to the upper end

    found = answer("s", plan, simulated.run(simulated.a_plan(bounds={"low": 1e-5, "high": 1e-3}, trials=20)))

    flagged = [arm for arm in found.arms if any(f.coordinate == "peak_lr" and f.side == "high" for f in arm.edges)]
    assert flagged and plan.interval is not None
    assert any("upper edge of 1e-05 to 0.001" in note for note in found.notes)
