"""Retrains a study's best schedule with plain torch and ScheduleLR, and compares with what the service reported.

Usage: python examples/retrain_best.py STUDY [--service URL]

The ten lines in `retrain` are all that a training script needs; task, model and batches are the study's, so that on the
same machine, threads and versions each confirm seed gives the reported value to the last bit.
"""

import argparse

import torch

import clr
from clr.tasks import registry
from clr.training.batches import Batches


def retrain(schedule: clr.Schedule, seed: int, iterations: int, batch_size: int = 64) -> float:
    """Test accuracy of the MLP on digits, trained under `schedule` with SGD and momentum 0.9."""
    task = registry.make("digits", {})
    data = task.splits(split_seed=seed)
    model = task.model("mlp", {}, seed=seed)
    batches = Batches(len(data.train), batch_size, seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    scheduler = clr.ScheduleLR(optimizer, schedule)
    for iteration in range(iterations):
        batch = data.train.take(batches(iteration))
        optimizer.zero_grad()
        task.loss(model(batch.inputs), batch.targets).backward()
        optimizer.step()
        scheduler.step()
    return task.evaluate(model, data.test)["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--service")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as the workers that `clr serve --workers` starts
    with clr.Client(asked.service) as client:
        answer = client.study(asked.study).best()
    assert answer.best is not None and answer.iterations is not None, "the study has no best schedule yet"
    schedule = clr.schedules.from_dict(answer.best.schedule)
    (arm,) = (arm for arm in answer.arms if arm.arm == answer.best.arm)
    for seed, reported in arm.values.items():
        print(f"seed {seed}: reported {reported:.4f}, retrained {retrain(schedule, int(seed), answer.iterations):.4f}")


if __name__ == "__main__":
    main()
