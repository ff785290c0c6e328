"""Passing on: whatever is dead, away or asleep, the last one is asked in time; and who acts is left to act."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care.alerts import State, alert_of
from care.asking import (
    Agreement,
    Answer,
    Chain,
    ChainAgreed,
    Consented,
    Exhausted,
    Line,
    Noticed,
    NotTonight,
    Opened,
    Passed,
    Proven,
    Refusal,
    Replied,
    Skipped,
    Step,
    Why,
)
from care.board import Board
from care.chains import BACK_UP, DESK, NIGHT_TEAM, ORGANISATION, RESIDENT, About, Chains, consent, within
from care.escalation import HASTE, called_in, due, forecast, next_of, to_send
from care.ids import Asker, ContactId, Place, StaffId
from care.records import (
    Aside,
    Claimed,
    Delivered,
    How,
    Lapsed,
    Outcome,
    Plan,
    Record,
    Released,
    Resolved,
    Shelved,
    Unshelved,
    decode,
    encode,
)
from detectors.findings import Cleared, Finding, What
from detectors.homes import SiteId, building_of
from tests.conftest import examples
from tests.stories import a_home, instant

HOME = a_home()
SANNE = StaffId("s-sanne")
FATIMA, JAN = ContactId("c-fatima"), ContactId("c-jan")
ALWAYS: dict[str, Any] = {"since": time(0), "until": time(0)}
FOUND = Finding(at=instant("02:25"), home=HOME.id, what=What.STILL, since=instant("02:10"), episode=instant("02:09"))
ALERT = alert_of(FOUND)


def step(who: ContactId, minutes: float = 3, *channels: str) -> Step:
    line = {RESIDENT: Line.ZERO, DESK: Line.ONE, NIGHT_TEAM: Line.TWO, BACK_UP: Line.TWO}.get(who, Line.ZERO)
    return Step(line=line, who=who, channels=channels or (() if who == DESK else ("sms",)), minutes=minutes)


USUAL = (step(FATIMA, 4), step(DESK, 3), step(NIGHT_TEAM, 5))


def agreed(*steps: Step, place: str = ORGANISATION, acute: float = 10, at: str = "13:00", **hours: time) -> ChainAgreed:
    after = Agreement(chains=(Chain(**(hours or ALWAYS), steps=steps or USUAL),), acute=acute)
    return ChainAgreed(at=instant(at), place=Place(place), by=SANNE, why="begin", before=None, after=after)


LATER = instant("02:25") + timedelta(days=90)


def consented(contact: ContactId = FATIMA, *tiers: str, until: datetime = LATER) -> Consented:
    return Consented(
        at=instant("13:01"),
        home=HOME.id,
        contact=contact,
        by=Asker(SANNE),
        tiers=tiers or ("acute", "soon"),
        until=until,
    )


class Night:
    """A centre's board with its lookout, told by the clock."""

    def __init__(self, *records: Record) -> None:
        self.board = Board()
        self.now = instant("13:00")
        self.written: list[Record] = []
        plan = Plan(at=self.now, site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(HOME,))
        for record in (plan, *records):
            self.add(record)

    def add(self, record: Record, at: datetime | None = None) -> None:
        assert decode(encode(record)) == record
        self.board.add(record, recorded_at=at or max(self.now, getattr(record, "at", self.now)))

    def at(self, clock: str | datetime, *records: Record, attended: bool = True) -> list[str]:
        """Look at this moment, after these records; return what was written, in short."""
        self.now = instant(clock) if isinstance(clock, str) else clock
        for record in records:
            self.add(record, self.now)
        said = due(self.board, self.now, attended=lambda _: attended)
        for one in said:
            self.add(one, self.now)
        self.written += said
        assert due(self.board, self.now, attended=lambda _: attended) == []
        return [short(one) for one in said]

    def passing(self, since: str, until: str, *, every_s: float = 1, attended: bool = True) -> list[str]:
        """Look once a second from one time to another; return what was written and when."""
        now, said = instant(since), []
        while now <= instant(until):
            said += [
                f"{now.astimezone(instant('02:00').tzinfo):%M:%S} {one}" for one in self.at(now, attended=attended)
            ]
            now += timedelta(seconds=every_s)
        return said


