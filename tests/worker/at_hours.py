"""A worker whose local time stands in a file, often looked at: `python at_hours.py SERVICE CHECKPOINTS HOURS CLOCK`."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from pathlib import Path

from clr.client import Client
from worker.availability import Availability
from worker.hours import Hours
from worker.run import Options, run

if __name__ == "__main__":  # tests collect doctests by importing it
    service, checkpoints, hours, clock = sys.argv[1:]
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    availability = Availability(
        Hours.parse(hours), now=lambda: datetime.fromisoformat(Path(clock).read_text()), pause=0.05
    )
    tasks = (str(Path(__file__).with_name("trouble.py")),)
    with Client(service, retries=0) as client:
        sys.exit(run(client, Options(checkpoints=checkpoints, tasks=tasks, availability=availability)))
