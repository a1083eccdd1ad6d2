"""A function `train(run)` as a task: a worker imports this module and calls it, one process per trial.

Usage: clr worker --tasks examples/own_training/train_function.py
In a distribution of your own, an entry point makes it known without --tasks:

    [project.entry-points."clr.tasks"]
    digits-softmax = "train_function:softmax"
"""

import numpy as np
from sklearn.datasets import load_digits

import clr


@clr.task(
    "digits-softmax",
    metric="accuracy",
    direction="maximize",
    updates_per_epoch=17,
    options={"weight_decay": 1e-4},
    test_size=400,
    description="softmax regression in NumPy, on digits",
)
def softmax(run):
    pixels, digits = load_digits(return_X_y=True)
    pixels, order = pixels / 16, np.random.default_rng(0).permutation(len(pixels))
    rest, test = np.random.default_rng(run.split_seed).permutation(order[:1397]), order[1397:]
    train, validation = rest[:1117], rest[1117:]

    chance = np.random.default_rng(run.seed)
    weights = chance.normal(0, 0.01, (64, 10))
    for update in range(run.iterations):
        batch = chance.choice(train, 64, replace=False)
        scores = pixels[batch] @ weights
        chances = np.exp(scores - scores.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        chances[np.arange(64), digits[batch]] -= 1
        gradient = pixels[batch].T @ chances / 64 + run.options["weight_decay"] * weights
        weights -= run.rate(update) * gradient  # the schedule's rate of this update
        if run.due(update + 1) and run.report(
            update + 1, lr=run.rate(update), accuracy=accuracy(weights, pixels[validation], digits[validation])
        ):
            break
    if run.test:
        run.report_test(accuracy=accuracy(weights, pixels[test], digits[test]))


def accuracy(weights, pixels, digits):
    return ((pixels @ weights).argmax(1) == digits).mean()


if __name__ == "__main__":
    softmax(clr.run(iterations=500, schedule=clr.schedules.Fixed(lr=0.5), options={"weight_decay": 1e-4}))
