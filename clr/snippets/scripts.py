"""Whole scripts, one per library, each with a model and batches of its own where the user's belong."""

from __future__ import annotations

import json

from clr.schedules import Schedule
from clr.snippets.expressions import imports, statement
from clr.snippets.setup import Setup
from clr.snippets.torch_native import PER_UPDATE

_TORCH = """\
import torch

from clr import ScheduleLR
{imports}

{schedule}

model = torch.nn.Linear(4, 1)  # yours
{made}

{loop}"""

_TIMM = """\
import torch

from clr.adapters.timm import scheduler as timm_scheduler
{imports}

{schedule}

model = torch.nn.Linear(4, 1)  # yours
optimizer = {optimizer}  # yours; the schedule sets its lr
scheduler = timm_scheduler(optimizer, schedule)

for update in range({iterations}):
    loss = model(torch.ones(8, 4)).mean()  # yours
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step_update(num_updates=update + 1)
"""

_ACCELERATE = """\
import torch
from accelerate import Accelerator

from clr.adapters.accelerate import prepare
{imports}

{schedule}

accelerator = Accelerator()
model = torch.nn.Linear(4, 1)  # yours
optimizer = {optimizer}  # yours; the schedule sets its lr
model, optimizer = accelerator.prepare(model, optimizer)
scheduler = prepare(accelerator, optimizer, schedule)

for update in range({iterations}):
    loss = model(torch.ones(8, 4, device=accelerator.device)).mean()  # yours
    optimizer.zero_grad()
    accelerator.backward(loss)
    optimizer.step()
    scheduler.step()  # once per update, not per epoch
"""

_LIGHTNING = """\
import lightning
import torch

from clr.adapters.lightning import configure_optimizers
{imports}

{schedule}


class Module(lightning.LightningModule):  # yours
    def __init__(self):
        super().__init__()
        self.model = torch.nn.Linear(4, 1)

    def training_step(self, batch, batch_index):
        return self.model(batch).mean()

    def configure_optimizers(self):
        optimizer = {own_optimizer}  # yours; the schedule sets its lr
        return configure_optimizers(optimizer, schedule)


batches = torch.utils.data.DataLoader(torch.ones(800, 4), batch_size=8)  # yours
trainer = lightning.Trainer(max_steps={iterations}, max_epochs=-1, logger=False, enable_checkpointing=False)
trainer.fit(Module(), batches)
"""

_TRANSFORMERS = """\
import torch
from transformers import Trainer, TrainingArguments

from clr.adapters.transformers import callback
{imports}

{schedule}


class Model(torch.nn.Module):  # yours
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, inputs):
        return {{"loss": self.layer(inputs).mean()}}


examples = [{{"inputs": torch.ones(4)}}] * 800  # yours
arguments = TrainingArguments(max_steps={iterations}, save_strategy="no", report_to="none")
trainer = Trainer(Model(), arguments, train_dataset=examples, callbacks=[callback(schedule)])
trainer.train()
"""

_KERAS = """\
import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # yours: torch, jax or tensorflow

import keras
import numpy as np

from clr.adapters.keras import callback
{imports}

{schedule}


def batches():  # yours
    while True:
        yield np.ones((8, 4)), np.zeros((8, 1))


model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])  # yours
model.compile(keras.optimizers.SGD(), loss="mean_absolute_error")
model.fit(batches(), steps_per_epoch={iterations}, callbacks=[callback(schedule)])
"""

_OPTAX = """\
import jax
import jax.numpy as jnp
import optax

from clr.adapters.optax import schedule_function
{imports}

{schedule}

parameters = jnp.ones(4)  # yours
optimizer = optax.sgd(schedule_function(schedule, iterations={iterations}))
state = optimizer.init(parameters)


@jax.jit
def update(parameters, state):
    gradients = jax.grad(jnp.mean)(parameters)  # yours
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(parameters, updates), state


for _ in range({iterations}):
    parameters, state = update(parameters, state)
"""

_ITS_LR = "yours; the schedule sets its lr"


def torch(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """Plain torch with `clr.ScheduleLR`."""
    made = setup.lines(1.0, _ITS_LR, f"ScheduleLR(optimizer, schedule, iterations={iterations})")
    return _filled(_TORCH, schedule, iterations, setup, made=made)


def timm(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """timm's scheduler: the script counts the updates."""
    return _filled(_TIMM, schedule, iterations, setup)


def accelerate(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """Accelerate, on any number of processes."""
    return _filled(_ACCELERATE, schedule, iterations, setup)


def lightning(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """A LightningModule."""
    return _filled(_LIGHTNING, schedule, iterations, setup)


def transformers(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """The Hugging Face Trainer."""
    return _filled(_TRANSFORMERS, schedule, iterations, setup)


def keras(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """Keras 3, on any backend."""
    return _filled(_KERAS, schedule, iterations, setup)


def optax(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """JAX with optax."""
    return _filled(_OPTAX, schedule, iterations, setup)


def document(schedule: Schedule, iterations: int, setup: Setup) -> str:
    """The schedule's JSON document; it is the same for a run of any length."""
    return json.dumps(schedule.to_dict(), indent=2)


def _filled(template: str, schedule: Schedule, iterations: int, setup: Setup, made: str = "") -> str:
    return setup.remarks + template.format(
        imports=imports(schedule),
        schedule=statement(schedule),
        iterations=iterations,
        made=made,
        optimizer=setup.optimizer(1.0),
        own_optimizer=setup.optimizer(1.0, model="self"),
        loop=setup.loop(iterations, PER_UPDATE),
    )
