"""The libraries themselves, in this process: none is imitated."""

import os
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is first imported
os.environ["HF_HUB_OFFLINE"] = "1"
torch.set_num_threads(1)

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def accuracy_of() -> Callable[[str], float]:
    """Runs an example; gives the test accuracy that it prints."""
    return lambda name: runpy.run_path(str(EXAMPLES / name), run_name="example")["main"]()


@pytest.fixture
def used_rates(request: pytest.FixtureRequest) -> list[list[float]]:
    """The groups' rates at each `optimizer.step()` of any torch optimizer, as they are made."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    used: list[list[float]] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: used.append([float(group["lr"]) for group in optimizer.param_groups])
    )
    request.addfinalizer(hook.remove)
    return used
