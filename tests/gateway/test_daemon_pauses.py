"""A pause in the daemon, with a real broker and a real journal: what is said in it is acknowledged, and nowhere."""

from care.ids import Asker
from care.pauses import Paused, PauseReason
from care.records import Record
from detectors.findings import Finding, Sight, Status
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
