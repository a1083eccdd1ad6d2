"""What holds for every registered family."""

import json
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clr import schedules, snippets
from clr.errors import ClrError, InvalidSchedule, UnknownName
from clr.schedules import Schedule

Strategy = Callable[[str], st.SearchStrategy[Schedule]]

every_family = pytest.mark.parametrize("family", schedules.names())
few = settings(max_examples=12, deadline=None)


@every_family
@few
@given(data=st.data(), iterations=st.lists(st.integers(0, 10_000_000), max_size=9))
def test_an_integer_array_gives_a_float64_array_of_the_same_shape(family, schedules_of: Strategy, data, iterations):
    schedule = data.draw(schedules_of(family))

    for dtype in (np.int64, np.int32, np.uint64):
        array = np.array(iterations, dtype=dtype)
        for shaped in (array, array[:, None], array[:0], array[..., None, None]):
            rates = schedule(shaped)

            assert rates.dtype == np.float64
            assert rates.shape == shaped.shape


@every_family
@few
@given(data=st.data(), iterations=st.lists(st.integers(0, 10_000_000), max_size=9))
def test_an_int_gives_the_float_that_an_array_holds_to_the_last_bit(family, schedules_of: Strategy, data, iterations):
    schedule = data.draw(schedules_of(family))

    one_by_one = [schedule(iteration) for iteration in iterations]

    assert all(type(rate) is float for rate in one_by_one)
    assert one_by_one == schedule(np.array(iterations, dtype=np.int64)).tolist()


@every_family
@few
@given(data=st.data(), length=st.integers(0, 300))
def test_rates_holds_the_rate_of_each_iteration_of_the_run(family, schedules_of: Strategy, data, length):
    schedule = data.draw(schedules_of(family))

    assert schedule.rates(length).tolist() == [schedule(iteration) for iteration in range(length)]


@every_family
@few
@given(data=st.data(), iteration=st.integers(0, 10_000_000))
def test_no_rate_is_negative_or_nan(family, schedules_of: Strategy, data, iteration):
    assert data.draw(schedules_of(family))(iteration) >= 0.0


@every_family
@few
@given(data=st.data())
def test_a_dictionary_goes_through_json_and_comes_back_equal(family, schedules_of: Strategy, data):
    schedule = data.draw(schedules_of(family))

    document = json.loads(json.dumps(schedule.to_dict(), allow_nan=False))

    assert document["family"] == family
    assert schedules.from_dict(document) == schedule


@every_family
@few
@given(data=st.data())
def test_the_repr_pastes_back(family, schedules_of: Strategy, data):
    schedule = data.draw(schedules_of(family))

    pasted = eval(repr(schedule), vars(schedules))

    assert pasted == schedule
    assert hash(pasted) == hash(schedule)


@every_family
@few
@given(data=st.data())
def test_a_schedule_is_frozen_and_can_be_pickled(family, schedules_of: Strategy, data):
    schedule = data.draw(schedules_of(family))

    assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301
    with pytest.raises(AttributeError):
        setattr(schedule, next(iter(schedules.json_schema(family)["properties"])), 1.0)


@every_family
@few
@given(data=st.data())
def test_numpy_numbers_and_ints_make_the_same_schedule_as_floats(family, schedules_of: Strategy, data):
    schedule = data.draw(schedules_of(family))
    parameters = {name: getattr(schedule, name) for name in schedules.json_schema(family)["properties"]}

    as_numpy = {
        name: np.array([value])[0] if type(value) in (int, float) else value for name, value in parameters.items()
    }

    assert repr(schedules.make(family, **as_numpy)) == repr(schedule)


WRONG = [True, "0.1", None, math.nan, math.inf, -math.inf, -1.0, 10**400, 1j, [1]]


