"""Workers that claim whatever they can, as threads or as processes (which import this module by its name)."""

from multiprocessing import Queue
from pathlib import Path

from builders import a_worker, done, finish, lease, release, renew

from service.store.database import Database


def drain(database: Database, told: list[tuple[int, int]]) -> None:
    """Leases until nothing is left; gives every fourth lease back once, and tells each (slot, fence)."""
    worker = a_worker(database)
    while granted := lease(database, worker, 3):
        told += [(one.slot, one.fence) for one in granted]
        back = [one for one in granted if one.slot % 4 == 0 and one.fence == 1]
        assert set(release(database, worker, *back)) <= {"accepted"}
        kept = [one for one in granted if one not in back]
        assert set(renew(database, worker, *kept)) <= {"accepted"}
        assert set(finish(database, worker, *map(done, kept))) <= {"accepted"}


def drain_in_a_process(url: str, folder: Path, told: Queue) -> None:
    database, mine = Database(url, folder, restart_grace=0.0), []
    drain(database, mine)
    database.dispose()
    told.put(mine)
