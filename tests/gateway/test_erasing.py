"""A home that the centre orders to be forgotten is gone from the building at once, and everybody else's stays."""

import contextlib
import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal, link
from care.alerts import alert_of
from care.erasing import Forget, Forgot
from care.ids import AlertId, StaffId
from care.journal import Cursor
from care.link import Batch
from care.records import CENTRE, Claimed, Plan, Record, Trouble, Unreadable
from detectors.findings import Finding, What
from detectors.moments import SensorEvent
from gateway import erasing
from gateway.erasing import Order
from gateway.watch import Watch
from tests.gateway.daemons import HOME, Building, ordered, seen
from tests.gateway.kept import kept
from tests.stories import a_home, a_site, event, instant

HERS, NEXT = a_home(), a_home("14")
SITE = a_site(HERS, NEXT)
UNTIL = instant("03:00")
CLOCKS = st.sampled_from([f"{hour:02}:{minute:02}" for hour in (1, 2, 3, 4) for minute in (0, 20, 40)])


def of_an_hour(clock: str, home_is_hers: bool, what: str) -> list[Record]:
    at, home = instant(clock), HERS if home_is_hers else NEXT
    found = Finding(at=at, home=home.id, what=What.BUTTON, since=at, episode=at)
    match what:
        case "event":
            return [event(home, f"{clock} bed out")]
        case "found":
            return [found, Claimed(at=at, home=home.id, alert=alert_of(found), by=StaffId("s-1"))]
        case "plan":
            return [Plan(at=at, site=SITE.id, name=SITE.name, zone=SITE.zone, homes=SITE.homes)]
    name = next(name for name, place in SITE.friendly.items() if place[0] == home.id)
    return [Unreadable(at=at, topic=f"zigbee2mqtt/{name}", trouble=Trouble.NO_VALUE, why="?", payload=b"{}")]


HAPPENED = st.lists(
    st.tuples(CLOCKS, st.booleans(), st.sampled_from(["event", "found", "plan", "unreadable"])), max_size=30
)


@settings(max_examples=40, deadline=None)
@given(happened=HAPPENED, waits=st.booleans(), turns=st.integers(1, 4))
def test_whenever_it_is_stopped_all_of_that_home_leaves_but_what_an_alert_still_needs_and_nothing_else(
    happened: list[tuple[str, bool, str]], waits: bool, turns: int
) -> None:
    records = [one for some in happened for one in of_an_hour(*some)]
    hers = [alert_of(one) for one in records if isinstance(one, Finding) and one.home == HERS.id and one.at < UNTIL]
    pending: list[AlertId] = hers[:1] if waits else []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.db"
        with contextlib.closing(journal.connect(file)) as db:
            journal.append(db, records, recorded_at=instant("05:00"))
            order = Forget(at=instant("05:10"), home=HERS.id, until=UNTIL)
            (entry,) = journal.append(
                db, [order], recorded_at=instant("05:10"), origin=CENTRE, cursor=Cursor("centre", 1)
            )
            journal.append(db, [event(NEXT, "05:20 bed in")], recorded_at=instant("05:20"))
            before = kept(db)
        known, answer = Order(entry.number, order), None
        for _ in range(200):
            with contextlib.closing(journal.connect(file)) as db:  # each turn a process of its own
                for _ in range(turns):
                    answer = answer or erasing.turn(db, known, SITE, pending, instant("05:30"), limit=3)
                if answer is not None:
                    break
                looked = db.execute("SELECT number, kept FROM forgetting").fetchone()
                if pending and looked == (entry.number - 1, looked[1]) and looked[1]:
                    needed = [one for one in kept(db) if _is_hers(one)]
                    assert {alert_of(one) for one in needed if isinstance(one, Finding)} == set(pending)
                    pending = []  # by now the centre has it
        assert isinstance(answer, Forgot)
        with contextlib.closing(journal.connect(file)) as db:
            after = kept(db)
            numbers = db.execute("SELECT number FROM journal ORDER BY number DESC").fetchall()
        assert not [one for one in after if _is_hers(one)]
        assert [one for one in after if not isinstance(one, Plan)] == [
            one for one in before if not (_is_hers(one) or isinstance(one, Plan))
        ]
        plans = [one for one in after if isinstance(one, Plan) and one.at < UNTIL]
        assert all([home.id for home in one.homes] == [NEXT.id] for one in plans)
        assert numbers[0][0] == entry.number + 1
        gone = [one for one in before if _is_hers(one) or (isinstance(one, Plan) and one.at < UNTIL)]
        assert (answer.home, answer.until, answer.asked, answer.count) == (HERS.id, UNTIL, order.at, len(gone))


