"""clr.spec: form is checked whole, every error by field."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clr.errors import InvalidSpec
from clr.spec import Interval, StudySpec, parse

SHORT = {"task": "digits", "arms": ["fixed", "cosine", "triangular2"]}


def errors(document: object) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        parse(document)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_the_short_form_is_a_whole_spec_with_the_documented_defaults() -> None:
    spec = parse(SHORT)

    assert (spec.trials, spec.confirm_seeds, spec.batch_size, spec.optimizer.name) == (12, 5, 64, "sgd")
    assert spec.bounds == "range-test"
    assert [arm.name for arm in spec.arms] == ["fixed", "cosine", "triangular2"]
    assert spec.baseline_arm == "fixed"


def test_yaml_and_json_say_the_same() -> None:
    text = "task: digits\narms: [fixed, {family: triangular, fixed: {base_lr: 0.001}}]\nbudget: {epochs: 3}\n"

    assert parse(yaml.safe_load(text)) == parse(json.loads(json.dumps(yaml.safe_load(text))))


def test_a_spec_survives_json() -> None:
    spec = parse(
        {**SHORT, "bounds": {"low": 1e-3, "high": 1}, "optimizer": {"name": "sgd", "options": {"nesterov": True}}}
    )

    assert StudySpec.model_validate(json.loads(spec.model_dump_json())) == spec
    assert spec.bounds == Interval(low=1e-3, high=1.0)


def test_the_first_arm_is_the_baseline_where_none_is_called_fixed() -> None:
    assert parse({"task": "digits", "arms": ["cosine", "linear"]}).baseline_arm == "cosine"


def test_every_error_of_form_is_listed_at_once() -> None:
    found = errors(
        {
            "task": "di gits",
            "arms": [{"family": "fixed", "fixed": {"lr": float("nan")}, "search": {"peak_lr": {"low": 1}}}],
            "bounds": {"low": 2, "high": 1},
            "trials": 10**9,
            "budget": {"iterations": 0},
            "target": float("inf"),
            "unknown": 1,
        }
    )

    assert set(found) == {
        "/task/name",
        "/arms/0/fixed/lr",
        "/arms/0/search/peak_lr",
        "/bounds",
        "/trials",
        "/budget/iterations",
        "/target",
        "/unknown",
    }


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"budget": {}}, "/budget"),
        ({"budget": {"iterations": 5, "epochs": 1}}, "/budget"),
        ({"bounds": "guess"}, "/bounds"),
        ({"bounds": {"low": 0, "high": 1}}, "/bounds/low"),
        ({"arms": []}, "/arms"),
        ({"batch_size": 0}, "/batch_size"),
        ({"seed": -1}, "/seed"),
        ({"margin": float("nan")}, "/margin"),
        ({"margin": -0.1}, "/margin"),
        ({"looks": [5, 3]}, "/looks"),
        ({"looks": [1, 3]}, "/looks/0"),
        ({"looks": [3, float("nan")]}, "/looks/1"),
        ({"confirm": "some"}, "/confirm"),
        ({"lengths": [0, 1.0]}, "/lengths/0"),
        ({"lengths": [0.5]}, "/lengths"),
        ({"lengths": [0.5, 0.25, 1.0]}, "/lengths"),
        ({"lengths": [float("nan"), 1.0]}, "/lengths/0"),
        ({"replicates": 0}, "/replicates"),
        ({"final_seeds": -1}, "/final_seeds"),
        ({"arms": [{"family": "fixed", "name": f"a{k}"} for k in range(10_000)]}, "/arms"),
        ({"sampler": "magic"}, "/sampler"),
        ({"range_test": {"low": 1, "high": 0.1}}, "/range_test"),
        (
            {"arms": [{"family": "fixed", "search": {"peak_lr": {"low": 0, "high": 1, "log": True}}}]},
            "/arms/0/search/peak_lr",
        ),
        ({"arms": [{"family": "fixed", "search": {"peak_lr": {"choices": [1], "low": 1}}}]}, "/arms/0/search/peak_lr"),
    ],
)
def test_a_wrong_field_is_named(change: dict, pointer: str) -> None:
    assert set(errors({**SHORT, **change})) == {pointer}


@pytest.mark.parametrize("document", [None, [], "digits", 3, {}, {"task": "digits"}, {"arms": ["fixed"]}])
def test_what_is_no_spec_is_refused(document: object) -> None:
    assert errors(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(StudySpec.model_fields)), json_values, max_size=6))
def test_no_document_ends_in_another_error(document: dict) -> None:
    try:
        parse({**SHORT, **document})
    except InvalidSpec as error:
        assert error.errors