def short(record: Record) -> str:
    match record:
        case Passed():
            return f"{record.to}, {record.why}"
        case Skipped():
            return f"not {record.to}, {record.why}"
        case Exhausted():
            return f"nobody left, {record.why}"
        case Lapsed():
            return "lapsed"
        case Unshelved():
            return "back"
    raise AssertionError(record)


def about(kind: Any, at: str, **more: Any) -> Any:
    return kind(at=instant(at), home=HOME.id, alert=ALERT, **more)


def refused(to: ContactId, channel: str, at: str) -> Any:
    return about(Noticed, at, to=to, channel=channel, refusal=Refusal.REFUSED)


def taken(to: ContactId, channel: str, at: str) -> Any:
    return about(Noticed, at, to=to, channel=channel)


def claimed(at: str) -> Any:
    return about(Claimed, at, by=SANNE)


def test_an_alert_that_nobody_answers_goes_from_one_to_the_next_in_the_minutes_agreed() -> None:
    night = Night(agreed(), consented(), FOUND)
    assert night.passing("02:25", "02:45") == [
        "25:00 c-fatima, first",
        "29:00 desk, unanswered",
        "32:00 night-team, unseen",
        "37:00 nobody left, unanswered",
    ]


def test_without_an_agreement_nothing_goes_on_by_itself() -> None:
    night = Night(FOUND)
    assert night.passing("02:25", "02:45") == []
    assert next_of(night.board.alerts[ALERT], night.board, night.now) is None


def test_steps_that_take_longer_than_the_limit_are_shortened_all_alike() -> None:
    long = (step(FATIMA, 10), step(DESK, 20), step(NIGHT_TEAM, 10))
    night = Night(agreed(*long, acute=6), consented(), FOUND)
    assert night.passing("02:25", "02:45")[:3] == [
        "25:00 c-fatima, first",
        "27:00 desk, unanswered",
        "31:00 night-team, unseen",
    ]


def test_what_arrives_late_is_hurried_so_that_the_last_one_is_still_asked_in_time() -> None:
    night = Night(agreed(), consented())
    night.add(FOUND, instant("02:33"))
    assert night.passing("02:33", "02:36")[:3] == [
        "33:00 c-fatima, first",
        "34:09 desk, unanswered",
        "35:00 night-team, unseen",
    ]


def test_what_arrives_after_its_limit_goes_to_everybody_within_a_minute() -> None:
    night = Night(agreed(), consented())
    night.add(FOUND, instant("05:25"))
    said = night.passing("05:25", "05:35")
    assert [one.partition(" ")[2] for one in said[:3]] == ["c-fatima, first", "desk, unanswered", "night-team, unseen"]
    assert said[2].startswith("26:0")


def test_not_tonight_is_passed_by_without_delay_and_that_is_written_down() -> None:
    away = NotTonight(at=instant("22:00"), contact=FATIMA, until=instant("11:59"))
    night = Night(agreed(), consented(), away, FOUND)
    assert night.at("02:25") == ["not c-fatima, not-tonight", "desk, first"]


def test_no_word_of_one_takes_a_whole_team_out_of_the_night() -> None:
    away = NotTonight(at=instant("22:00"), contact=NIGHT_TEAM, until=instant("11:59"))
    assert Night(agreed(step(NIGHT_TEAM), step(DESK)), away, FOUND).at("02:25") == ["night-team, first"]


@pytest.mark.parametrize(
    ("consent", "why"),
    [
        ((), "no-consent"),
        ((consented(FATIMA, "soon"),), "no-consent"),
        ((consented(JAN),), "no-consent"),
        ((consented(until=instant("02:00")),), "consent-ended"),
    ],
)
def test_a_contact_is_asked_only_as_far_as_the_resident_has_said_so(consent: Sequence[Record], why: str) -> None:
    night = Night(agreed(), *consent, FOUND)
    assert night.at("02:25") == [f"not c-fatima, {why}", "desk, first"]


