"""Keras 3 on torch as a task: a callback sets each update's rate, and reports.

Usage: python examples/own_training/keras_script.py
       clr worker --tasks examples/own_training/keras_script.yaml
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from sklearn.datasets import load_digits

import clr
from clr.schedules import Fixed


class Schedule(keras.callbacks.Callback):
    """Sets the rate of each update; says how the model does where that is due."""

    def __init__(self, run, validation):
        super().__init__()
        self.run, self.validation, self.done = run, validation, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.run.rate(self.done)

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        rate = float(self.model.optimizer.learning_rate)
        if self.run.due(self.done):
            self.model.stop_training = self.run.report(
                self.done, accuracy=accuracy(self.model, *self.validation), lr=rate
            )


def accuracy(model, inputs, targets):
    return (keras.ops.convert_to_numpy(model(inputs)).argmax(1) == targets).mean()


def forever(inputs, targets, batch_size, seed):
    order = np.random.default_rng(seed)
    while True:
        for batch in np.array_split(order.permutation(len(inputs)), len(inputs) // batch_size):
            yield inputs[batch], targets[batch]


def main():
    run = clr.run(iterations=300, schedule=Fixed(lr=0.05))
    keras.utils.set_random_seed(run.seed)
    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels.astype("float32") / 16
    order = np.random.default_rng(0).permutation(len(pixels))
    rest, test = order[:1397], order[1397:]
    rest = np.random.default_rng(run.split_seed).permutation(rest)
    train, validation = rest[:1117], rest[1117:]

    model = keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(momentum=0.9), loss)
    model.fit(
        forever(pixels[train], digits[train], batch_size=64, seed=run.seed),
        steps_per_epoch=run.iterations,
        callbacks=[Schedule(run, (pixels[validation], digits[validation]))],
        verbose=0,
    )
    if run.test:
        run.report_test(accuracy=accuracy(model, pixels[test], digits[test]))


if __name__ == "__main__":
    main()
