"""Once a second the centre looks who is missing: what falls silent is on disk, and on the desk, by itself."""

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from care import journal
from care.asking import Agreement, Chain, ChainAgreed, Line, Passed, Step
from care.board import Board
from care.chains import DESK, NIGHT_TEAM, ORGANISATION
from care.database import Database
from care.deeds import claim
from care.ids import StaffId
from care.link import Beat
from care.systemd import Watchdog
from dashboard import lookout, organisations
from dashboard.centre import Centre
from dashboard.live import Live
from dashboard.lookout import UNWATCHED_AFTER_S, Lookout, Screens
from dashboard.organisations import OWN, Access, OrganisationId
from detectors.findings import Cleared, Finding, What
from detectors.homes import SiteId, building_of
from tests.dashboard.conftest import ALERT, NIGHT, WILG, Plain, Seconds, StoryClock, batch, finding, plan, status

pytestmark = pytest.mark.anyio


@pytest.fixture
def heard(tmp_path: Path, clock: StoryClock, seconds: Seconds) -> Any:
    made = Centre(journal.connect(tmp_path / "heard.db"), clock, monotonic=seconds)
    made.listens(yes=True)
    yield made
    made.close()


async def passing(
    centre: Centre, clock: StoryClock, seconds: Seconds, n: int, *, beat: Beat | None = None
) -> list[What]:
    """Let seconds pass, with a look in each and a beat in every fifth; return what the centre wrote down."""
    looking, before = Lookout(centre, Watchdog({})), centre.number
    for second in range(n):
        clock.wait(seconds=1)
        seconds.now_s += 1
        if beat is not None and second % 5 == 0:
            centre.heard(WILG, beat)
        await looking.look()
    entries = await centre.ask(lambda db: journal.read_after(db, before))
    return [one.record.what for one in entries if isinstance(one.record, Finding | Cleared)]


async def test_a_building_that_falls_silent_is_in_the_journal_once_and_on_the_board(
    heard: Centre, clock: StoryClock, seconds: Seconds
) -> None:
    await heard.take(WILG, batch(plan(), status()))
    assert await passing(heard, clock, seconds, 90, beat=Beat(NIGHT)) == []
    assert await passing(heard, clock, seconds, 35) == []
    assert await passing(heard, clock, seconds, 120) == [What.BUILDING_SILENT]
    assert [one.what for one in heard.board.standing(building_of(WILG))] == [What.BUILDING_SILENT]
    assert await passing(heard, clock, seconds, 10, beat=Beat(NIGHT)) == [What.BUILDING_SILENT]  # it is over
    assert heard.board.standing(building_of(WILG)) == []


async def test_a_clock_that_is_set_makes_no_building_silent(heard: Centre, clock: StoryClock, seconds: Seconds) -> None:
    await heard.take(WILG, batch(plan(), status()))
    await passing(heard, clock, seconds, 90, beat=Beat(NIGHT))
    for hours in (2, -4):
        clock.wait(hours=hours)
        assert await passing(heard, clock, seconds, 10, beat=Beat(NIGHT)) == []


async def test_what_a_centre_wrote_of_its_buildings_stands_after_a_restart(
    tmp_path: Path, heard: Centre, clock: StoryClock, seconds: Seconds
) -> None:
    await heard.take(WILG, batch(plan(), status()))
    await passing(heard, clock, seconds, 120)
    heard.close()
    again = Centre(journal.connect(tmp_path / "heard.db"), clock, monotonic=seconds)
    assert await passing(again, clock, seconds, 5) == []  # it has no connection yet
    again.listens(yes=True)
    assert [one.what for one in again.board.standing(building_of(WILG))] == [What.BUILDING_SILENT]
    assert await passing(again, clock, seconds, 120) == []
    again.close()


