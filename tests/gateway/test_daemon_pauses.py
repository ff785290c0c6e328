"""A pause in the daemon, with a real broker and a real journal: what is said in it is acknowledged, and nowhere."""

from care.ids import Asker, StaffId
from care.measures import Basis, Consenting, MeasureAgreed, Purpose
from care.pauses import Paused, PauseReason
from care.records import Record
from detectors.findings import Finding, Sight, Status
from detectors.homes import Kind
from tests.gateway.daemons import HOME, Building, events, ordered, seen
from tests.stories import brief, instant


def sights(records: list[Record]) -> list[Sight]:
    return [one.sight for one in records if isinstance(one, Status)]


def test_a_paused_home_is_not_kept_its_button_is_and_it_ends_by_itself_after_a_restart(building: Building) -> None:
    building.clock(instant("22:40"))
    building.say("12/bed", seen("22:40", occupancy=True))
    building.until(lambda records: len(events(records)) == 1)
    building.clock(instant("23:00"))
    order = Paused(
        at=instant("23:00"),
        home=HOME.id,
        resident=HOME.resident,
        by=Asker("s-1"),
        until=instant("00:00"),
        why=PauseReason.CLIENT,
    )
    ordered(building, 1, order)
    building.until(lambda records: sights(records)[-1] is Sight.PAUSED)
    building.clock(instant("23:10"))
    building.say("12/bed", seen("23:10", occupancy=False))
    building.say("12/badkamer", seen("23:11", occupancy=True))
    building.stop()
    building.start()
    building.clock(instant("23:20"))
    building.say("12/button", seen("23:20", action="single"))
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["23:20 button"]
    assert [one.sensor for one in events(records)] == ["12/bed", "12/button"]
    building.clock(instant("00:02"))
    records = building.until(lambda records: sights(records)[-1] is Sight.WATCHED)
    (last,) = [one for one in records if isinstance(one, Status)][-1:]
    assert last.at == instant("00:00")


def test_on_its_last_day_a_measure_ends_by_itself_and_a_new_word_is_heard_at_once(building: Building) -> None:
    def order(since: str, until: str) -> MeasureAgreed:
        return MeasureAgreed(
            at=instant(since),
            home=HOME.id,
            resident=HOME.resident,
            kinds=(Kind.BED, Kind.MOTION, Kind.DOOR),
            purpose=Purpose.HELP,
            basis=Basis.AGREED,
            consenting=Consenting.CLIENT,
            by=StaffId("s-1"),
            review=instant(until),
        )

    building.clock(instant("22:30"))
    ordered(building, 1, order("22:30", "23:00"))
    building.say("12/bed", seen("22:40", occupancy=True))
    building.until(lambda records: len(events(records)) == 1)
    building.clock(instant("23:00"))
    records = building.until(lambda records: sights(records)[-1] is Sight.PAUSED)
    (last,) = [one for one in records if isinstance(one, Status)][-1:]
    assert set(last.barred) == {one.id for one in HOME.sensors if one.kind is not Kind.BUTTON}
    building.stop()
    building.start()
    building.clock(instant("23:10"))
    building.say("12/bed", seen("23:10", occupancy=False))
    building.say("12/button", seen("23:20", action="single"))
    building.clock(instant("23:20"))
    building.until(lambda records: any(isinstance(one, Finding) for one in records))
    ordered(building, 2, order("23:30", "05:00"))
    building.until(lambda records: sights(records)[-1] is not Sight.PAUSED)
    building.clock(instant("23:40"))
    building.say("12/bed", seen("23:40", occupancy=True))
    records = building.until(lambda records: len(events(records)) == 3)
    assert [one.sensor for one in events(records)] == ["12/bed", "12/button", "12/bed"]
