"""Reads what a script reports, while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clr.errors import InvalidReport
from clr.scripts.files import LONGEST_LINE, FinalReport, Reported, parse

_PIECE = 1 << 20


class ReportReader:
    """The lines of a metrics file in order, each once; a line counts when it is complete.

    Args:
        path: the file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._number = path, 0, 0

    def read(self, ended: bool = False) -> Iterator[Reported | FinalReport]:
        """What was added since the last call.

        Args:
            ended: the script has ended: a last line without an end counts where it is whole JSON, else it was torn off.

        Raises:
            InvalidReport: a line can't be used.
        """
        while lines := self._next():
            for line in lines:
                yield from self._parsed(line)
        if ended and (rest := self._piece()):
            yield from self._torn(rest)

    def _next(self) -> list[bytes]:
        """The complete lines of the next piece."""
        piece = self._piece()
        whole = piece.rfind(b"\n") + 1
        if len(piece) - whole > LONGEST_LINE:
            raise InvalidReport(f"A line of the script's metrics is longer than {LONGEST_LINE:,} bytes.")
        self._offset += whole
        return piece[:whole].splitlines()

    def _piece(self) -> bytes:
        try:
            with self._path.open("rb") as metrics:
                metrics.seek(self._offset)
                return metrics.read(_PIECE)
        except FileNotFoundError:
            return b""

    def _parsed(self, line: bytes) -> Iterator[Reported | FinalReport]:
        self._number += 1
        if len(line) > LONGEST_LINE:
            raise InvalidReport(f"Line {self._number} of the script's metrics is longer than {LONGEST_LINE:,} bytes.")
        if line.strip():
            yield parse(line.decode("utf-8", errors="replace"), self._number)

    def _torn(self, rest: bytes) -> Iterator[Reported | FinalReport]:
        try:
            found = list(self._parsed(rest))
        except InvalidReport:
            return
        self._offset += len(rest)
        yield from found
