"""A training script as a process: start it, wait for it, end it and all that it has started."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from clr.errors import TaskError
from clr.scripts import guard

SECRETS = ("CLR_TOKEN", "CLR_TOKEN_FILE", "CLR_DATABASE", "CLR_DATABASE_PASSWORD_FILE")
"""What a script has no business with."""

_ANSWER = 4096


class ScriptProcess:
    """A running command, in a process group of its own, that ends when this object's process does.

    Its output goes where this process's own goes.

    Args:
        words: the command. folder: where it runs.
        environment: added to this process's own, from which secrets are taken out.
        scratch: removed should this process die first.
    """

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], scratch: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self._line, theirs = socket.socketpair()
        with theirs:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, str(theirs.fileno()), str(scratch), *words],
                cwd=folder,
                env={**kept, **environment},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._command = words[0]
        self._code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal, once the script has ended; None while it runs.

        Raises:
            TaskError: the command could not be started.
        """
        if self._code is None and select.select([self._line], [], [], seconds)[0]:
            said = self._line.recv(_ANSWER).decode(errors="replace")
            if said.startswith("!"):
                raise TaskError(f"The command {self._command!r} can't be started: {said[1:]}")
            self._code = int(said) if said else -9  # no last word: the whole group was killed
        return self._code

    def kill(self) -> None:
        """Ends the script and all that it has started; returns when they are gone."""
        self._line.close()
        self._guard.wait()
