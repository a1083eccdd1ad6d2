"""The plain loop: what it computes, what it yields, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from clr import schedules
from clr.errors import CheckpointError, TaskError, UnknownName
from clr.results import Diverged, Evaluated, Finished, Interrupted, Saved
from clr.tasks import make
from clr.training import loop
from clr.training.batches import indices
from clr.training.loop import train
from clr.training.optimizers import make as make_optimizer
from clr.training.trial import LiveTrial

TRIANGULAR = {"family": "triangular", "base_lr": 0.01, "max_lr": 0.3, "step_size": 30}


class AfterLooks(threading.Event):
    """An interrupt that is set once it was looked at `looks` times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def evaluations(events):
    return [event.evaluation for event in events if isinstance(event, Evaluated)]


def test_the_loop_computes_what_ten_lines_of_plain_torch_compute(config) -> None:
    trial = config(schedule=TRIANGULAR, test=True)
    *_, finished = train(trial)

    task, schedule = make("digits"), schedules.from_dict(TRIANGULAR)
    splits, model = task.splits(trial.split_seed), task.model("mlp", {}, trial.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    for iteration in range(60):
        optimizer.param_groups[0]["lr"] = schedule(iteration)
        batch = indices(len(splits.train), 64, trial.seed, iteration)
        optimizer.zero_grad()
        F.cross_entropy(model(splits.train.inputs[batch]), splits.train.targets[batch]).backward()
        optimizer.step()

    assert finished.value == task.evaluate(model, splits.validation)["accuracy"]
    assert finished.test == task.evaluate(model, splits.test)
    assert finished.test["accuracy"] > 0.8


def test_the_same_config_gives_the_same_bits(config) -> None:
    assert list(train(config(schedule=TRIANGULAR))) == list(train(config(schedule=TRIANGULAR)))


@pytest.mark.parametrize("change", [{"seed": 4}, {"split_seed": 2}, {"lr": 0.11}, {"batch_size": 63}])
def test_each_part_of_the_config_counts(config, change) -> None:
    assert evaluations(train(config()))[-1] != evaluations(train(config(**change)))[-1]


def test_dropout_depends_on_the_seed_and_not_on_the_caller(config, with_dropout) -> None:
    trial = config(batch_size=5, iterations=20, evaluate_every=4)
    undisturbed = list(train(trial, task=with_dropout))
    disturbed = []
    for event in train(trial, task=with_dropout):
        disturbed.append(event)
        torch.rand(len(disturbed))

    assert disturbed == undisturbed
    assert list(train(trial.model_copy(update={"seed": 9}), task=with_dropout)) != undisturbed


def test_the_callers_random_state_is_left_alone(config, with_dropout) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()

    for _ in train(config(batch_size=5, iterations=20), task=with_dropout):
        assert torch.equal(torch.get_rng_state(), before)

    assert torch.equal(torch.get_rng_state(), before)


def test_evaluations_come_every_n_iterations_and_at_the_last(config) -> None:
    *evaluated, finished = train(config(iterations=50, evaluate_every=20))

    assert [event.evaluation.iteration for event in evaluated] == [20, 40, 50]
    assert finished == Finished(50, evaluated[-1].evaluation.metrics["accuracy"])


def test_the_test_split_is_read_only_where_the_config_asks(config) -> None:
    *_, without = train(config())
    *_, with_test = train(config(test=True))

    assert without.test == {}
    assert with_test.test.keys() == {"accuracy", "loss"}


def test_each_group_learns_at_its_multiple_of_the_schedules_rate(config, tiny_images) -> None:
    trial = LiveTrial(config(model="caffe-cifar10-full", batch_size=4, schedule=TRIANGULAR), tiny_images, "cpu")

    trial.updates()(15)

    rate = schedules.from_dict(TRIANGULAR)(15)
    assert [group["lr"] for group in trial.optimizer.param_groups] == [rate, 2 * rate, rate, 2 * rate]


@pytest.mark.parametrize("lr", [1e30, 1e4])
def test_divergence_ends_the_trial_as_a_value(config, lr) -> None:
    *_, final = train(config(lr=lr))

    assert isinstance(final, Diverged)
    assert 1 < final.iteration < 20
    assert "loss" in final.reason


def test_an_exploding_loss_counts_as_diverged_though_it_is_finite(config) -> None:
    *_, final = train(config(lr=1e4, optimizer_options={"momentum": 0.0}))

    assert isinstance(final, Diverged)
    assert "exploded" in final.reason


def test_divergence_is_found_at_its_update_however_seldom_the_losses_are_read(config, monkeypatch) -> None:
    seldom = list(train(config(lr=1e4)))

    monkeypatch.setattr(loop, "CHECK_EVERY", 1)

    assert list(train(config(lr=1e4))) == seldom


def test_weights_spoiled_by_the_last_update_before_an_evaluation_are_diverged(config) -> None:
    # the first update spoils the weights; no training loss is computed after it
    (only,) = train(config(lr=3e38, evaluate_every=1, iterations=1))

    assert isinstance(only, Diverged)
    assert only.reason.startswith("the validation loss became")


def test_nothing_is_saved_without_a_store(config) -> None:
    assert not [event for event in train(config(), checkpoint_seconds=0) if isinstance(event, Saved)]


def test_zero_seconds_save_after_every_evaluation_but_the_last(config, store) -> None:
    events = list(train(config(), checkpoints=store, checkpoint_key="slot-1/f000001", checkpoint_seconds=0))

    assert [type(event) for event in events] == [Evaluated, Saved, Evaluated, Saved, Evaluated, Finished]
    assert [event.checkpoint.iteration for event in events if isinstance(event, Saved)] == [20, 40]


def test_a_short_run_is_not_saved_before_its_time(config, store) -> None:
    events = list(train(config(), checkpoints=store, checkpoint_seconds=3600))

    assert not [event for event in events if isinstance(event, Saved)]


@pytest.mark.parametrize("looks", [0, 1, 33, 50])
def test_an_interrupted_trial_goes_on_to_the_unbroken_result(config, store, looks) -> None:
    trial = config(schedule=TRIANGULAR, test=True)
    unbroken = list(train(trial))

    *before, saved, interrupted = train(trial, checkpoints=store, interrupt=AfterLooks(looks))
    after = list(train(trial, checkpoints=store, resume=saved.checkpoint))

    assert interrupted == Interrupted(saved.checkpoint.iteration)
    assert 0 <= interrupted.iteration < 60
    assert before + after == unbroken


def test_an_interrupt_is_seen_before_the_next_evaluation(config, store) -> None:
    *_, interrupted = train(config(iterations=1000, evaluate_every=1000), checkpoints=store, interrupt=AfterLooks(9))

    assert interrupted.iteration == 9


def test_an_interrupt_without_a_store_ends_the_trial(config) -> None:
    assert list(train(config(), interrupt=AfterLooks(0))) == [Interrupted(0)]


def test_a_lost_checkpoint_is_an_error_that_names_it(config, store, tmp_path: Path) -> None:
    *_, saved, _ = train(config(), checkpoints=store, interrupt=AfterLooks(5))
    (tmp_path / "checkpoints" / saved.checkpoint.path).unlink()

    with pytest.raises(CheckpointError, match=saved.checkpoint.path):
        next(train(config(), checkpoints=store, resume=saved.checkpoint))


def test_another_trials_checkpoint_is_refused(config, store) -> None:
    *_, saved, _ = train(config(), checkpoints=store, interrupt=AfterLooks(5))

    with pytest.raises(CheckpointError, match="another config"):
        next(train(config(seed=99), checkpoints=store, resume=saved.checkpoint))


def test_a_resume_under_another_number_of_threads_goes_on_and_says_so(config, store, caplog) -> None:
    *_, saved, _ = train(config(), checkpoints=store, interrupt=AfterLooks(5))
    torch.set_num_threads(2)
    try:
        *_, final = train(config(), checkpoints=store, resume=saved.checkpoint)
    finally:
        torch.set_num_threads(1)

    assert isinstance(final, Finished)
    assert "bits may differ" in caplog.text


@pytest.mark.parametrize(
    ("change", "error"),
    [({"task": "digit"}, UnknownName), ({"model": "resnet18"}, TaskError), ({"batch_size": 5000}, ValueError)],
)
def test_what_the_task_cant_do_is_an_error_before_any_event(config, change, error) -> None:
    with pytest.raises(error):
        next(train(config(**change)))


def test_the_plain_optimizer_default_implementation_is_used() -> None:
    (group,) = make_optimizer("sgd", {}, torch.nn.Linear(2, 2)).param_groups

    assert not group["fused"] and not group["foreach"]
