"""A run's own random state (dropout and the like), kept apart from the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Randomness:
    """torch's global generators as one run sees them: seeded once, put in place while the run computes."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.Generator().manual_seed(seed).get_state()
        self._cuda = torch.Generator(device).manual_seed(seed).get_state() if device.type == "cuda" else None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within, the global generators are the run's; after, they are the caller's again."""
        callers = _global_state(self._device)
        _install(self._cpu, self._cuda, self._device)
        try:
            yield
        finally:
            self._cpu, self._cuda = _global_state(self._device)
            _install(*callers, self._device)

    def tensors(self) -> dict[str, Tensor]:
        """The current state by name; to be read within `installed`."""
        cpu, cuda = _global_state(self._device)
        return {"cpu": cpu} if cuda is None else {"cpu": cpu, "cuda": cuda}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Puts a saved state in place; to be called within `installed`. A missing CUDA state stays as seeded."""
        _install(tensors["cpu"], tensors.get("cuda"), self._device)


def _global_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def _install(cpu: Tensor, cuda: Tensor | None, device: torch.device) -> None:
    torch.set_rng_state(cpu)
    if cuda is not None and device.type == "cuda":
        torch.cuda.set_rng_state(cuda, device)
