"""A plan against reality: how the bridge and the gateway differ from it, and how they are made to agree.

Every step may be done again without harm, so what was interrupted is simply done again.
"""

import contextlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Self

import msgspec

from care import journal
from care.homes import Site
from care.language import mark
from care.records import Plan
from gateway.installer import drafts, install_codes, plans, settings
from gateway.installer.bridge import Bridge, BridgeTrouble
from gateway.installer.drafts import Draft
from gateway.installer.install_codes import InstallCode
from gateway.installer.plans import Edit
from gateway.installer.settings import Difference
from gateway.installer.terminal import Terminal, say
from gateway.watch import Watch

TAKEN_OVER_S = 60.0  # until the gateway watches by a new plan, on a slow card
LOOK_EVERY_S = 0.5
_ANY = datetime(1970, 1, 1, tzinfo=UTC)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How reality differs from a plan. Of what was not looked at: None."""

    bridge: tuple[Difference, ...] | None
    gateway: tuple[Edit, ...] | None  # from what it watches by now, to what it would by the plan
    agrees: bool


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to make them agree, and what is left for a person to do."""

    found: Found
    asked_of_bridge: int
    install_codes: int
    written: str | None  # the plan that the gateway reads, if it had to be written
    gateway: str  # "taken over", "told", "not running", or "" for nothing done
    left: tuple[Difference, ...]
    agrees: bool  # whatever a command can do is done


class Reality:
    """The bridge and the journal of a building, as far as they are looked at. The bridge is left when it is over."""

    def __init__(
        self, terminal: Terminal, bridge: tuple[tuple[str, int], str] | None, journal_file: Path | None
    ) -> None:
        self._terminal, self._journal = terminal, journal_file
        self._bridge = None if bridge is None else Bridge(bridge[0], bridge[1])

    def __enter__(self) -> Self:
        if self._bridge is not None:
            try:
                self._bridge.__enter__()
            except BridgeTrouble as error:
                self._trouble(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bridge is not None:
            self._bridge.__exit__()

    def found(self, site: Site) -> Found:
        """Return how bridge and gateway differ from a plan."""
        bridge = self._of_bridge(site)
        gateway = None if self._journal is None else self._of_gateway(self._journal, site)
        return Found(bridge=bridge, gateway=gateway, agrees=not bridge and not gateway)

    def carried_out(self, draft: Draft, to: Path, unit: str, codes: Sequence[InstallCode], *, dry_run: bool) -> Applied:
        """Show the difference, ask, make bridge and gateway agree with the plan, and look again."""
        terminal, site = self._terminal, draft.site
        found = self.found(site)
        show(found, terminal)
        ours = tuple(one for one in found.bridge or () if one.request is not None)
        written = to != draft.file and _text(to) != draft.text
        if written:
            terminal.tell(mark("{file} is another plan. It becomes this one."), file=to)
        if codes:
            terminal.tell(mark("Install codes for the bridge: {count}."), count=len(codes))
        harmless = not (ours or written or codes or found.gateway)
        nothing = harmless and (self._journal is not None or not _systemctl("is-active", "--quiet", unit))
        if dry_run or nothing:
            line = mark("There is nothing to do.") if nothing else mark("Nothing was changed: this was a dry run.")
            terminal.tell(line)
            return _applied(found, left=found.bridge or (), agrees=nothing)
        if not harmless:
            terminal.agreed(mark("Carry this out?"))
        self.hand_over(codes)
        self._put_right(ours, site)
        if written:
            self._install(draft.text, to)
        gateway = self._reload(unit, site) if written or found.gateway != () else ""
        now = self.found(site)
        left = now.bridge or ()
        agrees = not any(one.request is not None for one in left) and (not now.gateway or gateway == "not running")
        terminal.tell(mark("Done.") if agrees else mark("Not all of it is done. The same command again goes on."))
        _show_differences(left, mark("What is left"), terminal)
        return _applied(
            found,
            asked_of_bridge=len(ours),
            codes=len(codes),
            written=str(to) if written else None,
            gateway=gateway,
            left=left,
            agrees=agrees,
        )

    def hand_over(self, codes: Sequence[InstallCode]) -> None:
        """Give install codes to the bridge, or end the command with which of them it did not take."""
        bridge = self._bridge
        if bridge is None:
            return
        for code in codes:
            try:
                bridge.ask("install_code/add", {"value": code.value})
            except BridgeTrouble as error:
                self._halfway()
                line = mark("The bridge did not take the install code of {address}.")
                if code.code in str(error):  # it is not to be read anywhere
                    self._terminal.fail(line, address=code.address)
                self._terminal.tell(line, address=code.address)
                self._trouble(error)
            self._terminal.tell(mark("{address}: the bridge knows its install code."), address=code.address)

    def _of_bridge(self, site: Site) -> tuple[Difference, ...] | None:
        if self._bridge is None:
            return None
        return settings.differences(settings.wanted(site), self._bridge.info(), self._bridge.devices())

    def _of_gateway(self, file: Path, site: Site) -> tuple[Edit, ...]:
        try:
            return watched_otherwise(file, site)
        except FileNotFoundError:
            self._terminal.fail(mark("{file}: there is no such journal."), file=file)
        except (sqlite3.Error, journal.TooNew, msgspec.DecodeError) as error:
            self._terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=error)

    def _put_right(self, ours: Sequence[Difference], site: Site) -> None:
        if self._bridge is None or not ours:
            return
        try:
            settings.put_right(self._bridge, ours, settings.wanted(site), done=self._told)
        except BridgeTrouble as error:
            self._halfway()
            self._trouble(error)

    def _told(self, done: Difference) -> None:
        self._terminal.tell(mark("Put right: {what}"), what=say(done.message, **done.values))

    def _install(self, text: str, to: Path) -> None:
        try:
            plans.save(to, text)
        except OSError as error:
            self._halfway()
            self._terminal.fail(mark("{file}: not written: {why}."), file=to, why=error.strerror)
        self._terminal.tell(mark("{file}: written."), file=to)

    def _reload(self, unit: str, site: Site) -> str:
        """Have the gateway take the plan over, and wait until it says that it has, where a journal can tell."""
        if not _systemctl("is-active", "--quiet", unit):
            self._terminal.tell(mark("No gateway runs here as {unit}. It takes the plan when it starts."), unit=unit)
            return "not running"
        if not _systemctl("reload", unit):
            self._halfway()
            self._terminal.fail(mark("{unit} could not be told of the plan. Try: systemctl reload {unit}."), unit=unit)
        self._terminal.tell(mark("{unit} was told of the plan."), unit=unit)
        file = self._journal
        if file is None:
            return "told"
        if not _until(lambda: not self._of_gateway(file, site)):
            self._halfway()
            self._terminal.fail(mark("{unit} does not watch by the plan. Its log says why."), unit=unit)
        self._terminal.tell(mark("{unit} watches by the plan now."), unit=unit)
        return "taken over"

    def _halfway(self) -> None:
        self._terminal.tell(mark("What was done until here stays done. The same command again goes on from here."))

    def _trouble(self, error: BridgeTrouble) -> NoReturn:
        self._terminal.fail(error.message, **error.values)


