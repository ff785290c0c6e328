"""The health of a building: which of its parts are not there, told once each, and over when they are back.

Observations come in as they are made (`observed`); what they mean is asked for with the time (`told`). Both are pure:
an old health and a moment in, a new health out. It is part of what the watch remembers; what was told and what could
not be seen is read again from the journal besides, so that a process that died tells nothing twice.

How long a sensor is silent is counted in minutes *listened*: in which the broker was there, the bridge on line, this
process alive. An hour in which nobody listened makes no sensor suspect, and teaches nothing.
"""

import statistics
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from care.homes import Family, Site
from detectors.findings import BUILDING, Cleared, Finding, What
from detectors.homes import Home, HomeId, Instant, Kind, Sensor, SensorId, building_of
from detectors.moments import BARRED, PAUSED, SensorSight, is_barred, is_paused
from gateway.customs import CHECK_IN_MAX, CHECK_IN_MIN, Custom, check_in, heard, lasts_days, replaced, silence
from gateway.sources import Reading, Sign, models

BROKER_AFTER = timedelta(seconds=30)  # a broker that is away for less is being restarted
BRIDGE_AFTER = timedelta(seconds=60)
BACK_FOR = timedelta(seconds=10)  # what was away is back when it stayed for so long: what flaps is one fault
STEP = timedelta(minutes=2)  # a clock that is off by less does no harm
STEADY_FOR = timedelta(hours=1)  # and then is believed to have been put right
LISTEN_MAX = timedelta(minutes=2)  # between two looks at the clock; a longer pause was no listening
HARDLY = timedelta(seconds=1)  # between two looks, not worth to be counted yet
LOOK_EVERY = timedelta(minutes=1)  # at what changes slowly

DISK_MIN = 200 * 10**6  # bytes free: a month of a large building's journal
DISK_SHARE = 0.02  # of the whole disk
DISK_BACK = 1.25  # times that: enough again

SITE_MIN = 20.0  # minutes: all sensors of a building together
SITE_CLOCKS = 3  # sensors with a rhythm of their own, before the silence of all means anything

BATTERY_LOW = 10.0  # percent, in two messages one after the other
BATTERY_BACK = 20.0
BATTERY_DAYS = 30.0  # it will not last so long
LINK_WEAK = 20.0  # LQI, median of a day
LINK_BACK = 30.0
SAME_MINUTE = 0.5  # minutes: a sensor that speaks again so soon tells nothing new of its rhythm
TOGETHER = timedelta(minutes=15)  # sensors of a home that were last heard no farther apart have one cause
AWAY_AFTER = timedelta(minutes=10)  # a sensor that a bridge does not reach may be restarting, or its mesh may


class Disk(msgspec.Struct, frozen=True):
    """How much room there is where the journal lies, in bytes."""

    free: int
    total: int


class Broker(msgspec.Struct, frozen=True):
    """Whether the site's broker is connected."""

    up: bool


class Mute(msgspec.Struct, frozen=True):
    """By which ways of its own the building could not call for help when it last tried; none, if all took it."""

    channels: tuple[str, ...]


class Apart(msgspec.Struct, frozen=True):
    """How many seconds the system's clock stands ahead of the time that is reckoned here (`care.clock`)."""

    seconds: float


Observation = Broker | Disk | Apart | Mute | Reading


class Lasting(msgspec.Struct, frozen=True, array_like=True):
    """Something that is wrong: since when, and since when it is right again, if it is."""

    since: Instant | None = None
    right_at: Instant | None = None

    @property
    def wrong(self) -> bool:
        return self.since is not None and self.right_at is None

    def seen(self, at: datetime, *, wrong: bool) -> "Lasting":
        if wrong:
            return self if self.wrong else Lasting(self.since or at)
        return Lasting(self.since, at) if self.wrong else self

    def after(self, now: datetime, back_for: timedelta) -> "Lasting":
        """Return it after time has passed: over, when it was right for long enough."""
        return Lasting() if self.right_at is not None and now - self.right_at >= back_for else self


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What was told and is not over."""

    home: HomeId
    what: What
    since: Instant
    sensor: SensorId | None = None


class Unseen(msgspec.Struct, frozen=True, array_like=True):
    """Why a sensor by itself, and not with all others, is not heard."""

    since: Instant  # when that was noticed
    reasons: tuple[str, ...]  # of `OWN`


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is remembered of a building's health between two moments."""

    now: Instant | None = None  # the last look at the clock
    listened: float = 0.0  # minutes, ever
    broker: Lasting = Lasting()
    bridge: Lasting = Lasting()
    hushed: Instant | None = None  # since when nothing is heard of all sensors, though the bridge says that it is there
    clock: Lasting = Lasting()
    step: float = 0.0  # seconds by which it was set
    disk: Lasting = Lasting()
    free: int = 0  # bytes on the disk
    channel: Lasting = Lasting()
    mute: tuple[str, ...] = ()  # the channels that do not work
    all: Custom | None = None  # any sensor of the building
    customs: dict[SensorId, Custom] = {}
    own: dict[SensorId, Unseen] = {}
    shown: dict[SensorId, str] = {}  # why each unseen sensor is unseen, as in the journal
    site_shown: str = ""
    standing: dict[str, Standing] = {}
    looked_at: Instant | None = None
    replaced: int = 0  # batteries, ever