def test_a_consent_that_is_taken_back_counts_from_then_on() -> None:
    back = msgspec.structs.replace(consented(), at=instant("01:00"), tiers=())
    assert Night(agreed(), back, consented(), FOUND).at("02:25")[0] == "not c-fatima, no-consent"


def test_who_cannot_go_gives_way_to_the_next_at_once() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.at("02:25")
    assert night.at("02:26", about(Replied, "02:26", by=FATIMA, answer=Answer.CANNOT)) == ["desk, cannot"]


def test_a_step_of_which_every_channel_refuses_is_over_at_once() -> None:
    night = Night(agreed(step(FATIMA, 4, "push", "sms"), *USUAL[1:]), consented(), FOUND)
    night.at("02:25")
    assert night.at("02:25:01", refused(FATIMA, "push", "02:25:01")) == []
    assert [(one.asked.to, one.channel) for one in to_send(night.board, night.now)] == [(FATIMA, "sms")]
    assert night.at("02:25:02", refused(FATIMA, "sms", "02:25:02")) == ["desk, unreached"]


def test_the_next_channel_is_tried_when_nobody_looked_in_its_part_of_the_time() -> None:
    night = Night(agreed(step(FATIMA, 4, "push", "sms"), *USUAL[1:]), consented(), FOUND)
    night.at("02:25", *[])
    assert [one.channel for one in to_send(night.board, night.now)] == ["push"]
    night.at("02:25:02", taken(FATIMA, "push", "02:25:02"))
    assert list(to_send(night.board, instant("02:26:59"))) == []
    assert [one.channel for one in to_send(night.board, instant("02:27"))] == ["sms"]
    night.at("02:27", about(Opened, "02:26:59", by=FATIMA))
    assert list(to_send(night.board, night.now)) == []  # somebody looks at it


def test_an_unattended_desk_is_passed_by() -> None:
    night = Night(agreed(step(DESK, 3), step(NIGHT_TEAM)), FOUND)
    assert night.at("02:25", attended=False) == ["not desk, unattended", "night-team, first"]


def test_a_claim_stops_the_climbing_and_giving_it_back_starts_it_where_it_was() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.at("02:25")
    assert night.at("02:26", claimed("02:26")) == []
    assert night.passing("02:26", "02:34") == []
    assert night.at("02:34", about(Released, "02:34", by=SANNE)) == []
    assert night.passing("02:34", "02:42") == ["37:00 desk, forgotten", "40:00 night-team, unseen"]


def test_a_forgotten_claim_comes_back_after_ten_minutes_and_goes_on() -> None:
    night = Night(agreed(step(DESK, 2), step(NIGHT_TEAM)), FOUND)
    night.at("02:25", about(Delivered, "02:25", screen="desk-1"))
    night.at("02:26", claimed("02:26"))
    assert night.passing("02:26", "02:39") == ["36:00 lapsed", "37:00 night-team, forgotten"]
    assert isinstance(night.written[1], Lapsed)
    assert night.written[1].at == instant("02:36")


def test_somebody_who_goes_is_believed_for_ten_minutes() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.at("02:25")
    assert night.at("02:26", about(Replied, "02:26", by=FATIMA, answer=Answer.GOING)) == []
    assert night.passing("02:26", "02:39") == ["39:00 desk, forgotten"]


def test_somebody_who_cannot_go_after_all_makes_way() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.at("02:25")
    night.at("02:26", about(Replied, "02:26", by=FATIMA, answer=Answer.GOING))
    assert night.at("02:30", about(Replied, "02:30", by=FATIMA, answer=Answer.CANNOT)) == ["desk, cannot"]


@pytest.mark.parametrize(
    "ending",
    [
        about(Resolved, "02:26", by=SANNE, outcome=Outcome.HELPED, how=How.PHONE),
        Cleared(at=instant("02:26"), home=HOME.id, what=FOUND.what, since=FOUND.since, episode=FOUND.episode),
    ],
)
def test_what_is_closed_or_over_by_itself_goes_nowhere(ending: Record) -> None:
    night = Night(agreed(), consented(), FOUND)
    night.at("02:25")
    assert night.at("02:26", ending) == []
    assert night.passing("02:26", "02:50", every_s=10) == []
    assert list(to_send(night.board, night.now)) == []


