"""One core, tiny configs, and a task of generated images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from clr.protocol import TaskFacts, TrialConfig
from clr.tasks.base import ClassificationTask, Examples, Splits
from clr.tasks.facts import IMAGE_FOLDER
from clr.training.checkpoint import CheckpointStore


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


class MakesConfig(Protocol):
    def __call__(self, **changes: Any) -> TrialConfig: ...


@pytest.fixture(scope="session")
def config() -> MakesConfig:
    """A short trial on digits; keyword arguments replace fields, `lr` the fixed rate."""

    def make(lr: float = 0.1, **changes: Any) -> TrialConfig:
        fields: dict[str, Any] = {
            "phase": "search",
            "task": "digits",
            "model": "mlp",
            "optimizer": "sgd",
            "batch_size": 64,
            "iterations": 60,
            "evaluate_every": 20,
            "schedule": {"family": "fixed", "lr": lr},
            "seed": 3,
            "split_seed": 1,
        }
        return TrialConfig(**fields | changes)

    return make


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


@dataclass(frozen=True)
class TinyImages(ClassificationTask):
    """Sixty random 32 x 32 RGB images in [-0.5, 0.5], the class in their brightness."""

    images: int = 60

    def facts(self) -> TaskFacts:
        third = self.images // 3
        sizes = {"train_size": third, "validation_size": third, "test_size": third, "input_shape": (3, 32, 32)}
        return IMAGE_FOLDER.model_copy(update={**sizes, "classes": 3, "name": "tiny-images"})

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        generator = torch.Generator().manual_seed(split_seed)
        targets = torch.arange(self.images) % 3
        inputs = torch.rand(self.images, 3, 32, 32, generator=generator) - 0.5
        inputs += targets[:, None, None, None] / 3 - 0.3
        parts = [Examples(*pair) for pair in zip(inputs.chunk(3), targets.chunk(3), strict=True)]
        return Splits(*(part.to(device) for part in parts))


@dataclass(frozen=True)
class WithDropout(TinyImages):
    """The same images; its one model drops a third of its inputs."""

    def model(self, name: str, options: Mapping[str, Any], seed: int) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Dropout(0.3), super().model("mlp", options, seed))


@pytest.fixture(scope="session")
def tiny_images() -> TinyImages:
    return TinyImages()


@pytest.fixture(scope="session")
def with_dropout() -> WithDropout:
    return WithDropout()
