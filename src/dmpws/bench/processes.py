"""Memory and processor time of the server's processes, read from /proc (Linux)."""

import os
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Process ids of all descendants."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *children_of(int(child))]
    return found


def workers_of(pid: int) -> list[int]:
    """The gunicorn workers below `dmpws serve`: the descendants that have no children, the operator's one left out."""
    server = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return children_of(server)


def resident(pid: int) -> tuple[int, int]:
    """(now, highest so far) resident memory in octets."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def reset_highest(pid: int) -> None:
    """Make the highest mark start again from the present use."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """Processor time used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
