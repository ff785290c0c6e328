"""Live pages: what screens are sent, and when they are let go."""

import asyncio
import re
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from care.ids import AlertId, StaffId
from care.records import Claimed
from dashboard import live
from dashboard.centre import Centre
from dashboard.live import Live, Screen, TooManyScreens, event
from dashboard.lookout import Screens
from dashboard.organisations import OWN, OrganisationId, sees
from detectors.homes import SiteId
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, Plain, StoryClock, batch, eventually, finding, plan

pytestmark = pytest.mark.anyio

A_SHIFT_S = 14 * 3600.0


class Reader:
    """A browser's EventSource, as the HTML standard describes it: reads a stream into events."""

    def __init__(self, screen: Screen) -> None:
        self.events: list[tuple[str, str]] = []
        self.task = asyncio.create_task(self._read(screen))

    @property
    def gone(self) -> bool:
        return self.task.done()

    def of(self, name: str) -> list[str]:
        return [data for kind, data in self.events if kind == name]

    async def _read(self, screen: Screen) -> None:
        async for sent in screen.events():
            self.events += parsed(sent)


def parsed(sent: bytes) -> list[tuple[str, str]]:
    events, name, data = [], "message", list[str]()
    for line in re.split(r"\r\n|\r|\n", sent.decode()):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line and data:
            events.append((name, "\n".join(data)))
            name, data = "message", []
    return events


@pytest.fixture
def plain() -> Plain:
    return Plain()


@pytest.fixture
def hub(centre: Centre, plain: Plain) -> Live:
    return Live(centre, plain)


@given(st.text())
def test_whatever_is_sent_arrives_as_it_was(text: str) -> None:
    """Line ends become one kind, as on any page."""
    expected = re.sub(r"\r\n|\r", "\n", text)
    assert parsed(event("change", text, number=3)) == [("change", expected)]


async def test_a_screen_gets_everything_first_and_then_what_changes(centre: Centre, hub: Live) -> None:
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    await centre.take(WILG, batch(plan()))
    await eventually(lambda: len(reader.events) == 2)
    await centre.take(WILG, batch(finding(), after=1))
    await eventually(lambda: len(reader.events) == 3)
    assert reader.of("change") == ["nl: everything", "nl: everything", f"nl: {HOME}; {ALERT}"]
    hub.close()
    await eventually(lambda: reader.gone)


async def test_the_number_of_the_last_record_goes_with_a_change(centre: Centre, hub: Live) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    screen = hub.enter("nl", "session", for_s=A_SHIFT_S)
    async for sent in screen.events():
        assert sent == b"event: change\nid: 2\nretry: 1000\ndata: nl: everything\n\n"
        break
    hub.close()


async def test_a_change_is_drawn_once_per_language_for_all_screens(centre: Centre, hub: Live, plain: Plain) -> None:
    readers = [Reader(hub.enter(language, "s", for_s=A_SHIFT_S)) for language in ("nl", "en", "nl", "nl", "en")]
    assert plain.drawn == ["nl", "en"]  # everything, good for whoever comes in the same second
    await centre.take(WILG, batch(finding()))
    await eventually(lambda: all(len(reader.events) == 2 for reader in readers))
    assert sorted(plain.drawn) == ["en", "en", "nl", "nl"]
    assert readers[0].events[1] == readers[2].events[1] == readers[3].events[1]
    hub.close()


async def test_changes_that_come_together_go_out_as_one(centre: Centre, hub: Live) -> None:
    await centre.take(WILG, batch(plan()))
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    await asyncio.sleep(live.TOGETHER_S * 2)  # the plan's own change is past
    seen = len(reader.of("change"))
    await centre.take(WILG, batch(finding(), after=1))
    await centre.write(lambda _, at: [Claimed(at=at, home=HOME, alert=ALERT, by=StaffId("s-sanne"))])
    await eventually(lambda: len(reader.of("change")) > seen)
    await asyncio.sleep(live.TOGETHER_S * 2)
    assert len(reader.of("change")) == seen + 1
    hub.close()


