"""The procedure on a tiny problem: what is trained, at which rates, on what, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import clr
from clr.errors import InvalidRangeTest
from clr.lr_range_test import Progress
from clr.lr_range_test import settings as options


def rates_seen(problem: Any, **given: Any) -> tuple[Any, list[list[float]]]:
    """The result, and the rate of every group at every update."""
    seen: list[list[float]] = []
    problem.optimizer.register_step_pre_hook(
        lambda optimizer, *_: seen.append([float(group["lr"]) for group in optimizer.param_groups])
    )
    return problem.range_test(**{"seeds": 1, "rerun": False, **given}), seen


# Rates


def test_an_exponential_ramp_multiplies_the_rate_at_every_update(problem: Any) -> None:
    found, seen = rates_seen(problem, low=1e-5, high=10.0)

    rates = np.array(seen)[:, 0]
    assert rates == pytest.approx(1e-5 * 1e6 ** (np.arange(len(rates)) / 299), rel=1e-12)
    assert found.rates == pytest.approx(1e-5 * 1e6 ** (np.arange(5, 300, 6) / 299), rel=1e-12)


def test_a_linear_ramp_adds_to_it_and_begins_at_zero(problem: Any) -> None:
    found, seen = rates_seen(problem, ramp="linear", high=3.0, evaluations=100)

    rates = np.array(seen)[:, 0]
    assert rates == pytest.approx(3.0 * np.arange(1, len(rates) + 1) / 300, rel=1e-12)
    assert found.ramp == "linear" and found.low == 0.0 and found.metric == "accuracy"


@pytest.mark.parametrize(
    ("groups", "ratio"),
    [
        (({"lr": 0.01}, {"lr": 0.1}), 10.0),
        (({"lr": 0.01, "lr_mult": 1.0}, {"lr": 0.01, "lr_mult": 2.0}), 2.0),
        (({"lr": torch.tensor(0.02)}, {"lr": torch.tensor(0.01)}), 0.5),
    ],
    ids=["rates of their own", "lr_mult", "tensor rates"],
)
def test_parameter_groups_keep_their_ratio(problem: Any, groups: Any, ratio: float) -> None:
    first, last = problem.model[0], problem.model[4]
    problem.optimizer = torch.optim.SGD(
        [
            {"params": [*first.parameters(), *problem.model[1].parameters()], **groups[0]},
            {"params": last.parameters(), **groups[1]},
        ],
        foreach=False,
    )

    found, seen = rates_seen(problem)

    rates = np.array(seen)
    assert rates[:, 1] / rates[:, 0] == pytest.approx(np.full(len(rates), ratio), rel=1e-6)
    assert rates[: len(found.rates), 0][0] == pytest.approx(found.low)
    assert f"1, {ratio:g} times" in " ".join(found.notes)


def test_groups_that_share_a_tensor_rate_keep_their_multipliers(problem: Any) -> None:
    shared = torch.tensor(0.01)
    groups = [{"params": [p], "lr_mult": float(k + 1)} for k, p in enumerate(problem.model.parameters())]
    problem.optimizer = torch.optim.SGD(groups, lr=shared, foreach=False)

    _, seen = rates_seen(problem)

    assert np.array(seen)[7] / seen[7][0] == pytest.approx(np.arange(1.0, 7.0), rel=1e-5)
    assert all(group["lr"] is shared for group in problem.optimizer.param_groups)


def test_optimizers_that_normalise_their_steps_get_a_lower_ramp(problem: Any) -> None:
    sgd = problem.range_test(seeds=1, rerun=False)
    problem.optimizer = torch.optim.AdamW(problem.model.parameters())
    adam = problem.range_test(seeds=1, rerun=False)

    assert (sgd.low, sgd.high) == (1e-5, 10.0)
    assert (adam.low, adam.high) == (1e-6, 1.0)


@pytest.mark.parametrize(("passes", "expected"), [(None, 1000), (100, 1000), (300, 1200), (100_000, 3000)])
def test_a_ramp_is_a_thousand_updates_or_four_passes_at_most_three_thousand(
    problem: Any, passes: int | None, expected: int
) -> None:
    asked = options.make(
        problem.optimizer, passes, ramp="exponential", low=None, high=None, iterations=None, evaluations=120, seeds=3
    )

    assert expected <= asked.iterations < expected + asked.every
    assert asked.iterations // asked.every >= 100


def test_the_own_script_and_a_study_use_the_same_numbers() -> None:
    from clr.plan import RAMP_RERUNS, ledger
    from clr.training import loop, range_test

    assert (options.ITERATIONS, options.EPOCHS) == (ledger.RAMP_ITERATIONS, ledger.RAMP_EPOCHS)
    assert options.EVALUATIONS == ledger.RAMP_EVALUATIONS
    assert (ledger.SGD_RAMP.low, ledger.SGD_RAMP.high) == options.SGD_RAMP
    assert (ledger.ADAM_RAMP.low, ledger.ADAM_RAMP.high) == options.ADAM_RAMP
    assert clr.lr_range_test.VALIDATION_EXAMPLES == range_test.VALIDATION_IMAGES
    assert clr.lr_range_test.ramp.EXPLODED == loop.EXPLODED
    assert RAMP_RERUNS == 3


def test_a_model_in_evaluation_mode_is_trained_in_training_mode_and_comes_back(problem: Any) -> None:
    problem.model.eval()
    modes: list[bool] = []
    problem.optimizer.register_step_pre_hook(lambda *_: modes.append(problem.model[1].training))

    problem.range_test(seeds=1, rerun=False)

    assert len(modes) > 100 and all(modes)
    assert not problem.model.training and not problem.model[1].training


def test_parts_in_evaluation_mode_stay_in_it(problem: Any) -> None:
    problem.model[1].eval()  # a frozen batch norm
    modes: list[bool] = []
    problem.optimizer.register_step_pre_hook(lambda *_: modes.append(problem.model[1].training))

    problem.range_test(seeds=1, rerun=False)

    assert len(modes) > 100 and not any(modes)


# When it ends


def test_a_ramp_without_a_fall_is_run_again_to_a_higher_rate(problem: Any) -> None:
    found = problem.range_test(low=1e-5, high=0.05, seeds=3, reset=True)

    assert (found.earlier[0].low, found.earlier[0].high) == (1e-5, 0.05)
    assert found.high in (0.5, 5.0) and len(found.earlier) in (1, 2)
    assert any(reason.reason in ("no fall", "fall at end") for reason in found.earlier[0].reading.reasons)


def test_where_no_rerun_is_wanted_the_edge_is_missing_with_its_reason(problem: Any) -> None:
    found = problem.range_test(low=1e-5, high=0.05, seeds=3, rerun=False)

    assert found.max_lr is None and found.edge_verdict == "unclear" and found.interval is None
    assert "no fall" in {reason.reason for reason in found.reasons if reason.bound == "edge"}
    with pytest.raises(InvalidRangeTest, match=r"needs an edge.*no fall"):
        found.bounds()


def test_a_seed_stops_soon_after_its_curve_has_fallen(problem: Any) -> None:
    found, seen = rates_seen(problem, high=1e4, evaluations=100, iterations=500)

    made = int((~np.isnan(found.scores)).sum())
    assert made < 90
    assert len(seen) == made * 5


def test_a_seed_whose_loss_is_not_finite_ends_there_and_the_curve_is_read(problem: Any) -> None:
    problem.loss = lambda outputs, targets: (
        nn.functional.cross_entropy(outputs, targets)
        * (torch.nan if problem.optimizer.param_groups[0]["lr"] > 0.5 else 1.0)
    )

    found = problem.range_test(seeds=3, reset=True)

    assert np.isnan(found.scores[:, found.rates > 0.6]).all()
    assert 0.2 < found.edge < 0.6


def test_training_that_fails_at_once_is_refused_with_the_rate(problem: Any) -> None:
    problem.loss = lambda outputs, targets: outputs.sum() * torch.nan

    with pytest.raises(InvalidRangeTest, match=r"every seed failed at the ramp's start.*1e-05"):
        problem.range_test()


# Batches


def endless() -> Iterator[Any]:
    while True:
        yield torch.zeros(2, 2), torch.zeros(2)


@pytest.mark.parametrize("make", [iter, lambda pairs: (pair for pair in pairs), lambda _: endless()])
def test_an_iterator_is_refused_with_the_sentence_that_says_what_to_give(
    problem: Any, make: Callable[[Any], Any]
) -> None:
    with pytest.raises(InvalidRangeTest, match="batches must be iterable anew for every pass: a DataLoader, a list"):
        problem.range_test(batches=make(problem.pairs))
    with pytest.raises(InvalidRangeTest, match="validation must be iterable anew"):
        problem.range_test(validation=make(problem.pairs))


def test_a_function_that_gives_the_same_used_up_iterator_again_is_refused(problem: Any) -> None:
    once = iter(problem.pairs)

    with pytest.raises(InvalidRangeTest, match="pass 2 gave no batch"):
        problem.range_test(batches=lambda: once)


def test_a_loader_a_list_and_a_function_are_all_read_in_passes(problem: Any) -> None:
    inputs, targets = (torch.cat(parts) for parts in zip(*problem.pairs, strict=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=50, shuffle=True)

    for batches in (loader, problem.pairs, lambda: iter(problem.pairs)):
        assert problem.range_test(batches=batches, seeds=1, rerun=False).rates.shape == (50,)


def test_every_seed_reads_a_list_in_an_order_of_its_own_and_each_pass_holds_every_batch(problem: Any) -> None:
    order: list[int] = []
    numbered = [(k, pair) for k, pair in enumerate(problem.pairs)]

    def forward(model: nn.Module, batch: Any) -> Any:
        if not isinstance(batch[0], int):
            return model(batch[0]), batch[1]
        order.append(batch[0])
        return model(batch[1][0]), batch[1][1]

    problem.range_test(batches=numbered, forward=forward, seeds=2, rerun=False)

    passes = [order[k : k + 8] for k in range(0, 80, 8)]
    assert all(sorted(each) == list(range(8)) for each in passes)
    assert len({tuple(each) for each in passes}) > 8
    assert order[:8] != order[len(order) // 2 :][:8]


def test_batches_that_are_no_pairs_need_forward(problem: Any) -> None:
    named = [{"points": inputs, "labels": targets} for inputs, targets in problem.pairs]

    with pytest.raises(InvalidRangeTest, match="or pass forward="):
        problem.range_test(batches=named, validation=named)
    found = problem.range_test(
        batches=named, validation=named, forward=lambda model, batch: (model(batch["points"]), batch["labels"]),
        seeds=1, rerun=False,
    )  # fmt: skip

    assert found.metric == "accuracy" and np.nanmax(found.scores) > 0.8


# Seeds


def test_the_same_call_gives_the_same_answer_every_time(problem: Any) -> None:
    first = problem.range_test(seeds=[4, 9], reset=True)
    torch.rand(10)
    second = problem.range_test(seeds=[4, 9], reset=True)

    assert np.array_equal(first.scores, second.scores, equal_nan=True)
    assert first.reading == second.reading


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_never_clear(problem: Any, seeds: int) -> None:
    found = problem.range_test(seeds=seeds, reset=True)

    assert found.verdict == found.edge_verdict == "unclear"
    assert "too few seeds" in {reason.reason for reason in found.reasons}


def test_seeds_that_gave_the_same_run_count_as_one_and_the_note_says_why(problem: Any) -> None:
    problem.model[3].p = 0.0

    found = problem.range_test(batches=lambda: iter(problem.pairs), seeds=3, rerun=False)

    assert len(found.seeds) == len(found.per_seed) == 1 and found.verdict == "unclear"
    assert "3 seeds gave 1 different curves" in " ".join(found.notes)


def test_seeds_without_reset_begin_at_the_same_weights_and_the_note_says_so(problem: Any) -> None:
    first: list[Tensor] = []
    problem.optimizer.register_step_pre_hook(lambda *_: first.append(problem.model[0].weight.detach().clone()))

    found = problem.range_test(seeds=2, rerun=False)

    assert sum(torch.equal(weight, problem.model[0].weight) for weight in first) == 2
    assert "batch order alone" in " ".join(found.notes)


def test_reset_gives_every_seed_its_weights_and_the_same_ones_again(problem: Any) -> None:
    asked: list[int] = []

    def reset(model: nn.Module, seed: int) -> None:
        asked.append(seed)
        nn.init.normal_(model[0].weight)

    one, again = (problem.range_test(seeds=[1, 2], reset=reset, rerun=False) for _ in range(2))

    assert asked == [1, 2, 1, 2]
    assert np.array_equal(one.scores, again.scores, equal_nan=True)
    assert "batch order alone" not in " ".join(one.notes)


def test_a_reset_that_makes_new_parameters_is_refused(problem: Any) -> None:
    def reset(model: nn.Module, seed: int) -> None:
        model[0] = nn.Linear(2, 16)

    with pytest.raises(InvalidRangeTest, match="must write into the parameters that the optimizer holds"):
        problem.range_test(reset=reset)


def test_reset_true_names_the_layer_that_can_not_be_reset(problem: Any) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * self.weight

    problem.model = nn.Sequential(Own(), problem.model)

    with pytest.raises(InvalidRangeTest, match=r"no reset_parameters.*'0'"):
        problem.range_test(reset=True)


@pytest.mark.parametrize("seeds", [0, [], [1, 1], [-1]])
def test_seeds_must_be_different_and_not_negative(problem: Any, seeds: Any) -> None:
    with pytest.raises(InvalidRangeTest, match="seeds must be"):
        problem.range_test(seeds=seeds)


def test_an_optimizer_that_needs_a_closure_is_refused_by_name(problem: Any) -> None:
    problem.optimizer = torch.optim.LBFGS(problem.model.parameters())

    with pytest.raises(InvalidRangeTest, match=r"optimizer must step without a closure: .*, got 'LBFGS'"):
        problem.range_test()


# Validation and metric


def test_every_evaluation_sees_the_same_examples_in_evaluation_mode(problem: Any) -> None:
    inputs, targets = (torch.cat(parts) for parts in zip(*problem.validation, strict=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=32, shuffle=True)
    sums: list[float] = []

    def share_right(outputs: Tensor, labels: Tensor) -> Tensor:
        sums.append(float(labels.double().sum()))
        assert not problem.model.training and not torch.is_grad_enabled()
        return (outputs.argmax(dim=1) == labels).double().mean()

    found = problem.range_test(validation=loader, metric=share_right, seeds=1, rerun=False)

    assert found.metric == "share_right" and set(sums[:7]) == set(sums[7:])


def test_examples_of_one_class_alone_are_refused(problem: Any) -> None:
    inputs = torch.randn(100, 2)

    with pytest.raises(InvalidRangeTest, match="more than one class: shuffle before cutting it off"):
        problem.range_test(validation=[(inputs, torch.ones(100, dtype=torch.long))])


def test_without_validation_training_examples_are_used_and_the_note_says_so(problem: Any) -> None:
    found = problem.range_test(validation=None, seeds=1, rerun=False)

    assert "measured on training examples" in " ".join(found.notes)


def test_a_large_validation_set_is_sampled_at_random(problem: Any) -> None:
    inputs = torch.randn(5000, 2)
    targets = (torch.arange(5000) >= 2500).long()  # sorted by class
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=64)
    seen: list[int] = []

    problem.range_test(
        validation=loader, metric=lambda outputs, labels: seen.append(int(labels.sum())) or 0.5, seeds=1, rerun=False
    )

    assert sum(seen[:16]) == pytest.approx(500, abs=60)  # 1,000 examples in 16 batches, about half of them of class 1


def test_a_regression_is_read_by_its_loss_turned_over(problem: Any) -> None:
    pairs = [(inputs, inputs.sum(dim=1, keepdim=True)) for inputs, _ in problem.pairs]
    problem.model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    problem.optimizer = torch.optim.SGD(problem.model.parameters(), lr=0.1)
    problem.loss = nn.functional.mse_loss

    found = problem.range_test(batches=pairs, validation=pairs, reset=True, iterations=500, evaluations=100)

    assert found.metric == "1 - loss / its start"
    assert found.scores[~np.isnan(found.scores)].min() >= 0 and np.nanmax(found.scores) > 0.9
    assert found.edge is not None and 0.05 < found.edge < 5


def test_an_evaluation_of_ones_own_replaces_validation_and_metric(problem: Any) -> None:
    def evaluate(model: nn.Module) -> float:
        return float(model(torch.ones(1, 2)).softmax(dim=1)[0, 1])

    found = problem.range_test(validation=None, evaluate=evaluate, seeds=1, rerun=False)

    assert found.metric == "evaluate" and "training examples" not in " ".join(found.notes)


def test_progress_tells_every_evaluation(problem: Any) -> None:
    told: list[Progress] = []

    found = problem.range_test(seeds=2, rerun=False, progress=told.append)

    assert len(told) == int((~np.isnan(found.scores)).sum())
    first = told[0]
    assert (first.ramp, first.seed, first.iteration, first.iterations) == (1, 0, 6, 300)
    assert first.rate == found.rates[0] and first.score == found.scores[0, 0] and first.loss == found.losses[0, 0]


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"iterations": 299}, "iterations must be at least 300"),
        ({"evaluations": 49}, "evaluations must lie in 50"),
        ({"ramp": "cosine"}, 'ramp must be "exponential" or "linear"'),
        ({"ramp": "linear", "evaluations": 100}, "high of a linear ramp must be given"),
        ({"ramp": "linear", "evaluations": 99, "high": 1.0}, "evaluations must lie in 100"),
        ({"ramp": "linear", "evaluations": 100, "high": 1.0, "low": 0.1}, "low of a linear ramp is 0"),
        ({"low": 0.0}, "low must be a rate above 0"),
        ({"low": 0.1, "high": 0.5}, "high must be at least 10 times low"),
        ({"high": float("inf")}, "high must be at least 10 times low"),
    ],
)
def test_what_can_not_work_is_refused_by_name(problem: Any, given: Any, message: str) -> None:
    with pytest.raises(InvalidRangeTest, match=message):
        problem.range_test(**given)


def test_an_optimizer_of_another_model_is_refused(problem: Any) -> None:
    problem.optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)

    with pytest.raises(InvalidRangeTest, match="optimizer must hold parameters of the model"):
        problem.range_test()


def test_lazy_layers_are_refused_until_they_know_their_shape(problem: Any) -> None:
    problem.model = nn.Sequential(nn.LazyLinear(2))
    problem.optimizer = torch.optim.SGD(problem.model.parameters(), lr=0.1)

    with pytest.raises(InvalidRangeTest, match="run one batch through its lazy layers first"):
        problem.range_test()


# The answer


@pytest.fixture(scope="module")
def found() -> Any:
    """A clear result with known numbers."""
    from clr.analysis import bounds
    from clr.analysis.rise_fall import RiseFall
    from clr.lr_range_test import RangeTest

    rates = np.geomspace(1e-5, 10, 120)
    curve = RiseFall(floor=0.1, height=0.8, rise_at=-7.0, rise_width=0.6, fall_at=-0.5, fall_width=0.2)
    scores = np.tile(curve(np.log(rates)), (3, 1)) + 0.002 * np.random.default_rng(0).standard_normal((3, 120))
    scores[0, -3:] = np.nan
    reading = bounds.read(rates, scores, iterations=1000)
    losses = 2.3 * (1.2 - scores)
    return RangeTest(reading, 1e-5, 10.0, rates, (0, 1, 2), scores, losses, "accuracy", ("a note",))


def test_base_and_max_come_as_numbers_with_verdict_and_reasons_and_as_json(found: Any) -> None:
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))

    assert (document["base_lr"], document["max_lr"]) == (found.base_lr, found.max_lr) == found.bounds()
    assert found.max_lr == found.edge / 2 and found.base_lr == found.max_lr / 4
    assert document["verdict"] == "clear" and document["reasons"] == []
    assert document["interval"] == [found.edge / 32, found.edge]
    assert document["scores"][0][-1] is None and len(document["per_seed"]) == 3


def test_the_ramps_length_stands_beside_the_rise(found: Any) -> None:
    line = next(line for line in str(found).splitlines() if line.startswith("  rise "))

    assert f"{found.rise:.3g}" in line and "1,000 iterations" in line and "over the seeds" in line
    assert str(found).splitlines()[0].startswith("LR range test: clear (exponential ramp")
    assert "note: a note" in str(found)


def test_other_divisors_and_the_papers_rule_are_there_by_name(found: Any) -> None:
    assert found.bounds(3) == (found.max_lr / 3, found.max_lr)
    assert found.bounds("paper") == (found.rise, found.edge)


@pytest.mark.parametrize("rule", [1, 0.75, "smith", True, float("nan"), float("inf")])
def test_a_rule_that_is_none_is_refused(found: Any, rule: Any) -> None:
    with pytest.raises(InvalidRangeTest, match="rule must be a divisor above 1"):
        found.bounds(rule)


def test_schedules_are_made_between_the_bounds(found: Any) -> None:
    assert found.schedule(step_size=500) == clr.schedules.Triangular(
        base_lr=found.base_lr, max_lr=found.max_lr, step_size=500
    )
    one_cycle = found.schedule("one_cycle", iterations=400)
    assert one_cycle.rates(400).max() == pytest.approx(found.max_lr)
    cosine = found.schedule("cosine", end_lr=0.0, iterations=400)
    assert cosine(0) == found.max_lr


def test_the_picture_is_drawn_from_the_result(found: Any) -> None:
    figure = found.plot()

    assert figure.get_suptitle() == "LR range test: clear"
    assert {text.get_text() for text in figure.axes[0].texts} >= {f"max_lr {found.max_lr:.2g}"}


def test_it_needs_torch_and_numpy_alone() -> None:
    code = (
        "import sys\n"
        "for name in ('pydantic', 'scipy', 'optuna', 'matplotlib', 'sklearn', 'httpx', 'torchvision', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "import torch, clr\n"
        "model = torch.nn.Linear(2, 2)\n"
        "pairs = [(torch.randn(40, 2), torch.arange(40) % 2) for _ in range(3)]\n"
        "found = clr.range_test(model, pairs, torch.optim.SGD(model.parameters(), lr=0.1),\n"
        "                       torch.nn.functional.cross_entropy, iterations=300, evaluations=50, seeds=1,\n"
        "                       rerun=False)\n"
        "try:\n"
        "    found.plot()\n"
        "except clr.errors.MissingExtra as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "pip install 'clr-sweep[plots]'" in done.stdout
