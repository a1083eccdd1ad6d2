"""clr.search: a round is a pure function of the arm's earlier rounds."""

import math
import statistics
import warnings
from collections.abc import Callable

import optuna
import pytest

from clr import search
from clr.spec import Range

SPACE = {
    "peak_lr": Range(low=1e-3, high=1.0, log=True),
    "ratio": Range(low=1e-3, high=0.5, log=True),
    "cycles": Range(low=1, high=5, integer=True),
}


def value(point: dict) -> float:
    """A smooth objective with its best at peak_lr 0.1, ratio 0.01, cycles 3."""
    return (
        1
        - (math.log10(point["peak_lr"]) + 1) ** 2
        - 0.1 * (math.log10(point["ratio"]) + 2) ** 2
        - 0.05 * (point["cycles"] - 3) ** 2
    )


def run(
    sizes: list[int], sampler: str = "tpe", seed: int = 1, space: dict = SPACE, objective: Callable = value
) -> list[list]:
    rounds: list[list] = []
    for size in sizes:
        points = search.suggest(
            space, rounds, size, sampler=sampler, seed=seed, direction="maximize", trials=sum(sizes)
        )
        rounds.append([(point, objective(point)) for point in points])
    return rounds


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
def test_the_same_history_gives_the_same_round(sampler: str) -> None:
    assert run([6, 4, 2], sampler) == run([6, 4, 2], sampler)
    assert run([6, 4, 2], sampler) != run([6, 4, 2], sampler, seed=2)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
def test_points_of_a_search_are_distinct_and_in_their_ranges(sampler: str) -> None:
    points = [point for round_ in run([10, 4, 4, 4], sampler) for point, _ in round_]

    assert len({tuple(point.values()) for point in points}) == 22
    for point in points:
        assert 1e-3 <= point["peak_lr"] <= 1.0
        assert 1e-3 <= point["ratio"] <= 0.5
        assert point["cycles"] in {1, 2, 3, 4, 5}


def test_tpe_does_better_than_random_on_a_smooth_objective() -> None:
    def best(sampler: str) -> float:
        scores = [max(v for r in run([10, *[4] * 5], sampler, seed=s) for _, v in r) for s in range(12)]
        return sorted(scores)[6]

    assert best("tpe") > best("random")


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cma-es"])
def test_round_zero_is_the_same_random_one(sampler: str) -> None:
    assert run([6], sampler) == run([6], "random")


