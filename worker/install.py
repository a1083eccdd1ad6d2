"""The command `clr worker install`: the worker as a service of its user."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clr.client import token_from_environment
from worker.unit import Unit

KEPT = (
    *("CLR_DATA", "CLR_DATA_DIR", "CLR_CACHE_DIR", "CLR_DOWNLOAD", "CLR_RESIDENT_BYTES"),
    *("CUDA_VISIBLE_DEVICES", "PATH", "LD_LIBRARY_PATH"),
)
"""Variables of today's shell that the worker is to find again."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
Parse = Callable[[Sequence[str]], Mapping[str, Any]]


def command(parse: Parse) -> Callable[..., None]:
    """The command, over the worker's own options.

    Args:
        parse: the values of arguments of `clr worker`; raises typer's usage errors.
    """

    def install(
        context: typer.Context,
        name: Annotated[str, typer.Option(help="Of the unit; another name for a second worker.")] = "clr-worker",
        print_only: Annotated[bool, typer.Option("--print", help="Print the unit; write nothing.")] = False,
    ) -> None:
        """Write a systemd user unit that runs this worker; takes every option of `clr worker`.

        The token (--token-file, CLR_TOKEN or CLR_TOKEN_FILE) never stands in the unit: one from CLR_TOKEN is kept in a
        file that only its owner may read. It prints the unit's path (the unit, with --print) and takes no --json.
        """
        if not _NAME.fullmatch(name):
            raise typer.BadParameter(f"must be letters, digits, '_', '.' and '-', got {name!r}", param_hint="--name")
        arguments, asked = list(context.args), parse(context.args)
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        token = None if asked["token_file"] else token_from_environment()
        kept = config / "clr" / f"{name}.token"
        if not (asked["service"] is None or "--service" in arguments):
            arguments += ["--service", asked["service"]]  # came from CLR_SERVICE
        if token:
            arguments += ["--token-file", str(kept)]
        text = _unit(arguments, asked["grace"]).text()
        if print_only:
            sys.stdout.write(text)
            return
        if token:
            _write(kept, token + "\n", 0o600)
        path = config / "systemd" / "user" / f"{name}.service"
        _write(path, text, 0o644)
        sys.stdout.write(f"{path}\n")
        sys.stderr.write(_next_steps(name))

    return install


def _unit(arguments: Sequence[str], grace: float) -> Unit:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    return Unit([sys.executable, "-P", "-m", "worker", *arguments], str(Path.cwd()), grace, environment)


def _write(path: Path, text: str, mode: int) -> None:
    """Writes the file whole; a token is never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _next_steps(name: str) -> str:
    return (
        "Start it now and at every login:\n"
        f"    systemctl --user daemon-reload && systemctl --user enable --now {name}\n"
        "Keep it running while you are logged out:\n"
        "    loginctl enable-linger\n"
        "Read what it says, and stop it for good (its trial is saved and given back):\n"
        f"    journalctl --user -u {name} -f\n"
        f"    systemctl --user disable --now {name}\n"
    )