OWN = ("availability", "check-in")
REASONS = ("broker", "bridge", *OWN, PAUSED, BARRED)
"""Why a sensor is not heard, what explains most first. In a `SensorSight` those that hold are joined by "+"."""

Said = SensorSight | Finding | Cleared
_NONE: Mapping[SensorId, datetime] = {}


def observed(health: Health, seen: Observation, at: datetime) -> Health:
    """Take in an observation made at an instant. What it means is told by `told`."""
    health = _listened(health, at)
    match seen:
        case Broker():
            return _with(health, broker=health.broker.seen(at, wrong=not seen.up))
        case Disk():
            limit = max(DISK_MIN, DISK_SHARE * seen.total)
            wrong = seen.free < (DISK_BACK * limit if health.disk.wrong else limit)
            return _with(health, disk=health.disk.seen(at, wrong=wrong), free=seen.free)
        case Apart():
            wrong = abs(seen.seconds) > STEP.total_seconds()
            step = seen.seconds if wrong and not health.clock.wrong else health.step
            return _with(health, clock=health.clock.seen(at, wrong=wrong), step=step)
        case Mute():
            lasting = health.channel.seen(at, wrong=bool(seen.channels))
            return _with(health, channel=lasting, mute=seen.channels)
        case Reading():
            return _read(health, seen, at)


def told(
    health: Health,
    now: datetime,
    site: Site,
    ill: Callable[[HomeId, SensorId], bool],
    paused_until: Mapping[SensorId, datetime] = _NONE,
    *,
    barred: Container[SensorId] = (),
) -> tuple[Health, list[Said]]:
    """Let time pass up to an instant; return what is found, what is over, and which sensors are seen or not.

    `ill` says whether the home itself has already told of a sensor: then nothing is told of it here. `paused_until`
    says until when sensors are not listened to: one whose time is over is seen again as of then. `barred` are those
    that may not be listened to.
    """
    health = _listened(health, now)
    health = _with(
        health,
        broker=health.broker.after(now, BACK_FOR),
        bridge=health.bridge.after(now, BACK_FOR),
        clock=health.clock.after(now, STEADY_FOR),
        disk=health.disk.after(now, timedelta(0)),
        channel=health.channel.after(now, timedelta(0)),
    )
    judged, found = set(_BUILDING_KEYS), dict[str, Finding]()
    if health.looked_at is None or now - health.looked_at >= LOOK_EVERY:
        health = _looked(health, now, site)
        judged.update(health.standing)
        found |= _of_sensors(health, now, site, ill)
    found |= _of_building(health, now, site)
    standing = {key: one for key, one in health.standing.items() if key not in judged or key in found}
    said: list[Said] = [_cleared(one, now) for key, one in health.standing.items() if key not in standing]
    for key, finding in found.items():
        if key not in standing:
            standing[key] = Standing(finding.home, finding.what, finding.since, finding.sensor)
            said.append(finding)
    health = _with(health, standing=standing)
    health, sights = _sights(health, now, site, paused_until, barred)
    return health, [*sights, *said]


def shows_paused(health: Health, sensor: SensorId) -> bool:
    """Whether the journal says that a sensor is paused."""
    return PAUSED in health.shown.get(sensor, "").split("+")


