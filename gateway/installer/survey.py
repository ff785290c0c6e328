"""Reach and batteries of a building's sensors, in verdicts with what to do, and not in bare numbers. Pure.

Link quality (LQI, 0 to 255) is the bridge's figure of the last hop only, and differs by maker: it is judged in three
steps and no finer. Below 20 the bridge's own documentation calls it weak (zigbee2mqtt.io, RTCGQ11LM).
"""

import statistics
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from care.homes import Site
from care.language import mark
from detectors.homes import Home, RoomKind, Sensor
from gateway.customs import Custom, lasts_days
from gateway.health import BATTERY_DAYS, BATTERY_LOW, LINK_WEAK

LINK_FAIR = 50.0  # LQI: below it a door that is closed, or rain, may be enough
HEARD_MIN = 1  # messages, before anything is said of a reach
WIFI = {1: 2412, 6: 2437, 11: 2462}  # MHz: the three channels of 2.4 GHz that do not overlap
APART_MHZ = 12  # between the middles of a Wi-Fi channel (22 MHz wide) and a Zigbee channel (2 MHz wide)
CHANNELS = range(11, 27)
CLEAR = (15, 20, 25)  # between and beyond the three; 26 is too, but not every device is loud there
LEFT_MAX = 2  # times that a device left the network by itself


class Verdict(StrEnum):
    """How it is; `UNKNOWN` is never good."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"
    UNKNOWN = "unknown"


SAID = {
    Verdict.GOOD: mark("good"),
    Verdict.FAIR: mark("moderate"),
    Verdict.BAD: mark("poor"),
    Verdict.UNKNOWN: mark("not known"),
}


class Advice(msgspec.Struct, frozen=True):
    """A message to translate, with its values."""

    message: str
    values: dict[str, str] = {}

    @property
    def sentence(self) -> str:
        """The message in English."""
        return self.message.format(**self.values)


class Surveyed(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor, judged. Numbers are for a program; a person reads verdicts and advice."""

    name: str
    home: str
    room: str
    reach: Verdict
    battery: Verdict
    advice: tuple[Advice, ...] = ()
    link: float | None = None  # LQI, median
    percent: float | None = None
    days: float | None = None  # that the battery will last, by its trend
    heard: int = 0  # messages in this survey


class Router(msgspec.Struct, frozen=True, kw_only=True):
    """One device that carries the messages of others."""

    name: str
    verdict: Verdict
    advice: tuple[Advice, ...] = ()


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """The Zigbee channel, and which Wi-Fi channels it shares the air with."""

    channel: int
    verdict: Verdict
    wifi: tuple[int, ...]
    advice: Advice


class Samples(msgspec.Struct, frozen=True):
    """What live messages of one device said."""

    links: tuple[float, ...] = ()
    percent: float | None = None  # the last one told
    low: bool | None = None  # by the device itself


def sampled(samples: Samples, said: Any) -> Samples:
    """Take in one message of a device."""
    if not isinstance(said, dict):
        return samples
    link, percent = _within(said.get("linkquality"), 255), _within(said.get("battery"), 100)
    low = said.get("battery_low")
    return Samples(
        links=samples.links if link is None else (*samples.links, link),
        percent=samples.percent if percent is None else percent,
        low=low if isinstance(low, bool) else samples.low,
    )


def reach(links: Sequence[float], *, before: float | None = None) -> Verdict:
    """Return how well a device is received, by the LQI of its messages.

    `before` is the median that the journal knows of the last whole day: a sensor that happens to be heard well in these
    ten minutes and was weak all day is not good. Without either it is not known.
    """
    known = [statistics.median(links)] if len(links) >= HEARD_MIN else []
    known += [] if before is None else [before]
    if not known:
        return Verdict.UNKNOWN
    worst = min(known)
    return Verdict.BAD if worst < LINK_WEAK else Verdict.FAIR if worst < LINK_FAIR else Verdict.GOOD


def battery(percent: float | None, *, days: float | None = None, low: bool | None = None) -> Verdict:
    """Return how a battery is: bad if it will not last a month, by what it says or by the trend of its weeks."""
    if low or (percent is not None and percent < BATTERY_LOW) or (days is not None and days <= BATTERY_DAYS):
        return Verdict.BAD
    if days is not None and days <= 3 * BATTERY_DAYS:
        return Verdict.FAIR
    return Verdict.UNKNOWN if percent is None and low is None else Verdict.GOOD


def channel(number: int) -> Channel:
    """Return how a Zigbee channel stands to Wi-Fi.

    Zigbee channel k has its middle at 2405 + 5 (k - 11) MHz (IEEE 802.15.4), Wi-Fi channel k at 2407 + 5 k MHz.
    """
    if number not in CHANNELS:
        said = Advice(mark("The bridge did not say which Zigbee channel it uses."))
        return Channel(channel=number, verdict=Verdict.UNKNOWN, wifi=(), advice=said)
    middle = 2405 + 5 * (number - 11)
    wifi = tuple(one for one, at in WIFI.items() if abs(middle - at) < APART_MHZ)
    values = {"channel": str(number), "wifi": ", ".join(map(str, wifi)), "clear": ", ".join(map(str, CLEAR))}
    if wifi:
        line = mark(
            "Zigbee channel {channel} shares the air with Wi-Fi channel {wifi}. Keep the Wi-Fi off that channel, or "
            "choose {clear} before pairing: later every device must be paired again."
        )
        return Channel(channel=number, verdict=Verdict.FAIR, wifi=wifi, advice=Advice(line, values))
    if number not in CLEAR:
        line = mark("Zigbee channel {channel} is clear of Wi-Fi, but some devices are faint there. Rather use {clear}.")
        return Channel(channel=number, verdict=Verdict.FAIR, wifi=(), advice=Advice(line, values))
    line = mark("Zigbee channel {channel} lies beside Wi-Fi channels 1, 6 and 11. Leave it so.")
    return Channel(channel=number, verdict=Verdict.GOOD, wifi=(), advice=Advice(line, values))


