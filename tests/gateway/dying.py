"""Work that kills whoever does it: found by its name in processes of their own, which load nothing else for it."""

import os
import signal
from pathlib import Path


def once(asked: tuple[str, int]) -> int:
    """Kill the process that does this the first time that it is done, for one number; else return its square."""
    folder, number = asked
    here = Path(folder) / str(number)
    if number == 1 and not here.exists():
        here.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always(_: int) -> int:
    """Kill the process that does this, each time."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