def recalled(health: Health, record: Said) -> Health:
    """Take in what the journal says was told, after a restart: so it is not told again, and can be over."""
    if isinstance(record, SensorSight):
        return _sight_recalled(health, record)
    key = _key(record.what, record.sensor, record.home)
    if not _is_ours(health, record, health.standing.get(key)):
        return health
    over = isinstance(record, Cleared)
    standing = {other: one for other, one in health.standing.items() if other != key}
    if not over:
        standing[key] = Standing(record.home, record.what, record.since, record.sensor)
    name = _LASTS.get(record.what)
    if name is None:
        return _with(health, standing=standing)
    lasting = Lasting(record.since, record.at if record.what is What.CLOCK_STEP else None)
    return _with(health, standing=standing, **{name: Lasting() if over else lasting})


def _is_ours(health: Health, record: Finding | Cleared, known: Standing | None) -> bool:
    """Whether something was told from here, and not by a home of itself."""
    if record.what in _OURS:
        return True
    if isinstance(record, Cleared):
        return known is not None and known.since == record.since
    if record.what is What.SENSOR_SILENT:
        return record.sensor is None or record.sensor in health.own
    return record.what is What.GATEWAY_GAP and record.limit is None  # a home of itself waits for hours


def batteries(health: Health) -> tuple[int, int]:
    """Return how many batteries were ever replaced, and how many sensors say how full theirs is."""
    return health.replaced, sum(bool(custom.battery) for custom in health.customs.values())


def tells_of(health: Health, home: HomeId) -> bool:
    """Whether it stands that several sensors of a home are silent at once: then nobody else need tell of that home."""
    return any(one.home == home and one.sensor is None for one in health.standing.values())


def listening(health: Health) -> bool:
    """Whether what sensors say would be heard now."""
    return not (health.broker.wrong or health.bridge.wrong or health.hushed is not None)


def set_aside(site: Site, at: datetime) -> Finding:
    """Return the finding of a damaged journal that was set aside. It is over when a person says so."""
    return Finding(at=at, home=building_of(site.id), what=What.JOURNAL, since=at, episode=at)


# What is observed.


def _listened(health: Health, at: datetime) -> Health:
    if health.now is not None and at - health.now < HARDLY:
        return health  # nearly always, where many sensors speak
    minutes = 0.0
    if health.now is not None and at - health.now <= LISTEN_MAX and listening(health):
        minutes = (at - health.now) / timedelta(minutes=1)
    return _with(health, now=at, listened=health.listened + minutes)


def _read(health: Health, reading: Reading, at: datetime) -> Health:
    for sign in reading.signs:
        health = _signed(health, sign)
    for sight in reading.sights:
        health = _own(health, sight.sensor, "availability", at, wrong=not sight.seen)
    if reading.bridge is not None:
        health = _with(health, bridge=health.bridge.seen(at, wrong=not reading.bridge))
    return health


def _signed(health: Health, sign: Sign) -> Health:
    if sign.sensor in health.own or health.hushed is not None:
        own = {sensor: why for sensor, why in health.own.items() if sensor != sign.sensor}
        health = _with(health, own=own, hushed=None)
    known = health.customs.get(sign.sensor)
    tells = sign.battery is not None or sign.low is not None
    if known is not None and not tells and health.listened - known.heard < SAME_MINUTE:
        return health  # nearly always, where people are up
    if replaced(known, sign):
        health = _with(health, replaced=health.replaced + 1)
    custom = heard(known, sign, health.listened)
    if custom is known:
        return health
    customs = {**health.customs, sign.sensor: custom}
    if health.all is not None and health.listened - health.all.heard < SAME_MINUTE:
        return _with(health, customs=customs)
    return _with(health, customs=customs, all=heard(health.all, Sign(sign.home, sign.sensor, sign.at), health.listened))


def _own(health: Health, sensor: SensorId, reason: str, at: datetime, *, wrong: bool) -> Health:
    known = health.own.get(sensor)
    before = known.reasons if known is not None else ()
    reasons = tuple(one for one in OWN if (one in before if one != reason else wrong))
    if reasons == before:
        return health
    own = {other: why for other, why in health.own.items() if other != sensor}
    if reasons:
        own[sensor] = Unseen(known.since if known is not None else at, reasons)
    return _with(health, own=own)


