"""What the daemon has looked back on aside from its one thread: back-tests, one at a time, in a process of their own.

The process is our own command, at low priority and for a bounded time. What is asked and not answered stands in the
journal: whatever dies in between, it is begun again, and an order that is answered twice is answered.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import structlog

from care import homes
from care.agreements import NotAgreed, values, with_values
from care.homes import Site
from care.ids import BackTestId
from care.records import BackTest, BackTested, Cannot, Comparison

WITHIN_S = 900.0  # that one may take
TRIES = 2
WAITING_MAX = 20  # orders; more than that are answered at once
NIGHTS_MAX = 60
_COMMAND = ("-c", "from gateway.commands import cli; cli()", "backtest", "--plan", "/dev/stdin", "--json")

log = structlog.get_logger()

_answers: msgspec.json.Decoder[Comparison | Cannot] = msgspec.json.Decoder(Comparison | Cannot)


class _Running(NamedTuple):
    asked: BackTest
    process: subprocess.Popen[bytes]
    out: IO[bytes]
    began_s: float


class Aside:
    """Looks at what is asked, and begins, awaits and answers it. Never waits."""

    def __init__(self, site: Site, file: Path) -> None:
        self._plan = homes.write(site).encode()
        self._homes = site.by_id.keys()
        self._file = file
        self._running: _Running | None = None
        self._tries: dict[BackTestId, int] = {}

    def look(
        self, asked: Mapping[BackTestId, BackTest], now: datetime, monotonic_s: float
    ) -> list[tuple[datetime, BackTested]]:
        """Return the answers that are there now, to be written; begin the next."""
        orders = list(asked.values())
        if self._running is not None:
            answer = self._answer(self._running, monotonic_s)
            done = self._running.asked
            if answer is None:
                return []
            self._running = None
            if answer is not Cannot.FAILED:
                return [(now, _answered(done, answer, now))]
        for place, order in enumerate(orders):
            answer = self._refused(order, place)
            if answer is not None:
                return [(now, _answered(order, answer, now))]
        self._tries = {one: tries for one, tries in self._tries.items() if one in asked}
        if not orders:
            return []
        if self._tries.get(orders[0].id, 0) >= TRIES:
            return [(now, _answered(orders[0], Cannot.FAILED, now))]
        self._begin(orders[0], now, monotonic_s)
        return []

    def end(self) -> None:
        """End what runs: it is begun again at the next start."""
        if self._running is not None:
            self._running.process.kill()
            self._running.process.wait()
            self._running.out.close()
            self._running = None

    def _refused(self, order: BackTest, place: int) -> Cannot | None:
        if order.home not in self._homes:
            return Cannot.NO_HOME
        if place >= WAITING_MAX:
            return Cannot.TOO_MANY
        try:
            with_values(order.proposed, values(order.proposed))
        except NotAgreed:
            return Cannot.FAILED
        return None if 1 <= order.nights <= NIGHTS_MAX else Cannot.FAILED

    def _begin(self, order: BackTest, now: datetime, monotonic_s: float) -> None:
        said = values(order.proposed).items()
        changes = [f"{name}={_written(value)}" for name, value in said]
        options = [part for change in changes for part in ("--change", change)]
        where = ["--journal", str(self._file.absolute()), "--home", order.home]
        when = ["--nights", str(order.nights), "--until", now.isoformat()]
        self._tries[order.id] = self._tries.get(order.id, 0) + 1
        out = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the answer has been read
        with tempfile.TemporaryFile() as plan:
            plan.write(self._plan)
            plan.seek(0)
            command = [sys.executable, *_COMMAND, *where, *when, *options]
            try:
                process = subprocess.Popen(command, stdin=plan, stdout=out, stderr=subprocess.DEVNULL)
            except OSError as error:  # no memory for it now: the next look tries again, or answers
                log.warning("looking_back_failed", id=order.id, why=str(error))
                out.close()
                return
        log.info("looking_back", home=order.home, id=order.id)
        self._running = _Running(order, process, out, monotonic_s)

    def _answer(self, running: _Running, monotonic_s: float) -> Comparison | Cannot | None:
        code = running.process.poll()
        if code is None:
            if monotonic_s - running.began_s < WITHIN_S:
                return None
            running.process.kill()
            running.process.wait()
        with running.out as out:
            out.seek(0)
            try:
                answer = _answers.decode(out.read())
            except msgspec.DecodeError:
                log.warning("looking_back_failed", id=running.asked.id, code=code)
                return Cannot.FAILED
        log.info("looked_back", id=running.asked.id)
        return answer


def _answered(asked: BackTest, answer: Comparison | Cannot, now: datetime) -> BackTested:
    found, cannot = (None, answer) if isinstance(answer, Cannot) else (answer, None)
    return BackTested(at=now, home=asked.home, id=asked.id, found=found, cannot=cannot)


def _written(value: float) -> str:
    """Write a value as the command takes it."""
    return ("yes" if value else "no") if isinstance(value, bool) else repr(float(value))
