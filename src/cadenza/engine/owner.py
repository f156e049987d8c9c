"""Owner: who drives a run, named so that a dead owner on this machine is known at once.

"host:pid:start:instance": the machine (with its boot and process namespace), the process and when it started, so that a
reused process id is told apart, and the engine within the process.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from pathlib import Path

_live: set[str] = set()


@cache
def _host() -> str:
    parts = [socket.gethostname()]
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.exists():
        parts.append(boot.read_text().strip()[:8])
    if namespace.is_symlink():
        parts.append("".join(filter(str.isdigit, str(namespace.readlink()))))
    # Colons separate the parts of an owner.
    return "/".join(parts).replace(":", "_")


def _start_of(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None where there is no such process, "" where unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        return "" if _exists(pid) else None
    # The name of the program may hold spaces and parentheses; what follows the last one does not.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def new_owner() -> str:
    """A name for an engine of this process; it counts as alive until `retire`."""
    owner = f"{_host()}:{os.getpid()}:{_start_of(os.getpid()) or ''}:{secrets.token_hex(4)}"
    _live.add(owner)
    return owner


def retire(owner: str) -> None:
    """Let *owner* count as dead."""
    _live.discard(owner)


def is_here(owner: str) -> bool:
    """Whether *owner* is an engine of this process that lives."""
    return owner in _live


def is_dead(owner: str) -> bool:
    """Whether *owner* is surely gone. Of other machines nothing is known: their leases run out."""
    host, pid, start, _ = owner.rsplit(":", 3)
    if host != _host():
        return False
    if int(pid) == os.getpid():
        return owner not in _live
    return _start_of(int(pid)) != start