def _looked(health: Health, now: datetime, site: Site) -> Health:
    """Look at who has missed a check-in; first whether that is everybody, for then it is none of theirs."""
    health = _with(health, looked_at=now)
    everyone = health.all
    if everyone is not None and health.hushed is None and health.listened - everyone.heard >= SITE_MIN:
        limit = silence(everyone, SITE_MIN)
        clocks = sum(check_in(one) is not None for one in health.customs.values())
        if clocks >= SITE_CLOCKS and limit is not None and limit <= health.listened - everyone.heard <= CHECK_IN_MAX:
            # Nobody has been listening since, as it turns out: none of them is to blame for that.
            health = _with(health, hushed=everyone.heard_at, listened=everyone.heard)
    if not listening(health):
        return health
    for _, sensor in _sensors(site):
        custom = health.customs.get(sensor.id)
        if custom is None or health.listened - custom.heard < CHECK_IN_MIN:
            continue  # nearly always
        limit = check_in(custom, _says(site, sensor))
        if limit is not None and health.listened - custom.heard >= limit:
            health = _own(health, sensor.id, "check-in", now, wrong=True)
    return health


# What is told.

_BUILDING_KEYS = tuple(str(what) for what in sorted(BUILDING))
_OURS = BUILDING | {What.BATTERY, What.LINK_WEAK}
_LASTS = {
    What.BROKER_LOST: "broker",
    What.BRIDGE_LOST: "bridge",
    What.CLOCK_STEP: "clock",
    What.DISK: "disk",
    What.CHANNEL: "channel",
}
"""Where the health remembers since when each of these lasts."""


def _of_building(health: Health, now: datetime, site: Site) -> Iterator[tuple[str, Finding]]:
    def due(what: What, lasting: Lasting, after: timedelta) -> bool:
        if lasting.since is None or what in health.standing:
            return lasting.since is not None
        return lasting.wrong and now - lasting.since >= after

    def finding(
        what: What, since: datetime | None, after: timedelta, value: float | None = None
    ) -> tuple[str, Finding]:
        began = since or now
        blind = _all_sensors(site, behind_bridge=what is What.BRIDGE_LOST) if what in _BLINDING else ()
        return what, Finding(
            at=max(began, min(now, began + after)),
            home=building_of(site.id),
            what=what,
            since=began,
            episode=began,
            limit=after / timedelta(minutes=1) if after else None,
            value=value,
            blind=blind,
        )

    if due(What.BROKER_LOST, health.broker, BROKER_AFTER):
        yield finding(What.BROKER_LOST, health.broker.since, BROKER_AFTER)
    hides = health.broker.since is not None and What.BRIDGE_LOST not in health.standing  # one cause, one alert
    if not hides and due(What.BRIDGE_LOST, health.bridge, BRIDGE_AFTER):
        yield finding(What.BRIDGE_LOST, health.bridge.since, BRIDGE_AFTER)
    elif not hides and health.hushed is not None:
        yield finding(What.BRIDGE_LOST, health.hushed, now - health.hushed)
    if health.clock.since is not None:
        yield finding(What.CLOCK_STEP, health.clock.since, timedelta(0), round(health.step))
    if due(What.DISK, health.disk, timedelta(0)):
        yield finding(What.DISK, health.disk.since, timedelta(0), round(health.free / 10**6))
    if due(What.CHANNEL, health.channel, timedelta(0)):
        key, found = finding(What.CHANNEL, health.channel.since, timedelta(0))
        yield key, msgspec.structs.replace(found, channel=", ".join(health.mute))


def _of_sensors(
    health: Health, now: datetime, site: Site, ill: Callable[[HomeId, SensorId], bool]
) -> Iterator[tuple[str, Finding]]:
    joint = set[SensorId]()
    for home in site.homes if health.own else ():
        for key, finding in _of_home(health, now, home, site, ill):
            joint.update(finding.blind)
            yield key, finding
    for home, sensor in _sensors(site):
        custom, unseen = health.customs.get(sensor.id), health.own.get(sensor.id)
        if unseen is not None and sensor.id not in joint:
            limit = check_in(custom, _says(site, sensor)) if custom and "check-in" in unseen.reasons else None
            standing = _key(What.SENSOR_SILENT, sensor.id) in health.standing
            sure_at = _sure_at(health, sensor, now, site)
            if standing or (sure_at is not None and listening(health) and not ill(home.id, sensor.id)):
                since = custom.heard_at if custom is not None else unseen.since
                yield _about(home, sensor, What.SENSOR_SILENT, sure_at or now, since=min(since, now), limit=limit)
        if custom is None:
            continue
        tells = custom.low or bool(custom.battery)
        if tells and _runs_out(custom, standing=_key(What.BATTERY, sensor.id) in health.standing):
            percent = custom.battery[0] if custom.battery else None
            early = percent is not None and percent > BATTERY_LOW and not custom.low
            yield _about(home, sensor, What.BATTERY, now, value=percent, early=early)
        if custom.link is None or custom.link >= LINK_BACK:
            continue  # nearly always
        weak = LINK_BACK if _key(What.LINK_WEAK, sensor.id) in health.standing else LINK_WEAK
        if custom.link < weak:
            yield _about(home, sensor, What.LINK_WEAK, now, value=custom.link)


