"""What a centre remembers of a shared journal, written down by a process of its own.

A large board takes seconds to write down, in which its desk would stand still. So another process reads what was last
remembered and what came since, comes to the same board, writes that down and ends.
"""

import asyncio
import os
import sys
from contextlib import closing

import structlog

from care import database, journal
from care.clock import SystemClock
from care.database import Address
from dashboard.centre import Centre

PLACE = "NACHTWACHT_REMEMBER"  # of the environment, and not of the command line, where everybody could read it

log = structlog.get_logger()


async def apart(address: Address) -> None:
    """Let another process do so, with less right to the processor than a desk has. What goes wrong costs time only."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dashboard.remembering",
        env=os.environ | {PLACE: address},
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        if await started.wait() != 0:
            log.warning("what the board holds was not written down")
    except asyncio.CancelledError:
        started.kill()
        await started.wait()
        raise


def remember(address: Address) -> int:
    """Write down what the journal comes to; return the number of the last record in it."""
    with closing(Centre(journal.at(address), SystemClock())) as centre:
        centre.remember()
        return centre.number


if __name__ == "__main__":
    os.nice(10)
    where = database.where(os.environ[PLACE])
    if not isinstance(where, str):
        sys.exit(f"{PLACE} is no address of a PostgreSQL database.")
    remember(where)
