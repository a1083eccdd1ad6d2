"""Where a published image set lies on this machine, and its download where it lies nowhere."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clr.errors import DataNotFound
from clr.tasks.set_files import SetFiles

DOWNLOAD_TIMEOUT = 20.0
"""Longest silence of a server before a download is given up [s]."""


def found(name: str, files: SetFiles) -> Path:
    """The folder that holds the set whole. Where there is none it is downloaded, unless $CLR_DOWNLOAD is 0.

    Looked at, in this order: $CLR_DATA_DIR, the cache's data/ (`data_folders`), a system package's folder;
    in each the set's usual folders, a folder of the task's name, and, where no other set has files of these names, the
    folder itself.

    Raises:
        DataNotFound: where it was looked for and what was found there, what was expected, how to get it.
    """
    looked: dict[Path, list[str]] = {}
    for folder in _candidates(name, files):
        faults = list(files.faults(folder)) if folder.is_dir() else ["there is no such folder"]
        if not faults:
            return folder
        looked[folder] = faults
    problem = _download(name, files)
    if not problem:
        return found(name, files)
    places = "; ".join(f"{folder} ({_short(files, faults)})" for folder, faults in looked.items())
    raise DataNotFound(
        f"{name} was not found. Looked for {', '.join(files.names())} in: {places}. {problem} {files.advice}"
    )


def data_folders() -> tuple[Path, ...]:
    """Folders for data sets: $CLR_DATA_DIR where it is set, then one in the cache. The first takes downloads."""
    given = os.environ.get("CLR_DATA_DIR")
    cache = Path(os.environ.get("CLR_CACHE_DIR") or "~/.cache/clr").expanduser() / "data"
    return (Path(given).expanduser(), cache) if given else (cache,)


def _candidates(name: str, files: SetFiles) -> Iterator[Path]:
    for root in data_folders():
        yield from (root / layout for layout in files.layouts if layout != "." or files.own_names)
        yield from (root / name / layout for layout in files.layouts)
    yield from files.fixed


def _download(name: str, files: SetFiles) -> str:
    """Downloads to a temporary folder and moves that in place whole; what went wrong, "" for nothing.

    A folder of the set's name that is there already is left alone: it is the user's, or another worker was faster.
    """
    if os.environ.get("CLR_DOWNLOAD") == "0":
        return "CLR_DOWNLOAD=0 forbids a download."
    target = data_folders()[0] / name
    if target.exists():
        return f"It is not downloaded again while {target} exists: remove that to have it downloaded."
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
    except OSError as error:
        return f"It can't be downloaded to {target}: {error}."
    try:
        with _timeout(DOWNLOAD_TIMEOUT):
            files.download(temporary)
        temporary.replace(target)
    except (OSError, RuntimeError) as error:
        return "" if target.exists() else f"The download failed: {' '.join(str(error).split())}."
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ""


def _short(files: SetFiles, faults: list[str]) -> str:
    """The faults in a few words where nothing of the set is there."""
    missing = len(faults) == len(files.names()) and all(fault.endswith("is missing") for fault in faults)
    return "none of them" if missing else ", ".join(faults)


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Within, new sockets give up after so long: torchvision takes no timeout, and a firewall answers nothing."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
