"""Every page there is, with something on it: one table for whatever is held of all of them.

A new page, or a new look of one, is a new line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from care.alerts import alert_of
from care.board import Board
from care.counted import HomeNight, NightCounted
from care.ids import StaffId
from care.measures import Basis, Consenting, MeasureAgreed, Purpose
from care.records import Aside, FellBack, Lapsed, Released
from care.upkeep import Used
from detectors.findings import Finding, What
from detectors.homes import HomeId, Kind, SiteId
from tests.dashboard.nights import (
    NOW,
    a_busy_night,
    a_calm_night,
    a_full_board,
    a_night_of_small_things,
    a_plan,
    add,
    alert_in,
    aside,
    claimed,
    closed,
    coming,
    contacts_only,
    gone_outside,
    help_asked,
    local,
    long_in_the_bathroom,
    more_visits,
    not_up,
    of_building,
    quiet_by_day,
    sensor_silent,
    still_up,
)


@dataclass(frozen=True)
class Page:
    """One page, as somebody finds it."""

    name: str
    night: Callable[[], Board]
    path: Callable[[Board], str] = lambda _: "/"
    keys: str = ""  # pressed once it is there
    live: bool = True  # whether it hears of changes


def _on(home: str) -> Callable[[Board], str]:
    return lambda board: f"/alerts/{alert_in(board, home)}"


def _of(finding: Finding) -> Callable[[Board], str]:
    return lambda _: f"/alerts/{alert_of(finding)}"


def _one(finding: Finding) -> Callable[[], Board]:
    def night() -> Board:
        board = a_calm_night()
        add(board, finding)
        return board

    return night


def _forgotten() -> Board:
    board, found = a_calm_night(), long_in_the_bathroom()
    add(board, found, claimed(found, "s-1", "02:30:10"))
    lapsed = Lapsed(at=local("02:31"), home=found.home, alert=alert_of(found), by=StaffId("s-1"))
    add(board, lapsed)
    return board


def _on_the_way() -> Board:
    board, found = a_calm_night(), long_in_the_bathroom()
    add(board, found, claimed(found, "s-2", "02:30:10"))
    add(board, coming(found, "s-2", "02:31", "02:43"))
    return board


def _aside() -> Board:
    board, found = a_night_of_small_things(), not_up()
    add(
        board,
        Released(at=local("02:25"), home=found.home, alert=alert_of(found), by=StaffId("s-1")),
        aside(found, "s-1", "02:26", Aside.VISITOR, "03:30"),
    )
    return board


def _reopened() -> Board:
    board, found = a_calm_night(), still_up()
    add(board, found, closed(found, "s-2", "01:50"))
    again = Finding(
        at=local("02:20"), home=found.home, what=What.STILL, since=local("02:00"), episode=found.episode, limit=15.0
    )
    add(board, again, FellBack(at=local("02:21"), home=found.home, alert=alert_of(found), channel="siren"))
    return board


def _silent() -> Board:
    board = a_calm_night()
    add(board, of_building(What.BUILDING_SILENT, value=8.0, count=2), sensor_silent())
    del board.heard_at[next(iter(board.plans))]
    return board


def _hardly_watched() -> Board:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", [])
    add(board, type(plan)(at=plan.at, site=plan.site, name=plan.name, zone=plan.zone, homes=(contacts_only(),)))
    return board


def _watched_with_a_ground() -> Board:
    """Give a home what ends soon, what has ended, and what was never agreed; the others have nothing."""
    board = a_busy_night()
    home = board.homes[HomeId("wilg/12")]
    kinds = ((Kind.BED, NOW + timedelta(days=20)), (Kind.DOOR, NOW - timedelta(days=5)))
    add(
        board,
        *(
            MeasureAgreed(
                at=NOW - timedelta(days=100),
                home=home.id,
                resident=home.resident,
                kinds=(kind,),
                purpose=Purpose.HELP,
                basis=Basis.AGREED,
                consenting=Consenting.CLIENT,
                by=StaffId("s-1"),
                review=review,
            )
            for kind, review in kinds
        ),
    )
    return board


def _weeks() -> Board:
    """Give six weeks of counted nights, so that every figure is there."""
    board = a_busy_night()
    for back in range(2, 44):
        rows = tuple(
            HomeNight(HomeId(f"wilg/{n}"), alerts=1, needed=n % 2, unneeded=1 - n % 2, visits=n % 2 * (back % 2),
                      remote=n % 2 * (1 - back % 2), answered_s=(20 + 7 * n,))
            for n in (1, 2, 3, 12) if (n + back) % 5 == 0
        )  # fmt: skip
        night = (NOW - timedelta(days=back)).date()
        add(board, NightCounted(at=NOW, site=SiteId("wilg"), night=night, homes=10, in_sight=0.98, rows=rows))
    return board


def _upkept() -> Board:
    """Give eight weeks of what watching took, with days of which nobody told."""
    board = a_busy_night()
    for back in range(1, 57):
        if back % 9 in {3, 4}:
            continue
        day, seconds = (NOW - timedelta(days=back)).date(), 86_400.0
        add(
            board,
            Used(at=NOW, site=SiteId("wilg"), day=day, homes=10, measured_s=seconds, cpu_s=600.0 + 10 * back,
                 written_bytes=30_000_000 + 10**5 * back, sensors_bytes=9_000_000, sent_bytes=4_000_000 - 10**4 * back,
                 heard_bytes=900_000, batteries=int(back == 20), levels=24),
            Used(at=NOW, site=SiteId("centre"), day=day, homes=26, measured_s=seconds, cpu_s=900.0,
                 written_bytes=60_000_000),
        )  # fmt: skip
    return board


PAGES = (
    Page("sign-in", Board, lambda _: "/sign-in", live=False),
    Page("sign-in-again", Board, lambda _: "/sign-in/tried", live=False),
    Page("message", Board, lambda _: "/message", live=False),
    Page("desk-without-buildings", Board),
    Page("desk-calm", a_calm_night),
    Page("desk-busy", a_busy_night),
    Page("desk-small-things", a_night_of_small_things),
    Page("desk-many-homes", a_full_board),
    Page("desk-building-silent", _silent),
    Page("desk-aside", _aside),
    Page("keys", a_busy_night, keys="?"),
    Page("alert-shown", a_busy_night, _on("wilg/12")),
    Page("alert-claimed", a_busy_night, _on("eik/7")),
    Page("alert-returned", a_busy_night, _on("wilg/3")),
    Page("alert-closed", a_busy_night, lambda board: f"/alerts/{board.last_closed.id if board.last_closed else ''}"),
    Page("alert-new", _one(long_in_the_bathroom()), _of(long_in_the_bathroom())),
    Page("alert-forgotten", _forgotten, _on("wilg/12")),
    Page("alert-on-the-way", _on_the_way, _on("wilg/12")),
    Page("alert-aside", _aside, _on("wilg/2")),
    Page("alert-open-again", _reopened, _on("wilg/3")),
    Page("alert-help", _one(help_asked()), _of(help_asked())),
    Page("alert-outside", _one(gone_outside()), _of(gone_outside())),
    Page("alert-quiet-by-day", _one(quiet_by_day()), _of(quiet_by_day())),
    Page("alert-for-the-morning", _one(more_visits()), _of(more_visits())),
    Page("alert-sensor", _one(sensor_silent()), _of(sensor_silent())),
    Page("alert-building", _silent, lambda board: f"/alerts/{alert_in(board, 'wilg/*')}"),
    Page("home", a_busy_night, lambda _: "/homes/wilg/12"),
    Page("home-28-nights", a_busy_night, lambda _: "/homes/wilg/12?nights=28"),
    Page("home-hardly-watched", _hardly_watched, lambda _: "/homes/wilg/3"),
    Page("measures", _watched_with_a_ground, lambda _: "/homes/wilg/12/measures", live=False),
    Page("measures-to-look-at", _watched_with_a_ground, lambda _: "/measures", live=False),
    Page("gateways", a_busy_night, lambda _: "/gateways"),
    Page("load", a_busy_night, lambda _: "/load"),
    Page("report", a_busy_night, lambda _: "/report"),
    Page("effect", _weeks, lambda _: "/effect?rounds=2", live=False),
    Page("upkeep", _upkept, lambda _: "/upkeep", live=False),
    Page("report-of-a-client", a_busy_night, lambda _: "/report/wilg/12"),
    Page("hand-over", a_busy_night, lambda _: "/hand-over"),
)
