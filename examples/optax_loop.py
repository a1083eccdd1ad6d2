"""JAX and optax under a cosine with restarts, on scikit-learn's digits.

Usage: python examples/optax_loop.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from clr.adapters.optax import schedule_function
from clr.schedules import CosineRestarts

EPOCHS, BATCH_SIZE = 14, 64


def logits(parameters, inputs):
    hidden = jax.nn.relu(inputs @ parameters["hidden"])
    return hidden @ parameters["output"]


def loss(parameters, inputs, targets):
    return optax.softmax_cross_entropy_with_integer_labels(logits(parameters, inputs), targets).mean()


def main() -> float:
    inputs, targets = load_digits(return_X_y=True)
    train_inputs, test_inputs, train_targets, test_targets = train_test_split(inputs / 16.0, targets, random_state=0)
    rows = np.random.default_rng(0)

    updates_per_epoch = -(-len(train_inputs) // BATCH_SIZE)
    schedule = CosineRestarts(lr=0.2, end_lr=0.002, period=2 * updates_per_epoch, period_multiplier=2)  # 2, 4, 8 epochs
    optimizer = optax.sgd(schedule_function(schedule, iterations=EPOCHS * updates_per_epoch), momentum=0.9)

    parameters = {
        "hidden": jnp.asarray(rows.normal(size=(64, 64)) * np.sqrt(2 / 64)),
        "output": jnp.asarray(rows.normal(size=(64, 10)) * np.sqrt(1 / 64)),
    }
    state = optimizer.init(parameters)

    @jax.jit
    def update(parameters, state, inputs, targets):
        gradients = jax.grad(loss)(parameters, inputs, targets)
        changes, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, changes), state

    for _ in range(EPOCHS):
        order = rows.permutation(len(train_inputs))
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            parameters, state = update(parameters, state, train_inputs[batch], train_targets[batch])

    accuracy = float((logits(parameters, test_inputs).argmax(1) == test_targets).mean())
    print(f"test accuracy {accuracy:.4f} after {EPOCHS * updates_per_epoch} updates")
    return accuracy


if __name__ == "__main__":
    main()
