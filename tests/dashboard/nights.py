"""Made-up nights on the desk: a board with something of everything, for the tests of what it looks like."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from care.alerts import alert_of
from care.board import Board
from care.ids import AlertId, ContactId, StaffId
from care.records import Aside, By, Claimed, Delivered, Follow, Followed, How, Outcome, Plan, Record, Resolved, Shelved
from dashboard.drawing import Viewer
from dashboard.wishes import Called, First, Who, Wishes
from detectors.calibration import LeftOut
from detectors.findings import Cleared, Finding, Mark, Presence, Sight, Status, What
from detectors.homes import (
    Home,
    HomeId,
    Kind,
    Limits,
    ResidentId,
    RoomId,
    RoomKind,
    Sensor,
    SensorId,
    SiteId,
    building_of,
)
from detectors.nights import Stay, Summary

NOW = datetime(2026, 3, 3, 1, 31, 12, tzinfo=UTC)  # 02:31:12 in the Netherlands
SANNE = Viewer(staff=StaffId("s-1"), name="Sanne", initials="S.K.", language="nl")
SUSAN = Viewer(staff=StaffId("s-1"), name="Sanne", initials="S.K.", language="en")

ROOMS = {
    "slaapkamer": RoomKind.BEDROOM,
    "badkamer": RoomKind.BATHROOM,
    "gang": RoomKind.HALL,
    "keuken": RoomKind.KITCHEN,
    "woonkamer": RoomKind.LIVING,
}
LIMITS = Limits(bath=20, still=15, oob_unseen=15, oob_active=45, door=4)  # whatever the defaults are
_NAMES = {"r-wilg-12": "Jan", "r-wilg-3": "mevrouw De Vries", "r-eik-7": "Ahmed", "r-wilg-4": "Riet"}
_WISHES = {
    "r-wilg-12": Wishes(
        first=First.VIDEO,
        note="het scherm hangt in de slaapkamer",
        called=(
            Called(Who.HOME, "Jan", "085 000 02 12"),
            Called(Who.FAMILY, "Fatima", "+31 6 0000 0001"),
            Called(Who.NIGHT_TEAM, "Nachtdienst De Wilg", "085 000 02 00"),
        ),
        video="https://video.example/r-wilg-12",
    )
}
_STAFF = {"s-1": "S.K.", "s-2": "M.B."}


class People:
    """Who is who in these nights; most residents' names are not known here."""

    def resident(self, id: ResidentId) -> str | None:  # noqa: A002  # as the protocol calls it
        return _NAMES.get(id)

    def wishes(self, id: ResidentId) -> Wishes:  # noqa: A002
        return _WISHES.get(id, Wishes())

    def staff(self, id: StaffId) -> str:  # noqa: A002
        return _STAFF.get(id, "?")

    def contact(self, id: ContactId) -> str | None:  # noqa: A002
        return {"c-fatima": "Fatima"}.get(id)


def local(clock: str) -> datetime:
    """Return the instant of a local time in the night of 2 to 3 March 2026."""
    hour, minute, second = (int(part) for part in f"{clock}:00".split(":")[:3])
    return datetime(2026, 3, 2 if hour >= 12 else 3, hour, minute, second, tzinfo=UTC) - timedelta(hours=1)


def a_home(site: str, number: str, *, bed: bool = True) -> Home:
    rooms = {RoomId(room): kind for room, kind in ROOMS.items()}
    sensors = [Sensor(id=SensorId(f"{number}/{room}"), kind=Kind.MOTION, room=room) for room in rooms]
    sensors.append(Sensor(id=SensorId(f"{number}/door"), kind=Kind.DOOR, room=RoomId("gang")))
    sensors.append(Sensor(id=SensorId(f"{number}/button"), kind=Kind.BUTTON, room=RoomId("slaapkamer")))
    if bed:
        sensors.append(Sensor(id=SensorId(f"{number}/bed"), kind=Kind.BED, room=RoomId("slaapkamer")))
    return Home(
        id=HomeId(f"{site}/{number}"),
        resident=ResidentId(f"r-{site}-{number}"),
        rooms=rooms,
        sensors=tuple(sensors),
        limits=LIMITS,
    )


def a_plan(site: str, name: str, numbers: Iterable[str | int]) -> Plan:
    homes = tuple(a_home(site, str(number)) for number in numbers)
    return Plan(at=local("12:00"), site=SiteId(site), name=name, zone="Europe/Amsterdam", homes=homes)


