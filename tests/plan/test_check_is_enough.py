"""What passes `check` never fails later: not in the plan, not in a round, not in the answer."""

import simulated
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from clr import plan as plans
from clr import schedules, search_space
from clr.analysis.answer import answer
from clr.errors import InvalidSpec
from clr.spec import parse

VALUES = st.sampled_from([0, 1, 2, 3, 2.5, 0.1, 0.5, 1e-3, 1e-9, 1e9, -1, 70, True, "0.1", 5e-324, 1e308])
RANGES = st.one_of(
    st.lists(VALUES, min_size=1, max_size=3),
    st.fixed_dictionaries({"low": VALUES, "high": VALUES}, optional={"log": st.booleans(), "integer": st.booleans()}),
)


@st.composite
def arms(draw: st.DrawFn) -> dict:
    family = draw(st.sampled_from(sorted(search_space.COORDINATES)))
    names = [*schedules.json_schema(family)["properties"], *search_space.coordinates(family)]
    fixed = draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
    return {
        "family": family,
        "fixed": fixed,
        "search": draw(st.dictionaries(st.sampled_from(names), RANGES, max_size=2)),
    }


SPECS = st.fixed_dictionaries(
    {"arms": st.lists(arms(), min_size=1, max_size=2, unique_by=lambda a: a["family"])},
    optional={
        "budget": st.sampled_from([{"iterations": n} for n in (1, 2, 7, 200)] + [{"epochs": 0.01}, {"epochs": 30}]),
        "bounds": st.sampled_from(["range-test", {"low": 1e-3, "high": 0.1}, {"low": 1e-12, "high": 1e6}]),
        "range_test": st.sampled_from([{}, {"low": 20}, {"high": 1e-6}, {"low": 1, "high": 1.1}, {"iterations": 100}]),
        "trials": st.sampled_from([1, 2, 5]),
        "optimizer": st.sampled_from(["sgd", "adam"]),
        "sampler": st.sampled_from(["random", "grid", "qmc", "cma-es", "tpe"]),
        "pruner": st.sampled_from(["none", "median", "asha"]),
        "confirm": st.sampled_from(["all", "finalists"]),
        "looks": st.sampled_from([[], [2], [2, 9]]),
        "lengths": st.sampled_from([[], [1.0], [1e-9, 0.5, 1.0], [0.1, 0.99, 1.0]]),
        "target_seeds": st.sampled_from([0, 1]),
        "replicates": st.sampled_from([1, 1, 2]),
        "final_seeds": st.sampled_from([0, 1, 2]),
        "margin": st.sampled_from([0, 0.001, 0.01, 0.3, 5]),
    },
)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SPECS)
def test_what_passes_check_runs_to_its_answer(document: dict) -> None:
    try:
        spec = parse({"task": "digits", "confirm_seeds": 2, "sampler": "random", **document})
    except InvalidSpec:
        return
    if plans.check(spec, simulated.FACTS, ["digits"]):
        return

    event("runs")
    plan = plans.make(spec, simulated.FACTS)
    trials = simulated.run(plan)

    assert answer("s", plan, trials).status == "confirmed"
