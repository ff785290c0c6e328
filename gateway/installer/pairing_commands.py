"""`sensor discover`: devices are let in, watched as they come, named as the plan says, and the door is closed."""

import signal
import time as clock_face
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer

from care.clock import SystemClock
from care.homes import Family, Site
from care.language import mark
from detectors.homes import HomeId
from gateway.installer import drafts, pairing, settings
from gateway.installer.bridge import BASE, Bridge, BridgeDevice, reached
from gateway.installer.commands import sensor as sensor_group
from gateway.installer.drafts import PLAN, Plan
from gateway.installer.pairing import Seen, Session, Step
from gateway.installer.plan_commands import BROKER, Base, Broker
from gateway.installer.settings import Difference, Mismatch
from gateway.installer.terminal import WRONG, AsJson, DryRun, Terminal, Yes, address, say

LOOK_S = 0.25  # between two looks at what came in
COORDINATOR = "Coordinator"
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the first too: a shell that starts it aside ignores Ctrl-C

STEPS = {
    Step.JOINED: mark("has joined"),
    Step.INTERVIEW: mark("is being asked what it is"),
    Step.READY: mark("is in"),
    Step.UNSUPPORTED: mark("is in, but not known to the bridge"),
    Step.FAILED: mark("did not say what it is: wake it up, close to a router"),
    Step.LEFT: mark("has left"),
}


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A line for a program: a device took a step, or the network was opened by another."""

    event: str
    at: datetime
    address: str = ""
    name: str = ""
    model: str = ""
    routers: tuple[str, ...] = ()


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """The last line for a program."""

    event: str = "done"
    devices: tuple[Seen, ...]
    missing: dict[str, str]  # address, to the name in the plan
    closed: bool
    left: tuple[Difference, ...]  # what still differs from the plan, of those that came in


@sensor_group.command()
def discover(
    *,
    home: Annotated[str, typer.Option(help="the number on the door; all homes if left out")] = "",
    via: Annotated[str, typer.Option(help="let devices in only through this router, by its name")] = "",
    time: Annotated[int, typer.Option(min=5, max=3600, help="seconds that the network is open at most")] = 120,
    plan: Plan = PLAN,
    broker: Broker = BROKER,
    base: Base = BASE,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let new devices into the Zigbee network, and show them as they come.

    The network closes when all sensors of the plan are in, when time is over, or at Ctrl-C. Devices whose address
    stands in the plan get their name and their settings.

    Example: nachtwacht sensor discover --home 12 --via gang --time 120
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    site = drafts.opened(plan, terminal).site
    names = _names(site, home, terminal)
    with reached(terminal, address(broker), base) as bridge:
        devices = bridge.devices()
        _is_router(via, devices, terminal)
        expected = _expected(site, names, devices)
        wanted = settings.wanted(site)
        differs = settings.of_bridge(wanted, bridge.info())
        _announce(expected, differs, terminal)
        if dry_run:
            terminal.tell(mark("Nothing was changed: this was a dry run."))
            terminal.answer({"expected": expected, "differs": differs})
            return
        if differs:
            terminal.agreed(mark("Change this in the bridge? It may be restarted for it."))
            _fail_on(settings.put_right(bridge, differs, wanted), terminal)
        session = _paired(bridge, expected, timedelta(seconds=time), via, terminal)
        left = _named(bridge, site, session, terminal)
        _report(session, left, bridge, home, terminal)
        done = Discovered(
            devices=tuple(session.seen.values()),
            missing=session.missing,
            closed=not bridge.info().permit_join,
            left=left,
        )
        terminal.answer(done)
        if session.missing or left or any(one.step is Step.FAILED for one in session.seen.values()):
            raise typer.Exit(WRONG)


def _names(site: Site, home: str, terminal: Terminal) -> frozenset[str]:
    """Return the names of the sensors that this is about."""
    if home and HomeId(f"{site.id}/{home}") not in site.by_id:
        there = ", ".join(one.id.partition("/")[2] for one in site.homes) or "-"
        terminal.fail(mark("Home {home} does not stand in the plan. There are: {there}."), home=home, there=there)
    return frozenset(
        name for name, place in site.friendly.items() if not home or place[0] == HomeId(f"{site.id}/{home}")
    )


def _is_router(via: str, devices: Sequence[BridgeDevice], terminal: Terminal) -> None:
    routers = [one.friendly_name for one in devices if one.is_router]
    if via and via not in (*routers, COORDINATOR):
        there = ", ".join(sorted([*routers, COORDINATOR]))
        terminal.fail(mark('There is no router "{via}" in the network. There are: {there}.'), via=via, there=there)


def _expected(site: Site, names: frozenset[str], devices: Sequence[BridgeDevice]) -> dict[str, str]:
    """Return the addresses of the plan's devices that are not in the network yet, with their names."""
    there = {one.ieee_address.lower() for one in devices if one.interview_state in ("SUCCESSFUL", "")}
    return {
        device.address.lower(): str(sensor)
        for sensor, device in site.devices.items()
        if str(sensor) in names
        and device.family is Family.ZIGBEE2MQTT
        and device.address
        and device.address.lower() not in there
    }


