"""A plain torch loop under a cyclical schedule, on scikit-learn's digits; the last layer learns at twice the rate.

Usage: python examples/torch_loop.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clr
from clr.schedules import Triangular2

EPOCHS, BATCH_SIZE, CYCLES = 12, 64, 3


def main() -> float:
    torch.manual_seed(0)
    inputs, targets = load_digits(return_X_y=True)
    split = train_test_split(inputs / 16.0, targets, random_state=0)
    train_inputs, test_inputs = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
    train_targets, test_targets = (torch.tensor(part) for part in split[2:])

    body = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU())
    head = torch.nn.Linear(64, 10)
    groups = [{"params": body.parameters()}, {"params": head.parameters(), "lr_mult": 2.0}]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)  # the schedule sets lr

    iterations = EPOCHS * -(-len(train_inputs) // BATCH_SIZE)
    schedule = Triangular2(base_lr=0.01, max_lr=0.2, step_size=iterations / (2 * CYCLES))
    scheduler = clr.ScheduleLR(optimizer, schedule)
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(train_inputs)).split(BATCH_SIZE):
            loss = torch.nn.functional.cross_entropy(head(body(train_inputs[batch])), train_targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()  # once per update
        print(f"epoch {epoch + 1:2}: loss {loss.item():.3f}, next rates {scheduler.get_last_lr()}")

    accuracy = (head(body(test_inputs)).argmax(1) == test_targets).float().mean().item()
    print(f"test accuracy {accuracy:.4f} after {scheduler.iteration} updates")
    return accuracy


if __name__ == "__main__":
    main()
