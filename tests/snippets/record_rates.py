"""Runs scripts of one library in this process and prints, as JSON, the rate that each update was made at.

Standard input: {"library": name, "scripts": {label: text}}. It stands outside of what the scripts use: torch's global
hook before each `optimizer.step()`, and the functions through which Keras and optax apply a rate.
"""

import gc
import json
import os
import sys
import tempfile
import traceback

os.environ["HF_HUB_OFFLINE"] = "1"
RATES: list[float] = []


def watch_torch() -> None:
    import torch
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    torch.set_num_threads(1)
    register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: RATES.append(float(optimizer.param_groups[0]["lr"]))
    )


def watch_keras() -> None:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import torch

    torch.set_num_threads(1)
    apply = keras.optimizers.SGD.apply

    def watched(self, *args, **kwargs):
        RATES.append(float(self.learning_rate))
        return apply(self, *args, **kwargs)

    keras.optimizers.SGD.apply = watched


def watch_optax() -> None:
    import jax
    import optax

    sgd = optax.sgd

    def watched(learning_rate):
        def rate(count):
            found = learning_rate(count)
            jax.debug.callback(lambda value: RATES.append(float(value)), found, ordered=True)
            return found

        return sgd(rate)

    optax.sgd = watched


def run(text: str) -> list[float] | str:
    """The rates, or what went wrong."""
    RATES.clear()
    try:
        exec(compile(text, "snippet", "exec"), {"__name__": "__main__"})
    except Exception:
        return traceback.format_exc()
    if "jax" in sys.modules:
        sys.modules["jax"].effects_barrier()
    gc.freeze()  # some collect garbage after every run: what a library consists of need not be gone through again
    return list(RATES)


def main() -> None:
    asked = json.load(sys.stdin)
    printed = os.dup(1)
    os.dup2(2, 1)  # progress bars and reports of the libraries go to standard error
    {"keras": watch_keras, "optax": watch_optax}.get(asked["library"], watch_torch)()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        traces = {label: run(text) for label, text in asked["scripts"].items()}
    os.write(printed, json.dumps({"traces": traces}).encode())


if __name__ == "__main__":
    main()