def watched_otherwise(file: Path, site: Site) -> tuple[Edit, ...]:
    """Return how a gateway would watch by a plan, and does not yet: by what its journal says it told last.

    What is agreed at the desk beside the plan is no difference. Raises `FileNotFoundError`, and what reading a journal
    raises.
    """
    if not file.exists():
        raise FileNotFoundError(file)
    with contextlib.closing(journal.connect(file, read_only=True)) as db:
        resumed, _ = Watch.resumed(site, db)
    was = resumed.told
    becomes = resumed.told_plan(_ANY)
    if not becomes:
        return ()
    record = becomes[0][1]
    return plans.edits(None if was is None else _site(was), _site(record)) if isinstance(record, Plan) else ()


def show(found: Found, terminal: Terminal) -> None:
    """Show how bridge and gateway differ, or that they do not."""
    if found.bridge is not None:
        _show_differences(found.bridge, mark("How the bridge differs from the plan"), terminal)
    if found.gateway:
        terminal.tell(mark("The gateway watches by another plan:"))
        drafts.show(found.gateway, terminal)
    if found.agrees:
        terminal.tell(mark("Everything agrees with the plan."))


def codes_in(file: Path | None, terminal: Terminal) -> tuple[InstallCode, ...]:
    """Return the install codes in a file, or end the command with what is wrong with it."""
    if file is None:
        return ()
    try:
        return install_codes.kept(file)
    except OSError as error:
        terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=error.strerror)
    except ValueError:
        terminal.fail(
            mark("{file} holds no install codes. Write it with: nachtwacht sensor import --codes."), file=file
        )


def _show_differences(found: Sequence[Difference], title: str, terminal: Terminal) -> None:
    if found:
        who = (mark("by this command"), mark("by you"))
        rows = [(one.name or "-", say(one.message, **one.values), say(who[one.request is None])) for one in found]
        terminal.table(title, (mark("sensor"), mark("difference"), mark("put right")), rows)


def _applied(  # what was not done is left out
    found: Found,
    *,
    asked_of_bridge: int = 0,
    codes: int = 0,
    written: str | None = None,
    gateway: str = "",
    left: tuple[Difference, ...],
    agrees: bool,
) -> Applied:
    return Applied(
        found=found,
        asked_of_bridge=asked_of_bridge,
        install_codes=codes,
        written=written,
        gateway=gateway,
        left=left,
        agrees=agrees,
    )


def _site(told: Plan) -> Site:
    """Return a plan as a gateway tells it: without what only the building needs to know."""
    friendly = {str(sensor.id): (home.id, sensor.id) for home in told.homes for sensor in home.sensors}
    return Site(id=told.site, name=told.name, zone=told.zone, homes=told.homes, friendly=friendly)


def _text(file: Path) -> str:
    """Return the text of a plan that may not be there."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _systemctl(*arguments: str) -> bool:
    systemctl = shutil.which("systemctl")
    return (
        systemctl is not None
        and subprocess.run([systemctl, *arguments], check=False, capture_output=True).returncode == 0
    )


def _until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + TAKEN_OVER_S
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
