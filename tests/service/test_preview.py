"""POST /v1/schedules/preview, and whether a form can be made from what GET /v1/schedules says."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from serving import serving as service

from clr import schedules
from clr.client import Client
from clr.resources import PreviewRequest

TRIANGULAR2 = {"family": "triangular2", "base_lr": 0.001, "max_lr": 0.006, "step_size": 2000}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with service(tmp_path_factory.mktemp("preview")) as client:
        yield client


@pytest.fixture(scope="module")
def preview(client: Client) -> Callable[..., httpx.Response]:
    def ask(schedule: Any, iterations: Any = 100, **more: Any) -> httpx.Response:
        body = {"schedule": schedule, "iterations": iterations, **more}
        return httpx.post(f"{client.url}/v1/schedules/preview", json=body, trust_env=False, timeout=30)

    return ask


def form(schema: dict[str, Any]) -> Any:
    """What somebody fills in who knows the schema alone: the default, the first word, or a value within bounds."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema or "anyOf" in schema:
        return schema.get("enum", schema.get("anyOf", [{}])[0].get("enum"))[0]
    kind = schema["type"]
    if kind == "object":
        return {"family": "fixed", "lr": 0.1} if "family" in schema["properties"] else filled(schema)
    if kind == "array":
        count = schema["minItems"] if schema["items"]["type"] == "object" else 1
        return [form(schema["items"]) for _ in range(count)]
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", low + 1)
    return low if kind == "integer" else low + (min(high, low + 1) - low) / 2


def filled(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: form(schema["properties"][name]) for name in schema["required"]}


@pytest.mark.parametrize("family", schedules.names())
def test_a_form_made_from_the_schema_gives_the_rates_that_training_uses(client: Client, preview, family: str):
    (described,) = [row for row in client.schedules() if row.family == family]
    asked = {"family": family, **filled(described.parameters)}

    answer = preview(asked, 50)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    schedule = schedules.from_dict(asked)
    assert found["schedule"] == schedule.to_dict()
    assert found["iterations"] == list(range(50))
    assert found["rates"] == schedule.rates(50).tolist()


@pytest.mark.parametrize("family", schedules.names())
def test_the_schema_names_each_field_with_a_kind_a_meaning_and_its_rules(client: Client, family: str):
    (described,) = [row for row in client.schedules() if row.family == family]
    fields = described.parameters["properties"]

    assert described.parameters["additionalProperties"] is False
    assert set(described.parameters["required"]) == {name for name, field in fields.items() if "default" not in field}
    for name, field in fields.items():
        assert field["type"] and field["description"], name
        bounded = {"minimum", "exclusiveMinimum", "enum", "anyOf", "items", "properties"}
        assert field["type"] == "boolean" or bounded & set(field), name


def test_points_a_cycle_apart_show_a_flat_line_and_the_schema_says_so(preview: Callable[..., httpx.Response]) -> None:
    cycle_of_10 = {"family": "triangular", "base_lr": 0.1, "max_lr": 0.4, "step_size": 5}

    shown = preview(cycle_of_10, 1001, points=101).json()["rates"]

    assert shown == pytest.approx([0.1] * 101)
    said = PreviewRequest.model_json_schema()["properties"]["points"]["description"]
    assert "a cycle shorter than a few times iterations / points aliases" in said


def test_a_long_run_is_sampled_from_its_first_update_to_its_last(preview):
    found = preview(TRIANGULAR2, 10_000_000, points=7).json()

    assert (found["iterations"][0], found["iterations"][-1]) == (0, 9_999_999)
    assert len(found["iterations"]) == 7
    assert found["rates"] == schedules.from_dict(TRIANGULAR2)(np.array(found["iterations"])).tolist()


def test_whole_floats_are_counts_as_javascript_writes_them(preview):
    answer = preview({"family": "cosine", "lr": 0.1, "end_lr": 0, "iterations": 2.0}, 2.0)

    assert answer.json()["schedule"] == {"family": "cosine", "lr": 0.1, "end_lr": 0.0, "iterations": 2}