def test_what_was_over_before_it_came_is_not_passed_on() -> None:
    night = Night(agreed(), consented())
    over = Cleared(at=instant("02:30"), home=HOME.id, what=FOUND.what, since=FOUND.since, episode=FOUND.episode)
    assert night.at("05:00", FOUND, over) == []


def test_what_is_new_after_it_was_over_starts_at_the_bottom_again() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.passing("02:25", "02:30", every_s=10)
    over = Cleared(at=instant("02:31"), home=HOME.id, what=FOUND.what, since=FOUND.since, episode=FOUND.episode)
    again = msgspec.structs.replace(FOUND, what=What.OOB_ACTIVE, at=instant("02:54"), since=instant("02:09"))
    assert night.at("02:31", over) == []
    assert night.at("02:54", again) == ["c-fatima, first"]


def test_what_was_closed_and_found_again_starts_at_the_bottom_again() -> None:
    night = Night(agreed(), consented(), FOUND)
    night.passing("02:25", "02:34", every_s=10)
    night.at("02:35", about(Resolved, "02:35", by=SANNE, outcome=Outcome.REASSURED, how=How.PHONE))
    again = msgspec.structs.replace(FOUND, what=What.BATH, at=instant("02:50"), since=instant("02:36"))
    assert night.at("02:50", again) == ["c-fatima, first"]
    assert night.passing("02:50", "02:58")[:2] == ["54:00 desk, unanswered", "57:00 night-team, unseen"]


def test_what_is_put_aside_comes_back_and_goes_on() -> None:
    soon = msgspec.structs.replace(FOUND, what=What.DOOR_ARRIVED)
    night = Night(agreed(step(DESK, 3), step(NIGHT_TEAM)), soon)
    alert = alert_of(soon)
    night.at("02:25")
    aside = Shelved(at=instant("02:26"), home=HOME.id, alert=alert, by=SANNE, why=Aside.VISITOR, until=instant("02:40"))
    night.add(aside)
    assert night.board.alerts[alert].state is State.SHELVED
    assert night.passing("02:26", "02:44") == ["40:00 back", "42:00 night-team, forgotten"]


def test_the_technical_service_is_not_woken() -> None:
    night = Night(agreed(), consented(), msgspec.structs.replace(FOUND, what=What.SENSOR_SILENT))
    assert night.passing("02:25", "02:50", every_s=10) == []


def test_of_a_whole_building_no_neighbour_is_asked() -> None:
    silent = msgspec.structs.replace(FOUND, what=What.BUILDING_SILENT, home=building_of("wilg"), count=2)
    night = Night(agreed(step(RESIDENT), step(FATIMA), step(DESK), step(NIGHT_TEAM)), silent)
    assert night.at("02:25") == ["desk, first"]


def test_a_building_that_tells_of_the_past_may_say_in_a_moment_that_it_is_over_but_a_call_for_help_goes_on() -> None:
    button = msgspec.structs.replace(FOUND, what=What.BUTTON)
    night = Night(agreed(), consented())
    night.board.behind.add(SiteId("wilg"))
    assert night.at("02:50", FOUND) == []
    assert night.at("02:51", button) == ["c-fatima, first"]
    night.board.behind.clear()
    assert night.at("02:52")[0] == "c-fatima, first"


def test_a_building_whose_clock_is_ahead_is_passed_on_once() -> None:
    ahead = msgspec.structs.replace(FOUND, at=instant("02:30"))
    night = Night(agreed(), consented())
    assert night.at("02:25", ahead) == ["c-fatima, first"]
    assert night.at("02:25:01") == []


# What is agreed where.


def test_the_nearest_agreement_counts() -> None:
    night = Night(
        agreed(step(DESK)), agreed(step(DESK), step(NIGHT_TEAM), place="wilg"), agreed(step(BACK_UP), place=HOME.id)
    )
    assert night.at("02:25", FOUND) == ["back-up, first"]
    taken_back = ChainAgreed(at=instant("13:05"), place=Place(HOME.id), by=SANNE, why="x", before=None, after=None)
    night = Night(agreed(step(DESK)), agreed(step(BACK_UP), place=HOME.id), taken_back)
    assert night.at("02:25", FOUND) == ["desk, first"]


