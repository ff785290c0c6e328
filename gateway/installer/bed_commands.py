"""`calibrate-bed`: somebody lies down, and the bed sensor shows whether it can be relied on."""

import time as clock_face
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from care.clock import SystemClock
from care.homes import Device, Family, Site
from care.language import mark
from detectors.homes import HomeId, Kind, SensorId
from gateway.installer import beds, drafts
from gateway.installer.beds import ADVICE, ASKED, Figures, Phase, Problem, Sample
from gateway.installer.bridge import BASE, Bridge, Heard, reached
from gateway.installer.drafts import PLAN, Plan
from gateway.installer.plan_commands import BROKER, Base, Broker
from gateway.installer.survey import SAID, Verdict
from gateway.installer.terminal import WRONG, AsJson, Terminal, Yes, address, say
from gateway.sources import Message, read

LOOK_S = 0.25
TOLD_S = 5.0  # until a device says that it was set
ON_OFF = {"ON": True, "OFF": False}


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """One bed sensor, for a program to read."""

    sensor: str
    figures: Figures
    changed: dict[str, Any]  # what was set in the sensor for it


def calibrate_bed(
    *,
    home: Annotated[str, typer.Option(help="the number on the door")],
    sensor: Annotated[str, typer.Option(help="only this one, by its name, where a home has several")] = "",
    seconds: Annotated[float, typer.Option(min=0, max=600, help="how long each position is watched")] = 30.0,
    plan: Plan = PLAN,
    broker: Broker = BROKER,
    base: Base = BASE,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Find out whether a bed sensor tells an empty bed from an occupied one. Somebody has to lie in the bed.

    The figures are kept beside the plan, and stay with the sensor when its device is replaced. Ends with 1 if a bed
    cannot be relied on.

    Example: nachtwacht calibrate-bed --home 12
    """
    terminal = Terminal(as_json=as_json, yes=yes)
    site = drafts.opened(plan, terminal).site
    names = _beds(site, home, sensor, terminal)
    also = [topic for name in names for topic in _topics(_device(site, name))]
    zigbee = any(_device(site, name).family is Family.ZIGBEE2MQTT for name in names)
    found: list[Calibrated] = []
    with reached(terminal, address(broker), base, also=also, needed=zigbee) as bridge:
        for name in names:
            wizard = Wizard(bridge, site, base, name, now=SystemClock().now, pause=_pause)
            samples = wizard.samples(seconds, ready=lambda phase, name=name: _ready(terminal, name, phase))  # type: ignore[misc]
            device = _device(site, name)
            figures = beds.judged(samples, at=SystemClock().now(), address=device.address, model=device.model)
            _tell(name, figures, terminal)
            changed = _changed(wizard, figures, terminal)
            _keep(plan, name, figures, terminal)
            found.append(Calibrated(sensor=name, figures=figures, changed=changed))
    terminal.answer(found)
    if any(one.figures.verdict is Verdict.BAD for one in found):
        raise typer.Exit(WRONG)


class Wizard:
    """One bed sensor while somebody lies on it."""

    def __init__(
        self,
        bridge: Bridge,
        site: Site,
        base: str,
        name: str,
        *,
        now: Callable[[], datetime],
        pause: Callable[[], None],
    ) -> None:
        self._bridge, self._site, self._base, self.name = bridge, site, base, name
        self._now, self._pause = now, pause
        self.device = _device(site, name)
        self.last: dict[str, Any] = {}  # of its settings, as it last said them

    def samples(self, seconds: float, *, ready: Callable[[Phase], None]) -> list[Sample]:
        """Go through the phases, each for so many seconds; `ready` returns as somebody begins to take the position.

        A phase ends no sooner, so that a slow sensor is seen to be slow. What comes while `ready` waits belongs to the
        phase before.
        """
        heard: list[Sample] = []
        phase, began = Phase.EMPTY, self._now()

        def hear(message: Heard) -> None:
            if message.retained:
                return
            level, occupied = self._read(message)
            if level is not None or occupied is not None:
                after = max(0.0, (self._now() - began).total_seconds())
                heard.append(Sample(phase=phase, after_s=after, level=level, occupied=occupied))

        end = self._bridge.watch(hear)
        try:
            for following in Phase:
                ready(following)
                phase, began = following, self._now()
                while (self._now() - began).total_seconds() < seconds:
                    self._pause()
        finally:
            end()
        return heard

    def set(self, changes: dict[str, Any]) -> bool:
        """Set the sensor otherwise; return whether it said that it is."""
        self._bridge.tell(self.name, changes)
        return self._bridge.until(lambda _: changes.items() <= self.last.items(), patience_s=TOLD_S)

    def watched(self, changes: dict[str, Any]) -> bool:
        """Set it, listening for its answer."""
        end = self._bridge.watch(self._settings)
        try:
            return self.set(changes)
        finally:
            end()

    def exposes(self) -> Sequence[Any]:
        for one in self._bridge.devices():
            if one.friendly_name == self.name and one.definition is not None:
                return one.definition.exposes
        return ()

    def trigger(self, figures: Figures) -> dict[str, float]:
        """Return what an ESPHome Bed Presence is to be told: topic, to value. Empty for all others."""
        prefix, side = _esphome(self.device)
        if not prefix or figures.trigger is None or figures.empty is None or figures.occupied is None:
            return {}
        said = {"trigger": figures.trigger, "unoccupied": figures.empty, "occupied": figures.occupied}
        return {f"{prefix}/number/{side}{key}_pressure/command": round(value, 1) for key, value in said.items()}

    def tell(self, topics: dict[str, float]) -> None:
        for topic, value in topics.items():
            self._bridge.publish(topic, f"{value:g}".encode())

    def _read(self, message: Heard) -> tuple[float | None, bool | None]:
        if self.device.family is Family.ZIGBEE2MQTT:
            if message.name != self.name or not isinstance(message.said, dict):
                return None, None
            self._settings(message)
            return beds.level_of(message.said), self._occupied(message)
        if message.name == f"{self.device.address}/state" and message.said in ON_OFF:
            return None, ON_OFF[message.said]
        prefix, side = _esphome(self.device)
        if prefix and message.name == f"{prefix}/sensor/{side}pressure/state" and isinstance(message.said, int | float):
            return float(message.said), None
        return None, None

    def _occupied(self, message: Heard) -> bool | None:
        """Return what the building itself will read in this message."""
        raw = Message(message.topic, message.payload)
        events = read(self._site, self._base, raw, received_at=self._now(), started_at=None).events
        return bool(events[0].value) if events else None

    def _settings(self, message: Heard) -> None:
        if message.name == self.name and isinstance(message.said, dict):
            keys = ("presence_delay", "sensitivity")
            self.last.update({key: message.said[key] for key in keys if key in message.said})


def _beds(site: Site, home: str, sensor: str, terminal: Terminal) -> list[str]:
    there = site.by_id.get(HomeId(f"{site.id}/{home}"))
    if there is None:
        homes = ", ".join(one.id.partition("/")[2] for one in site.homes) or "-"
        terminal.fail(mark("Home {home} does not stand in the plan. There are: {there}."), home=home, there=homes)
    names = {place[1]: name for name, place in site.friendly.items() if place[0] == there.id}
    found = [names[one.id] for one in there.sensors if one.kind is Kind.BED]
    if not found:
        terminal.fail(mark("Home {home} has no bed sensor in the plan. Give one: nachtwacht sensor assign."), home=home)
    if sensor and sensor not in found:
        line = mark('Home {home} has no bed sensor "{sensor}". There are: {there}.')
        terminal.fail(line, home=home, sensor=sensor, there=", ".join(found))
    for name in [sensor] if sensor else found:
        family = _device(site, name).family
        if family not in (Family.ZIGBEE2MQTT, Family.ESPHOME):
            line = mark("{sensor} speaks {family}, which has nothing to calibrate. Walk through the home instead.")
            terminal.fail(line, sensor=name, family=family)
    return [sensor] if sensor else found


def _device(site: Site, name: str) -> Device:
    return site.devices.get(SensorId(name), Device())


def _esphome(device: Device) -> tuple[str, str]:
    """Return the prefix of an ESPHome node and the side of the bed as its entities are named: "left_", "right_", ""."""
    parts = device.address.rsplit("/", 2)
    if device.family is not Family.ESPHOME or len(parts) != 3:  # noqa: PLR2004  # prefix, component, object id
        return "", ""
    return parts[0], next((f"{side}_" for side in ("left", "right") if side in parts[2]), "")


def _topics(device: Device) -> Iterator[str]:
    prefix, _ = _esphome(device)
    if prefix:
        yield f"{prefix}/#"


def _pause() -> None:
    clock_face.sleep(LOOK_S)


def _ready(terminal: Terminal, name: str, phase: Phase) -> None:
    terminal.tell(ASKED[phase])
    if not terminal.as_json:
        typer.prompt(say(mark("{sensor}: press Enter, and do it now"), sensor=name), default="", show_default=False)


def _tell(name: str, figures: Figures, terminal: Terminal) -> None:
    terminal.tell(mark("{sensor}: {verdict}."), sensor=name, verdict=say(SAID[figures.verdict]))
    for problem in figures.problems:
        terminal.tell(ADVICE[problem])
    if figures.margin is not None:
        line = mark("Empty {empty}, occupied {occupied}; {percent} percent of the way between them is free.")
        values = {"empty": f"{figures.empty:g}", "occupied": f"{figures.occupied:g}"}
        terminal.tell(line, percent=round(100 * figures.margin), **values)
    if figures.in_s is not None:
        terminal.tell(mark("Seen in bed after {seconds} seconds."), seconds=round(figures.in_s))
    if figures.out_s is not None:
        terminal.tell(mark("Seen to be empty after {seconds} seconds."), seconds=round(figures.out_s))
    if figures.edge is not None:
        line = (
            mark("Who sits on the edge counts as in bed.")
            if figures.edge
            else mark("Who sits on the edge counts as up.")
        )
        terminal.tell(line)


def _changed(wizard: Wizard, figures: Figures, terminal: Terminal) -> dict[str, Any]:
    """Set the sensor otherwise where that may help, and somebody agrees. Return what was set."""
    topics = wizard.trigger(figures)
    if topics:
        terminal.tell(mark("The sensor can be told these figures."))
        if _asked(terminal):
            wizard.tell(topics)
            return dict(topics)
        return {}
    changes = beds.adjustments(figures.problems, wizard.exposes(), wizard.last)
    if not changes:
        return {}
    said = ", ".join(f"{key}: {value}" for key, value in changes.items())
    terminal.tell(mark("This may help: {changes}."), changes=said)
    if not _asked(terminal):
        return {}
    if not wizard.watched(changes):
        line = mark("{sensor} did not say that it is set. Battery sensors hear it when they wake up. Look again later.")
        terminal.tell(line, sensor=wizard.name)
    terminal.tell(mark("Now do it again, to see whether it helped."))
    return changes


def _asked(terminal: Terminal) -> bool:
    """Ask whether to set it. A no is no failure here: the figures are kept all the same."""
    try:
        terminal.agreed(mark("Set it so in the sensor?"))
    except typer.Exit:
        return False
    return True


def _keep(plan: Path, name: str, figures: Figures, terminal: Terminal) -> None:
    if Problem.SILENT in figures.problems:
        return  # nothing was measured
    try:
        beds.keep(plan, name, figures)
    except (OSError, ValueError) as error:
        terminal.fail("{why}", why=error)
    terminal.tell(mark("{file}: written."), file=beds.file_beside(plan))