@every_family
@few
@given(data=st.data(), wrong=st.sampled_from(WRONG))
def test_a_wrong_value_is_refused_with_parameter_value_and_rule(family, schedules_of: Strategy, data, wrong):
    schedule = data.draw(schedules_of(family))
    properties = schedules.json_schema(family)["properties"]
    right = {True: "boolean", None: ["number", "null"], (1,): "array"}.get(tuple(wrong) if wrong == [1] else wrong)
    name = data.draw(st.sampled_from(list(properties)).filter(lambda name: properties[name]["type"] != right))
    parameters = {name: getattr(schedule, name) for name in properties}

    with pytest.raises(InvalidSchedule) as refusal:
        schedules.make(family, **{**parameters, name: wrong})

    assert isinstance(refusal.value, ValueError)
    assert isinstance(refusal.value, ClrError)
    assert (refusal.value.family, refusal.value.parameter) == (family, name)
    assert repr(wrong) in str(refusal.value)
    assert refusal.value.rule.startswith("must be")


@every_family
@pytest.mark.parametrize(
    "wrong", [True, np.bool_(True), 1.0, np.float64(1.0), "1", None, np.array([1.0]), np.array([True])]
)
def test_an_iteration_that_is_no_integer_is_refused(family, schedules_of: Strategy, wrong):
    schedule = schedules.from_dict(PLAIN[family])

    with pytest.raises(TypeError, match=f"iteration of {family} must be an int or an integer array"):
        schedule(wrong)


@every_family
@pytest.mark.parametrize("wrong", [-1, np.array([0, -3]), 2**53 + 1, 2**70])
def test_an_iteration_out_of_range_is_refused(family, wrong):
    with pytest.raises(InvalidSchedule, match=f"iteration of {family} must be from 0 to 2"):
        schedules.from_dict(PLAIN[family])(wrong)


@every_family
@pytest.mark.parametrize("wrong", [-1, 1.5, True, "10"])
def test_a_length_that_is_no_count_is_refused(family, wrong):
    with pytest.raises(InvalidSchedule, match=r"iterations of .*rates must be"):
        schedules.from_dict(PLAIN[family]).rates(wrong)


