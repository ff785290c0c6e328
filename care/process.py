"""What a process has used of its machine, as the kernel counts it."""

import contextlib
import os
import resource
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """What a process has used of its machine since its start."""

    cpu_s: float
    memory_bytes: int
    written_bytes: int | None  # None: the kernel does not say


def used() -> Usage:
    """Return what this process has used, with those that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    pages, written = 0, None
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    with contextlib.suppress(OSError, ValueError):
        said = Path("/proc/self/io").read_text(encoding="ascii").split()
        written = int(said[said.index("write_bytes:") + 1])
    return Usage(cpu_s, pages * os.sysconf("SC_PAGE_SIZE"), written)