def test_in_hours_of_which_a_home_says_nothing_it_follows_the_others() -> None:
    by_day = agreed(step(BACK_UP), place=HOME.id, since=time(7), until=time(22))
    night = Night(agreed(step(DESK)), by_day)
    assert night.at("02:25", FOUND) == ["desk, first"]


@given(st.times(), st.times(), st.times())
def test_every_minute_is_in_the_hours_or_in_the_other_hours(since: time, until: time, clock: time) -> None:
    steps = (step(DESK),)
    ours, theirs = Chain(since=since, until=until, steps=steps), Chain(since=until, until=since, steps=steps)
    assert within(ours, clock) or within(theirs, clock)
    assert since == until or within(ours, clock) != within(theirs, clock)


def test_what_was_urgent_already_when_it_was_put_aside_goes_on_as_soon_as_that_is_known() -> None:
    """What was found of it before came after: a building that tells of the past may do so."""
    home = msgspec.structs.replace(HOME, agreed_soon=(What.OOB_ACTIVE,))
    plan = Plan(at=instant("13:01"), site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(home,))
    up = msgspec.structs.replace(FOUND, what=What.OOB_ACTIVE)
    night = Night(plan, agreed(step(DESK, 3), step(NIGHT_TEAM, 5)), up)
    night.at("02:25")
    aside = Shelved(at=instant("02:26"), home=HOME.id, alert=ALERT, by=SANNE, why=Aside.VISITOR, until=instant("02:40"))
    assert night.at("02:26", aside) == []
    assert night.at("02:27", msgspec.structs.replace(FOUND, at=instant("02:25:30"))) == []
    assert night.passing("02:27", "02:30") == ["28:00 night-team, unseen"]


@pytest.mark.timeout(20)
def test_what_a_clock_ahead_found_and_cleared_and_found_again_is_asked_about_once_and_holds_up_nobody() -> None:
    """It was over, by that clock, at a date that ours has not reached: what is written now must count all the same."""
    night = Night(agreed(step(DESK, 3), step(NIGHT_TEAM, 5)))
    later = msgspec.structs.replace(FOUND, at=FOUND.at + timedelta(minutes=5), since=FOUND.at + timedelta(minutes=4))
    over = Cleared(
        at=FOUND.at - timedelta(seconds=90), home=FOUND.home, what=FOUND.what, since=FOUND.since, episode=FOUND.episode
    )
    for record in (FOUND, over, later):
        night.add(record, FOUND.at - timedelta(minutes=1))
    now = FOUND.at - timedelta(seconds=30)
    asked = due(night.board, now)
    assert asked
    for deed in asked:
        night.add(deed, now)
    assert due(night.board, now) == []


# Laws.

WHO = (FATIMA, JAN, RESIDENT, DESK, NIGHT_TEAM, BACK_UP)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Step, ...]:
    who = draw(st.lists(st.sampled_from(WHO), min_size=1, max_size=6, unique=True))
    minutes = st.floats(0.5, 30)
    return tuple(
        step(one, draw(minutes), *draw(st.lists(st.sampled_from(["push", "sms", "phone"]), max_size=3, unique=True)))
        for one in who
    )


SECONDS = st.integers(0, 1500)


