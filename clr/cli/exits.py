"""Exit codes of every command.

0  done
1  failed: the study failed or was cancelled, or the service met an error
2  usage: a wrong flag, an invalid spec or setting; everything wrong with it is listed
3  a long study was not submitted, since nobody said yes: give --yes
4  the service refuses the token
5  there is no such study, trial, task or schedule
6  nobody answers at the service's address
130  interrupted (Ctrl-C)
"""

from __future__ import annotations

from clr import errors

DONE, FAILED, USAGE, WANTS_YES, UNAUTHORIZED, NOT_FOUND, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130


def code(error: errors.ClrError) -> int:
    """What a command exits with that met this error."""
    match error:
        case errors.ServiceUnreachable():
            return UNREACHABLE
        case errors.Unauthorized():
            return UNAUTHORIZED
        case errors.NotFound() | errors.UnknownName():
            return NOT_FOUND
        case errors.InvalidSpec() | errors.InvalidSchedule() | errors.MissingExtra():
            return USAGE
        case errors.RequestRefused(status=422):
            return USAGE
        case _:
            return FAILED