async def test_a_disk_that_refuses_is_tried_again_and_known(
    heard: Centre, clock: StoryClock, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    await heard.take(WILG, batch(plan(), status()))

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        assert await passing(heard, clock, seconds, 120) == []
        assert "full" in heard.trouble
    assert await passing(heard, clock, seconds, 2) == [What.BUILDING_SILENT]
    assert heard.trouble == ""


# The proof.


async def test_a_proof_is_as_old_as_the_centre_knows_it_to_be(
    heard: Centre, clock: StoryClock, seconds: Seconds
) -> None:
    assert heard.unproven_s(WILG) is None
    heard.heard(WILG, Beat(NIGHT))
    assert heard.unproven_s(WILG) is None  # it makes none
    els = SiteId("els")  # first heard with a proof that it had made before
    heard.heard(els, Beat(NIGHT, proof=NIGHT - timedelta(seconds=40)))
    assert heard.unproven_s(els) == 40
    seconds.now_s += 40
    heard.heard(WILG, Beat(NIGHT, proof=NIGHT - timedelta(seconds=40)))
    assert heard.unproven_s(WILG) == 40
    seconds.now_s += 5
    heard.heard(WILG, Beat(NIGHT + timedelta(seconds=5), proof=NIGHT - timedelta(seconds=40)))
    assert heard.unproven_s(WILG) == 45
    clock.wait(hours=2)
    assert heard.unproven_s(WILG) == 45
    heard.heard(WILG, Beat(NIGHT + timedelta(seconds=5)))  # it began anew
    assert heard.unproven_s(WILG) == 45


async def test_a_proof_that_is_new_cannot_be_older_than_the_beat_before_it(heard: Centre, seconds: Seconds) -> None:
    heard.heard(WILG, Beat(NIGHT, proof=NIGHT))
    seconds.now_s += 5
    hours = timedelta(hours=2)
    heard.heard(WILG, Beat(NIGHT + hours, proof=NIGHT + hours - timedelta(minutes=5)))  # a rehearsal's clock runs
    assert heard.unproven_s(WILG) == 5


@pytest.mark.parametrize("years", [(1, 9999), (9999, 1), (1970, 2099), (2099, 1970)])
async def test_no_clock_of_a_building_upsets_the_centre(heard: Centre, years: tuple[int, int]) -> None:
    at, proof = (datetime(year, 6, 1, tzinfo=UTC) for year in years)
    heard.heard(WILG, Beat(at, proof=proof))
    assert heard.unheard_s(WILG) == 0
    assert heard.unproven_s(WILG) in {0, None}
    assert heard.now() == NIGHT


async def test_a_building_that_has_just_come_back_gets_the_time_to_prove_itself(
    heard: Centre, seconds: Seconds
) -> None:
    await heard.take(WILG, batch(plan(), status()))
    long_ago = Beat(NIGHT, proof=NIGHT - timedelta(hours=5))
    heard.heard(WILG, long_ago)
    heard.now()
    assert heard.unproven_s(WILG) is None
    assert WILG not in heard.board.proven_at
    for _ in range(37):
        seconds.now_s += 5
        heard.heard(WILG, long_ago)
    heard.now()
    assert heard.unproven_s(WILG) == 5 * 3600 + 185
    assert heard.board.proven_at[WILG] == NIGHT - timedelta(seconds=5 * 3600 + 185)


async def test_a_proof_that_stops_is_told_of(heard: Centre, clock: StoryClock, seconds: Seconds) -> None:
    await heard.take(WILG, batch(plan(), status()))
    stopped = Beat(NIGHT, proof=NIGHT)
    assert await passing(heard, clock, seconds, 180, beat=stopped) == []
    assert await passing(heard, clock, seconds, 20, beat=stopped) == [What.PROOF]


# The past.


async def test_a_building_with_more_to_tell_is_behind_until_it_has_told_it(heard: Centre, seconds: Seconds) -> None:
    many = [status() for _ in range(200)]
    await heard.take(WILG, batch(*many))
    heard.now()
    assert heard.board.behind == {WILG}
    await heard.take(WILG, batch(finding(), after=200))
    assert heard.board.behind == set()
    await heard.take(WILG, batch(*many, after=201))
    seconds.now_s += 11
    heard.now()
    assert heard.board.behind == set()  # the last batch was full, and was the last


# Who looks.


def test_a_screen_in_view_watches_and_one_that_is_not_does_not() -> None:
    seconds = Seconds()
    screens = Screens(monotonic=seconds)
    screens.report("one", in_view=True, sound=False)
    screens.report("two", in_view=False, sound=True)
    assert (screens.watching, screens.sounding) == (1, 0)
    screens.report("one", in_view=True, sound=True)
    assert (screens.watching, screens.sounding) == (1, 1)


def test_when_no_screen_was_in_view_for_two_minutes_nobody_watches() -> None:
    seconds = Seconds()
    screens = Screens(monotonic=seconds)
    assert not screens.unwatched()  # the centre has only just begun
    seconds.now_s += UNWATCHED_AFTER_S + 1
    assert screens.unwatched()
    screens.report("one", in_view=True, sound=True)
    assert not screens.unwatched()
    seconds.now_s += UNWATCHED_AFTER_S
    assert not screens.unwatched()
    seconds.now_s += 1
    assert screens.unwatched()


def test_people_are_counted_by_who_they_are_and_not_by_their_screens() -> None:
    seconds = Seconds()
    screens = Screens(monotonic=seconds)
    screens.report("one", in_view=True, sound=True, by=StaffId("s-1"))
    screens.report("two", in_view=True, sound=True, by=StaffId("s-1"))
    screens.report("three", in_view=True, sound=True, by=StaffId("s-2"))
    screens.report("four", in_view=False, sound=True, by=StaffId("s-3"))
    assert screens.people == 2
    seconds.now_s += UNWATCHED_AFTER_S + 1
    assert screens.people == 0


def test_screens_that_nobody_has_do_not_fill_the_memory() -> None:
    screens = Screens(monotonic=Seconds())
    for number in range(3_000):
        screens.report(f"made-up-{number}", in_view=True, sound=True)
    assert screens.watching == 2_000


async def test_a_beat_says_when_nobody_watches(centre: Centre) -> None:
    seconds = Seconds()
    live = Live(centre, Plain(Board()), Screens(monotonic=seconds))
    screen = live.enter("nl", "session", for_s=60)
    events = screen.events()
    await anext(events)
    live.beat()
    assert b'"unwatched":false' in await anext(events)
    seconds.now_s += UNWATCHED_AFTER_S + 1
    live.beat()
    assert b'"unwatched":true' in await asyncio.wait_for(anext(events), 5)
    await events.aclose()


ZON = OrganisationId("zon")
BOTH = frozenset({OWN, ZON})


@dataclass(frozen=True, slots=True)
class _SignedIn(Access):
    """Everybody in a story is signed in, for the organisation that their session is named after."""

    def sessions(self) -> dict[str, frozenset[OrganisationId]]:
        return {one: frozenset({one}) for one in BOTH}


@pytest.fixture
def access(store: Database) -> Access:
    """De Wilg is Zon's; whatever else there is belongs to the centre."""
    organisations.make(store, ZON, "Zon")
    organisations.give(store, WILG, ZON)
    return _SignedIn(store)


@pytest.mark.parametrize(
    ("of", "asked"), [(frozenset({OWN}), [NIGHT_TEAM]), (frozenset({ZON}), [DESK]), (BOTH, [DESK])]
)
async def test_a_screen_watches_over_the_homes_for_which_its_reader_may_act_and_over_no_others(
    heard: Centre, seconds: Seconds, access: Access, of: frozenset[OrganisationId], asked: list[str]
) -> None:
    screens = Screens(monotonic=seconds)
    seconds.now_s += UNWATCHED_AFTER_S + 1
    screens.report("one", in_view=True, sound=True, of=of)
    await heard.write(lambda board, at: [agreed(at)])
    await heard.take(WILG, batch(plan(), finding()))
    await Lookout(heard, Watchdog({}), screens, access).look()
    assert passed(heard) == asked


async def test_each_organisation_reads_whether_somebody_looks_at_its_own_homes(
    heard: Centre, seconds: Seconds, access: Access
) -> None:
    eik = SiteId("eik")
    await heard.take(WILG, batch(plan()))
    await heard.take(eik, batch(plan(eik), of="journal-of-eik"))
    screens = Screens(monotonic=seconds)
    seconds.now_s += UNWATCHED_AFTER_S + 1
    screens.report("of the centre", in_view=True, sound=True)
    live = Live(heard, Plain(heard.board), screens, access)
    for organisation, unwatched in ((OWN, b"false"), (ZON, b"true")):
        screen = live.enter("nl", organisation, for_s=60, organisations=frozenset({organisation}))
        events = screen.events()
        await anext(events)
        live.beat()
        assert b'"unwatched":' + unwatched in await anext(events)
        await events.aclose()


async def test_a_people_store_that_would_not_holds_up_no_alert(heard: Centre, access: Access) -> None:
    await heard.write(lambda board, at: [agreed(at)])
    await heard.take(WILG, batch(plan(), finding()))
    looking = Lookout(heard, Watchdog({}), Screens(), access)
    access.db.execute("DROP TABLE site")
    await looking.look()
    assert passed(heard) == [DESK]


class _Counted(Watchdog):
    """Counts the turns that were told of, and ends the run after some of them."""

    def __init__(self, turns: asyncio.Queue[float]) -> None:
        super().__init__({})
        self._turns = turns

    def turned(self, monotonic_s: float) -> None:
        self._turns.put_nowait(monotonic_s)


async def test_each_look_of_the_centre_is_told_to_systemd_and_a_centre_that_hangs_tells_nothing(
    heard: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_S", 0)
    turns: asyncio.Queue[float] = asyncio.Queue()
    hangs = asyncio.Event()
    looking = Lookout(heard, _Counted(turns))
    work = asyncio.create_task(looking.run())
    assert [await turns.get() for _ in range(3)]

    async def hang() -> None:
        hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(looking, "look", hang)
    await hangs.wait()
    while not turns.empty():
        turns.get_nowait()
    await asyncio.sleep(0)
    assert turns.empty()
    work.cancel()


# What goes on to the next by itself.


async def test_an_alert_that_nobody_answers_goes_on_to_the_night_team_and_not_again_after_a_restart(
    tmp_path: Path, heard: Centre, clock: StoryClock, seconds: Seconds
) -> None:
    await heard.write(lambda board, at: [agreed(at)])
    await heard.take(WILG, batch(plan(), finding()))
    await passing(heard, clock, seconds, 200, beat=Beat(NIGHT))
    assert passed(heard) == [DESK, NIGHT_TEAM]
    heard.close()
    again = Centre(journal.connect(tmp_path / "heard.db"), clock, monotonic=seconds)
    await passing(again, clock, seconds, 5, beat=Beat(NIGHT))
    assert passed(again) == [DESK, NIGHT_TEAM]
    again.close()


async def test_a_forgotten_claim_comes_back_after_ten_minutes_dated_by_then_also_over_a_restart(
    tmp_path: Path, heard: Centre, clock: StoryClock, seconds: Seconds
) -> None:
    await heard.take(WILG, batch(plan(), finding()))
    await heard.write(lambda board, at: claim(board.alerts[ALERT], StaffId("s-1"), at))
    taken_at = heard.board.alerts[ALERT].held_since
    heard.close()
    clock.wait(minutes=25)
    again = Centre(journal.connect(tmp_path / "heard.db"), clock, monotonic=seconds)
    await passing(again, clock, seconds, 3, beat=Beat(NIGHT))
    alert = again.board.alerts[ALERT]
    assert alert.holder is None
    assert alert.forgotten is not None
    assert taken_at is not None
    assert alert.forgotten.at == taken_at + timedelta(minutes=10)
    again.close()


async def test_a_desk_that_nobody_looks_at_is_passed_by(heard: Centre, clock: StoryClock, seconds: Seconds) -> None:
    screens = Screens(monotonic=seconds)
    seconds.now_s += UNWATCHED_AFTER_S + 1
    await heard.write(lambda board, at: [agreed(at)])
    await heard.take(WILG, batch(plan(), finding()))
    await Lookout(heard, Watchdog({}), screens).look()
    assert passed(heard) == [NIGHT_TEAM]


def agreed(at: datetime) -> ChainAgreed:
    steps = (
        Step(line=Line.ONE, who=DESK, minutes=3.0),
        Step(line=Line.TWO, who=NIGHT_TEAM, channels=("sms",), minutes=5.0),
    )
    after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
    return ChainAgreed(at=at, place=ORGANISATION, by=StaffId("s-1"), why="begin", before=None, after=after)


def passed(centre: Centre) -> list[str]:
    return [one.to for one in centre.board.alerts[ALERT].passing if isinstance(one, Passed)]
