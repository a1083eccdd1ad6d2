"""The folder that a script's attempts share: each attempt takes it over from the one before."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

OWN = "script"


def claimed(root: str | os.PathLike[str], key: str, scratch: Path) -> Path:
    """The folder of this attempt, with what an earlier attempt of the slot left there.

    The folder is renamed, so that an attempt that lost its lease can't write into it any more.

    Args:
        root: the checkpoints' folder; under a URL that is no folder, scripts keep nothing over attempts.
        key: "<slot>/f<fencing token>" of this attempt.
        scratch: where to make it under a URL.
    """
    where = os.fspath(root).removeprefix("file://")
    base = scratch if "://" in where else Path(where).resolve()
    own = base / key / OWN
    own.parent.mkdir(parents=True, exist_ok=True)
    for earlier in sorted(base.glob(f"{key.partition('/')[0]}/f*/{OWN}"), reverse=True):
        with suppress(OSError):
            earlier.rename(own)
            break
    own.mkdir(exist_ok=True)
    return own


class Kept:
    """A script's checkpoint folder, watched for what is written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen = self._newest()

    def changed(self) -> bool:
        """Whether something was written since the last look."""
        seen, self._seen = self._seen, self._newest()
        return self._seen != seen

    def leave_no_empty_folder(self) -> None:
        """Removes the folder, and those above it that are the slot's alone, where they are empty."""
        with suppress(OSError):
            for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
                folder.rmdir()

    def _newest(self) -> tuple[int, ...]:
        found = []
        with suppress(OSError):
            found = [entry.stat().st_mtime_ns for entry in os.scandir(self.folder)]
        return tuple(sorted(found))