def _of_home(
    health: Health, now: datetime, home: Home, site: Site, ill: Callable[[HomeId, SensorId], bool]
) -> Iterator[tuple[str, Finding]]:
    """Tell of sensors of a home that fell silent together: its power is off, or a router that they speak by."""
    unseen = {sensor.id: _fell(health, sensor.id) for sensor in home.sensors if sensor.id in health.own}
    for key, one in health.standing.items():
        if one.home == home.id and one.sensor is None:  # stands until the last of them is heard again
            left = tuple(sorted(sensor for sensor, (heard_at, _) in unseen.items() if heard_at <= one.since + TOGETHER))
            if left:
                yield key, _together(home, one.what, now, since=one.since, blind=left)
            unseen = {sensor: fell for sensor, fell in unseen.items() if sensor not in left}
    for sensor in home.sensors:
        sure_at = _sure_at(health, sensor, now, site) if sensor.id in unseen else None
        if sure_at is None or not listening(health):
            continue
        heard_at, usual = unseen[sensor.id]
        # The one that was heard last says when it was. Each of the others may have fallen silent then, if until
        # then it had been silent for no longer than it usually is.
        since = max(other for other, _ in unseen.values() if other - heard_at <= usual + TOGETHER)
        blind = tuple(sorted(one for one, (at, its) in unseen.items() if at <= since and since - at <= its + TOGETHER))
        if len(blind) < 2 or all(ill(home.id, one) for one in blind):  # noqa: PLR2004  # that is one by itself
            continue
        speaks = {one.id for one in home.sensors if one.id in health.customs and one.kind is not Kind.BUTTON}
        what = What.GATEWAY_GAP if speaks <= set(blind) else What.SENSOR_SILENT
        yield _key(what, None, home.id), _together(home, what, sure_at, since=min(since, sure_at), blind=blind)
        return


def _fell(health: Health, sensor: SensorId) -> tuple[datetime, timedelta]:
    """Return when a sensor that is not heard was last heard, and for how long it usually is silent."""
    custom = health.customs.get(sensor)
    if custom is None:
        return health.own[sensor].since, timedelta(0)
    usual = min(statistics.median(custom.days), CHECK_IN_MAX) if custom.days else 0.0
    return custom.heard_at, timedelta(minutes=usual)


def _sure_at(health: Health, sensor: Sensor, now: datetime, site: Site) -> datetime | None:
    """Return since when it is certain that a sensor is not there, however late one looked; None if it is not yet."""
    custom, unseen = health.customs.get(sensor.id), health.own[sensor.id]
    checks_in = (
        "check-in" in unseen.reasons and custom is not None and check_in(custom, _says(site, sensor)) is not None
    )
    sure_at = unseen.since if checks_in else unseen.since + AWAY_AFTER
    return sure_at if sure_at <= now else None


def _says(site: Site, sensor: Sensor) -> float | None:
    """Return how often a sensor's model is known to speak though nothing happens, in minutes."""
    device = site.devices.get(sensor.id)
    known = None if device is None else models.find(device.family, device.model)
    return None if known is None else known.check_in_min


def _together(home: Home, what: What, at: datetime, *, since: datetime, blind: tuple[SensorId, ...]) -> Finding:
    return Finding(at=at, home=home.id, what=what, since=since, episode=since, blind=blind)


def _runs_out(custom: Custom, *, standing: bool) -> bool:
    """Whether a battery is low by two messages, or by the sensor's own word, or will be within `BATTERY_DAYS`."""
    if custom.low:
        return True
    if not custom.battery:
        return False
    lasts = lasts_days(custom)
    if lasts is not None and lasts <= BATTERY_DAYS:
        return True
    if standing:
        return custom.battery[0] < BATTERY_BACK
    return len(custom.battery) > 1 and max(custom.battery) <= BATTERY_LOW


