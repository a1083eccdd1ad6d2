"""What holds requests up inside the service's process."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import gc, os, signal, sys
from pathlib import Path
from service import server
from service.fleet import Fleet
from service.settings import load

def ready(url):
    print(gc.get_freeze_count(), len(gc.get_objects()))
    os.kill(os.getpid(), signal.SIGTERM)

server.serve(load({"data": Path(sys.argv[1]), "port": 0}), Fleet(0, [], {}), ready)
"""


def test_the_garbage_collector_leaves_alone_what_is_loaded_at_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, tmp_path]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    frozen, walked = map(int, ended.stdout.split())
    assert frozen > 100_000
    assert walked < frozen / 20
