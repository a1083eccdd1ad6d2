"""Every error we raise.

ClrError
 ├── InvalidSchedule (ValueError)     a schedule's parameter breaks a rule
 ├── InvalidSpec (ValueError)         a study's spec is wrong; lists every error by field
 ├── InvalidNumbers (ValueError)      measured values given to an analysis break a rule
 ├── InvalidRangeTest (ValueError)    a range test can't be run as it was asked for
 ├── InvalidRun (ValueError)          a run of a training script can't be as it was asked for
 ├── UnknownName (LookupError)        no schedule, task, model or optimizer of that name
 ├── TaskError                        a task can't give its data or its model
 │    ├── DataNotFound                where it was looked for, what was expected, how to get it
 │    └── InvalidReport               what a training script reported can't be used
 ├── ScriptDied                       a training script ended, or hung, before its run was over
 ├── CheckpointError                  a checkpoint is missing or damaged
 ├── SamplerFailed                    the helper process that searches for a sampler came to nothing
 ├── MissingExtra (ImportError)       an optional dependency is not installed; says how
 ├── NotFound                         the service has no such study, trial or worker
 ├── Conflict                         the request contradicts what is stored
 ├── DatabaseUnusable                 the service's database can't be opened or is not one that this version can use
 ├── UpgradeNeeded                    worker and service speak different protocol versions
 └── ServiceError                     what a client meets
      ├── ServiceUnreachable          nobody answers at that address
      ├── Unauthorized                the token is missing or wrong
      └── RequestRefused              the service answered with a problem (RFC 9457)

An error says what is wrong, where, with which value, and what to do. It knows no HTTP status:
`service.problems` maps each class to one. An outcome that is expected (a diverged trial, a lost lease)
is a value, never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ClrError(Exception):
    """Anything that this distribution raises on purpose."""


class InvalidSchedule(ClrError, ValueError):
    """A schedule's parameter breaks a rule.

    Attributes:
        family: the schedule's family, e.g. "triangular".
        parameter: the parameter's name.
        rule: the rule without subject, e.g. "must be above base_lr (0.006)".
        value: the value that was given.
    """

    def __init__(self, family: str, parameter: str, rule: str, value: object) -> None:
        self.family, self.parameter, self.rule, self.value = family, parameter, rule, value
        super().__init__(f"{parameter} of {family} {rule}, got {value!r}.")


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a document.

    `pointer` is a JSON pointer (RFC 6901), e.g. "/arms/2/fixed/max_lr"; "" for the document as a whole.
    """

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail


class InvalidSpec(ClrError, ValueError):
    """A study's spec is wrong. `errors` lists everything that is, by field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class InvalidNumbers(ClrError, ValueError):
    """Measured values given to an analysis break a rule, e.g. a NaN among accuracies.

    Attributes:
        name: the argument, e.g. "rates".
        rule: the rule without subject, e.g. "must be finite".
        value: the offending value, or where it stands.
    """

    def __init__(self, name: str, rule: str, value: object) -> None:
        self.name, self.rule, self.value = name, rule, value
        super().__init__(f"{name} {rule}, got {value!r}.")


class InvalidRangeTest(ClrError, ValueError):
    """A range test can't be run as it was asked for.

    Attributes:
        name: the argument, e.g. "batches".
        rule: the rule without subject, e.g. "must be at least 300".
        value: the value that was given.
    """

    def __init__(self, name: str, rule: str, value: object) -> None:
        self.name, self.rule, self.value = name, rule, value
        super().__init__(f"{name} {rule}, got {value!r}.")


class InvalidRun(ClrError, ValueError):
    """A run of a training script can't be as it was asked for.

    Attributes:
        name: the argument, or the key of the run's file, e.g. "iterations".
        rule: the rule without subject, e.g. "must be at least 1".
        value: the value that was given.
    """

    def __init__(self, name: str, rule: str, value: object) -> None:
        self.name, self.rule, self.value = name, rule, value
        super().__init__(f"{name} {rule}, got {value!r}.")


class UnknownName(ClrError, LookupError):
    """Nothing of that name; the known names are in the message."""

    def __init__(self, kind: str, name: object, known: Sequence[str], hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(
            f"There is no {kind} {name!r}. Known: {', '.join(known) or 'none'}.{' ' + hint if hint else ''}"
        )


class TaskError(ClrError):
    """A task can't give its data or its model."""


class DataNotFound(TaskError):
    """A task's data is not where it was looked for."""


class InvalidReport(TaskError):
    """What a training script reported can't be used; it would report the same again."""


class ScriptDied(ClrError):
    """A training script ended, or hung, before its run was over; another attempt may fare better."""


class CheckpointError(ClrError):
    """A checkpoint is missing or damaged."""


class SamplerFailed(ClrError):
    """The helper process that searches for a sampler died or took too long; the round is asked for again later."""

    def __init__(self, sampler: str, reason: str) -> None:
        super().__init__(f"The next round of a search by {sampler!r} could not be computed: {reason}.")


class MissingExtra(ClrError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed: pip install 'clr-sweep[{extra}]'")


class NotFound(ClrError):
    """The service has no such thing."""


class Conflict(ClrError):
    """The request contradicts what is stored."""


class DatabaseUnusable(ClrError):
    """The service's database can't be opened, is taken, or has a schema that this version does not know."""


class UpgradeNeeded(ClrError):
    """Worker and service speak different protocol versions."""


class ServiceError(ClrError):
    """What a client meets."""


class ServiceUnreachable(ServiceError):
    """Nobody answers at that address."""


class Unauthorized(ServiceError):
    """The token is missing or wrong."""


class RequestRefused(ServiceError):
    """The service answered with a problem (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the kind of problem.
        detail: this occurrence.
        errors: everything wrong with the request, by field.
    """

    def __init__(self, status: int, title: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        self.status, self.title, self.detail, self.errors = status, title, detail, tuple(errors)
        lines = [f"{title} ({status}): {detail}", *(f"  {error}" for error in self.errors)]
        super().__init__("\n".join(lines))
