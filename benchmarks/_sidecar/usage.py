"""What a process and its children have used, as the kernel has it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text("ascii").split():
                found += family(int(child))
    return found


def processor(pid: int) -> float:
    """Seconds of user and system time of the family; to a hundredth, the kernel's tick."""
    used = 0.0
    for each in family(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text("ascii").rpartition(")")[2].split()
            used += (int(fields[11]) + int(fields[12])) * _TICK
    return used


def resident(pid: int) -> float:
    """MB that the family has in memory (VmRSS; what its members share counts for each of them)."""
    used = 0
    for each in family(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{each}/status").read_text("ascii").splitlines()
            used += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return used / 1024
