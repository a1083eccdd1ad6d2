"""A document whose form is wrong, made whole: stand-ins take the place of what is wrong, so that the rest is judged."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any

from clr.errors import InvalidSpec
from clr.spec import MAX_ITERATIONS, StudySpec, parse

LEFT_OUT = object()
RATES = (1e-9, 1.0, 1000.0)
ANY_LENGTH = ({"iterations": 1}, {"iterations": MAX_ITERATIONS})

# Fields that are one value: with one part wrong the others alone would mean something else.
ONE_VALUE = re.compile(
    r"(/budget)/(?:iterations|epochs)|(/bounds)/(?:low|high)|(/range_test)/(?:iterations|seeds|low|high)"
    r"|(/arms/\d+/search/[^/]+)/.+"
)

# By field: values so far apart that what is wrong under all of them is wrong whatever the value. The first must do.
STAND_INS: Sequence[tuple[str, Sequence[Any]]] = (
    (r"/task", ("dropped",)),
    (r"/arms", (["fixed"], ["cosine", "linear"])),
    (r"/arms/\d+", ({"family": "fixed", "name": "dropped-1"}, {"family": "cosine", "name": "dropped-2"})),
    (r"/arms/\d+/name", (LEFT_OUT, "dropped-1")),
    (r"/arms/\d+/fixed/[^/]+", (LEFT_OUT, *RATES)),
    (r"/arms/\d+/search/[^/]+", (LEFT_OUT, *([rate] for rate in RATES))),
    (r"/budget", (LEFT_OUT, *ANY_LENGTH)),
    (r"/batch_size", (LEFT_OUT, 1, 65_536)),
    (r"/bounds", (LEFT_OUT, {"low": 1e-9, "high": 2e-9}, {"low": 1e8, "high": 2e8})),
    (r"/optimizer", (LEFT_OUT, "adam")),
    (r"/range_test", (LEFT_OUT, {"low": 1e-12, "high": 1e6})),
    (r"/(?:trials|confirm_seeds|final_seeds|target_seeds|replicates)", (LEFT_OUT, 7)),
    (r"/looks", (LEFT_OUT, [2, 7])),
    (r"/lengths", (LEFT_OUT, [0.5, 1.0])),
)


class Remainder:
    """What is left of a document without the fields that are wrong in form.

    Attributes:
        gone: JSON pointers of the fields that were taken out.
    """

    def __init__(self, document: Any) -> None:
        self.gone: list[str] = []
        self._document = copy.deepcopy(document)

    def specs(self) -> Iterator[StudySpec]:
        """The remainder with each stand-in for what is gone; none where nothing can be made of it."""
        first = self._first()
        if first is None:
            return
        yield first
        replaced = {pointer: _stand_ins(pointer) for pointer in self.gone}
        if "/task" in replaced and first.budget.iterations is None:
            replaced["/budget"] = (LEFT_OUT, *ANY_LENGTH)  # its epochs are of an unknown size
        for k in range(1, max(map(len, replaced.values()))):
            varied = copy.deepcopy(self._document)
            for pointer, values in replaced.items():
                _put(varied, pointer, values[k % len(values)])
            try:
                yield parse(varied)
            except InvalidSpec:  # this stand-in and the rest exclude each other
                continue

    def hangs_on(self, pointer: str) -> bool:
        """Whether a field is gone, within what is gone, or holds it; a top-level one may still be wrong in itself."""
        return any(_within(pointer, gone) or (pointer.count("/") > 1 and _within(gone, pointer)) for gone in self.gone)

    def _first(self) -> StudySpec | None:
        while True:
            try:
                return parse(self._document)
            except InvalidSpec as error:
                wrong = [self._next(found.pointer) for found in error.errors]
            if not all(wrong):
                return None
            for pointer in dict.fromkeys(wrong):
                self._take_out(pointer)

    def _next(self, pointer: str) -> str:
        """What to take out for an error there: where that was of no use, what holds it; "" where nothing helps."""
        whole = ONE_VALUE.fullmatch(pointer)
        pointer = next(filter(None, whole.groups())) if whole else pointer
        while pointer in self.gone:
            pointer = pointer.rpartition("/")[0]
        return pointer

    def _take_out(self, pointer: str) -> None:
        self.gone.append(pointer)
        _put(self._document, pointer, _stand_ins(pointer)[0])
        arm, _, part = pointer.rpartition("/")
        if part in ("fixed", "search") and re.fullmatch(r"/arms/\d+", arm):
            self.gone += [f"{arm}/fixed", f"{arm}/search"]  # one says what the other may be


def _within(pointer: str, field: str) -> bool:
    return pointer == field or pointer.startswith(field + "/")


def _stand_ins(pointer: str) -> Sequence[Any]:
    return next((values for pattern, values in STAND_INS if re.fullmatch(pattern, pointer)), (LEFT_OUT,))


def _put(document: Any, pointer: str, value: Any) -> None:
    """Writes a value at a pointer, or takes out what is there; items of lists stay where nothing takes their place."""
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    at = document
    for part in path:
        at = at.get(part) if isinstance(at, dict) else at[int(part)] if _has(at, part) else None
    if isinstance(at, dict):
        at.pop(last, None)
        if value is not LEFT_OUT:
            at[last] = value
    elif _has(at, last) and value is not LEFT_OUT:
        at[int(last)] = value


def _has(items: Any, index: str) -> bool:
    return isinstance(items, list) and index.isdigit() and int(index) < len(items)
