"""Tasks that misbehave, registered as a user's would be: `--tasks trouble.py`. Their data are the digits."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from clr.errors import TaskError
from clr.protocol import TaskFacts
from clr.tasks import registry
from clr.tasks.base import Examples
from clr.tasks.digits import Digits


def _options(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "number"} for name in names}}


@dataclass(frozen=True)
class Slow(Digits):
    """The digits' bits, at `pause` seconds an update."""

    pause: float = 0.005

    def facts(self) -> TaskFacts:
        return super().facts().model_copy(update={"name": "slow", "options_schema": _options("pause")})

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        time.sleep(self.pause)
        return super().loss(outputs, targets)


class Trouble(Digits):
    """Evaluates once; then `happens`."""

    def facts(self) -> TaskFacts:
        return super().facts().model_copy(update={"name": type(self).__name__.lower()})

    def evaluate(self, model: nn.Module, examples: Examples) -> dict[str, float]:
        if getattr(model, "was_evaluated", False):
            self.happens()
        model.was_evaluated = True  # type: ignore[assignment]
        return super().evaluate(model, examples)

    def happens(self) -> None:
        raise NotImplementedError


class Raises(Trouble):
    def happens(self) -> None:
        raise ArithmeticError("the moon is in the wrong phase")


class Refuses(Trouble):
    def happens(self) -> None:
        raise TaskError("there is no such thing")


class Exits(Trouble):
    def happens(self) -> None:
        print("about to leave", flush=True)
        os._exit(7)


class Dies(Trouble):
    def happens(self) -> None:
        print("about to die", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Trouble):
    def happens(self) -> None:
        time.sleep(3600)


class Deaf(Trouble):
    """Looks after itself alone: no signal, no request to stop reaches it."""

    def happens(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        time.sleep(3600)


class Talks(Trouble):
    """Prints more than anyone wants to keep, without an end of line."""

    def happens(self) -> None:
        for _ in range(300):
            sys.stdout.write("blah " * 2000)
        sys.stdout.write("\nlast words\n")


class Hoards(Trouble):
    """Takes more and more memory, up to 4 GiB."""

    def happens(self) -> None:
        held = []
        for _ in range(64):
            held.append(bytearray(b"x") * 2**26)
            time.sleep(0.05)


class Reads(Trouble):
    """Prints its environment, as a careless task may."""

    def happens(self) -> None:
        print(dict(os.environ), sys.stdin.read(), flush=True)
        os._exit(1)


class Finds(Digits):
    """Has facts that only a look at the data gives."""

    @classmethod
    def announced(cls) -> TaskFacts:
        return cls().facts().model_copy(update={"fixed": False, "train_size": 0})

    def facts(self) -> TaskFacts:
        return super().facts().model_copy(update={"name": "finds"})

    def model(self, name: str, options: Mapping[str, Any], seed: int) -> nn.Module:
        return super().model(name, options, seed)


for task in (Slow, Raises, Refuses, Exits, Dies, Hangs, Deaf, Talks, Hoards, Reads, Finds):
    registry.register(task.__name__.lower(), f"{__name__}:{task.__name__}")