@st.composite
def mishaps(draw: st.DrawFn) -> list[tuple[int, Record]]:
    """What may go wrong or be said, by seconds after the alert; nobody ever takes it."""
    said: list[tuple[int, Record]] = []
    for who in WHO[:2]:
        if draw(st.booleans()):
            second = draw(st.integers(-1000, 1500))
            ends = FOUND.at + timedelta(seconds=draw(st.integers(-100, 3000)))
            consent = msgspec.structs.replace(consented(who, until=ends), at=FOUND.at + timedelta(seconds=second))
            said.append((second, consent))
    for second in draw(st.lists(SECONDS, max_size=8)):
        at = FOUND.at + timedelta(seconds=second)
        who = draw(st.sampled_from(WHO))
        what = draw(st.sampled_from(["away", "refused", "taken", "cannot", "call"]))
        channel = draw(st.sampled_from(["push", "sms", "phone"]))
        more: dict[str, Any] = {"at": at, "home": HOME.id, "alert": ALERT}
        records: dict[str, Record] = {
            "away": NotTonight(at=at, contact=who, until=at + timedelta(hours=5)),
            "refused": Noticed(**more, to=who, channel=channel, refusal=Refusal.NO_ANSWER),
            "taken": Noticed(**more, to=who, channel=channel),
            "cannot": Replied(**more, by=who, answer=Answer.CANNOT),
            "call": Replied(**more, by=who, answer=Answer.CALL_ME),
        }
        said.append((second, records[what]))
    return sorted(said, key=lambda one: one[0])


LOOK = timedelta(seconds=5)


@settings(max_examples=examples(40))
@given(chain=chains(), acute=st.floats(1, 15), late_s=SECONDS, mishaps=mishaps(), attended=st.booleans())
def test_the_last_one_is_asked_in_time_whatever_is_dead(
    chain: tuple[Step, ...], acute: float, late_s: int, mishaps: list[tuple[int, Record]], attended: bool
) -> None:
    arrived = FOUND.at + timedelta(seconds=late_s)
    night = Night(agreed(*chain, acute=acute))
    todo = [(FOUND.at + timedelta(seconds=second), record) for second, record in mishaps]
    limit = max(FOUND.at + timedelta(minutes=acute), arrived + HASTE) + LOOK
    now = FOUND.at - LOOK * 200
    while now < limit:
        while todo and todo[0][0] <= now:
            night.add(todo.pop(0)[1], now)
        if now >= arrived and ALERT not in night.board.alerts:
            night.add(FOUND, now)
            limit = max(limit, now + HASTE + LOOK)
        night.at(now, attended=attended)
        now += LOOK
    done = {one.to for one in night.board.alerts[ALERT].passing if isinstance(one, Passed | Skipped)}
    book = night.board.chains
    for one in chain:
        barred = not attended if one.who == DESK else book.barred(HOME.id, one.who, "acute", What.STILL, now - LOOK)
        assert one.who in done or barred


@settings(max_examples=examples(20))
@given(chain=chains(), mishaps=mishaps(), pick=st.randoms(use_true_random=False))
def test_in_whatever_order_the_records_come_the_board_is_the_same(
    chain: tuple[Step, ...], mishaps: list[tuple[int, Record]], pick: Any
) -> None:
    night = Night(agreed(*chain), FOUND)
    for second, record in mishaps:
        night.at(max(night.now, FOUND.at + timedelta(seconds=second)), record)
    night.at(FOUND.at + timedelta(seconds=1600))
    records = [agreed(*chain), FOUND, *(record for _, record in mishaps), *night.written]
    pick.shuffle(records)
    other = Night(*records)
    assert other.board.alerts[ALERT].passing == night.board.alerts[ALERT].passing
    assert other.board.chains.__dict__ == night.board.chains.__dict__
    assert due(other.board, night.now) == []


@given(chain=chains(), mishaps=mishaps())
def test_what_is_foretold_is_what_happens_when_nobody_does_anything(
    chain: tuple[Step, ...], mishaps: list[tuple[int, Record]]
) -> None:
    night = Night(agreed(*chain), *(record for second, record in mishaps if isinstance(record, Consented)), FOUND)
    foretold = forecast(night.board.alerts[ALERT], night.board, FOUND.at)
    now = FOUND.at
    for one in foretold:
        now = max(now, one.at)
        night.at(now)
    happened = [one for one in night.board.alerts[ALERT].passing if isinstance(one, Passed | Skipped | Exhausted)]
    assert [(type(one), one.at) for one in happened] == [(type(one), one.at) for one in foretold]


def test_an_empty_book_of_agreements_says_so() -> None:
    assert Chains().of(Place("wilg/12")) is None


