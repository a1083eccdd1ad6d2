"""A trial in progress: everything that an update reads and changes, and what a checkpoint must hold of it."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clr import schedules
from clr.errors import CheckpointError
from clr.protocol import TrialConfig
from clr.results import Evaluation
from clr.tasks.base import Task
from clr.training import optimizers, range_test
from clr.training.checkpoint import Contents
from clr.training.feed import Feed
from clr.training.gradients import gradients
from clr.training.randomness import Randomness

logger = logging.getLogger(__name__)


class LiveTrial:
    """One trial between two updates.

    Attributes:
        iteration: updates done [iterations].
        initial_loss: loss of the first batch, once it was read from the device.
        values: the task's metric at each evaluation so far.
    """

    def __init__(self, config: TrialConfig, task: Task, device: str | torch.device) -> None:
        self.config, self.task, self.device = config, task, torch.device(device)
        splits = task.splits(config.split_seed, device)
        self._test = splits.test
        in_range_test = config.phase == "range-test"
        self._validation = (
            range_test.validation_subset(splits.validation, config.split_seed) if in_range_test else splits.validation
        )
        self.model = task.model(config.model, config.model_options, config.seed).to(device).train()
        self.optimizer = optimizers.make(config.optimizer, config.optimizer_options, self.model)
        self._rates: list[float] = schedules.from_dict(config.schedule).rates(config.iterations).tolist()
        self._feed = Feed(splits.train, config.batch_size, config.seed, config.iterations)
        self._gradients = gradients(self.model, task, config.training, self.device)
        self.randomness = Randomness(config.seed, self.device)
        self.iteration = 0
        self.initial_loss: float | None = None
        self.values: list[float] = []

    @property
    def stopped(self) -> bool:
        """Whether the run ends here, before its last iteration: a range test's accuracy has fallen."""
        if self.config.phase != "range-test" or self.task.direction != "maximize":
            return False
        return range_test.has_fallen(self.values, -(-self.config.iterations // self.config.evaluate_every))

    def updates(self) -> Callable[[int], Tensor]:
        """The function that makes update i and returns its loss, a scalar on the device. Reads nothing back from it."""
        optimizer, feed, compute = self.optimizer, self._feed, self._gradients
        augmented, seed, rates = self.task.augmented, self.config.seed, self._rates
        groups = [(group, float(group["lr_mult"])) for group in optimizer.param_groups]

        def update(iteration: int) -> Tensor:
            rate = rates[iteration]
            for group, multiplier in groups:
                group["lr"] = rate * multiplier
            batch = feed(iteration)
            loss = compute(augmented(batch.inputs, seed, iteration), batch.targets)
            optimizer.step()
            return loss

        return update

    def evaluate(self) -> Evaluation:
        """Validation metrics now; a metric may be non-finite."""
        return Evaluation(self.iteration, self.task.evaluate(self.model, self._validation))

    def test(self) -> dict[str, float]:
        """Test metrics, where the config asks for them; else nothing."""
        return self.task.evaluate(self.model, self._test) if self.config.test else {}

    def contents(self) -> Contents:
        """What a checkpoint must hold for the run to go on with the same bits."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            found = {name: value for name, value in state.items() if isinstance(value, Tensor)}
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in found.items()}
        tensors |= {f"random.{name}": tensor for name, tensor in self.randomness.tensors().items()}
        values = {
            "config": _config_hash(self.config),
            "iteration": self.iteration,
            "initial_loss": self.initial_loss,
            "values": self.values,
            "surroundings": self._surroundings(),
        }
        return Contents(tensors, values)

    def restore(self, contents: Contents) -> None:
        """Goes to a checkpoint's state. Under another device, version or thread count it warns that bits may differ.

        Raises:
            CheckpointError: it is another trial's.
        """
        values = contents.values
        if values["config"] != _config_hash(self.config):
            raise CheckpointError("The checkpoint was written by a trial with another config. Start the trial over.")
        if (then := values["surroundings"]) != (now := self._surroundings()):
            logger.warning("Resumed under %s, saved under %s: bits may differ from an unbroken run.", now, then)
        self.model.load_state_dict(_below("model.", contents.tensors))
        self._restore_optimizer(_below("optimizer.", contents.tensors))
        self.randomness.restore(_below("random.", contents.tensors))
        self.iteration, self.initial_loss = values["iteration"], values["initial_loss"]
        self.values = list(values["values"])

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]  # a function of the config: as freshly made
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})

    def _surroundings(self) -> dict[str, Any]:
        kind = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine()
        threads = torch.get_num_threads()
        return {"torch": torch.__version__, "device": self.device.type, "kind": kind, "threads": threads}


def _config_hash(config: TrialConfig) -> str:
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()


def _below(prefix: str, tensors: Any) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
