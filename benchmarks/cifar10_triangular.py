"""Test accuracy of caffe-cifar10-full after 4,000 iterations of batch 100: fixed 0.001 against triangular 0.001-0.006.

Usage: python benchmarks/cifar10_triangular.py FOLDER [--iterations 4000] [--seeds 1]

FOLDER holds CIFAR-10 as {train,test}/<class>/*. Both schedules train the same initial weights on the same batches. The
numbers are single runs unless --seeds says otherwise: they show that the model learns, not which schedule is better.
"""

import argparse
import os
import time

import torch

from clr import schedules
from clr.protocol import TrialConfig
from clr.results import Diverged, Evaluated, Finished
from clr.tasks import registry
from clr.tasks.base import Task
from clr.training.loop import train

ARMS = {
    "fixed 0.001": schedules.make("fixed", lr=0.001),
    "triangular 0.001-0.006": schedules.make("triangular", base_lr=0.001, max_lr=0.006, step_size=2000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("CIFAR10"), help="default: the variable CIFAR10")
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    if not asked.folder:
        print("left out: no folder of CIFAR-10 was named (argument, or the variable CIFAR10)")
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    task = registry.make("image-folder", {"path": asked.folder})
    parameters = sum(p.numel() for p in task.model("caffe-cifar10-full", {}, seed=0).parameters())
    where = f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads"
    print(f"caffe-cifar10-full: {parameters:,} parameters; {where}", flush=True)
    for seed in range(asked.seeds):
        for name, schedule in ARMS.items():
            run(name, config(asked.folder, schedule, asked.iterations, seed), task, device)


def config(folder: str, schedule: schedules.Schedule, iterations: int, seed: int) -> TrialConfig:
    return TrialConfig(
        phase="confirm",
        task="image-folder",
        task_options={"path": folder},
        model="caffe-cifar10-full",
        optimizer="sgd",
        optimizer_options={"momentum": 0.9, "weight_decay": 0.004},
        batch_size=100,
        iterations=iterations,
        evaluate_every=max(1, iterations // 4),
        schedule=schedule.to_dict(),
        seed=seed,
        split_seed=0,
        test=True,
    )


def run(name: str, config: TrialConfig, task: Task, device: str) -> None:
    start = time.perf_counter()
    for event in train(config, task=task, device=device):
        if isinstance(event, Evaluated):
            at, accuracy = event.evaluation.iteration, event.evaluation.metrics["accuracy"]
            print(f"  {name}: {at:>6} iterations, validation accuracy {accuracy:.4f}", flush=True)
        elif isinstance(event, Finished):
            took, accuracy = time.perf_counter() - start, event.test["accuracy"]
            print(
                f"{name}, seed {config.seed}: {event.iteration} iterations, test accuracy {accuracy:.4f}, {took:.0f} s",
                flush=True,
            )
        elif isinstance(event, Diverged):
            print(f"{name}: diverged at iteration {event.iteration}: {event.reason}")


if __name__ == "__main__":
    main()