@pytest.mark.parametrize("sampler", ["qmc", "cma-es"])
def test_a_stateful_sampler_replayed_is_the_unbroken_study_bit_for_bit(sampler: str) -> None:
    sizes = [6, 4, 4, 4]
    replayed = run(sizes, sampler)

    distributions = {name: search.distribution(r) for name, r in SPACE.items()}
    first = optuna.samplers.RandomSampler(seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {
            "qmc": lambda: optuna.samplers.QMCSampler(scramble=True, seed=1, independent_sampler=first),
            "cma-es": lambda: optuna.samplers.CmaEsSampler(seed=1, n_startup_trials=6, independent_sampler=first),
        }[sampler]()
        study = optuna.create_study(direction="maximize", sampler=made)
        unbroken = []
        for size in sizes:
            asked = [study.ask(distributions) for _ in range(size)]
            for trial in asked:
                study.tell(trial, value(trial.params))
            unbroken.append([(dict(trial.params), value(trial.params)) for trial in asked])

    assert replayed == unbroken


def test_cma_es_climbs_a_smooth_objective() -> None:
    def best(sampler: str) -> float:
        scores = [max(v for r in run([6, *[4] * 8], sampler, seed=s) for _, v in r) for s in range(8)]
        return sorted(scores)[4]

    assert best("cma-es") > best("random")


def test_cma_es_searches_one_dimension_and_says_nothing_of_its_filler() -> None:
    rounds = run([4, 4, 4, 4], "cma-es", space={"peak_lr": SPACE["peak_lr"]}, objective=lambda p: -abs(p["peak_lr"]))

    assert all(set(point) == {"peak_lr"} for round_ in rounds for point, _ in round_)
    assert max(v for _, v in rounds[-1]) > max(v for _, v in rounds[0]) - 0.5


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
def test_a_failed_run_is_told_to_no_sampler_and_still_counts_as_asked(sampler: str) -> None:
    whole = run([6], sampler)
    hole = [[(point, "failed" if k == 2 else v) for k, (point, v) in enumerate(whole[0])]]
    arguments = {"sampler": sampler, "seed": 1, "direction": "maximize", "trials": 10}

    points = search.suggest(SPACE, hole, 4, **arguments)

    used = {tuple(point.values()) for point, _ in hole[0]}
    assert len(points) == 4
    assert not used & {tuple(point.values()) for point in points}, "no point is asked for twice"


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cma-es", "grid"])
@pytest.mark.parametrize("outcome", [None, "pruned", "failed"])
def test_a_round_without_any_value_is_followed_by_another(sampler: str, outcome: str | None) -> None:
    history = [[(point, outcome) for point, _ in run([6], sampler)[0]]]

    assert len(search.suggest(SPACE, history, 4, sampler=sampler, seed=1, direction="minimize", trials=10)) == 4


def test_a_grid_has_just_enough_levels_away_from_the_ends() -> None:
    points = [p for r in run([6, 4, 2], "grid") for p, _ in r]

    rates = sorted({point["peak_lr"] for point in points})
    assert len(rates) == 3, "27 points are the smallest grid of three coordinates that holds 12"
    assert rates == pytest.approx([10**-2.5, 10**-1.5, 10**-0.5])
    line = [p["peak_lr"] for r in run([3, 2], "grid", space={"peak_lr": SPACE["peak_lr"]}, objective=len) for p, _ in r]
    assert len(set(line)) == 5


def test_a_grid_smaller_than_the_search_begins_again() -> None:
    points = run([5, 2], "grid", space={"cycles": Range(choices=(1.0, 2.0, 3.0))}, objective=len)

    walk = [point["cycles"] for round_ in points for point, _ in round_]
    assert sorted(walk[:3]) == [1.0, 2.0, 3.0] and walk[3:6] == walk[:3]


def test_a_diverged_run_counts_as_the_worst_finite_value() -> None:
    history = [
        [({"peak_lr": 10 ** (-k / 2), "ratio": 0.1, "cycles": 2}, None if k < 2 else 0.5 + k / 100) for k in range(6)]
    ]
    worst = [[(point, 0.52 if v is None else v) for point, v in history[0]]]
    arguments = {"sampler": "tpe", "seed": 3, "direction": "maximize"}

    assert search.suggest(SPACE, history, 4, **arguments) == search.suggest(SPACE, worst, 4, **arguments)
    silent = [[(point, "failed" if v is None else v) for point, v in history[0]]]
    assert search.suggest(SPACE, history, 4, **arguments) != search.suggest(SPACE, silent, 4, **arguments)


def test_cma_es_is_told_of_a_diverged_run_as_the_worst_finite_value() -> None:
    first, second = run([6, 8], "cma-es")  # a generation of three coordinates has seven points

    def after(replaced: object) -> list:
        told = [first, [(point, replaced if k < 2 else v) for k, (point, v) in enumerate(second)]]
        return search.suggest(SPACE, told, 4, sampler="cma-es", seed=1, direction="maximize")

    worst = min(v for _, v in [*second[2:], *first])
    assert after(None) == after(worst)
    assert after(None) != after("failed")


@pytest.mark.parametrize(("direction", "median"), [("maximize", 0.53), ("minimize", 0.54)])
def test_a_pruned_run_counts_as_the_median_of_the_finished_ones_the_worse_of_two(direction: str, median: float) -> None:
    values = [None, "pruned", 0.52, 0.53, 0.54, 0.9]
    history = [[({"peak_lr": 10 ** (-k / 2), "ratio": 0.1, "cycles": 2}, v) for k, v in enumerate(values)]]
    worst = {"maximize": 0.52, "minimize": 0.9}[direction]
    told = [[(point, {"pruned": median, None: worst}.get(v, v)) for point, v in history[0]]]
    arguments = {"sampler": "tpe", "seed": 3, "direction": direction}

    assert search.suggest(SPACE, history, 4, **arguments) == search.suggest(SPACE, told, 4, **arguments)
    best = {"maximize": 0.9, "minimize": 0.52}[direction]
    flattered = [[(point, best if v == "pruned" else v) for point, v in history[0]]]
    assert search.suggest(SPACE, history, 4, **arguments) != search.suggest(SPACE, flattered, 4, **arguments)


def test_cma_es_is_told_of_a_pruned_run_as_the_median() -> None:
    first, second = run([6, 8], "cma-es")

    def after(replaced: object) -> list:
        told = [first, [(point, replaced if k < 2 else v) for k, (point, v) in enumerate(second)]]
        return search.suggest(SPACE, told, 4, sampler="cma-es", seed=1, direction="maximize")

    assert after("pruned") == after(statistics.median_low(v for _, v in [*second[2:], *first]))
    assert after("pruned") not in (after(None), after("failed"))


def test_an_arm_whose_runs_all_diverged_still_gets_its_next_round() -> None:
    history = [[({"peak_lr": 0.5, "ratio": 0.1, "cycles": 2}, None)] * 3]

    assert len(search.suggest(SPACE, history, 4, sampler="tpe", seed=3, direction="maximize")) == 4


def test_an_arm_with_nothing_to_search_gets_empty_points() -> None:
    assert search.suggest({}, [], 1, sampler="tpe", seed=0, direction="maximize") == [{}]


def test_choices_are_searched_as_given() -> None:
    points = run([10], space={**SPACE, "cycles": Range(choices=(2.0, 4.0))})[0]

    assert {point["cycles"] for point, _ in points} <= {2.0, 4.0}