def status(home: str, presence: Presence, since: str, *, sight: Sight = Sight.WATCHED, blind: str = "") -> Status:
    return Status(
        at=local(since),
        home=HomeId(home),
        presence=presence,
        since=local(since),
        sight=sight,
        blind=(SensorId(f"{home.partition('/')[2]}/{blind}"),) if blind else (),
    )


def seen(*lines: str) -> tuple[Mark, ...]:
    """Return marks told as "02:09 bed 0", "02:10 badkamer", "02:40 door 1"."""
    marks = []
    for line in lines:
        clock, what, *value = line.split()
        kind = {"bed": Kind.BED, "door": Kind.DOOR, "button": Kind.BUTTON}.get(what, Kind.MOTION)
        room = {"bed": "slaapkamer", "door": "gang", "button": "slaapkamer"}.get(what, what)
        marks.append(Mark(local(clock), RoomId(room), kind, float(value[0]) if value else 1.0))
    return tuple(marks)


def long_in_the_bathroom(home: str = "wilg/12") -> Finding:
    return Finding(
        at=local("02:30"),
        home=HomeId(home),
        what=What.BATH,
        since=local("02:10"),
        episode=local("02:09"),
        limit=20.0,
        room=RoomId("badkamer"),
        last_at=local("02:12"),
        last_room=RoomId("badkamer"),
        door_at=local("21:14"),
        window=seen(
            "21:14 door 1",
            "21:15 door 0",
            "21:16 gang",
            "21:20 woonkamer",
            "21:44 woonkamer",
            "22:05 keuken",
            "22:20 woonkamer",
            "22:33 badkamer",
            "22:36 badkamer",
            "22:39 slaapkamer",
            "22:41 bed 1",
            "00:37 bed 0",
            "00:38 badkamer",
            "00:41 badkamer",
            "00:43 bed 1",
            "02:09 bed 0",
            "02:09:20 slaapkamer",
            "02:10 badkamer",
            "02:11 badkamer",
            "02:12 badkamer",
        ),
    )


def gone_outside(home: str = "eik/7") -> Finding:
    return Finding(
        at=local("01:57"),
        home=HomeId(home),
        what=What.DOOR_LEFT,
        since=local("01:52"),
        episode=local("01:52"),
        limit=5.0,
        last_at=local("01:51"),
        last_room=RoomId("gang"),
        door_at=local("01:52"),
        window=seen("23:10 bed 1", "01:44 bed 0", "01:45 slaapkamer", "01:48 keuken", "01:51 gang", "01:52 door 1"),
    )


def still_up(home: str = "wilg/3") -> Finding:
    return Finding(
        at=local("01:40"),
        home=HomeId(home),
        what=What.OOB_ACTIVE,
        since=local("00:55"),
        episode=local("00:55"),
        limit=45.0,
        room=RoomId("woonkamer"),
        last_at=local("01:38"),
        last_room=RoomId("woonkamer"),
        window=seen("23:00 bed 1", "00:55 bed 0", "00:56 gang", "01:00 keuken", "01:20 woonkamer", "01:38 woonkamer"),
    )


def help_asked(home: str = "eik/3", clock: str = "02:29") -> Finding:
    return Finding(
        at=local(clock),
        home=HomeId(home),
        what=What.BUTTON,
        since=local(clock),
        episode=local(clock),
        room=RoomId("slaapkamer"),
        count=2,
        window=seen("23:00 bed 1"),
    )


def not_up(home: str = "wilg/2") -> Finding:
    """Usually up at 00:20, for this night's desk; at 02:20 not yet."""
    return Finding(
        at=local("02:20"),
        home=HomeId(home),
        what=What.LATE_RISE,
        since=local("00:20"),
        episode=local("18:00"),
        nights=28,
        last_at=local("18:10"),
        last_room=RoomId("slaapkamer"),
        window=seen("17:50 badkamer", "18:00 bed 1", "18:10 slaapkamer"),
    )


def quiet_by_day(home: str = "wilg/4") -> Finding:
    return Finding(
        at=local("02:28"),
        home=HomeId(home),
        what=What.DAY_INACTIVE,
        since=local("22:14"),
        episode=local("22:14"),
        usual=95.0,
        nights=40,
        rank=0.01,
        last_at=local("22:14"),
        last_room=RoomId("keuken"),
        window=seen("21:10 woonkamer", "22:14 keuken"),
    )


def more_visits(home: str = "wilg/7") -> Finding:
    return Finding(
        at=local("01:00"),
        home=HomeId(home),
        what=What.NOCTURIA,
        since=local("01:00") - timedelta(days=17),
        episode=local("01:00") - timedelta(days=17),
        value=2.5,
        usual=1.1,
        nights=42,
        window=seen("22:05 badkamer"),
    )


