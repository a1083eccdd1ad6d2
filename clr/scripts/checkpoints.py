"""What a script's attempts share: its checkpoints and its reports. Each attempt takes them over from the one before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from clr.errors import InvalidReport
from clr.scripts.files import Reported
from clr.scripts.reports import ReportReader

OWN = "script"


class Kept:
    """An attempt's folder: `checkpoints` and `metrics`, and the reports of earlier attempts.

    The folder of an earlier attempt is renamed to this one's, so that an attempt that lost its lease can't write into
    it any more.

    Args:
        root: the checkpoints' folder; under a URL, which is no folder, nothing is kept over attempts.
        key: "<slot>/f<fencing token>" of this attempt.
        scratch: where the folder is under a URL.
    """

    def __init__(self, root: str | os.PathLike[str], key: str, scratch: Path) -> None:
        where = os.fspath(root).removeprefix("file://")
        base = scratch if "://" in where else Path(where).resolve()
        self._folder = _claimed(base, key)
        self.checkpoints, self.metrics = self._folder / "checkpoints", self._folder / "metrics.jsonl"
        self.checkpoints.mkdir(exist_ok=True)
        self._earlier = self._set_aside()
        self._seen = self._newest()
        self._told = False

    def reports_before(self, iteration: int) -> Iterator[Reported]:
        """Reports of earlier attempts that this one goes on from, which is heard of at `iteration` first; each once."""
        while self._earlier and min(self._earlier) < iteration:
            yield self._earlier.pop(min(self._earlier))
        self._earlier.clear()

    def changed(self) -> bool:
        """Whether the script wrote a checkpoint since the last look."""
        seen, self._seen = self._seen, self._newest()
        self._told = self._told or self._seen != seen
        return self._seen != seen

    def leave(self, *, final: bool) -> None:
        """The attempt is over: nothing stays that no later attempt, and no one who was told of it, will look for."""
        if (final and not self._told) or not self._newest():
            shutil.rmtree(self._folder, ignore_errors=True)
            with suppress(OSError):
                for folder in (self._folder.parent, self._folder.parent.parent):
                    folder.rmdir()

    def _set_aside(self) -> dict[int, Reported]:
        """Keeps earlier attempts' lines in a file of their own; what they reported, by update, where it still holds."""
        aside = self._folder / "earlier.jsonl"
        with suppress(FileNotFoundError), aside.open("ab") as lines:
            lines.write(self.metrics.read_bytes() + b"\n")
            self.metrics.unlink()
        found: dict[int, Reported] = {}
        with suppress(InvalidReport):
            for report in ReportReader(aside).read():
                if isinstance(report, Reported):  # at an earlier update: the attempt went back to there
                    found = {at: known for at, known in found.items() if at < report.iteration}
                    found[report.iteration] = report
        return found

    def _newest(self) -> tuple[int, ...]:
        found = []
        with suppress(OSError):
            found = [entry.stat().st_mtime_ns for entry in os.scandir(self.checkpoints)]
        return tuple(sorted(found))


def _claimed(base: Path, key: str) -> Path:
    """This attempt's folder, with what the latest earlier attempt of the slot left."""
    own = base / key / OWN
    own.parent.mkdir(parents=True, exist_ok=True)
    for earlier in sorted(base.glob(f"{key.partition('/')[0]}/f*/{OWN}"), reverse=True):
        with suppress(OSError):
            earlier.rename(own)
            break
    own.mkdir(exist_ok=True)
    return own