def _about(
    home: Home,
    sensor: Sensor,
    what: What,
    at: datetime,
    *,
    since: datetime | None = None,
    limit: float | None = None,
    value: float | None = None,
    early: bool = False,
) -> tuple[str, Finding]:
    return _key(what, sensor.id), Finding(
        at=at,
        home=home.id,
        what=what,
        since=since or at,
        episode=since or at,
        limit=limit,
        value=value,
        early=early,
        sensor=sensor.id,
        room=sensor.room,
    )


def _cleared(one: Standing, now: datetime) -> Cleared:
    return Cleared(at=now, home=one.home, what=one.what, since=one.since, episode=one.since, sensor=one.sensor)


# Which sensors are seen.


def _sights(
    health: Health,
    now: datetime,
    site: Site,
    paused_until: Mapping[SensorId, datetime],
    barred: Container[SensorId],
) -> tuple[Health, list[SensorSight]]:
    """Return a record for each sensor that is seen, or not, otherwise than was last told."""
    common = _common(health)
    joined = "+".join(common)
    paused = {sensor for sensor, until in paused_until.items() if now < until}
    if joined == health.site_shown and not (health.own or health.shown or paused or barred):
        return health, []  # nearly always
    shown, sights = dict(health.shown), list[SensorSight]()
    for home, sensor in _sensors(site):
        own, device = health.own.get(sensor.id), site.devices.get(sensor.id)
        behind = device is None or device.family is Family.ZIGBEE2MQTT
        of_all = common if behind else tuple(one for one in common if one != "bridge")  # others need no bridge
        unasked = ((PAUSED, sensor.id in paused), (BARRED, sensor.id in barred))
        reasons = (
            *of_all,
            *(own.reasons if own is not None else ()),
            *(reason for reason, so in unasked if so),
        )
        reason, before = "+".join(reasons), shown.get(sensor.id, "")
        if reason == before:
            continue
        over = is_paused(before) and not is_barred(before) and sensor.id not in paused
        at = min(now, paused_until.get(sensor.id, now)) if over else now  # dated by the pause's end, however late
        sights.append(SensorSight(at=at, home=home.id, sensor=sensor.id, seen=not reason, reason=reason))
        shown[sensor.id] = reason
        if not reason:
            del shown[sensor.id]
    return _with(health, shown=shown, site_shown=joined) if sights or joined != health.site_shown else health, sights


def _common(health: Health) -> tuple[str, ...]:
    """Return why no sensor of the building is heard, if none is."""
    holds = {
        "broker": What.BROKER_LOST in health.standing,
        "bridge": health.bridge.wrong or What.BRIDGE_LOST in health.standing,
    }
    return tuple(reason for reason, so in holds.items() if so)


def _sight_recalled(health: Health, sight: SensorSight) -> Health:
    reasons = tuple(one for one in REASONS if one in sight.reason.split("+"))
    shown = {sensor: why for sensor, why in health.shown.items() if sensor != sight.sensor}
    own = {sensor: why for sensor, why in health.own.items() if sensor != sight.sensor}
    if reasons:
        shown[sight.sensor] = sight.reason
    if any(one in OWN for one in reasons):
        known = health.own.get(sight.sensor)
        since = known.since if known is not None else sight.at
        own[sight.sensor] = Unseen(since, tuple(one for one in OWN if one in reasons))
    bridge = health.bridge.seen(sight.at, wrong="bridge" in reasons)
    return _with(health, shown=shown, own=own, bridge=bridge)


def _sensors(site: Site) -> Iterator[tuple[Home, Sensor]]:
    return ((home, sensor) for home in site.homes for sensor in home.sensors)


_BLINDING = (What.BROKER_LOST, What.BRIDGE_LOST)


def _all_sensors(site: Site, *, behind_bridge: bool) -> tuple[SensorId, ...]:
    others = {one for one, device in site.devices.items() if device.family is not Family.ZIGBEE2MQTT}
    return tuple(sorted(sensor.id for _, sensor in _sensors(site) if not behind_bridge or sensor.id not in others))


def _key(what: What, sensor: SensorId | None, home: HomeId | None = None) -> str:
    if sensor is not None:
        return f"{what} {sensor}"
    return str(what) if home is None or what in BUILDING else f"{what} {home}"


_with = msgspec.structs.replace
