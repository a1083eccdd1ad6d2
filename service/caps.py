"""What one study may ask of a service that others share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clr.errors import FieldError
from clr.plan import meaning
from clr.spec import StudySpec


@dataclass(frozen=True)
class Caps:
    """An operator's limits for each study.

    Attributes:
        slots: the setting max_slots.
        hours: the setting max_study_hours [device hours].
    """

    slots: int
    hours: float

    def exceeded(self, spec: StudySpec) -> Iterator[FieldError]:
        """What a spec asks for beyond these."""
        found, how = meaning.slots(spec)
        if found > self.slots:
            yield FieldError("/trials", f"{how}; this service allows a study {self.slots:,} (its setting max_slots)")
        if "max_device_hours" in spec.model_fields_set:
            yield from self.hours_exceeded(spec.max_device_hours)

    def hours_exceeded(self, hours: float) -> Iterator[FieldError]:
        """Whether so many device hours may be asked for."""
        if hours > self.hours:
            yield FieldError(
                "/max_device_hours",
                f"this service allows a study {self.hours:g} device hours (its setting max_study_hours), got {hours:g}",
            )

    def seconds(self, spec: StudySpec) -> float:
        """Device time that a study may take: what it asks for, or the service's limit where that is less."""
        return 3600 * min(spec.max_device_hours, self.hours)
