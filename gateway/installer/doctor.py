"""What is wrong with a building and what to do next, worst first, from facts that were gathered elsewhere. Pure.

Each complaint says what, why that matters to who lives there, and what to do: mostly a command to copy. What could
not be looked at is a fact too (`gateway.installer.examination`), and is said.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from care.homes import Site
from care.language import mark
from gateway import health
from gateway.customs import Custom
from gateway.installer import survey
from gateway.installer.machine import BROKER_FILES, MOSQUITTO
from gateway.installer.settings import Difference, Mismatch
from gateway.installer.survey import Advice, Surveyed, Verdict

PROBE = 30  # messages that a broker is asked to hand over at once: more than mosquitto does by its own settings
QUIET_MAX = timedelta(minutes=3)  # a gateway writes something every minute
SNAPSHOT_MAX = timedelta(hours=3)  # it keeps one every half hour
WAITS_MAX = timedelta(hours=2)  # that a record waits for the centre
RENEWS_BEFORE = timedelta(days=90)  # of a year: it is renewed when a third is left
APART_MAX_S = 120.0  # a clock that is off by less does no harm (`gateway.health.STEP`)
WORN_MAX = 0.9
NAMED_MAX = 8  # sensors or places named in one complaint


class Urgency(StrEnum):
    """How soon something must be done about it; in this order."""

    NOW = "now"  # somebody is not watched, or nobody hears of it
    TODAY = "today"  # before the installer leaves
    LATER = "later"


SAID = {Urgency.NOW: mark("Now"), Urgency.TODAY: mark("Today"), Urgency.LATER: mark("Later")}


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    check: str  # which part: broker, certificate, clock, disk, gateway, centre, zigbee, plan, sensors, proofs
    urgency: Urgency
    what: Advice
    why: Advice
    do: Advice
    more: tuple[Advice, ...] = ()  # of what it is made up


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """The building's broker, as it was met."""

    address: str
    fault: str = ""  # why it did not answer
    refused: str = ""  # why it did not let us in, though it answered
    strangers: bool | None = None  # whether it lets in who gives no password
    handed_over: int | None = None  # messages, of `PROBE`, before the first was acknowledged


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """Who this gateway is to its centre, as its files say."""

    folder: str
    enrolled: bool = False
    fault: str = ""  # why they cannot be read
    site: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    of_authority: bool = True  # signed by the authority that lies beside it
    of_key: bool = True  # for the key that lies with it
    open_to_others: tuple[str, ...] = ()  # files with a key that not only their owner may read


