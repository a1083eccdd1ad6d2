"""How much two workers speed a study up, against one: the same study, service start and answer included.

Usage: python benchmarks/two_workers.py [--repetitions 3]

Each worker trains on one thread; pairs run in turn (one, two, one, two, ...) on the same machine. Prints every time,
the medians and their ratio.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from clr.client import Client
from service import embedded

SPEC = {
    "task": "digits",
    "arms": ["fixed", "cosine", "triangular2"],
    "bounds": {"low": 0.02, "high": 0.7},
    "budget": {"epochs": 100},
    "trials": 8,
    "confirm_seeds": 6,
}


def seconds(workers: int) -> float:
    """From the submit to the answer; the workers are up before."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.start(Path(folder), workers=workers) as service,
        Client(service.url) as client,
    ):
        while sum(worker.live for worker in client.workers()) < workers:
            time.sleep(0.1)
        started = time.perf_counter()
        study = client.submit(SPEC)
        study.wait(poll=0.1)
        assert study.best().status == "confirmed"
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    repetitions = parser.parse_args().repetitions
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repetitions):
        for workers in times:
            times[workers].append(seconds(workers))
    print(f"{os.cpu_count()} cores; 42 trials of 1,700 iterations of mlp on digits")
    for workers, found in times.items():
        print(f"{workers} worker(s): median {statistics.median(found):.1f} s of {', '.join(f'{t:.1f}' for t in found)}")
    print(f"speed-up: {statistics.median(times[1]) / statistics.median(times[2]):.2f}")


if __name__ == "__main__":
    main()