@every_family
def test_a_whole_number_may_be_written_as_a_float(family):  # JavaScript has no other, and JSON keeps what it wrote
    def written(value: object) -> object:
        if isinstance(value, dict):
            return {name: written(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [written(inner) for inner in value]
        return float(value) if type(value) is int else value

    schedule = schedules.from_dict(written(PLAIN[family]))

    assert schedule == schedules.from_dict(PLAIN[family])
    assert repr(schedule) == repr(schedules.from_dict(PLAIN[family]))
    assert schedule.rates(12.0).tolist() == schedule.rates(12).tolist()


@pytest.mark.parametrize("wrong", [2.5, math.nan, math.inf, 1e300, np.float64(0.5)])
def test_a_float_that_is_no_count_is_refused_where_one_is_meant(wrong):
    with pytest.raises(InvalidSchedule, match="iterations of cosine must be"):
        schedules.make("cosine", lr=0.1, end_lr=0.0, iterations=wrong)


@every_family
def test_a_schedule_writes_itself_as_a_script_or_a_document(family):
    schedule = schedules.from_dict(PLAIN[family])

    assert schedules.from_dict(json.loads(schedule.snippet("json"))) == schedule
    assert schedule.snippet("torch", 77) == snippets.snippet(schedule, "torch", 77)
    with pytest.raises(UnknownName, match="kind of snippet 'theano'"):
        schedule.snippet("theano")


@every_family
@pytest.mark.parametrize(("run", "points"), [(1, 2), (7, 10), (1000, 2), (10_000_000, 300), (2**53, 9)])
def test_a_sample_of_a_run_holds_its_first_and_its_last_rate(family, run, points):
    schedule = schedules.from_dict(PLAIN[family])

    at, rates = schedule.sampled(run, points)

    assert (at[0], at[-1]) == (0, run - 1)
    assert len(at) == min(run, points) and (np.diff(at) > 0).all()
    assert rates.tolist() == schedule(at).tolist()


@pytest.mark.parametrize("name", ["cls", "self", "family", "length", "cycle"])
def test_a_parameter_named_like_a_part_of_ours_is_unknown(name):
    with pytest.raises(InvalidSchedule, match=f"{name} of fixed is not a parameter"):
        schedules.make("fixed", **{"lr": 0.1, name: 1})


@every_family
def test_a_missing_and_an_unknown_parameter_are_named(family):
    parameters = {name: value for name, value in PLAIN[family].items() if name != "family"}
    required = schedules.json_schema(family)["required"][0]
    without = {name: value for name, value in parameters.items() if name != required}

    with pytest.raises(InvalidSchedule, match=f"{required} of {family} is required"):
        schedules.make(family, **without)
    with pytest.raises(InvalidSchedule, match=f"learning_rate of {family} is not a parameter \\(known: "):
        schedules.make(family, **parameters, learning_rate=1.0)


@every_family
def test_the_json_schema_describes_every_parameter(family):
    schema = schedules.json_schema(family)

    assert json.loads(json.dumps(schema)) == schema
    assert schema["title"] == family
    assert schema["description"].endswith(".")
    assert set(schema["required"]) == set(PLAIN[family]) - {"family"}
    assert schema["additionalProperties"] is False
    for rule in schema["properties"].values():
        assert rule["description"]
        assert rule["type"] in ("number", ["number", "null"], "integer", "string", "boolean", "array", "object")


@every_family
def test_the_docstring_has_formula_arguments_example_and_where_known_the_source(family):
    text = type(schedules.from_dict(PLAIN[family])).__doc__

    for heading in ("rate(i) =", "Args:", ">>> ") + (() if family == "fixed" else ("Source:",)):
        assert heading in text
    for name in schedules.json_schema(family)["properties"]:
        assert f"\n        {name}" in text


@every_family
@few
@given(data=st.data(), length=st.integers(1, 10**7))
def test_stretching_to_its_own_length_changes_nothing(family, schedules_of: Strategy, data, length):
    schedule = data.draw(schedules_of(family))

    assert schedule.stretched(length, of=length) == schedule


@every_family
@few
@given(data=st.data(), i=st.integers(0, 100_000))
def test_over_a_run_so_many_times_as_long_the_rate_of_i_comes_at_as_many_times_i(
    family, schedules_of: Strategy, data, i
):
    schedule = data.draw(schedules_of(family))
    times = 2 if family == "one_cycle" else data.draw(st.sampled_from([2, 4, 16]))  # exact for step sizes, too
    largest = max(schedule(0), schedule(i), 1e4)

    stretched = schedule.stretched(times * 1000, of=1000)

    if family == "one_cycle":  # its phases end one iteration before their part of the run
        assume(schedule.iterations > 1000 and schedule.pct_start * schedule.iterations > 100)
        highest = max(schedule.max_lr, schedule(0))
        assert stretched(times * i) == pytest.approx(schedule(i), abs=0.05 * highest)
    else:
        assert stretched(times * i) == pytest.approx(schedule(i), rel=1e-9, abs=1e-12 * largest)


@pytest.mark.parametrize(("new", "old"), [(3, 1), (7, 1), (1, 5), (13, 10)])
@pytest.mark.parametrize("family", sorted(set(schedules.names()) - {"one_cycle"}))
def test_over_a_run_of_another_length_a_rate_keeps_its_place(family, new, old):
    schedule = schedules.from_dict(PLAIN[family])

    stretched = schedule.stretched(new * 1000, of=old * 1000)

    at = np.arange(0, 400, 10)
    assert stretched(at * new // old) == pytest.approx(schedule(at), rel=1e-9, abs=1e-12)


@every_family
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_run_that_holds_its_parts_can_be_stretched_to_and_is_its_length(family, schedules_of: Strategy, data):
    schedule = data.draw(schedules_of(family))
    spread = st.one_of(st.integers(0, 20), st.integers(0, 3000), st.integers(0, 10_000_000))
    run = schedule.shortest + data.draw(spread)
    of = None if schedule.length else 1 + data.draw(spread)

    stretched = schedule.stretched(run, of=of)

    assert stretched.length == (run if schedule.length else None)
    assert np.isfinite(stretched.rates(5)).all() or family == "exponential"


@pytest.mark.parametrize("run", [*range(3, 40), 95, 101, 110, 999, 1055])
def test_schedules_within_schedules_fill_any_run_to_the_last_iteration(run):
    fall = schedules.make("linear", lr=0.1, end_lr=0.0, iterations=10)
    staged = schedules.make("piecewise", schedules=[schedules.make("fixed", lr=0.1), fall], milestones=[1])
    schedule = schedules.make("warmup", schedule=staged, iterations=989, start_factor=0.5)

    stretched = schedule.stretched(run)

    assert schedule.length == 1000 and schedule.shortest == 3
    assert stretched.length == run
    assert stretched(run) == 0.0 < stretched(run - 1)


@every_family
@few
@given(data=st.data(), i=st.integers(0, 10_000_000))
def test_scaling_to_a_larger_batch_multiplies_every_rate(family, schedules_of: Strategy, data, i):
    schedule = data.draw(schedules_of(family))

    assert schedule.scaled(64, 192, "linear")(i) == pytest.approx(3 * schedule(i), rel=1e-9, abs=1e-300)
    assert schedule.scaled(64, 256, "sqrt")(i) == pytest.approx(2 * schedule(i), rel=1e-9, abs=1e-300)


def test_an_unknown_family_is_refused_with_the_known_ones():
    for ask in (lambda: schedules.make("triangle"), lambda: schedules.json_schema("triangle")):
        with pytest.raises(UnknownName, match=r"no schedule family 'triangle'.*triangular2"):
            ask()
    with pytest.raises(UnknownName):
        schedules.from_dict({"family": ["fixed"], "lr": 1.0})
    with pytest.raises(InvalidSchedule, match="family of a schedule is required"):
        schedules.from_dict({"lr": 1.0})


@pytest.mark.parametrize("family", ["triangular", "triangular2", "exp_range", "custom", "decay"])
def test_base_above_max_is_refused(family):
    with pytest.raises(InvalidSchedule, match=r"max_lr of \w+ must not be below base_lr \(0.006\), got 0.001"):
        schedules.from_dict({**PLAIN[family], "base_lr": 0.006, "max_lr": 0.001})


PLAIN = {
    "fixed": {"family": "fixed", "lr": 0.1},
    "step": {"family": "step", "lr": 0.1, "gamma": 0.1, "step_size": 30},
    "multi_step": {"family": "multi_step", "lr": 0.1, "gamma": 0.1, "milestones": [60, 80]},
    "exponential": {"family": "exponential", "lr": 0.1, "gamma": 0.99},
    "inverse": {"family": "inverse", "lr": 0.1, "gamma": 0.01, "power": 0.75},
    "linear": {"family": "linear", "lr": 0.1, "end_lr": 0.0, "iterations": 100},
    "polynomial": {"family": "polynomial", "lr": 0.1, "end_lr": 0.0, "power": 2.0, "iterations": 100},
    "decay": {"family": "decay", "base_lr": 0.1, "max_lr": 0.7, "step_size": 40.0},
    "cosine": {"family": "cosine", "lr": 0.1, "end_lr": 0.0, "iterations": 100},
    "cosine_restarts": {"family": "cosine_restarts", "lr": 0.1, "end_lr": 0.0, "period": 12.5},
    "triangular": {"family": "triangular", "base_lr": 0.1, "max_lr": 0.4, "step_size": 12.5},
    "triangular2": {"family": "triangular2", "base_lr": 0.1, "max_lr": 0.4, "step_size": 12.5},
    "exp_range": {"family": "exp_range", "base_lr": 0.1, "max_lr": 0.4, "step_size": 12.5, "gamma": 0.99},
    "custom": {"family": "custom", "base_lr": 0.1, "max_lr": 0.4, "step_size": 12.5, "scale_fn": "inverse"},
    "one_cycle": {"family": "one_cycle", "max_lr": 0.4, "iterations": 100},
    "warmup_stable_decay": {
        "family": "warmup_stable_decay", "lr": 0.1, "end_lr": 0.0, "warmup": 10, "decay": 20, "iterations": 100,
    },
    "warmup": {"family": "warmup", "schedule": {"family": "fixed", "lr": 0.1}, "iterations": 10},
    "piecewise": {
        "family": "piecewise",
        "schedules": [{"family": "fixed", "lr": 0.1}, {"family": "linear", "lr": 0.1, "end_lr": 0.0, "iterations": 90}],
        "milestones": [10],
    },
}  # fmt: skip
"""A document of every family with what is required; a new family is tested once it stands here."""
