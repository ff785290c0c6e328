"""`doctor`: what is wrong with this building, and what to do next."""

import msgspec
import typer

from care.clock import SystemClock
from care.language import mark
from gateway.installer import doctor as diagnosing
from gateway.installer import drafts, examination
from gateway.installer.bridge import BASE, quietly
from gateway.installer.doctor import SAID, Complaint
from gateway.installer.examination import Places
from gateway.installer.machine import IDENTITY, JOURNAL, PLAN, PROOFS
from gateway.installer.plan_commands import BROKER, Base, Broker
from gateway.installer.survey import Advice
from gateway.installer.terminal import WRONG, AsJson, Terminal, address, say
from gateway.installer.upkeep_commands import Identity, JournalFile, PlanFile
from gateway.installer.walk_commands import Folder


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for a program to read."""

    complaints: tuple["Told", ...]
    could_not: tuple[str, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint, in the reader's language."""

    check: str
    urgency: str
    what: str
    why: str
    do: str
    more: tuple[str, ...]


def doctor(
    *,
    plan: PlanFile = PLAN,
    journal: JournalFile = JOURNAL,
    identity: Identity = IDENTITY,
    proofs: Folder = PROOFS,
    broker: Broker = BROKER,
    base: Base = BASE,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with this building and what to do next, worst first. Changes nothing.

    It says nothing where nothing was found, and what could not be looked at. Ends with 1 where something is wrong.

    Example: nachtwacht doctor --plan /etc/nachtwacht/site.toml --journal /var/lib/nachtwacht/gateway.db
    """
    terminal = Terminal(as_json=as_json)
    site = drafts.opened(plan, terminal, whole=True).site
    places = Places(plan, journal, identity, proofs, address(broker), base)
    with quietly():
        facts = examination.examined(site, places, SystemClock().now)
    found = diagnosing.diagnosed(facts, SystemClock().now())
    for one in found:
        _tell(one, terminal)
    for missed in facts.could_not:
        terminal.tell(mark("Could not look: {what}."), what=_said(missed))
    told = tuple(map(_told, found))
    terminal.answer(Diagnosis(complaints=told, could_not=tuple(map(_said, facts.could_not))))
    if found:
        raise typer.Exit(WRONG)


def _tell(one: Complaint, terminal: Terminal) -> None:
    terminal.tell(mark("{when}: {what}"), when=say(SAID[one.urgency]), what=_said(one.what))
    for line in (*(f"- {_said(part)}" for part in one.more), _said(one.why), f"→ {_said(one.do)}"):
        terminal.tell("  {line}", line=line)


def _told(one: Complaint) -> Told:
    return Told(
        check=one.check,
        urgency=one.urgency,
        what=_said(one.what),
        why=_said(one.why),
        do=_said(one.do),
        more=tuple(map(_said, one.more)),
    )


def _said(advice: Advice) -> str:
    return say(advice.message, **advice.values)
