"""A worker as a systemd user unit. Pure: text from what is asked. Source: systemd.service(5), systemd.exec(5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.run import ExitCode

STOP_MARGIN = 15
"""Beyond a worker's own grace: its interpreter has to end, too [seconds]."""
_PLAIN = re.compile(r"[A-Za-z0-9_./:=@,+-]+")
_USAGE = 2
_HOPELESS = (_USAGE, ExitCode.UNAUTHORIZED, ExitCode.UPGRADE_NEEDED)
"""Exit codes that starting again does not mend."""


@dataclass(frozen=True)
class Unit:
    """A worker that systemd keeps running.

    Attributes:
        command: the program and its arguments, without the token.
        folder: where it runs: relative paths among the arguments begin there.
        grace: what the worker takes at most to save its trial and end [seconds].
        environment: variables that it needs; no secrets: any user may read a unit.
    """

    command: Sequence[str]
    folder: str
    grace: float
    environment: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The unit's file.

        It ends in order on SIGTERM, which only the worker itself gets; its training child may be killed for memory
        without an end to the unit.
        """
        lines = [
            "[Unit]",
            "Description=CLR worker: trains trials for the sweep service",
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=exec",
            f"ExecStart={' '.join(quoted(part) for part in self.command)}",
            f"WorkingDirectory={_specifiers_kept(self.folder)}",
            *(
                f"Environment={quoted(f'{name}={value}', expands=False)}"
                for name, value in sorted(self.environment.items())
            ),
            "Restart=on-failure",
            "RestartSec=30",
            f"RestartPreventExitStatus={' '.join(str(int(code)) for code in _HOPELESS)}",
            "KillSignal=SIGTERM",
            "KillMode=mixed",
            f"TimeoutStopSec={int(self.grace) + STOP_MARGIN}",
            "OOMPolicy=continue",
            "",
            "[Install]",
            "WantedBy=default.target",
        ]
        return "\n".join(lines) + "\n"


def quoted(part: str, *, expands: bool = True) -> str:
    """One argument as systemd reads it back. `expands`: whether variables are, where it stands.

    >>> quoted("--hours"), quoted('python train.py --seed {seed}'), quoted("100%$HOME")
    ('--hours', '"python train.py --seed {seed}"', '"100%%$$HOME"')
    """
    if _PLAIN.fullmatch(part):
        return part
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_specifiers_kept(escaped.replace("$", "$$") if expands else escaped)}"'


def _specifiers_kept(text: str) -> str:
    return text.replace("%", "%%")
