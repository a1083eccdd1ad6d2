"""The range test on six small nets and the real digits, and what training at its rates comes to.

For each net: clr.range_test (exponential ramp, 3 seeds, 1,000 updates), then runs of one triangular cycle, 800 updates,
base = max / 4, 3 other seeds, with max = edge x 1/32 ... 2. Printed: what was read, the mean accuracy at each factor,
and what other finders' rules say of the same losses. 1,297 digits train, 500 validate.

    python benchmarks/range_test_real_nets.py [--net NAME] [--draw FOLDER]

--draw also runs the first net's linear ramp, and writes the pictures of docs/range-test.md.
"""

import argparse
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer
from torch.utils.data import DataLoader, TensorDataset

import clr
from clr.lr_range_test import RangeTest

FACTORS = (1 / 32, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
TRAINED, BATCH, UPDATES = 1297, 64, 800
RUN_SEEDS = (100, 101, 102)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def deep() -> nn.Module:
    layers = [part for _ in range(3) for part in (nn.Linear(64, 64), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 10))


def conv() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A net with its optimizer. `wrong`: share of the training labels that are drawn at random."""

    net: Callable[[], nn.Module]
    optimizer: Callable[..., Optimizer]
    wrong: float = 0.0


CASES = {
    "MLP, momentum": Case(mlp, functools.partial(SGD, lr=0.1, momentum=0.9)),
    "conv net, momentum": Case(conv, functools.partial(SGD, lr=0.1, momentum=0.9)),
    "MLP, Adam": Case(mlp, functools.partial(Adam, lr=1e-3)),
    "MLP, plain SGD": Case(mlp, functools.partial(SGD, lr=0.1)),
    "MLP, 30 % wrong labels": Case(mlp, functools.partial(SGD, lr=0.1, momentum=0.9), wrong=0.3),
    "4-layer MLP": Case(deep, functools.partial(SGD, lr=0.1, momentum=0.9)),
}


def digits(wrong: float) -> tuple[TensorDataset, tuple[Tensor, Tensor]]:
    """Training examples, and the validation images with their labels."""
    data, generator = load_digits(), torch.Generator().manual_seed(1)
    order = torch.randperm(len(data.target), generator=generator)
    images = torch.tensor(data.images / 16, dtype=torch.float32)[order, None]
    labels = torch.tensor(data.target)[order]
    false = torch.rand(TRAINED, generator=generator) < wrong
    trained = torch.where(false, torch.randint(10, (TRAINED,), generator=generator), labels[:TRAINED])
    return TensorDataset(images[:TRAINED], trained), (images[TRAINED:], labels[TRAINED:])


def tested(case: Case, **options: object) -> RangeTest:
    """The range test, fresh weights for every seed."""
    train, validation = digits(case.wrong)
    model = case.net()
    loader = DataLoader(train, BATCH, shuffle=True, drop_last=True)
    return clr.range_test(
        model, loader, case.optimizer(model.parameters()), nn.functional.cross_entropy, validation=[validation],
        reset=lambda model, seed: model.load_state_dict(case.net().state_dict()), **{"iterations": 1000, **options},
    )  # fmt: skip


def accuracy(case: Case, max_lr: float, seed: int) -> float:
    """Validation accuracy after one triangular cycle."""
    train, (images, labels) = digits(case.wrong)
    torch.manual_seed(seed)
    model = case.net()
    optimizer = case.optimizer(model.parameters())
    schedule = clr.ScheduleLR(optimizer, clr.schedules.Triangular(base_lr=max_lr / 4, max_lr=max_lr, step_size=400))
    updates = 0
    while updates < UPDATES:
        for inputs, targets in DataLoader(train, BATCH, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            schedule.step()
            updates += 1
            if updates == UPDATES:
                break
    with torch.no_grad():
        return float((model(images).argmax(dim=1) == labels).double().mean())


def report(name: str, case: Case) -> RangeTest:
    start = time.perf_counter()
    found = tested(case)
    seconds = time.perf_counter() - start
    print(f"\n{name} ({seconds:.0f} s)\n{found}")
    print(
        "  others   "
        + ", ".join(f"{k} {'-' if v is None else format(v, '.2g')}" for k, v in found.other_rules().items())
    )
    if found.edge is not None:
        means = [np.mean([accuracy(case, found.edge * factor, seed) for seed in RUN_SEEDS]) for factor in FACTORS]
        reached = (f"edge x {factor:g}: {mean:.3f}" for factor, mean in zip(FACTORS, means, strict=True))
        print("  max_lr   " + "  ".join(reached))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=CASES)
    parser.add_argument("--draw", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread; {UPDATES} updates per run, seeds {RUN_SEEDS}")
    for name, case in CASES.items():
        if asked.net in (None, name):
            found = report(name, case)
            if asked.draw is not None and name == "MLP, momentum":
                draw(asked.draw, case, found)


def draw(folder: Path, case: Case, exponential: RangeTest) -> None:
    """The exponential and the linear ramp of one net."""
    assert exponential.edge is not None
    linear = tested(case, ramp="linear", high=3 * exponential.edge)
    print(f"\nThe same net, linear ramp\n{linear}")
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams["svg.hashsalt"] = "clr"  # so that the same curves give the same file
    exponential.plot().savefig(folder / "range-test.svg", metadata={"Date": None})
    linear.plot().savefig(folder / "range-test-linear.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