def _is_hers(one: Record) -> bool:
    if isinstance(one, Forget | Plan) or one.at >= UNTIL:
        return False
    if isinstance(one, Unreadable):
        return any(one.topic.endswith(f"/{name}") for name, place in SITE.friendly.items() if place[0] == HERS.id)
    return getattr(one, "home", None) == HERS.id


def test_an_order_is_remembered_over_a_restart_and_answered_once(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        order = Forget(at=instant("05:10"), home=HERS.id, until=UNTIL)
        entries = journal.append(db, [order], recorded_at=instant("05:10"), origin=CENTRE, cursor=Cursor("centre", 1))
        watch = Watch(SITE)
        for entry in [*entries, *entries]:
            watch.hear(entry)
        assert [one.said for one in watch.forgets] == [order]
        journal.save_snapshot(db, journal.last_number(db), watch.snapshot())
        again, _ = Watch.resumed(SITE, db)
        assert again.forgets == watch.forgets
        answer = Forgot(at=instant("05:11"), home=HERS.id, until=UNTIL, asked=order.at, count=0)
        for written in journal.append(db, [answer], recorded_at=answer.at):
            again.wrote(written)
        assert again.forgets == ()
        resumed, _ = Watch.resumed(SITE, db)
        assert resumed.forgets == ()


def test_a_building_carries_it_out_tells_the_centre_and_goes_on_watching(building: Building) -> None:
    for at, value in [("22:40", True), ("22:50", False)]:
        building.clock(instant(at))
        building.say("12/bed", seen(at, occupancy=value))
    building.until(lambda records: len([one for one in records if isinstance(one, SensorEvent)]) == 2)
    building.clock(instant("23:30"))
    order = Forget(at=instant("23:00"), home=HOME.id, until=instant("23:00"))
    ordered(building, 1, order)
    records = building.until(lambda records: any(isinstance(one, Forgot) for one in records))
    (answer,) = [one for one in records if isinstance(one, Forgot)]
    assert answer.count >= 2
    assert not [one for one in records if isinstance(one, SensorEvent)]
    building.clock(instant("23:40"))
    building.say("12/bed", seen("23:40", occupancy=True))
    building.until(lambda records: any(isinstance(one, SensorEvent) for one in records))


def test_a_gateway_that_does_not_know_an_order_keeps_it_and_hears_the_next(tmp_path: Path) -> None:
    """What this version does with a kind of record of a later one is what an older one does with `forget`."""
    told = Claimed(at=UNTIL, home=HERS.id, alert=AlertId("a" * 10), by=StaffId("s-1"))
    unknown = b'{"type":"forget-still-more","at":"2026-03-03T02:00:00Z","home":"wilg/12"}'
    batch = Batch("journal-of-centre", 0, 2, (msgspec.Raw(unknown), msgspec.Raw(link.encode(told))))
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        have, entries = link.take(db, CENTRE, batch, recorded_at=UNTIL)
        assert have.number == 2
        assert [type(one.record) for one in entries] == [Unreadable, Claimed]


def test_only_the_centre_gives_the_order_and_only_its_building_answers() -> None:
    order = Forget(at=UNTIL, home=HERS.id, until=UNTIL)
    answer = Forgot(at=UNTIL, home=HERS.id, until=UNTIL, asked=UNTIL, count=1)
    assert [link._may_send(peer, one) for peer in (CENTRE, SITE.id, "eik") for one in (order, answer)] == [
        *(True, False),
        *(False, True),
        *(False, False),
    ]