def _announce(expected: dict[str, str], differs: Sequence[Difference], terminal: Terminal) -> None:
    if expected:
        terminal.tell(mark("Expected: {names}."), names=", ".join(expected.values()))
    for one in differs:
        terminal.tell(one.message, **one.values)


def _fail_on(left: Sequence[Difference], terminal: Terminal) -> None:
    for one in left:
        terminal.fail(one.message, **one.values)


def _paired(bridge: Bridge, expected: dict[str, str], open_for: timedelta, via: str, terminal: Terminal) -> Session:
    """Pair, with what comes in before a person's eyes or as lines for a program. Hanging up is as good as Ctrl-C."""
    session = Session(until=SystemClock().now() + open_for, via=via, expected=expected)
    terminal.tell(mark("The network is open. Press the button of each device. Ctrl-C closes it."))
    columns = (mark("device"), mark("model"), mark("place"), mark("what it does"))
    before = {one: signal.signal(one, signal.default_int_handler) for one in STOPS}
    shown = session
    try:
        with terminal.live(mark("Devices that come in"), columns) as draw:

            def show(now: Session) -> None:
                nonlocal shown
                for came in _news(shown, now):
                    terminal.answer(came)
                if now != shown:
                    draw(_rows(now))
                shown = now

            return pairing.pair(
                bridge, session, now=SystemClock().now, pause=lambda: clock_face.sleep(LOOK_S), show=show
            )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _rows(session: Session) -> Iterator[tuple[str, ...]]:
    for one in session.seen.values():
        yield one.address, f"{one.vendor} {one.model}".strip() or "?", one.place or "-", say(STEPS[one.step])
    for missing, name in session.missing.items():
        if missing not in session.seen:
            yield missing, "", name, say(mark("is waited for"))


def _news(before: Session, now: Session) -> Iterator[Came]:
    """Return what is new since the last look."""
    for one in now.seen.values():
        if before.seen.get(one.address) != one:
            yield Came(event=one.step, at=one.at, address=one.address, name=one.place, model=one.model)
    for reopened in now.reopened[len(before.reopened) :]:
        yield Came(event="reopened", at=reopened.at, routers=reopened.by)


def _named(bridge: Bridge, site: Site, session: Session, terminal: Terminal) -> tuple[Difference, ...]:
    """Give those that came in their names and settings; return what of them still differs from the plan."""
    wanted = settings.wanted(site)
    came = {one.place for one in session.seen.values() if one.arrived and one.place}

    def of_these() -> tuple[Difference, ...]:
        found = settings.of_devices(wanted, bridge.info(), bridge.devices())
        return tuple(one for one in found if one.name in came and one.what is not Mismatch.STRAY)

    found = of_these()
    for one in found:
        if one.what is Mismatch.TAKEN:
            terminal.tell(one.message, **one.values)
    if any(one.what is Mismatch.TAKEN for one in found):
        terminal.agreed(mark("Take these names from the devices that have them now?"))
    settings.put_right(bridge, found, wanted)
    return of_these()


def _report(session: Session, left: Sequence[Difference], bridge: Bridge, home: str, terminal: Terminal) -> None:
    names = {one.ieee_address: one.friendly_name for one in bridge.devices()}
    for reopened in session.reopened:
        by = ", ".join(names.get(one, one) for one in reopened.by)
        if by:
            terminal.tell(mark("New router {router} had opened the network by itself. It was closed again."), router=by)
        else:
            terminal.tell(mark("Something else had opened the network. It was closed again."))
    for differs in left:
        terminal.tell(differs.message, **differs.values)
    for one in session.seen.values():
        if one.step is Step.FAILED:
            line = mark("{address} is in, but did not say what it is. Wake it up close to a router, and pair it again.")
            terminal.tell(line, address=one.address)
        elif one.arrived and not one.place and one.address not in session.routers:
            line = mark("{address} ({model}) has no place yet: nachtwacht sensor assign {address} --home {home} ...")
            terminal.tell(line, address=one.address, model=one.model or "?", home=home or "12")
    for name in session.missing.values():
        line = mark("{name} did not come in. Is its battery in, was it reset, is a router near?")
        terminal.tell(line, name=name)
    terminal.tell(mark("The network is closed, and the bridge says so too."))
