"""A Keras 3 model under triangular cycles, on scikit-learn's digits.

Usage: python examples/keras_callback.py
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from clr.adapters.keras import callback
from clr.schedules import Triangular

EPOCHS, BATCH_SIZE, CYCLES = 12, 64, 2


def main() -> float:
    keras.utils.set_random_seed(0)
    inputs, targets = load_digits(return_X_y=True)
    train_inputs, test_inputs, train_targets, test_targets = train_test_split(inputs / 16.0, targets, random_state=0)

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10, "softmax")])
    model.compile(keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])

    iterations = EPOCHS * -(-len(train_inputs) // BATCH_SIZE)
    schedule = Triangular(base_lr=0.01, max_lr=0.2, step_size=iterations / (2 * CYCLES))
    history = model.fit(
        train_inputs, train_targets, BATCH_SIZE, EPOCHS, verbose=0, callbacks=[callback(schedule)]
    ).history
    for epoch, (loss, rate) in enumerate(zip(history["loss"], history["learning_rate"], strict=True)):
        print(f"epoch {epoch + 1:2}: loss {loss:.3f}, last rate {rate:.4f}")

    _, accuracy = model.evaluate(test_inputs, test_targets, verbose=0)
    print(f"test accuracy {accuracy:.4f} after {int(model.optimizer.iterations)} updates")
    return accuracy


if __name__ == "__main__":
    main()
