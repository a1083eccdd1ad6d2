"""clr.plan: every error of meaning at once, and a ledger that is fair by construction."""

import json

import pytest

from clr import plan as plans
from clr.protocol import TaskFacts
from clr.spec import parse

FACTS = TaskFacts(
    name="digits",
    metric="accuracy",
    direction="maximize",
    train_size=1100,
    validation_size=297,
    test_size=400,
    input_shape=(1, 8, 8),
    classes=10,
    models=("mlp", "resnet18"),
    default_model="mlp",
)
SEVEN = ["fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range"]


def errors(document: dict) -> dict[str, str]:
    return {e.pointer: e.detail for e in plans.check(parse({"task": "digits", **document}), FACTS, ["digits"])}


def test_the_shortest_spec_is_a_whole_study() -> None:
    spec = parse({"task": "digits", "arms": ["fixed", "cosine", "triangular2"]})

    plan = plans.make(spec, FACTS)

    assert plans.check(spec, FACTS, ["digits"]) == ()
    assert [arm.trials for arm in plan.arms] == [12, 12, 12]
    assert plan.iterations == 20 * (1100 // 64)
    assert len(plan.confirm_seeds) == 5
    assert plan.baseline == "fixed"


def test_every_error_of_meaning_is_listed_at_once_by_field() -> None:
    found = errors(
        {
            "model": "nope",
            "optimizer": {"name": "sgd", "options": {"momentum": 2.0, "beta": 1}},
            "batch_size": 5000,
            "budget": {"iterations": 100},
            "evaluate_every": 101,
            "baseline": "missing",
            "arms": [
                "fixed",
                "fixed",
                {"family": "nope"},
                {"family": "triangular", "name": "t", "fixed": {"base_lr": 0.1, "max_lr": 0.01}},
                {"family": "triangular", "name": "u", "fixed": {"step_size": 60}},
                {"family": "cosine", "name": "c", "fixed": {"nope": 1}, "search": {"cycles": [1, 2]}},
                {"family": "linear", "name": "l", "fixed": {"ratio": 0.1}, "search": {"ratio": [0.1, 0.2]}},
                {"family": "step", "name": "s", "fixed": {"gamma": -1.0}},
            ],
        }
    )

    assert set(found) == {
        "/model",
        "/optimizer/options/momentum",
        "/optimizer/options/beta",
        "/batch_size",
        "/evaluate_every",
        "/baseline",
        "/arms/1/name",
        "/arms/2/family",
        "/arms/3/fixed/max_lr",
        "/arms/4/fixed/step_size",
        "/arms/5/fixed/nope",
        "/arms/5/search/cycles",
        "/arms/6/search/ratio",
        "/arms/7/fixed/gamma",
    }
    assert "longer than the run's 100" in found["/arms/4/fixed/step_size"]
    assert "must not be below base_lr (0.1), got 0.01" in found["/arms/3/fixed/max_lr"]


def test_an_unknown_task_lists_the_announced_ones_and_how_one_is_announced() -> None:
    (error,) = plans.check(parse({"task": "mnist", "arms": ["fixed"]}), None, ["digits"])

    assert error.pointer == "/task"
    assert "digits" in error.detail
    assert "clr worker --tasks" in error.detail


@pytest.mark.parametrize(
    "change, pointer, words",
    [
        ({"looks": [3, 20], "confirm_seeds": 10}, "/looks", "must be at all 10 confirm_seeds, got 20"),
        ({"looks": [3, 5], "confirm_seeds": 10}, "/looks", "must be at all 10 confirm_seeds, got 5"),
        ({"arms": ["fixed"], "looks": [3, 5]}, "/looks", "one arm"),
        ({"arms": ["fixed"], "confirm": "finalists"}, "/confirm", "one arm"),
        ({"margin": 1.5}, "/margin", "is a fraction"),
        ({"target": 0.9, "target_seeds": 2}, "/target_seeds", "one of the two"),
        ({"replicates": 2, "looks": [2, 5]}, "/replicates", "leave out"),
        ({"replicates": 2, "lengths": [0.5, 1.0]}, "/replicates", "judge a family, lengths"),
        ({"lengths": [1e-9, 1.0]}, "/lengths", "is less than one"),
        ({"lengths": [0.5, 0.5001, 1.0], "budget": {"iterations": 100}}, "/lengths", "the same number of iterations"),
        ({"replicates": 100, "trials": 10_000}, "/trials", "100 times over"),
    ],
)
def test_options_of_confirm_that_contradict_each_other_are_one_error(change: dict, pointer: str, words: str) -> None:
    found = errors({"arms": ["fixed", "cosine"], **change})

    assert list(found) == [pointer] and words in found[pointer]


def test_looks_alone_set_the_number_of_seeds() -> None:
    assert parse({"task": "digits", "arms": ["fixed", "cosine"], "looks": [3, 5, 10]}).confirm_seeds == 10


def test_a_billion_trials_are_refused() -> None:
    found = errors({"arms": [{"family": "fixed", "name": f"a{k}"} for k in range(64)], "trials": 10_000})

    assert "at most 100,000" in found["/trials"]


def test_every_arm_gets_the_same_trials_seeds_and_iterations() -> None:
    plan = plans.make(parse({"task": "digits", "arms": SEVEN, "trials": 9, "confirm_seeds": 3}), FACTS)

    assert {arm.rounds for arm in plan.arms} == {(5, 4)}
    assert plan.slots == 3 + 7 * 9 + 7 * 3


def test_numbers_of_slots_are_unique_and_without_gaps() -> None:
    spec = parse(
        {"task": "digits", "trials": 7, "arms": [*SEVEN, {"family": "fixed", "name": "f", "fixed": {"lr": 0.1}}]}
    )
    plan = plans.make(spec, FACTS)

    numbers = [plan.numbers.of("range-test", "", k) for k in range(3)]
    numbers += [plan.numbers.of("search", arm.name, k) for arm in plan.arms for k in range(arm.trials)]
    numbers += [plan.numbers.of("confirm", arm.name, k) for arm in plan.arms for k in range(5)]
    numbers += [plan.numbers.of("range-test", "", k) for k in range(3, 12)]

    assert sorted(numbers) == list(range(1, plan.slots + 1 + 9))


def test_an_arm_with_nothing_to_search_runs_one_search_trial_and_says_so() -> None:
    plan = plans.make(parse({"task": "digits", "arms": ["cosine", {"family": "fixed", "fixed": {"lr": 0.1}}]}), FACTS)

    assert plan.arm("fixed").rounds == (1,)
    assert any("Nothing is searched in fixed" in note for note in plan.notes)


def test_a_run_too_short_for_two_epoch_steps_searches_one_to_four_cycles_and_says_so() -> None:
    short = plans.make(parse({"task": "digits", "arms": ["triangular"], "budget": {"epochs": 3}}), FACTS)
    long = plans.make(parse({"task": "digits", "arms": ["triangular"], "budget": {"epochs": 80}}), FACTS)

    assert short.cycles == (1, 4)
    assert "too short" in short.notes[0]
    assert long.cycles == (4, 20)
    assert not long.notes


def test_confirm_seeds_are_fresh_and_do_not_depend_on_their_number() -> None:
    five = plans.make(parse({"task": "digits", "arms": ["fixed"], "confirm_seeds": 5}), FACTS)
    nine = plans.make(parse({"task": "digits", "arms": ["fixed"], "confirm_seeds": 9}), FACTS)

    assert nine.confirm_seeds[:5] == five.confirm_seeds
    assert five.range_test is not None
    used = {five.search_seed, *five.range_test.seeds, five.range_test.split_seed, *five.confirm_seeds}
    assert len(used) == 1 + 3 + 1 + 5


def test_the_range_test_has_at_least_120_evaluations_in_four_epochs() -> None:
    plan = plans.make(parse({"task": "digits", "arms": ["fixed"], "batch_size": 2}), FACTS)

    assert plan.range_test is not None
    assert plan.range_test.iterations >= 4 * 550
    assert plan.range_test.iterations % plan.range_test.evaluate_every == 0
    assert 110 <= plan.range_test.iterations // plan.range_test.evaluate_every <= 120


@pytest.mark.parametrize(
    "trials, sizes", [(1, (1,)), (2, (1, 1)), (6, (3, 3)), (12, (6, 4, 2)), (40, (10, 4, 4, 4, 4, 4, 4, 4, 2))]
)
def test_half_of_a_search_at_most_ten_is_random(trials: int, sizes: tuple[int, ...]) -> None:
    assert plans.rounds(trials, 4) == sizes


def test_a_plan_survives_json() -> None:
    plan = plans.make(parse({"task": "digits", "arms": SEVEN, "bounds": {"low": 1e-3, "high": 1.0}}), FACTS)

    assert plans.Plan.model_validate(json.loads(plan.model_dump_json())) == plan
