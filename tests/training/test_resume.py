"""A resumed run is bit-equal to the unbroken one, for every kind of model and every optimizer."""

from __future__ import annotations

import pytest
import torch

from clr import optimizers
from clr.results import Evaluated, Finished, Saved
from clr.tasks import make
from clr.training.checkpoint import CheckpointStore
from clr.training.loop import train

OPTIMIZERS = [(name, {}) for name in optimizers.names()] + [
    ("sgd", {"nesterov": True, "weight_decay": 0.01}),
    ("sgd", {"momentum": 0.0}),
]
MODELS = {"mlp": 1e-2, "caffe-cifar10-full": 1e-3, "resnet20": 1e-2, "dropout": 1e-2}


@pytest.fixture
def store(tmp_path):
    """In memory; folders are tested in test_checkpoint."""
    store = CheckpointStore(f"memory://{tmp_path.name}")
    yield store
    store.discard("slot-1")


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


@pytest.fixture(params=OPTIMIZERS, ids=lambda optimizer: " ".join([optimizer[0], *optimizer[1]]))
def trial(request, config, model):
    name, options = request.param
    return config(
        model="mlp" if model == "dropout" else model,
        optimizer=name,
        optimizer_options=options,
        iterations=6,
        evaluate_every=2,
        batch_size=4,
        schedule={"family": "triangular2", "base_lr": 1e-4, "max_lr": MODELS[model], "step_size": 2},
        test=True,
    )


def test_a_resumed_run_equals_the_unbroken_one(trial, model, tiny_images, with_dropout, store) -> None:
    task = {"mlp": make("digits"), "dropout": with_dropout}.get(model, tiny_images)
    unbroken = list(train(trial, task=task, checkpoints=store, checkpoint_key="slot-1/f000001", checkpoint_seconds=0))
    first, second = (event.checkpoint for event in unbroken if isinstance(event, Saved))

    resumed = list(
        train(trial, task=task, checkpoints=store, checkpoint_key="slot-1/f000002", checkpoint_seconds=0, resume=first)
    )

    assert [type(event) for event in resumed] == [Evaluated, Saved, Evaluated, Finished]
    # weights, optimizer state, random state and history of iteration 4, all in one hash
    assert resumed[1].checkpoint.sha256 == second.sha256
    assert resumed[2:] == unbroken[-2:]


def test_the_checkpoints_of_two_models_differ(config, store) -> None:
    """The hash above does tell states apart."""
    hashes = set()
    for lr in (0.1, 0.10000001):
        events = train(
            config(lr=lr, iterations=2, evaluate_every=1),
            checkpoints=store,
            checkpoint_key="slot-1/f000001",
            checkpoint_seconds=0,
        )
        hashes |= {event.checkpoint.sha256 for event in events if isinstance(event, Saved)}

    assert len(hashes) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_trial_on_a_gpu_is_resumed_with_its_random_state(config, with_dropout, store) -> None:
    trial = config(iterations=6, evaluate_every=2, batch_size=4)
    unbroken = list(
        train(
            trial,
            task=with_dropout,
            device="cuda",
            checkpoints=store,
            checkpoint_key="slot-1/f000001",
            checkpoint_seconds=0,
        )
    )
    first, _ = (event.checkpoint for event in unbroken if isinstance(event, Saved))

    *_, final = train(trial, task=with_dropout, device="cuda", checkpoints=store, resume=first)

    assert final.value == pytest.approx(unbroken[-1].value, abs=0.1)
    assert torch.cuda.memory_allocated() > 0
