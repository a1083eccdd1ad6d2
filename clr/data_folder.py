"""Where service and workers of one user keep what they are not told another place for."""

from __future__ import annotations

import os
from pathlib import Path


def default_data() -> Path:
    """The user's folder for data: $XDG_DATA_HOME/clr, else ~/.local/share/clr."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "clr"


def default_checkpoints() -> str:
    """CLR_DATA/checkpoints, or where the service keeps its data when it is not told: workers of one user share it."""
    return str(Path(os.environ.get("CLR_DATA") or default_data()) / "checkpoints")
