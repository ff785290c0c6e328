"""`survey`: how well the sensors of a building are received, how long their batteries last, and what to do."""

import contextlib
import sqlite3
import time as clock_face
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from care import journal
from care.clock import SystemClock
from care.homes import Family, Site
from care.language import mark
from detectors.homes import SensorId
from gateway.customs import Custom
from gateway.installer import drafts
from gateway.installer import survey as judging
from gateway.installer.bridge import BASE, Bridge, BridgeDevice, BridgeSaysNo, Heard, Json, reached
from gateway.installer.drafts import PLAN, Plan
from gateway.installer.plan_commands import BROKER, Base, Broker, Journal
from gateway.installer.survey import SAID, Channel, Router, Samples, Surveyed
from gateway.installer.terminal import AsJson, Terminal, address, say
from gateway.watch import Watch

LOOK_S = 1.0
MAP_S = 300.0  # the bridge asks each router in turn
CHECK_S = 30.0


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for a program to read."""

    sensors: tuple[Surveyed, ...]
    routers: tuple[Router, ...]
    channel: Channel
    through: dict[str, str]  # with --map: the name of each device, to that of the router it speaks through


def survey(
    *,
    minutes: Annotated[float, typer.Option(min=0, max=24 * 60, help="how long to listen")] = 10.0,
    network_map: Annotated[bool, typer.Option("--map", help="also ask who speaks through whom: takes minutes")] = False,
    plan: Plan = PLAN,
    journal_file: Journal = None,
    broker: Broker = BROKER,
    base: Base = BASE,
    as_json: AsJson = False,
) -> None:
    """Listen to the sensors, and say how their reach and batteries are and what to do. Changes nothing.

    With --journal also by what the gateway has heard in the last weeks. Ctrl-C ends the listening sooner.

    Example: nachtwacht survey --minutes 10 --journal /var/lib/nachtwacht/gateway.db
    """
    terminal = Terminal(as_json=as_json)
    site = drafts.opened(plan, terminal).site
    known = {} if journal_file is None else _customs(site, journal_file, terminal)
    ours = frozenset(
        name
        for name in site.friendly
        if (device := site.devices.get(SensorId(name))) is None or device.family is Family.ZIGBEE2MQTT
    )
    with reached(terminal, address(broker), base) as bridge:
        columns = (mark("home"), mark("room"), mark("sensor"), mark("reach"), mark("battery"), mark("heard"))
        with terminal.live(mark("Reach and batteries"), columns) as draw:

            def show(heard: dict[str, Samples]) -> None:
                draw(_rows(_judged(site, heard, known, bridge, ours)))

            heard = listened(
                bridge,
                until=SystemClock().now() + timedelta(minutes=minutes),
                now=SystemClock().now,
                pause=lambda: clock_face.sleep(LOOK_S),
                show=show,
            )
        found = Survey(
            sensors=_judged(site, heard, known, bridge, ours),
            routers=tuple(_routers(bridge, heard, _missing(bridge))),
            channel=judging.channel(bridge.info().network.channel),
            through=parents(bridge.ask("networkmap", {"type": "raw", "routes": False}, patience_s=MAP_S))
            if network_map
            else {},
        )
    _report(found, terminal)
    terminal.answer(found)


def listened(
    bridge: Bridge,
    *,
    until: datetime,
    now: Callable[[], datetime],
    pause: Callable[[], None],
    show: Callable[[dict[str, Samples]], None],
) -> dict[str, Samples]:
    """Return, by friendly name, what devices said until an instant or Ctrl-C. What is retained does not count."""
    heard: dict[str, Samples] = {}

    def hear(message: Heard) -> None:
        if not message.retained and not message.name.startswith("bridge/"):
            heard[message.name] = judging.sampled(heard.get(message.name, Samples()), message.said)

    end = bridge.watch(hear)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            while now() < until:
                show(dict(heard))
                pause()
    finally:
        end()
    show(dict(heard))
    return dict(heard)


def parents(network: Json) -> dict[str, str]:
    """Return through which router, or the coordinator, each device speaks, by their names: of a raw network map."""
    value = network.get("value")
    nodes, links = (value.get(key, []) for key in ("nodes", "links")) if isinstance(value, dict) else ([], [])
    names = {one.get("ieeeAddr"): (one.get("friendlyName"), one.get("type")) for one in nodes}
    found: dict[str, tuple[float, str]] = {}
    for link in links:
        name, kind = names.get(_end(link, "source"), (None, None))
        parent, _ = names.get(_end(link, "target"), (None, None))
        if name is None or parent is None or kind != "EndDevice":
            continue
        best = found.get(name)
        if best is None or float(link.get("linkquality", 0)) > best[0]:
            found[name] = float(link.get("linkquality", 0)), parent
    return {name: parent for name, (_, parent) in found.items()}


def _end(link: Json, which: str) -> Any:
    end = link.get(which)
    return end.get("ieeeAddr") if isinstance(end, dict) else None


def _customs(site: Site, file: Path, terminal: Terminal) -> dict[str, Custom]:
    try:
        with contextlib.closing(journal.connect(file, read_only=True)) as db:
            watch, _ = Watch.resumed(site, db)
    except (OSError, sqlite3.Error, journal.NotOurs, journal.TooNew) as error:
        terminal.fail(mark("{file}: cannot be read: {why}."), file=file, why=str(error).rstrip("."))
    return {str(sensor): custom for sensor, custom in watch.customs().items()}


def _judged(
    site: Site, heard: dict[str, Samples], known: dict[str, Custom], bridge: Bridge, ours: frozenset[str]
) -> tuple[Surveyed, ...]:
    gone = frozenset(name for name in ours if _online(bridge, name) is False)
    return tuple(one for one in judging.survey(site, heard, known, gone) if one.name in ours)


def _online(bridge: Bridge, name: str) -> bool | None:
    said = bridge.last(f"{name}/availability")
    return None if not isinstance(said, dict) else said.get("state") == "online"


def _missing(bridge: Bridge) -> frozenset[str]:
    """Return the addresses of routers that the coordinator no longer finds; not every coordinator can say."""
    try:
        said = bridge.ask("coordinator_check", patience_s=CHECK_S)
    except BridgeSaysNo:
        return frozenset()
    missing = said.get("missing_routers")
    return frozenset(one.get("ieee_address") for one in missing) if isinstance(missing, list) else frozenset()


def _routers(bridge: Bridge, heard: dict[str, Samples], missing: frozenset[str]) -> Iterator[Router]:
    health = bridge.last("bridge/health")
    counts = health.get("devices", {}) if isinstance(health, dict) else {}
    for device in bridge.devices():
        if device.is_router:
            yield judging.router(
                device.friendly_name,
                online=_online(bridge, device.friendly_name),
                links=heard.get(device.friendly_name, Samples()).links,
                left=_left(counts, device),
                missing=device.ieee_address in missing,
            )


def _left(counts: Any, device: BridgeDevice) -> int:
    said = counts.get(device.ieee_address) if isinstance(counts, dict) else None
    left = said.get("leave_count") if isinstance(said, dict) else None
    return left if isinstance(left, int) else 0


def _rows(sensors: tuple[Surveyed, ...]) -> Iterator[tuple[str, ...]]:
    for one in sensors:
        yield one.home, one.room, one.name, say(SAID[one.reach]), say(SAID[one.battery]), str(one.heard)


def _report(found: Survey, terminal: Terminal) -> None:
    if found.routers:
        rows = [(one.name, say(SAID[one.verdict])) for one in found.routers]
        terminal.table(mark("Routers"), (mark("router"), mark("verdict")), rows)
    if found.through:
        terminal.table(mark("Who speaks through whom"), (mark("device"), mark("through")), found.through.items())
    advice = [one for part in found.sensors for one in part.advice]
    advice += [one for part in found.routers for one in part.advice]
    for one in [*advice, found.channel.advice]:
        terminal.tell(one.message, **one.values)
    if not advice:
        terminal.tell(mark("All sensors are received well, and no battery is near its end."))