async def test_who_comes_just_after_a_change_is_not_given_what_was_drawn_before_it(
    centre: Centre, hub: Live, plain: Plain
) -> None:
    hub.enter("nl", "session", for_s=A_SHIFT_S)
    await centre.take(WILG, batch(finding()))
    hub.enter("nl", "session", for_s=A_SHIFT_S)
    assert plain.drawn[:2] == ["nl", "nl"]
    hub.close()


async def test_a_beat_says_the_time_and_how_long_ago_each_building_was_heard(
    centre: Centre, hub: Live, clock: StoryClock
) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    hub.beat()
    centre.heard(WILG)
    clock.wait(minutes=1)
    hub.beat()
    await eventually(lambda: len(reader.of("beat")) == 2)
    first, second = (msgspec.json.decode(data) for data in reader.of("beat"))
    at_once = {"proven": {"wilg": None}, "unwatched": False, "stuck": False, "number": 2}
    assert first == {"now": NIGHT.isoformat(), "sites": {"wilg": None}, **at_once}
    assert datetime.fromisoformat(second["now"]) == clock.now()
    assert second["sites"]["wilg"] == pytest.approx(0, abs=1)
    hub.close()


async def test_beats_go_on_by_themselves(centre: Centre, hub: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT_S", 0.01)
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    beating = asyncio.create_task(hub.run())
    await eventually(lambda: len(reader.of("beat")) >= 3)
    beating.cancel()
    hub.close()


async def test_a_building_that_falls_silent_is_drawn_again_though_nothing_was_recorded(
    centre: Centre, hub: Live, clock: StoryClock
) -> None:
    await centre.take(WILG, batch(plan()))
    hub.beat()
    await asyncio.sleep(live.TOGETHER_S * 2)
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    await asyncio.sleep(live.TOGETHER_S * 2)
    hub.beat()
    assert reader.of("change") == ["nl: everything"]
    centre.heard(WILG)
    hub.beat()
    await eventually(lambda: reader.of("change") == ["nl: everything", f"nl: {HOME}; "])
    hub.close()


async def test_an_open_alert_is_drawn_again_as_time_goes_on_but_not_too_often(
    centre: Centre, hub: Live, clock: StoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.take(WILG, batch(plan(), finding()))
    hub.beat()
    await asyncio.sleep(live.TOGETHER_S * 2)
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    clock.wait(minutes=1)
    hub.beat()
    await asyncio.sleep(live.TOGETHER_S * 2)
    assert len(reader.of("change")) == 1
    monkeypatch.setattr(live, "AGAIN_S", 0)
    hub.beat()
    await eventually(lambda: reader.of("change")[1:] == [f"nl: {HOME}; {ALERT}"])
    hub.close()


async def test_a_screen_that_cannot_keep_up_is_let_go_and_the_others_are_not(centre: Centre, hub: Live) -> None:
    stuck = hub.enter("nl", "session", for_s=A_SHIFT_S)
    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    for _ in range(live.QUEUE_MAX):
        hub.beat()
        await asyncio.sleep(0)
    await eventually(lambda: len(reader.of("beat")) == live.QUEUE_MAX)
    assert [sent async for sent in stuck.events()] == []
    assert not reader.gone
    hub.close()


async def test_who_signs_out_sees_no_more_on_any_of_their_screens(hub: Live) -> None:
    mine = [Reader(hub.enter("nl", "mine", for_s=A_SHIFT_S)) for _ in range(2)]
    other = Reader(hub.enter("nl", "other", for_s=A_SHIFT_S))
    await eventually(lambda: all(reader.events for reader in (*mine, other)))
    hub.end("mine")
    await eventually(lambda: all(reader.gone for reader in mine))
    assert not other.gone
    hub.close()


async def test_a_screen_ends_with_its_session(hub: Live) -> None:
    reader = Reader(hub.enter("nl", "session", for_s=0.01))
    await eventually(lambda: reader.gone)


async def test_there_is_a_last_screen(hub: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SCREENS_MAX", 2)
    first = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    hub.enter("nl", "other", for_s=A_SHIFT_S)
    await eventually(lambda: bool(first.events))
    with pytest.raises(TooManyScreens):
        hub.enter("nl", "session", for_s=A_SHIFT_S)
    hub.end("session")
    hub.enter("nl", "session", for_s=A_SHIFT_S)
    hub.close()


async def test_a_change_that_cannot_be_drawn_lets_screens_go_rather_than_show_what_is_old(
    centre: Centre, hub: Live, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> str:
        raise ZeroDivisionError

    reader = Reader(hub.enter("nl", "session", for_s=A_SHIFT_S))
    monkeypatch.setattr(plain, "changes", broken)
    with capture_logs() as logged:
        await centre.take(WILG, batch(finding()))
        await eventually(lambda: reader.gone)
    assert [line["alerts"] for line in logged] == [[AlertId(ALERT)]]


async def test_changes_are_drawn_for_the_pages_that_are_open_and_no_others(
    centre: Centre, hub: Live, plain: Plain
) -> None:
    path = f"/alerts/{ALERT}"
    gone = Reader(hub.enter("nl", "gone", for_s=A_SHIFT_S, page=f"/homes/{HOME}"))
    readers = [Reader(hub.enter("nl", "s", for_s=A_SHIFT_S, page=page)) for page in ("/", path, "/")]
    hub.end("gone")
    await eventually(lambda: gone.gone)
    await centre.take(WILG, batch(finding()))
    await eventually(lambda: all(len(reader.of("change")) == 2 for reader in readers))
    assert plain.pages == [{"/", path}]
    assert len({reader.of("change")[1] for reader in readers}) == 1  # one event for all of them
    hub.close()


# The beat of a centre of many organisations.


PLACES = [SiteId(name) for name in ("beuk", "centre", "eik", "linde", "wilg")]
OWNERS = [OrganisationId(name) for name in ("own", "zon", "maan", "ster")]


@given(
    ages=st.dictionaries(st.sampled_from(PLACES), st.tuples(*[st.none() | st.floats(0, 1e5)] * 2)),
    owners=st.dictionaries(st.sampled_from(PLACES), st.sampled_from(OWNERS)),
    readers=st.sets(st.frozensets(st.sampled_from(OWNERS))),
    seen=st.lists(st.tuples(st.booleans(), st.frozensets(st.sampled_from(OWNERS))), max_size=4),
    after_s=st.sampled_from([60.0, 121.0]),
)
def test_a_beat_says_to_each_organisation_what_going_through_all_buildings_for_it_would_say(
    ages: dict[SiteId, tuple[float | None, float | None]],
    owners: dict[SiteId, OrganisationId],
    readers: set[frozenset[OrganisationId]],
    seen: list[tuple[bool, frozenset[OrganisationId]]],
    after_s: float,
) -> None:
    moment = [0.0]
    watched = Screens(monotonic=lambda: moment[0])
    moment[0] = after_s
    for number, (in_view, of) in enumerate(seen):
        watched.report(f"screen {number}", in_view=in_view, sound=True, by=StaffId(f"s-{number}"), of=of)
    said = {"now": NIGHT.isoformat(), "stuck": False, "number": 7}

    def plainly(organisations: frozenset[OrganisationId]) -> bytes:
        mine = {site: both for site, both in ages.items() if sees(organisations, owners)(site)}
        whose = {owners.get(site, OWN) for site in mine}
        unwatched = any(map(watched.unwatched, whose)) if whose else watched.unwatched()
        unheard, unproven = ({site: both[n] for site, both in mine.items()} for n in (0, 1))
        all_of_it = {**said, "unwatched": unwatched, "sites": unheard, "proven": unproven}
        return event("beat", msgspec.json.encode(all_of_it).decode())

    given_out = live.beats(said, ages, readers, owners, watched)
    assert given_out == {organisations: plainly(organisations) for organisations in readers}
