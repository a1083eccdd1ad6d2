import pytest

from clr.analysis import target
from clr.errors import InvalidNumbers
from clr.results import Evaluation


def curve(*values, metric="accuracy", every=10):
    return [Evaluation(every * (k + 1), {metric: value}) for k, value in enumerate(values)]


def test_the_first_of_two_evaluations_in_a_row_counts():
    assert target.iterations_to(curve(0.5, 0.8, 0.79, 0.8, 0.81, 0.5), "accuracy", 0.8) == 40


def test_single_crossings_do_not_count():
    assert target.iterations_to(curve(0.5, 0.9, 0.7, 0.9, 0.7, 0.9), "accuracy", 0.8) is None


def test_a_loss_reaches_its_target_from_above():
    losses = curve(2.0, 1.0, 0.4, 0.5, 0.3, metric="loss")

    assert target.iterations_to(losses, "loss", 0.5, "minimize") == 30


def test_evaluations_are_read_in_order_of_iteration_and_without_the_metric_left_out():
    mixed = [*curve(0.1, 0.9, 0.9)[::-1], Evaluation(25, {"loss": 1.0})]

    assert target.iterations_to(mixed, "accuracy", 0.9) == 20


def test_the_summary_takes_the_median_of_those_that_reached_and_says_who_did_not():
    found = target.summary(
        {"1": curve(0.9, 0.9), "2": curve(0.1, 0.9, 0.9), "3": curve(0.1, 0.1, 0.9)}, "accuracy", 0.9
    )

    assert (found.reached, found.of, found.median) == (2, 3, 15.0)
    assert found.per_seed == {"1": 10, "2": 20, "3": None}
    assert found.reason == "1 of 3 runs never held the target for two evaluations in a row"


def test_a_target_that_all_reached_needs_no_reason():
    assert target.summary({"1": curve(0.9, 0.9)}, "accuracy", 0.9).reason == ""


@pytest.mark.parametrize(
    ("curves", "reason"),
    [({}, "no confirm run has finished"), ({"1": curve(0.9)}, "two evaluations of accuracy")],
)
def test_no_number_comes_with_its_reason(curves, reason):
    found = target.summary(curves, "accuracy", 0.9)

    assert found.median is None
    assert reason in found.reason


def test_a_target_that_is_not_finite_is_refused():
    with pytest.raises(InvalidNumbers, match="target must be finite"):
        target.iterations_to(curve(0.5), "accuracy", float("nan"))