class Trust(StrEnum):
    """Why there is no TLS with the centre's broker."""

    AWAY = "away"
    REVOKED = "revoked"
    REFUSED = "refused"  # it does not take our certificate
    STRANGE = "strange"  # we do not take its


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """The centre's broker, as it was met. Nothing was said there: one gateway is connected at a time."""

    address: str
    trust: Trust | None = None  # None: it lets us in
    fault: str = ""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of this machine. What is not known is None."""

    of_centre_s: float | None = None  # by which it is ahead of the centre's
    synchronised: bool | None = None
    keeps_time: bool | None = None  # without power: it has a clock that runs on (RTC)


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk with the journal."""

    folder: str
    free: int = 0  # bytes
    total: int = 0
    refuses: str = ""  # why nothing can be written there
    worn: float | None = None  # share of the life of its memory


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway's journal says."""

    file: str
    fault: str = ""  # why it cannot be read
    written_at: datetime | None = None
    snapshot_at: datetime | None = None  # the date of the record that it follows
    waits_since: datetime | None = None  # the oldest record that the centre is not known to have
    waiting: int = 0  # records that it is not known to have
    customs: dict[str, Custom] = {}  # of each sensor that was heard by the last snapshot
    said_at: dict[str, datetime] = {}  # of each sensor that said something on the last day: when it last did
    unseen: dict[str, str] = {}  # sensors that are silent now, with the reasons (`gateway.health`)
    watches_otherwise: int = 0  # parts of the plan by which the gateway does not watch yet
    troubles: tuple[tuple[str, str], ...] = ()  # topic and why, of each message of the last day that was not understood


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """What Zigbee2MQTT says."""

    fault: Advice | None = None  # why it could not be asked
    channel: int = 0
    said_at: datetime | None = None  # when it last told how it is, by its own clock: within the last ten minutes or so
    differences: tuple[Difference, ...] = ()
    gone: frozenset[str] = frozenset()  # friendly names of sensors that it says are off line
    routers: tuple[survey.Router, ...] = ()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen of a building. A part that was not looked at is None, and `could_not` says why."""

    site: Site
    plan: str  # the file
    unit: str = ""  # the state of the gateway's service: "active", "failed", ...; "" if nobody could say
    broker: Broker | None = None
    papers: Papers | None = None
    centre: Centre | None = None
    clock: Clock = Clock()
    disk: Disk | None = None
    journal: Journal | None = None
    bridge: Bridge | None = None
    unproven: dict[str, str] | None = None  # home, to why it is not proven, in the reader's language
    could_not: tuple[Advice, ...] = ()


def diagnosed(facts: Facts, now: datetime) -> tuple[Complaint, ...]:
    """Return what is wrong, worst first; nothing where nothing was found."""
    found: list[Complaint] = []
    if facts.broker is not None:
        found += _broker(facts.broker, facts.plan)
    found += _gateway(facts, now)
    if facts.disk is not None:
        found += _disk(facts.disk)
    if facts.papers is not None:
        found += _papers(facts.papers, facts, now)
    if facts.centre is not None:
        found += _centre(facts.centre, facts.plan)
    found += _clock(facts.clock)
    if facts.bridge is not None:
        found += _bridge(facts.bridge, facts.plan, now)
    found += _sensors(facts, now)
    if facts.unproven:
        found += _proofs(facts.unproven, facts.plan)
    return tuple(sorted(found, key=lambda one: list(Urgency).index(one.urgency)))


_HEARS_NOTHING = mark("Without it no sensor is heard, and nobody is watched over.")
_ENROL = mark("Ask the centre for a code. Then: nachtwacht gateway enroll --plan {plan} --centre https://...")
_LOG = mark("Look in its log: journalctl --unit nachtwacht-gateway")
_SET_CLOCK = mark("Set the clock: timedatectl set-ntp true")
_WRONG_TIME = mark("Alerts get a wrong time, and the centre may not take the certificate.")
_DESK_DEAF = mark("The building watches, but the desk does not hear of it.")
_APPLY = mark("Make them agree: nachtwacht plan apply {plan} --journal {journal}")


def _broker(broker: Broker, plan: str) -> Iterator[Complaint]:
    if broker.fault:
        yield _now(
            "broker",
            _say(mark("No broker answers at {address}: {fault}."), address=broker.address, fault=broker.fault),
            _say(_HEARS_NOTHING),
            _say(mark("Start it: systemctl restart mosquitto. If it stops: journalctl --unit mosquitto")),
        )
        return
    if broker.refused:
        line = mark("The broker at {address} does not let the gateway in: {fault}.")
        yield _now(
            "broker",
            _say(line, address=broker.address, fault=broker.refused),
            _say(_HEARS_NOTHING),
            _say(
                mark(
                    "Make its password: nachtwacht gateway passwords --plan {plan} --folder {folder}. Then reload it."
                ),
                plan=plan,
                folder=str(BROKER_FILES),
            ),
        )
    if broker.strangers:
        yield _today(
            "broker",
            _say(mark("The broker lets in who gives no password.")),
            _say(mark("Whoever is on this network can then say that a bed is occupied.")),
            _say(mark("Let it read {file}, and: systemctl restart mosquitto"), file=str(MOSQUITTO)),
        )
    if broker.handed_over is not None and broker.handed_over < PROBE:
        yield _today(
            "broker",
            _say(
                mark("The broker hands over {count} messages at a time: it runs by its own settings, not by ours."),
                count=broker.handed_over,
            ),
            _say(mark("By its own it drops what waits too long, and forgets all at a power cut.")),
            _say(mark("Let it read {file}, and: systemctl restart mosquitto"), file=str(MOSQUITTO)),
        )


def _gateway(facts: Facts, now: datetime) -> Iterator[Complaint]:
    journal = facts.journal
    if facts.unit not in {"", "active", "activating", "reloading"}:
        yield _now(
            "gateway",
            _say(mark("The gateway does not run: systemd says {state}."), state=facts.unit),
            _say(mark("Nobody watches over this building.")),
            _say(
                mark("Start it: systemctl restart nachtwacht-gateway. If it stops: journalctl --unit {unit}"),
                unit=_UNIT,
            ),
        )
    if journal is None:
        return
    if journal.fault:
        yield _now(
            "gateway",
            _say(mark("The journal cannot be read: {fault}."), fault=journal.fault),
            _say(mark("What the gateway heard stands there. Without it nothing is found.")),
            _say(mark("Is {file} right, and may you read it? Else: {do}"), file=journal.file, do=_UNIT_LOG),
        )
        return
    quiet = None if journal.written_at is None else now - journal.written_at
    if facts.unit in {"", "active"} and (quiet is None or quiet > QUIET_MAX):
        line = mark("The gateway has written nothing for {minutes} minutes.")
        what = _say(mark("The gateway has never written anything.")) if quiet is None else _minutes(line, quiet)
        yield _now(
            "gateway", what, _say(mark("It writes every minute. Else nobody watches over this building.")), _say(_LOG)
        )
    if journal.written_at and journal.snapshot_at and journal.written_at - journal.snapshot_at > SNAPSHOT_MAX:
        yield _later(
            "gateway",
            _minutes(
                mark("What the gateway remembers was last kept {minutes} minutes ago."), now - journal.snapshot_at
            ),
            _say(mark("A start then takes longer, and nobody watches meanwhile.")),
            _say(_LOG),
        )
    noted_at = journal.snapshot_at  # up to where the centre has everything is noted with it
    if (
        journal.waits_since is not None
        and noted_at is not None
        and noted_at - journal.waits_since > WAITS_MAX
        and facts.papers
        and facts.papers.enrolled
    ):
        line = mark("Records that the centre is not known to have: {count}, the oldest of {day}.")
        yield _now(
            "centre",
            _say(line, count=journal.waiting, day=_day(journal.waits_since)),
            _say(_DESK_DEAF),
            _say(_LOG),
        )
    if journal.watches_otherwise:
        yield _now(
            "plan",
            _say(
                mark("The gateway does not watch by this plan yet. Differences: {count}."),
                count=journal.watches_otherwise,
            ),
            _say(mark("A sensor that it does not know is not heard.")),
            _say(_APPLY, plan=facts.plan, journal=journal.file),
        )
    if journal.troubles:
        yield _today(
            "sensors",
            _say(mark("Messages of the last day that were not understood: {count}."), count=len(journal.troubles)),
            _say(mark("What was in them did not reach anybody.")),
            _say(mark("Look at them: nachtwacht gateway troubles --journal {file}"), file=journal.file),
            _listed(
                _say(mark("{topic}, {times} times: {why}"), topic=topic, times=times, why=why)
                for (topic, why), times in Counter(journal.troubles).most_common()
            ),
        )


def _disk(disk: Disk) -> Iterator[Complaint]:
    values = {"folder": disk.folder, "free": f"{disk.free / 10**6:.0f}"}
    if disk.refuses:
        yield _now(
            "disk",
            _say(mark("Nothing can be written in {folder}: {fault}."), folder=disk.folder, fault=disk.refuses),
            _say(mark("What the sensors say is then not kept, and nobody is watched over.")),
            _say(mark("Look at the disk: dmesg --level err. A card that is read-only is worn out: replace it.")),
        )
    elif disk.free < max(health.DISK_MIN, health.DISK_SHARE * disk.total):
        yield _now(
            "disk",
            _say(mark("The disk with {folder} is nearly full: {free} MB are free."), **values),
            _say(mark("When it is full the gateway cannot write what it hears.")),
            _say(mark("Look what fills it: du -xd 2 / | sort -n | tail")),
        )
    if disk.worn is not None and disk.worn >= WORN_MAX:
        yield _later(
            "disk",
            _say(mark("The memory of this machine is worn: {percent} % of its life."), percent=round(100 * disk.worn)),
            _say(mark("It will refuse to write some day, without a warning.")),
            _say(mark("Move to a spare gateway: nachtwacht backup --out FILE, and restore there.")),
        )


def _papers(papers: Papers, facts: Facts, now: datetime) -> Iterator[Complaint]:
    enrol = _say(_ENROL, plan=facts.plan)
    if papers.fault:
        yield _now(
            "certificate",
            _say(mark("The certificate cannot be read: {fault}."), fault=papers.fault),
            _say(_DESK_DEAF),
            enrol,
        )
        return
    if not papers.enrolled:
        yield _now("certificate", _say(mark("This gateway is not enrolled at a centre.")), _say(_DESK_DEAF), enrol)
        return
    wrong = _wrong_papers(papers, facts.site, now)
    if wrong is not None:
        yield wrong if wrong.do.message == _SET_CLOCK else msgspec.structs.replace(wrong, do=enrol)
    elif papers.valid_until is not None and papers.valid_until - now < RENEWS_BEFORE:
        yield _today(
            "certificate",
            _say(mark("The certificate ends on {day}, and was not renewed."), day=_day(papers.valid_until)),
            _say(mark("From that day on the desk does not hear this building.")),
            _say(mark("Renew it: nachtwacht gateway renew --identity {folder}"), folder=papers.folder),
        )
    if papers.open_to_others:
        yield _today(
            "certificate",
            _say(mark("Others on this machine can read the key of this gateway.")),
            _say(mark("Whoever copies it can speak to the desk as this building.")),
            _say(mark("Close it: chmod 600 {files}"), files=" ".join(papers.open_to_others)),
        )


def _wrong_papers(papers: Papers, site: Site, now: datetime) -> Complaint | None:
    """Return why the centre would not take this certificate."""
    what: Advice | None = None
    do = _say(_ENROL)
    if papers.site != site.id:
        what = _say(
            mark("The certificate is of {said}, and the plan of {site}."), said=papers.site or "?", site=site.id
        )
    elif not papers.of_key:
        what = _say(mark("Key and certificate do not belong together."))
    elif not papers.of_authority:
        what = _say(mark("The certificate is not signed by the authority that lies beside it."))
    elif papers.valid_from is not None and now < papers.valid_from:
        line = mark("The clock here says {now}, and the certificate is good from {day} on.")
        what, do = _say(line, now=_day(now), day=_day(papers.valid_from)), _say(_SET_CLOCK)
    elif papers.valid_until is not None and now >= papers.valid_until:
        line = mark("The certificate ran out on {day}, by a clock that says {now}.")
        what = _say(line, now=_day(now), day=_day(papers.valid_until))
    return None if what is None else _now("certificate", what, _say(_DESK_DEAF), do)


def _centre(centre: Centre, plan: str) -> Iterator[Complaint]:
    values = {"address": centre.address, "fault": centre.fault}
    host = centre.address.rpartition(":")[0]
    match centre.trust:
        case Trust.AWAY:
            yield _now(
                "centre",
                _say(mark("The broker of the centre at {address} does not answer: {fault}."), **values),
                _say(mark("Until it does, only the alarm in the building itself calls for help.")),
                _say(mark("Is there internet: ping {host}. If there is, call the centre."), host=host),
            )
        case Trust.REVOKED:
            what = _say(mark("The centre has taken this certificate back."))
            yield _now("centre", what, _say(_DESK_DEAF), _say(_ENROL, plan=plan))
        case Trust.REFUSED:
            what = _say(mark("The centre at {address} does not take this certificate: {fault}."), **values)
            yield _now("centre", what, _say(_DESK_DEAF), _say(_ENROL, plan=plan))
        case Trust.STRANGE:
            what = _say(mark("{address} could not prove that it is the centre: {fault}."), **values)
            do = _say(mark("Is the clock right: timedatectl. If it is, call the centre."))
            yield _now("centre", what, _say(_DESK_DEAF), do)
        case None:
            return


def _clock(clock: Clock) -> Iterator[Complaint]:
    why = _say(_WRONG_TIME)
    if clock.of_centre_s is not None and abs(clock.of_centre_s) > APART_MAX_S:
        message = mark("The clock here is {seconds} seconds from that of the centre.")
        yield _now("clock", _say(message, seconds=f"{clock.of_centre_s:+.0f}"), why, _say(_SET_CLOCK))
    if clock.synchronised is False:
        what = _say(mark("Nothing has set the clock of this machine since it started."))
        yield _today("clock", what, why, _say(_SET_CLOCK))
    if clock.keeps_time is False:
        yield _later(
            "clock",
            _say(mark("This machine has no clock that runs on without power.")),
            _say(mark("After a power cut without internet it does not know what time it is.")),
            _say(mark("Put in a clock module (RTC) with a battery; docs/runbook.md says which.")),
        )


def _bridge(bridge: Bridge, plan: str, now: datetime) -> Iterator[Complaint]:
    if bridge.fault is not None:
        do = _say(mark("Start it: systemctl restart zigbee2mqtt. If it stops: journalctl --unit zigbee2mqtt"))
        yield _now("zigbee", bridge.fault, _say(mark("No Zigbee sensor is heard meanwhile.")), do)
        return
    behind_s = 0.0 if bridge.said_at is None else (bridge.said_at - now).total_seconds()
    if behind_s > APART_MAX_S:  # what it said cannot be from the future
        message = mark("The clock here is {seconds} seconds from that of Zigbee2MQTT.")
        yield _now("clock", _say(message, seconds=f"{-behind_s:+.0f}"), _say(_WRONG_TIME), _say(_SET_CLOCK))
    opened = [one for one in bridge.differences if one.what is Mismatch.OPEN]
    ours = [one for one in bridge.differences if one.request is not None and one.what is not Mismatch.OPEN]
    others = [one for one in bridge.differences if one.request is None]
    apply = _say(mark("Make them agree: nachtwacht plan apply {plan}"), plan=plan)
    if opened:
        why = _say(mark("A sensor of somebody else can come in, and speak for a resident."))
        yield _today("zigbee", _difference(opened[0]), why, apply)
    if ours:
        yield _today(
            "plan",
            _say(mark("Zigbee2MQTT is not set as care needs it. Differences: {count}."), count=len(ours)),
            _say(mark("Events may be hidden, repeated, or come by another name.")),
            apply,
            _listed(map(_difference, ours)),
        )
    if others:
        yield _today(
            "plan",
            _say(mark("Devices that are not as the plan says: {count}."), count=len(others)),
            _say(mark("What such a sensor should see, nobody sees.")),
            _say(mark("See to each of them, then look again: nachtwacht plan diff {plan}"), plan=plan),
            _listed(map(_difference, others)),
        )
    air = survey.channel(bridge.channel)
    if air.verdict in {Verdict.FAIR, Verdict.BAD}:
        why = _say(mark("Where the Wi-Fi is busy, messages of sensors get lost."))
        do = _say(mark("Look how sensors are received: nachtwacht survey --plan {plan}"), plan=plan)
        yield _later("zigbee", air.advice, why, do)
    for one in bridge.routers:
        if one.verdict is Verdict.BAD:
            do = _say(mark("Look how sensors are received: nachtwacht survey --plan {plan}"), plan=plan)
            yield _today("zigbee", one.advice[0], _say(mark("The sensors behind it are heard poorly, or not.")), do)


def _sensors(facts: Facts, now: datetime) -> Iterator[Complaint]:
    journal = facts.journal
    if journal is None or journal.fault:
        return
    gone = facts.bridge.gone if facts.bridge is not None else frozenset[str]()
    judged = survey.survey(facts.site, {}, journal.customs, gone)
    yield from _silent(facts.site, journal, gone, now)
    yield from _weak(judged, facts.plan)
    empty = [one for one in judged if one.battery is Verdict.BAD]
    if empty:
        yield _today(
            "sensors",
            _say(mark("Batteries that will not last another month: {count}."), count=len(empty)),
            _say(mark("A sensor with an empty battery sees nothing, and says so only by its silence.")),
            _say(
                mark("Put in new ones, and trigger each sensor. Then: nachtwacht survey --plan {plan}"), plan=facts.plan
            ),
            _places(empty),
        )


def _silent(site: Site, journal: Journal, gone: frozenset[str], now: datetime) -> Iterator[Complaint]:
    places = {str(sensor.id): (name, sensor.room) for name, (_, sensor) in site.sensors.items()}
    last = {one: custom.heard_at for one, custom in journal.customs.items()}
    last |= {one: max(at, last.get(one, at)) for one, at in journal.said_at.items()}
    never = [one for one in places if one not in last]
    silent = [one for one in places if one not in never and (journal.unseen.get(one) or places[one][0] in gone)]
    silent = [one for one in silent if "paused" not in journal.unseen.get(one, "").split("+")]
    why = _say(mark("What such a sensor should see, nobody sees."))
    line = mark("{name}, {room}")
    if never:
        yield _today(
            "sensors",
            _say(mark("Sensors that the gateway never heard: {count}."), count=len(never)),
            why,
            _say(mark("Trigger each of them. If it stays silent: nachtwacht sensor discover, or look at its battery.")),
            _listed(_say(line, name=places[one][0], room=places[one][1]) for one in never),
        )
    if silent:
        since = mark("{name}, {room}: last heard {minutes} minutes ago")
        more = _listed(_minutes(since, now - last[one], name=places[one][0], room=places[one][1]) for one in silent)
        what = _say(mark("Sensors that are silent now: {count}."), count=len(silent))
        do = _say(mark("Look at battery and place of each, and trigger it."))
        yield Complaint(check="sensors", urgency=Urgency.NOW, what=what, why=why, do=do, more=more)


def _weak(judged: Sequence[Surveyed], plan: str) -> Iterator[Complaint]:
    poor = [one for one in judged if one.reach is Verdict.BAD]
    if poor:
        yield _today(
            "zigbee",
            _say(mark("Sensors that are received poorly: {count}."), count=len(poor)),
            _say(mark("Some of what they see does not arrive.")),
            _say(mark("Put a router on the way, and listen: nachtwacht survey --plan {plan}"), plan=plan),
            _listed(one.advice[0] for one in poor if one.advice),
        )


def _proofs(unproven: dict[str, str], plan: str) -> Iterator[Complaint]:
    first = next(iter(unproven)).partition("/")[2]
    yield _today(
        "proofs",
        _say(mark("Homes that are not proven by a walk test: {count}."), count=len(unproven)),
        _say(mark("Whether an alert from there reaches the desk is not known.")),
        _say(mark("Walk through each: nachtwacht walk-test --plan {plan} --home {home}"), plan=plan, home=first),
        _listed(
            _say(mark("Home {home}: {why}"), home=home.partition("/")[2], why=why) for home, why in unproven.items()
        ),
    )


_UNIT = "nachtwacht-gateway"
_UNIT_LOG = f"journalctl --unit {_UNIT}"


def _now(check: str, what: Advice, why: Advice, do: Advice) -> Complaint:
    return Complaint(check=check, urgency=Urgency.NOW, what=what, why=why, do=do)


def _today(check: str, what: Advice, why: Advice, do: Advice, more: tuple[Advice, ...] = ()) -> Complaint:
    return Complaint(check=check, urgency=Urgency.TODAY, what=what, why=why, do=do, more=more)


def _later(check: str, what: Advice, why: Advice, do: Advice) -> Complaint:
    return Complaint(check=check, urgency=Urgency.LATER, what=what, why=why, do=do)


def _say(message: str, **values: object) -> Advice:
    return Advice(message, {name: str(value) for name, value in values.items()})


def _listed(found: Iterable[Advice]) -> tuple[Advice, ...]:
    all_of_it = tuple(found)
    left = len(all_of_it) - NAMED_MAX
    return (*all_of_it[:NAMED_MAX], _say(mark("and {count} more"), count=left)) if left > 0 else all_of_it


def _places(found: Sequence[Surveyed]) -> tuple[Advice, ...]:
    return _listed(_say(mark("{name}, {room}"), name=one.name, room=one.room) for one in found)


def _difference(one: Difference) -> Advice:
    return Advice(one.message, one.values)


def _minutes(message: str, span: timedelta, **values: object) -> Advice:
    return _say(message, minutes=int(span / timedelta(minutes=1)), **values)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