NESTED = {"family": "warmup", "iterations": 5, "schedule": {**TRIANGULAR2, "max_lr": -1}}
PIECES = {
    "family": "piecewise",
    "milestones": [10],
    "schedules": [{"family": "fixed", "lr": 0.1}, {"family": "step", "lr": 1, "gamma": 0.5, "step_size": 1.5}],
}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"schedule": {**TRIANGULAR2, "max_lr": 0.0001}, "iterations": 10}, "/schedule/max_lr"),
        ({"schedule": {**TRIANGULAR2, "gamma": 0.9}, "iterations": 10}, "/schedule/gamma"),
        ({"schedule": {**TRIANGULAR2, "cls": 1}, "iterations": 10}, "/schedule/cls"),
        ({"schedule": {**TRIANGULAR2, "a/b~": 1}, "iterations": 10}, "/schedule/a~1b~0"),
        ({"schedule": {"family": "fixed"}, "iterations": 10}, "/schedule/lr"),
        ({"schedule": {"lr": 0.1}, "iterations": 10}, "/schedule/family"),
        ({"schedule": {"family": "triangle"}, "iterations": 10}, "/schedule/family"),
        ({"schedule": {"family": ["fixed"]}, "iterations": 10}, "/schedule/family"),
        ({"schedule": {"family": "fixed", "lr": {"a": 1}}, "iterations": 10}, "/schedule/lr/family"),
        ({"schedule": NESTED, "iterations": 10}, "/schedule/schedule/max_lr"),
        ({"schedule": PIECES, "iterations": 10}, "/schedule/schedules/1/step_size"),
        ({"schedule": TRIANGULAR2, "iterations": 0}, "/iterations"),
        ({"schedule": TRIANGULAR2, "iterations": 2.5}, "/iterations"),
        ({"schedule": TRIANGULAR2, "iterations": 10, "points": 1}, "/points"),
        ({"schedule": TRIANGULAR2, "iterations": 10, "points": 10_001}, "/points"),
        ({"schedule": TRIANGULAR2}, "/iterations"),
        ({"schedule": "fixed", "iterations": 10}, "/schedule"),
        ({"schedule": TRIANGULAR2, "iterations": 10, "seed": 1}, "/seed"),
        ({"schedule": {"family": "exponential", "lr": 1, "gamma": 10}, "iterations": 1000}, "/schedule"),
    ],
)
def test_what_is_wrong_is_told_by_field_as_a_problem(client: Client, body: dict[str, Any], pointer: str):
    answer = httpx.post(f"{client.url}/v1/schedules/preview", json=body, trust_env=False)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:clr:problem:invalid-request"
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert problem["errors"][0]["detail"]


def test_a_preview_imports_nothing_that_a_stranger_names(preview):
    custom = {"family": "custom", "base_lr": 0, "max_lr": 1, "step_size": 10, "scale_fn": "antigravity:geohash"}

    answer = preview({"family": "warmup", "schedule": custom, "iterations": 3})

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/schedule/schedule/scale_fn" and "is not of a trusted module" in error["detail"]


@pytest.mark.parametrize("depth", [8, 9, 40, 5000])
def test_schedules_within_schedules_end_somewhere(client: Client, depth: int):
    text = (
        '{"family": "warmup", "iterations": 1, "schedule": ' * (depth - 1)
        + '{"family": "fixed", "lr": 1}'
        + "}" * (depth - 1)
    )

    answer = httpx.post(
        f"{client.url}/v1/schedules/preview",
        content=f'{{"iterations": 3, "schedule": {text}}}',
        headers={"Content-Type": "application/json"},
        trust_env=False,
    )

    assert answer.status_code == (200 if depth == 8 else 422 if depth == 9 else 400), answer.text
