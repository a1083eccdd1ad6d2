"""Leaves a model, its optimizer and all random state as they were, bit for bit, whatever happens in between."""

from __future__ import annotations

import copy
import random
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_CONTENTS = ("_parameters", "_buffers", "_modules")


class Untouched:
    """What a range test found, and how to get back to it.

    Kept are, of every module: parameters, buffers, other tensors and plain attributes, modes, `requires_grad`,
    gradients; of the optimizer: state, groups, rates; the global random generators of Python, NumPy and torch (CPU, and
    every CUDA device in use) and the generators that are given.

    Args:
        modules: model, and the loss where it is a module.
        optimizer: its parameters are kept too, whether they are a module's or not.
        generators: of data loaders and samplers.
    """

    def __init__(
        self, modules: Sequence[nn.Module], optimizer: Optimizer, generators: Sequence[torch.Generator]
    ) -> None:
        every = list(dict.fromkeys(part for module in modules for part in module.modules()))
        self.optimizer = optimizer
        self._modules = [_ModuleState(module) for module in every]
        self._optimizer = _OptimizerState(optimizer)
        parameters = [p for module in every for p in module._parameters.values() if p is not None]
        parameters += [p for group in optimizer.param_groups for p in group["params"]]
        self._gradients = {p: (p.grad, p.requires_grad) for p in parameters}
        held = [value for module in every for value in _tensors_of(module)]
        self._tensors = _Copies([*parameters, *held])
        self._random = _RandomState(generators)

    @contextmanager
    def during(self) -> Iterator[None]:
        """Within, anything may be changed; after, also where it raised or was interrupted, all is as it was."""
        try:
            yield
        finally:
            self._optimizer.restore()
            self._restore_modules()
            self._random.restore()

    def begin(self, seed: int) -> None:
        """Puts weights, gradients and optimizer state back to where they were, and seeds every generator."""
        self._restore_modules()
        for parameter in self._gradients:
            parameter.grad = None
        self._optimizer.lend_copy()
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Seeds every generator."""
        self._random.seed(seed)

    def _restore_modules(self) -> None:
        for module in self._modules:
            module.restore()
        self._tensors.write_back()
        for parameter, (gradient, required) in self._gradients.items():
            parameter.requires_grad_(required)
            parameter.grad = gradient


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """Buffers, and tensors that are plain attributes."""
    for value in [*module._buffers.values(), *vars(module).values()]:
        if isinstance(value, Tensor):
            yield value


class _Copies:
    """Tensors and their contents. One that overlaps itself (an expanded view) can't be written to by anybody."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        distinct = {id(tensor): tensor for tensor in tensors}.values()
        self._pairs = [(tensor, tensor.detach().clone()) for tensor in distinct if not _overlaps_itself(tensor)]

    def write_back(self) -> None:
        with torch.no_grad():
            for tensor, contents in self._pairs:
                tensor.detach().copy_(contents)


def _overlaps_itself(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided:
        return False
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


class _ModuleState:
    """A module's attributes, and which tensors and parts stand under which names."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._attributes = dict(vars(module))
        self._contents = {name: dict(getattr(module, name)) for name in _CONTENTS}

    def restore(self) -> None:
        attributes = vars(self._module)
        attributes.clear()
        attributes.update(self._attributes)
        for name, contents in self._contents.items():
            held = attributes[name]
            held.clear()
            held.update(contents)


class _OptimizerState:
    """An optimizer's state and groups. Its own state is put aside, never written to: ramps train on copies of it."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._state = optimizer.state
        self._attributes = dict(vars(optimizer))
        self._groups = [(group, dict(group)) for group in optimizer.param_groups]
        self._tensors = _Copies(v for _, saved in self._groups for v in saved.values() if isinstance(v, Tensor))

    def lend_copy(self) -> None:
        """A copy of the state, and no hooks after a step: a schedule or an average would count our updates as its."""
        self._optimizer.state = defaultdict(dict, {key: copy.deepcopy(value) for key, value in self._state.items()})
        if "_optimizer_step_post_hooks" in vars(self._optimizer):
            self._optimizer._optimizer_step_post_hooks = OrderedDict()

    def restore(self) -> None:
        vars(self._optimizer).clear()
        vars(self._optimizer).update(self._attributes)
        self._optimizer.state = self._state
        self._tensors.write_back()
        for group, saved in self._groups:
            group.clear()
            group.update(saved)


class _RandomState:
    """The global random generators, and some more."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._generators = [(generator, generator.get_state()) for generator in generators]
        self._python, self._numpy, self._cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else []

    def restore(self) -> None:
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._cpu)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        for generator, state in self._generators:
            generator.set_state(state)

    def seed(self, seed: int) -> None:
        """Not torch.manual_seed: it would also seed, for good, a CUDA that is yet to start."""
        random.seed(seed)
        np.random.seed(seed % 2**32)
        for generator in [torch.default_generator, *(generator for generator, _ in self._generators)]:
            generator.manual_seed(seed)
        if self._cuda:
            torch.cuda.manual_seed_all(seed)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


class Rates:
    """Sets an optimizer's rates, the ratios of its groups kept.

    A group's factor is its `lr_mult` where any group has one (as for `ScheduleLR`), else its own rate divided by that
    of the first group that has a rate above 0.

    Attributes:
        factors: one per group.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._groups = optimizer.param_groups
        self.factors = factors(optimizer)
        own: set[int] = set()
        for group in self._groups:  # one tensor shared by groups could not hold different rates
            if isinstance(group["lr"], Tensor):
                if id(group["lr"]) in own:
                    group["lr"] = group["lr"].clone()
                own.add(id(group["lr"]))

    def set(self, rate: float) -> None:
        for group, factor in zip(self._groups, self.factors, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor


def factors(optimizer: Optimizer) -> tuple[float, ...]:
    """What each group's rate is multiplied by."""
    groups = optimizer.param_groups
    if any("lr_mult" in group for group in groups):
        return tuple(float(group.get("lr_mult", 1.0)) for group in groups)
    rates = [float(group["lr"]) for group in groups]
    first = next((rate for rate in rates if rate > 0), None)
    return tuple(rate / first for rate in rates) if first is not None else (1.0,) * len(rates)