def test_what_is_agreed_anew_touches_every_open_alert_and_a_channel_that_turned_every_site() -> None:
    night = Night(FOUND)
    for record in (agreed(), consented(), NotTonight(at=instant("22:00"), contact=FATIMA, until=instant("11:00"))):
        assert night.board.add(record, recorded_at=instant("02:26")) == (set(), {ALERT})
    dead = Proven(at=instant("02:26"), channel="sms", refusal=Refusal.REFUSED)
    again = msgspec.structs.replace(dead, at=instant("02:41"))
    well = Proven(at=instant("02:56"), channel="sms")
    touched = [night.board.add(one, recorded_at=one.at)[0] for one in (dead, again, well, well)]
    assert touched == [{HOME.id}, set(), {HOME.id}, set()]


def test_the_back_up_is_asked_at_once_when_the_desk_cannot_take_more_and_once_only() -> None:
    night = Night(agreed(step(DESK), step(NIGHT_TEAM), step(BACK_UP, 3, "phone")), FOUND)
    night.at("02:25")
    (asked,) = called_in(night.board, instant("02:26"))
    assert (asked.to, asked.why, asked.channels, asked.alert) == (BACK_UP, Why.CALLED_IN, ("phone",), ALERT)
    night.at("02:26", asked)
    assert [(one.asked.to, one.channel) for one in to_send(night.board, night.now)] == [(BACK_UP, "phone")]
    assert called_in(night.board, instant("02:27")) == []


def test_the_chain_goes_on_after_the_back_up_was_called_in_and_is_still_in_time() -> None:
    night = Night(agreed(step(DESK), step(NIGHT_TEAM), step(BACK_UP)), FOUND)
    night.at("02:25")
    night.at("02:26", *called_in(night.board, instant("02:26")))
    passed = [one for one in forecast(night.board.alerts[ALERT], night.board, night.now) if isinstance(one, Passed)]
    assert [one.to for one in passed] == [NIGHT_TEAM]
    assert passed[0].at <= instant("02:35")


def test_nobody_is_called_in_where_the_calling_order_has_no_back_up_or_nothing_waits() -> None:
    assert called_in(Night(agreed(step(DESK)), FOUND).board, instant("02:26")) == []
    assert called_in(Night(agreed(step(DESK), step(BACK_UP))).board, instant("02:26")) == []


CALLED = Finding(at=instant("02:25"), home=HOME.id, what=What.BUTTON, since=instant("02:25"), episode=instant("02:25"))
WENT_OUT = msgspec.structs.replace(CALLED, what=What.DOOR_LEFT)


@pytest.mark.parametrize(
    ("kinds", "asked"),
    [
        (None, [CALLED, WENT_OUT, FOUND]),
        ((About.HELP,), [CALLED]),
        ((About.DOOR, About.OTHER), [WENT_OUT, FOUND]),
        ((), []),
    ],
)
def test_a_contact_is_asked_about_those_kinds_only_that_the_client_named(
    kinds: tuple[About, ...] | None, asked: list[Finding]
) -> None:
    for finding in (CALLED, WENT_OUT, FOUND):
        said = msgspec.structs.replace(consented(), kinds=kinds)
        first, *_ = Night(agreed(), said, finding).at("02:25")
        assert first == ("c-fatima, first" if finding in asked else "not c-fatima, no-consent")


def test_a_consent_from_before_kinds_were_told_apart_means_what_it_meant() -> None:
    old = (
        b'{"type":"consented","at":"2026-03-02T12:01:00Z","home":"wilg/12","contact":"c-fatima","by":"s-sanne",'
        b'"tiers":["acute"],"until":"2026-06-01T00:00:00Z"}'
    )
    book = Chains()
    book.add(decode(old))
    assert [book.barred(HOME.id, FATIMA, "acute", what, instant("02:25")) for what in What] == [None] * len(What)
    assert book.barred(HOME.id, FATIMA, "soon", What.BUTTON, instant("02:25")) is Why.NO_CONSENT
    every = consent(
        book, HOME.id, FATIMA, ("acute",), datetime(2026, 6, 1, tzinfo=UTC), by=Asker(SANNE), at=instant("02:25")
    )
    assert every == ()  # all kinds there are is no other consent
