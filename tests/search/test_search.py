"""clr.search: a round is a pure function of the arm's earlier rounds."""

import math

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


def run(sizes: list[int], sampler: str = "tpe", seed: int = 1, space: dict = SPACE) -> list[list]:
    rounds: list[list] = []
    for size in sizes:
        points = search.suggest(space, rounds, size, sampler=sampler, seed=seed, direction="maximize")
        rounds.append([(point, value(point)) for point in points])
    return rounds


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_history_gives_the_same_round(sampler: str) -> None:
    assert run([6, 4, 2], sampler) == run([6, 4, 2], sampler)
    assert run([6, 4, 2], sampler) != run([6, 4, 2], sampler, seed=2)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
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


def test_round_zero_is_the_same_for_every_sampler() -> None:
    assert run([6], "tpe") == run([6], "random")


def test_a_diverged_run_counts_as_the_worst_finite_value() -> None:
    history = [
        [({"peak_lr": 10 ** (-k / 2), "ratio": 0.1, "cycles": 2}, None if k < 2 else 0.5 + k / 100) for k in range(6)]
    ]
    worst = [[(point, 0.52 if v is None else v) for point, v in history[0]]]
    arguments = {"sampler": "tpe", "seed": 3, "direction": "maximize"}

    assert search.suggest(SPACE, history, 4, **arguments) == search.suggest(SPACE, worst, 4, **arguments)


def test_an_arm_whose_runs_all_diverged_still_gets_its_next_round() -> None:
    history = [[({"peak_lr": 0.5, "ratio": 0.1, "cycles": 2}, None)] * 3]

    assert len(search.suggest(SPACE, history, 4, sampler="tpe", seed=3, direction="maximize")) == 4


def test_an_arm_with_nothing_to_search_gets_empty_points() -> None:
    assert search.suggest({}, [], 1, sampler="tpe", seed=0, direction="maximize") == [{}]


def test_choices_are_searched_as_given() -> None:
    points = run([10], space={**SPACE, "cycles": Range(choices=(2.0, 4.0))})[0]

    assert {point["cycles"] for point, _ in points} <= {2.0, 4.0}
