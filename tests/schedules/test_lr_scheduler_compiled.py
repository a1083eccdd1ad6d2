"""ScheduleLR beside a compiled optimizer: the rate is a tensor that the compiled step reads."""

import pytest
import torch
from torch._dynamo.utils import counters
from torch.nn import Parameter
from torch.optim import SGD, Adam, Optimizer

from clr.lr_scheduler import ScheduleLR
from clr.schedules import Triangular2

torch.set_num_threads(1)

SCHEDULE = Triangular2(base_lr=0.001, max_lr=0.3, step_size=3.5)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_compiled_step_takes_every_rate_without_being_compiled_anew(kind: type[Optimizer]):
    torch.compiler.reset()
    plain, compiled = Parameter(torch.ones(2, 3)), Parameter(torch.ones(2, 3))
    optimizers = [kind([parameter], lr=torch.tensor(1.0)) for parameter in (plain, compiled)]
    schedulers = [ScheduleLR(optimizer, SCHEDULE) for optimizer in optimizers]
    steps = [optimizers[0].step, torch.compile(optimizers[1].step, backend="eager")]
    frames = []
    for _ in range(12):
        for parameter, step, scheduler in zip((plain, compiled), steps, schedulers, strict=True):
            parameter.grad = torch.full((2, 3), 0.5)
            step()
            scheduler.step()
        frames.append(counters["frames"]["total"])

    assert schedulers[1].iteration == 12
    torch.testing.assert_close(plain, compiled, rtol=0, atol=1e-4)  # torch compiles Adam's bias correction in float32
    assert frames[2] == frames[-1] > 0