def sensor_silent(home: str = "wilg/12", sensor: str = "badkamer") -> Finding:
    number = home.partition("/")[2]
    return Finding(
        at=local("01:20"),
        home=HomeId(home),
        what=What.SENSOR_SILENT,
        since=local("01:20") - timedelta(hours=31),
        episode=local("01:20") - timedelta(hours=31),
        limit=1860.0,
        sensor=SensorId(f"{number}/{sensor}"),
        room=RoomId("badkamer"),
    )


def of_building(what: What, site: str = "wilg", since: str = "02:20", **more: object) -> Finding:
    """Return a fault of a whole building."""
    began = local(since)
    found = Finding(
        at=began + timedelta(seconds=45), home=building_of(site), what=what, since=began, episode=began, count=0
    )
    return msgspec.structs.replace(found, **more)


def over(finding: Finding, clock: str) -> Cleared:
    return Cleared(at=local(clock), home=finding.home, what=finding.what, since=finding.since, episode=finding.episode)


def claimed(finding: Finding, by: str, clock: str, *, takeover: bool = False) -> Claimed:
    return Claimed(at=local(clock), home=finding.home, alert=alert_of(finding), by=StaffId(by), takeover=takeover)


def closed(finding: Finding, by: str, clock: str, outcome: Outcome = Outcome.REASSURED) -> Resolved:
    return Resolved(
        at=local(clock),
        home=finding.home,
        alert=alert_of(finding),
        by=StaffId(by),
        outcome=outcome,
        how=How.VIDEO,
    )


def coming(finding: Finding, by: str, clock: str, there_at: str | None = None) -> Followed:
    """Say that the night team is on the way."""
    return Followed(
        at=local(clock),
        home=finding.home,
        alert=alert_of(finding),
        by=StaffId(by),
        follow=Follow.COMING,
        means=By.NIGHT_TEAM,
        there_at=None if there_at is None else local(there_at),
    )


def aside(finding: Finding, by: str, clock: str, why: Aside, until: str) -> Shelved:
    return Shelved(
        at=local(clock), home=finding.home, alert=alert_of(finding), by=StaffId(by), why=why, until=local(until)
    )


def delivered(finding: Finding, clock: str, screen: str = "a1") -> Delivered:
    return Delivered(at=local(clock), home=finding.home, alert=alert_of(finding), screen=screen)


def a_calm_night() -> Board:
    """Two buildings, everybody somewhere, and nothing to do."""
    wilg = a_plan("wilg", "De Wilg", (1, 2, 3, 4, 7, 8, 11, 12))
    eik = a_plan("eik", "De Eik", (1, 2, "2A", 3, 5, 7, 10))
    board = Board()
    add(board, wilg, eik)
    for home in (*wilg.homes, *eik.homes):
        add(board, status(home.id, Presence.BED, "23:10"))
    add(
        board,
        status("wilg/4", Presence.UP, "02:25"),
        status("eik/10", Presence.OUT, "21:40"),
    )
    hear(board)
    return board


def a_busy_night() -> Board:
    """Every state that a tile and an alert can have."""
    board = a_calm_night()
    earlier = msgspec.structs.replace(
        long_in_the_bathroom(),
        at=local("00:40"),
        since=local("00:20"),
        episode=local("00:19"),
        last_at=local("00:23"),
        window=seen("22:41 bed 1", "00:19 bed 0", "00:20 badkamer", "00:23 badkamer"),
    )
    add(
        board,
        status("wilg/8", Presence.BED, "22:50", sight=Sight.PARTLY, blind="keuken"),
        status("eik/5", Presence.UNKNOWN, "00:48", sight=Sight.BLIND),
        status("eik/2A", Presence.BED, "23:30", sight=Sight.PAUSED),
        status("eik/2", Presence.UNKNOWN, "02:00"),
        status("wilg/12", Presence.UP, "02:09", sight=Sight.PARTLY, blind="keuken"),
        earlier,
        closed(earlier, "s-2", "00:52"),
        long_in_the_bathroom(),
        delivered(long_in_the_bathroom(), "02:30:04"),
        gone_outside(),
        claimed(gone_outside(), "s-2", "01:59"),
        still_up(),
        over(still_up(), "02:20"),
    )
    return board


def a_night_of_small_things() -> Board:
    """Nothing urgent: somebody who is not up, and what may wait for the morning and for the technical service."""
    board = a_calm_night()
    add(board, not_up(), more_visits(), sensor_silent())
    return board


