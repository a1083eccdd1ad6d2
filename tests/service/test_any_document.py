"""Whatever is sent, the service answers; it never fails."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["toy", "fixed", "cosine"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SPEC_FIELDS = (
    "name", "task", "model", "optimizer", "batch_size", "budget", "evaluate_every", "arms", "bounds", "range_test",
    "trials", "sampler", "round_size", "confirm_seeds", "baseline", "target", "priority", "seed",
)  # fmt: skip
ARM_FIELDS = ("lr", "base_lr", "max_lr", "step_size", "gamma", "peak_lr", "ratio", "cycles", "iterations", "end_lr")
FAMILIES = ("fixed", "step", "exponential", "linear", "cosine", "triangular", "triangular2", "exp_range")
ARMS = st.fixed_dictionaries(
    {"family": st.sampled_from(FAMILIES)},
    optional={
        "fixed": st.dictionaries(st.sampled_from(ARM_FIELDS), st.floats() | st.integers() | st.booleans(), max_size=3),
        "search": st.dictionaries(st.sampled_from(ARM_FIELDS), st.lists(st.floats(), max_size=2) | VALUES, max_size=2),
    },
)
patient = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def answered(http, path, document):
    answer = http.post(path, content=json.dumps(document), headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, (document, answer.text)
    return answer


@patient
@given(changes=st.dictionaries(st.sampled_from(SPEC_FIELDS), VALUES, max_size=3))
def test_any_value_in_any_field_of_a_spec(http, changes):
    answer = answered(http, "/v1/studies", {"task": "toy", "arms": ["fixed"], **changes})

    assert answer.status_code in (201, 400, 422)


@patient
@given(arms=st.lists(ARMS, min_size=1, max_size=2), iterations=st.integers(1, 1000))
def test_any_numbers_in_an_arm(http, arms, iterations):
    named = [{**arm, "name": f"arm{index}"} for index, arm in enumerate(arms)]
    document = {
        "task": "toy",
        "arms": named,
        "bounds": {"low": 0.01, "high": 1.0},
        "budget": {"iterations": iterations},
    }

    answer = answered(http, "/v1/studies", document)
    if answer.status_code == 201:  # what is accepted has its first slots planned
        assert http.get(f"/v1/studies/{answer.json()['id']}/trials").status_code == 200


@pytest.mark.parametrize("path", ["/v1/workers", "/v1/leases", "/v1/leases/renew", "/v1/leases/release", "/v1/reports",
                                  "/v1/results"])  # fmt: skip
@settings(patient, max_examples=15)
@given(document=VALUES | st.dictionaries(st.sampled_from(["worker", "leases", "reports", "results", "count"]), VALUES))
def test_any_document_to_a_worker_s_route(http, path, document):
    answered(http, path, document)
