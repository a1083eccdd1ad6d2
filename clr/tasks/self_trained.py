"""Tasks that train themselves: a user's script or function, which is given a run and reports what becomes of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Protocol

from clr.protocol import TaskFacts, TrialConfig
from clr.results import Event


class SelfTrained(Protocol):
    """What the registry finds under such a task's name."""

    def announced(self) -> TaskFacts:
        """What a study must know of it."""

    def events(
        self,
        config: TrialConfig,
        *,
        device: str,
        checkpoints: str | os.PathLike[str],
        key: str,
        interrupt: threading.Event,
    ) -> Iterator[Event]:
        """Runs one trial and yields what happens, as `clr.training.loop.train` does.

        Args:
            device: "cpu", "cuda:0".
            checkpoints: the folder or URL that workers share. key: "<slot>/f<fencing token>" of this attempt.
            interrupt: looked at several times a second: end, then say so.

        Raises:
            TaskError: it can't be started, or what it reports can't be used.
            ScriptDied: it ended, or hung, before the run was over.
        """
