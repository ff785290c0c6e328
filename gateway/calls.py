"""The calls that the building makes by commands: each in a process of its own, bounded in time, never waited for.

What does not take a call is tried again for as long as the call stands. One command that is dead, or hangs, holds up no
other and not the daemon, which only looks.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from care.ids import AlertId
from gateway.channels import TEST, Command

AGAIN_S = (10.0, 30.0, 60.0)  # after a call that was not taken; the last of them from then on
PROOF_AGAIN_S = 900.0  # after a test that was not taken

GONE_S = 1.0  # that a killed process may need to be gone, when the daemon ends

log = structlog.get_logger()


class Outcome(NamedTuple):
    """What became of a call: an alert's, or a test's."""

    channel: str
    alert: AlertId | None
    took: bool


class _Call(NamedTuple):
    alert: AlertId | None
    process: subprocess.Popen[bytes]
    ends_s: float


@dataclass
class _Line:
    """One command, and what it is at. It makes one call at a time."""

    command: Command
    call: _Call | None = None
    ending: list[subprocess.Popen[bytes]] = field(default_factory=list)  # were killed, and are not gone yet
    failures: dict[AlertId | None, int] = field(default_factory=dict)
    next_s: dict[AlertId | None, float] = field(default_factory=dict)
    proving: bool = False  # a test is asked for
    dead: bool = False  # by its last call


class Calls:
    """Begins, looks after and ends calls."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._lines = [_Line(one) for one in commands]

    @property
    def dead(self) -> tuple[str, ...]:
        """The channels that did not take their last call."""
        return tuple(line.command.name for line in self._lines if line.dead)

    def prove(self) -> None:
        """Ask each channel for a test: to know of a dead one before it is needed."""
        for line in self._lines:
            line.proving = True

    def look(self, asked: Mapping[str, Mapping[AlertId, str]], monotonic_s: float) -> list[Outcome]:
        """Return what became of calls by now; begin what is to be begun.

        Parameters
        ----------
        asked : for each channel the alerts that it has not taken yet, with what is to be said.
        monotonic_s : the monotonic second it is.
        """
        outcomes = list[Outcome]()
        for line in self._lines:
            line.ending = [one for one in line.ending if one.poll() is None]
            waits = asked.get(line.command.name, {})
            took = None if line.call is None else _took(line, line.call, monotonic_s)
            if line.call is not None and took is not None:
                outcomes.append(_ended(line, line.call, monotonic_s, took=took))
                waits = {alert: text for alert, text in waits.items() if not (took and alert == outcomes[-1].alert)}
            line.failures = {one: times for one, times in line.failures.items() if one is None or one in waits}
            line.next_s = {one: at_s for one, at_s in line.next_s.items() if one is None or one in waits}
            if line.call is None and not line.ending:
                begun = _begin(line, waits, monotonic_s)
                outcomes += [] if begun is None else [begun]
        return outcomes

    def end(self) -> None:
        """End what runs: it is begun again at the next start."""
        for line in self._lines:
            if line.call is not None:
                kill(line.call.process)
                line.ending.append(line.call.process)
                line.call = None
            for process in line.ending:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(GONE_S)


def _begin(line: _Line, waits: Mapping[AlertId, str], monotonic_s: float) -> Outcome | None:
    """Begin the next call of a command, if it has one; an alert's before a test. Return how it ended, if at once."""
    due = [alert for alert in waits if monotonic_s >= line.next_s.get(alert, monotonic_s)]
    alert = due[0] if due else None
    if alert is None and not (line.proving and monotonic_s >= line.next_s.get(None, monotonic_s)):
        return None
    text = TEST if alert is None else waits[alert]
    try:
        process = started(line.command, text)
    except OSError as error:
        log.warning("call_failed", channel=line.command.name, why=str(error))
        process = None
    if process is None:
        return _noted(line, alert, monotonic_s, took=False)
    line.call = _Call(alert, process, monotonic_s + line.command.within_s)
    return None


def started(command: Command, text: str) -> subprocess.Popen[bytes]:
    """Start a command with a text on its standard input. Raises `OSError` if there is no such command."""
    with tempfile.TemporaryFile() as said:  # a pipe could fill, and hold us up
        said.write(f"{text}\n".encode())
        said.seek(0)
        return subprocess.Popen(
            command.run, stdin=said, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )


def _took(line: _Line, call: _Call, monotonic_s: float) -> bool | None:
    """Return whether a call was taken; None while that is not known."""
    code = call.process.poll()
    if code is None and monotonic_s < call.ends_s:
        return None
    if code is None:
        kill(call.process)
        line.ending.append(call.process)
    if code != 0:
        log.warning("call_failed", channel=line.command.name, code="time-out" if code is None else code)
    return code == 0


def _ended(line: _Line, call: _Call, monotonic_s: float, *, took: bool) -> Outcome:
    line.call = None
    return _noted(line, call.alert, monotonic_s, took=took)


def _noted(line: _Line, alert: AlertId | None, monotonic_s: float, *, took: bool) -> Outcome:
    line.dead = not took
    if took:
        line.proving = False  # an alert that went out proves as much as a test
        line.failures.pop(alert, None)
        line.next_s.pop(alert, None)
    else:
        line.proving = True  # until something goes out by it
        times = line.failures.get(alert, 0)
        line.failures[alert] = times + 1
        line.next_s[alert] = monotonic_s + (PROOF_AGAIN_S if alert is None else AGAIN_S[min(times, len(AGAIN_S) - 1)])
        line.next_s.setdefault(None, monotonic_s + PROOF_AGAIN_S)
    return Outcome(line.command.name, alert, took)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it has started; it is a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
