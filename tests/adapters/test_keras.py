"""In Keras 3, on the backends that run here: torch in this process, JAX in another."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from clr.adapters.keras import callback
from clr.schedules import Triangular2

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras with NumPy 2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)
INPUTS, TARGETS = np.ones((40, 4)), np.zeros((40, 1))  # 5 batches of 8


def a_model(**options) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(**options), loss="mean_absolute_error")
    return model


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rate of each update that is made; a batch whose gradients are only accumulated makes none."""
    rates: list[float] = []
    apply = keras.optimizers.SGD.apply

    def watched(self, *args, **kwargs):
        rate, before = float(self.learning_rate), int(self.iterations)
        apply(self, *args, **kwargs)
        rates.extend([rate] * (int(self.iterations) - before))

    monkeypatch.setattr(keras.optimizers.SGD, "apply", watched)
    return rates


def fit(model: keras.Model, epochs: int) -> dict:
    return model.fit(INPUTS, TARGETS, 8, epochs, verbose=0, callbacks=[callback(SCHEDULE)]).history


def assert_rates(used: list[float], updates: int) -> None:
    assert np.abs(np.array(used) - SCHEDULE.rates(updates)).max() <= 1e-6 * SCHEDULE.max_lr


def test_the_rate_moves_with_every_update(used):
    fit(a_model(), epochs=3)

    assert_rates(used, 15)


def test_under_accumulation_updates_are_counted_not_batches(used):
    fit(a_model(gradient_accumulation_steps=5), epochs=4)

    assert_rates(used, 4)


def test_a_saved_model_goes_on_where_it_was(used, tmp_path):
    model = a_model()
    fit(model, epochs=1)
    model.save(tmp_path / "after_5.keras")

    fit(keras.models.load_model(tmp_path / "after_5.keras"), epochs=2)

    assert_rates(used, 15)


def test_the_history_has_each_epochs_last_rate():
    history = fit(a_model(), epochs=3)

    assert history["learning_rate"] == pytest.approx(SCHEDULE.rates(15)[[4, 9, 14]], rel=1e-6)


ON_JAX = """
import json, keras, numpy as np
from clr.adapters.keras import callback
from clr.schedules import Triangular2

class Recorder(keras.callbacks.Callback):
    # weights move by rate * 1: the loss is the mean of inputs of 1 times weights above the targets
    def __init__(self): super().__init__(); self.weights = []
    def on_train_batch_end(self, batch, logs=None):  # `self.model` would bring the state back
        self.weights.append(float(self._model._jax_state["trainable_variables"][0][0, 0]))

recorder = Recorder()
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)])
model.compile(keras.optimizers.SGD(), loss=lambda targets, outputs: outputs)
ours = callback(Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5))
model.fit(np.ones((40, 1)), np.zeros((40, 1)), 8, 3, verbose=0, callbacks=[ours, recorder])
model.compile(keras.optimizers.SGD(), loss=lambda targets, outputs: outputs, steps_per_execution=2)
try:
    model.fit(np.ones((40, 1)), np.zeros((40, 1)), 8, verbose=0, callbacks=[ours])
    refusal = ""
except Exception as error:
    refusal = f"{type(error).__name__}: {error}"
print(json.dumps({"backend": keras.backend.backend(), "weights": [1.0, *recorder.weights], "refusal": refusal}))
"""


@pytest.fixture(scope="module")
def on_jax() -> dict:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    process = subprocess.run(
        [sys.executable, "-c", ON_JAX], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


def test_on_jax_every_update_has_its_rate_too(on_jax):
    assert on_jax["backend"] == "jax"
    steps = -np.diff(on_jax["weights"])
    assert np.abs(steps - SCHEDULE.rates(15)).max() <= 1e-6  # differences of float32 weights of size up to 4


def test_several_updates_between_two_callbacks_are_refused(on_jax):
    assert on_jax["refusal"].startswith("InvalidSchedule: steps_per_execution of model.compile must be 1")
    assert on_jax["refusal"].endswith("got 2.")


def test_the_example_trains(accuracy_of):
    assert accuracy_of("keras_callback.py") > 0.93
