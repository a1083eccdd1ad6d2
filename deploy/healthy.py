"""Health checks of the containers: ends with 0 where all is well, else with 1 and a line that says what is wrong.

healthy.py service: the service on this host is ready (database, schema, disk).
healthy.py worker: the service has heard of a worker on this host within the last minute.

Address and token come from CLR_SERVICE and CLR_TOKEN_FILE, as for every command.
"""

import platform
import sys

from clr.client import Client
from clr.errors import ClrError


def service(client: Client) -> str:
    """What is wrong with the service, "" where nothing is."""
    client.ready()
    return ""


def worker(client: Client) -> str:
    """What is wrong with this host's workers, "" where nothing is."""
    host = platform.node()
    if any(one.live and one.host == host for one in client.workers()):
        return ""
    return f"{client.url} has not heard of a worker on {host} for a minute"


def main(arguments: list[str]) -> int:
    checks = {"service": service, "worker": worker}
    if len(arguments) != 1 or arguments[0] not in checks:
        sys.stderr.write(f"usage: healthy.py {'|'.join(checks)}\n")
        return 2
    try:
        with Client(timeout=5.0, retries=0) as client:
            wrong = checks[arguments[0]](client)
    except ClrError as error:
        wrong = str(error)
    sys.stderr.write(wrong + "\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