def contacts_only(site: str = "wilg", number: str = "3") -> Home:
    """A home with contacts on cupboards, the fridge and the toilet, and nothing that sees motion."""
    home = a_home(site, number)
    rooms = ("keuken", "badkamer", "woonkamer")
    uses = (Sensor(id=SensorId(f"{number}/{room}-use"), kind=Kind.USE, room=RoomId(room)) for room in rooms)
    doors = (sensor for sensor in home.sensors if sensor.kind is Kind.DOOR)
    return msgspec.structs.replace(home, sensors=(*uses, *doors))


def a_full_board() -> Board:
    """Two hundred homes in ten buildings, as the largest desks have."""
    board = Board()
    names = ["De Wilg", "De Eik", "De Beuk", "De Linde", "De Es", "De Iep", "De Berk", "De Olm", "De Els", "Hazelaar"]
    for row, name in enumerate(names):
        plan = a_plan(f"s{row}", name, range(1, 21))
        add(board, plan)
        for n, home in enumerate(plan.homes):
            presence = Presence.UP if (n * 7 + row * 3) % 17 == 0 else Presence.BED
            sight = Sight.PARTLY if (n * 5 + row * 11) % 47 == 0 else Sight.WATCHED
            add(board, status(home.id, presence, "02:2" + str(n % 10), sight=sight))
    add(
        board,
        status("s1/19", Presence.OUT, "21:10"),
        status("s4/14", Presence.UNKNOWN, "00:48", sight=Sight.BLIND),
        status("s6/16", Presence.BED, "23:30", sight=Sight.PAUSED),
        long_in_the_bathroom("s0/12"),
        gone_outside("s1/7"),
        claimed(gone_outside("s1/7"), "s-2", "01:59"),
    )
    hear(board)
    return board


def four_weeks(home: str = "wilg/12", *, weeks: int = 4) -> list[Record]:
    """Return the nights before this one: visits that grow, a later rise, a night away, a pause and a blind hour."""
    told: list[Record] = []
    for n in range(7 * weeks):
        back = timedelta(days=7 * weeks - n)
        number = home.partition("/")[2]
        watched = Status(at=local("20:00") - back, home=HomeId(home), presence=Presence.UP)
        told.append(watched)
        bed = local("22:40") - back + timedelta(minutes=(n * 37) % 50 - 20)
        rose = local("07:00") - back + timedelta(minutes=(n * 23) % 20 + n - 10)
        start, end = local("23:00") - back, local("07:00") - back
        up = [start + timedelta(minutes=110 * (k + 1) + (n * 13 + k * 29) % 40) for k in range(1 + n // 9)]
        stays = []
        since = max(start, bed)
        if n == 7:
            home_again = start + timedelta(hours=2)
            stays.append(Stay(start, home_again, Presence.OUT))
            since = bed = home_again
        for at in (one for one in up if one > since):
            stays.append(Stay(since, at, Presence.BED))
            stays.append(Stay(at, at + timedelta(minutes=3), Presence.UP, RoomId("gang")))
            back_at = at + timedelta(minutes=8 + n % 5)
            stays.append(Stay(at + timedelta(minutes=3), back_at, Presence.UP, RoomId("badkamer")))
            since = back_at
        stays.append(Stay(since, min(end, rose), Presence.BED))
        if rose < end:
            stays.append(Stay(rose, end, Presence.UP, RoomId("keuken")))
        blind = {11: (Sight.BLIND, 2.0, 5.5), 20: (Sight.PAUSED, 0.0, 2.5), 24: (Sight.PARTLY, 1.0, 7.0)}.get(n)
        if blind is not None:
            sight, first, last = blind
            sensors = (SensorId(f"{number}/keuken"),) if sight is Sight.PARTLY else ()
            told += [
                msgspec.structs.replace(watched, at=start + timedelta(hours=first), sight=sight, blind=sensors),
                msgspec.structs.replace(watched, at=start + timedelta(hours=last)),
            ]
        told.append(
            Summary(
                at=end,
                home=HomeId(home),
                night=(local("20:00") - back).date(),
                whole=True,
                left_out=LeftOut.OUTAGE if blind is not None else None,
                exits=len(up),
                minutes_out=9.0 * len(up),
                visits=len(up),
                to_bed=bed,
                rose=rose,
                stays=tuple(stays),
            )
        )
    return told


def add(board: Board, *records: Record) -> None:
    for record in records:
        board.add(record, recorded_at=record.at + timedelta(seconds=2))


def hear(board: Board, at: datetime = NOW) -> None:
    for site in board.plans:
        board.heard(site, at - timedelta(seconds=3))


def alert_in(board: Board, home: str) -> AlertId:
    """Return the newest alert of a home."""
    return board.alerts_of(HomeId(home))[0].id
