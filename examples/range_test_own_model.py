"""Finds the learning rates of one's own model, and trains it with a cyclical schedule between them.

Usage: python examples/range_test_own_model.py [--picture FILE]

Model, data and loop are plain torch: real handwritten digits, a small convolutional net, SGD with momentum.
"""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset, random_split

import clr


def make_model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU(), nn.Linear(32, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", help="write the curves here, e.g. range-test.svg")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    train, validation, test = random_split(TensorDataset(images, torch.tensor(digits.target)), [1000, 397, 400])
    batches = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    found = clr.range_test(
        model,
        batches,
        optimizer,
        cross_entropy,
        validation=DataLoader(validation, batch_size=397),
        reset=lambda model, seed: model.load_state_dict(make_model().state_dict()),
    )
    print(found)
    if asked.picture:
        found.plot().savefig(asked.picture)

    # model and optimizer are as they were; training goes on as if there had been no test
    schedule = clr.ScheduleLR(optimizer, found.schedule("triangular", step_size=2 * len(batches)))
    for _ in range(8):  # two cycles of four epochs
        for inputs, targets in batches:
            optimizer.zero_grad()
            cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            schedule.step()

    (inputs, targets), *_ = DataLoader(test, batch_size=400)
    right = (model(inputs).argmax(dim=1) == targets).float().mean()
    print(f"test accuracy after 8 epochs: {right:.3f}")


if __name__ == "__main__":
    main()
