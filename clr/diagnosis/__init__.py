"""What may be wrong with a machine or a service, and what to do about it."""

from clr.diagnosis.finding import Finding
from clr.diagnosis.local import machine
from clr.diagnosis.remote import service_side

__all__ = ["Finding", "machine", "service_side"]