def survey(
    site: Site, heard: Mapping[str, Samples], known: Mapping[str, Custom], gone: frozenset[str] = frozenset()
) -> tuple[Surveyed, ...]:
    """Judge the sensors of a building that speak through the bridge.

    Parameters
    ----------
    site : the plan.
    heard : by friendly name, what was heard in this survey.
    known : by friendly name, what the journal knows of each sensor's customs.
    gone : friendly names that the bridge says are off line.
    """
    return tuple(
        _judged(name, home, sensor, heard.get(name, Samples()), known.get(name), gone=name in gone)
        for home in site.homes
        for sensor in home.sensors
        for name, place in site.friendly.items()
        if place == (home.id, sensor.id)
    )


def router(name: str, *, online: bool | None, links: Sequence[float], left: int = 0, missing: bool = False) -> Router:
    """Judge a router. `left`: times it left the network; `missing`: the coordinator does not find it any more."""
    if missing or online is False:
        line = mark("Router {name} is gone. Put it back on the mains: sensors speak through it.")
        return Router(name=name, verdict=Verdict.BAD, advice=(Advice(line, {"name": name}),))
    verdict, advice = reach(links), list[Advice]()
    if left >= LEFT_MAX:
        advice.append(Advice(mark("Router {name} keeps leaving the network. Replace it."), {"name": name}))
        verdict = Verdict.BAD
    elif verdict in (Verdict.BAD, Verdict.FAIR):
        line = mark("Router {name} is received poorly itself. Put another one half way to the gateway.")
        advice.append(Advice(line, {"name": name}))
    if verdict is Verdict.UNKNOWN and online:
        verdict = Verdict.GOOD  # a mains device that answers the bridge's ping, and has nothing to tell
    return Router(name=name, verdict=verdict, advice=tuple(advice))


def _judged(name: str, home: Home, sensor: Sensor, heard: Samples, custom: Custom | None, *, gone: bool) -> Surveyed:
    known = custom.battery[0] if custom is not None and custom.battery else None
    percent = heard.percent if heard.percent is not None else known
    days = None if custom is None else lasts_days(custom)
    low = heard.low if heard.low is not None else (custom.low or None) if custom is not None else None
    how, charge = (
        reach(heard.links, before=None if custom is None else custom.link),
        battery(percent, days=days, low=low),
    )
    if gone:
        how = Verdict.BAD
    return Surveyed(
        name=name,
        home=home.id.partition("/")[2],
        room=sensor.room,
        reach=how,
        battery=charge,
        advice=(*_about_reach(name, home, sensor, how, gone=gone), *_about_battery(name, charge, days)),
        link=statistics.median(heard.links) if heard.links else None,
        percent=percent,
        days=days,
        heard=len(heard.links),
    )


def _about_reach(name: str, home: Home, sensor: Sensor, how: Verdict, *, gone: bool) -> tuple[Advice, ...]:
    values = {"name": name, "room": router_room(home, sensor)}
    if gone:
        line = mark("{name} does not answer. Look at its battery, and put a router in the {room}.")
    elif how is Verdict.BAD:
        line = mark("Reach of {name} poor: put a router in the {room}, and pair the sensor through it.")
    elif how is Verdict.FAIR:
        line = mark("Reach of {name} moderate: put a router in the {room}.")
    elif how is Verdict.UNKNOWN:
        line = mark("{name} was not heard. Trigger it, and look again.")
    else:
        return ()
    return (Advice(line, values),)


def _about_battery(name: str, charge: Verdict, days: float | None) -> tuple[Advice, ...]:
    if charge is Verdict.BAD:
        return (Advice(mark("Battery of {name}: put in a new one now."), {"name": name}),)
    if charge is Verdict.FAIR and days is not None:
        weeks = str(max(1, round(days / 7)))
        line = mark("Battery of {name}: lasts for about {weeks} weeks. Take a new one along next time.")
        return (Advice(line, {"name": name, "weeks": weeks}),)
    return ()


def router_room(home: Home, sensor: Sensor) -> str:
    """Return where a router does most for a sensor: the hall, on the way out of the home, or else its own room."""
    halls = [room for room, kind in home.rooms.items() if kind in (RoomKind.HALL, RoomKind.LANDING)]
    return str(halls[0] if halls else sensor.room)


def _within(said: Any, most: float) -> float | None:
    number = not isinstance(said, bool) and isinstance(said, int | float) and 0 <= said <= most
    return float(said) if number else None
