"""Messages besides alerts: each goes out, is held back or lost, and that is said; what is urgent always goes."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care.alerts import Tier
from care.asking import (
    Agreement,
    Arrived,
    Chain,
    ChainAgreed,
    Consented,
    Line,
    Noticed,
    Passed,
    Refusal,
    Skipped,
    Step,
    Why,
)
from care.board import Board
from care.chains import DESK, ORGANISATION
from care.escalation import due, forecast, to_send
from care.ids import ContactId, StaffId
from care.load import load
from care.messages import (
    AGAIN_AFTER,
    HOURLY,
    LASTS,
    MOST,
    NIGHTLY,
    Carried,
    Held,
    Kind,
    Messages,
    TooMany,
    ToTell,
    Wanted,
    message_of,
    want,
)
from care.records import Record, decode, encode
from detectors.findings import Finding, What
from detectors.homes import HomeId, SiteId
from tests.conftest import examples
from tests.dashboard.nights import NOW, a_plan, add, local

FATIMA = ContactId("c-1a2b3c4d")
HOME = HomeId("wilg/12")
ZONE = ZoneInfo("Europe/Amsterdam")
NIGHT = (time(23), time(7))


def tell(at: datetime, kind: Kind = Kind.MORNING, channels: tuple[str, ...] = ("push", "sms")) -> ToTell:
    return ToTell(at=at, to=FATIMA, kind=kind, channels=channels, home=HOME)


def carried(one: ToTell, channel: str, at: datetime, refusal: Refusal | None = None, **more: datetime) -> Carried:
    return Carried(at=at, message=message_of(one), to=FATIMA, channel=channel, refusal=refusal, **more)


def known(*records: Record) -> Messages:
    made = Messages()
    for one in records:
        made.add(one)
    return made


def due_at(messages: Messages, at: datetime) -> list[str]:
    return [one.channel for one in messages.to_send(at)]


START = NOW
NOON = local("12:00") + timedelta(days=1)


def test_a_message_goes_by_its_first_channel_then_the_next_then_once_more_by_each_that_may_take_it() -> None:
    one = tell(START)
    said: list[Record] = [one]
    assert due_at(known(*said), START) == ["push"]
    said.append(carried(one, "push", START, Refusal.REFUSED))
    assert due_at(known(*said), START) == ["sms"]
    said.append(carried(one, "sms", START, Refusal.REFUSED))
    assert due_at(known(*said), START) == []
    assert due_at(known(*said), START + AGAIN_AFTER) == ["push"]
    said.append(carried(one, "push", START + AGAIN_AFTER, Refusal.REFUSED))
    assert due_at(known(*said), START + AGAIN_AFTER) == ["sms"]
    assert not known(*said).lost(message_of(one), START + AGAIN_AFTER)
    said.append(carried(one, "sms", START + AGAIN_AFTER, Refusal.REFUSED))
    assert due_at(known(*said), START + LASTS / 2) == []
    assert known(*said).lost(message_of(one), START + AGAIN_AFTER)


def test_what_may_have_arrived_goes_by_the_next_channel_and_never_by_the_same_again() -> None:
    one = tell(START)
    unknown = carried(one, "push", START, Refusal.NO_ANSWER)
    assert due_at(known(one, unknown), START) == ["sms"]
    refused = carried(one, "sms", START, Refusal.REFUSED)
    assert due_at(known(one, unknown, refused), START + AGAIN_AFTER) == ["sms"]
    both = known(one, unknown, carried(one, "sms", START, Refusal.NO_ANSWER))
    assert due_at(both, START + LASTS / 2) == []
    assert both.lost(message_of(one), START)  # as far as anybody knows
    both.add(carried(one, "push", START + AGAIN_AFTER))  # it was slow, and had it all the time
    assert not both.lost(message_of(one), START + AGAIN_AFTER)


@settings(max_examples=examples(50))
@given(st.lists(st.sampled_from([None, *Refusal]), max_size=8))
def test_no_channel_is_given_again_what_it_has_or_may_have(answers: list[Refusal | None]) -> None:
    one = tell(START)
    messages, now, given = known(one), START, list[tuple[str, Refusal | None]]()
    for answer in answers:
        for sending in messages.to_send(now):
            assert not any(channel == sending.channel and said in {None, Refusal.NO_ANSWER} for channel, said in given)
            given.append((sending.channel, answer))
            messages.add(carried(one, sending.channel, now, answer))
        now += AGAIN_AFTER
    assert len(given) <= 2 * len(one.channels)


def test_what_was_taken_goes_out_no_more() -> None:
    one = tell(START)
    messages = known(one, carried(one, "push", START))
    assert due_at(messages, START + timedelta(hours=1)) == []
    assert not messages.lost(message_of(one), START + LASTS)


def test_a_channel_that_wants_to_be_left_alone_is_and_one_that_nobody_is_at_is_not_tried_again() -> None:
    one = tell(START)
    wants = START + timedelta(minutes=10)
    messages = known(
        one, carried(one, "push", START, Refusal.REFUSED, again_at=wants), carried(one, "sms", START, Refusal.GONE)
    )
    assert due_at(messages, wants - timedelta(seconds=1)) == []
    assert due_at(messages, wants) == ["push"]


def test_who_can_be_reached_by_nothing_is_reported_at_once() -> None:
    one = tell(START, channels=())
    messages = known(one)
    assert due_at(messages, START) == [""]
    messages.add(carried(one, "", START, Refusal.NO_ADDRESS))
    assert due_at(messages, START) == []
    assert messages.lost(message_of(one), START)


def test_what_could_not_be_given_in_half_a_day_is_given_no_more_and_is_lost() -> None:
    one = tell(START)
    assert due_at(known(one), START + LASTS) == []
    assert known(one).lost(message_of(one), START + LASTS)


def test_in_quiet_hours_a_message_waits_for_their_end_and_a_test_does_not() -> None:
    wish = Wanted(at=START, to=FATIMA, quiet=NIGHT)
    one, test = tell(START), tell(START, Kind.TEST)
    messages = known(wish, one, test)
    held = [messages.held_back(sending, START, ZONE) for sending in messages.to_send(START)]
    [said] = [record for record in held if record is not None]
    assert (said.message, said.why, said.until) == (message_of(one), Why.QUIET, local("07:00"))
    messages.add(said)
    assert [sending.told.kind for sending in messages.to_send(START)] == [Kind.TEST]
    assert sorted(sending.told.kind for sending in messages.to_send(local("07:00"))) == [Kind.MORNING, Kind.TEST]


def test_who_has_had_four_in_an_hour_gets_the_fifth_when_the_first_is_an_hour_ago() -> None:
    messages = Messages()
    for minutes in range(HOURLY):
        assert messages.barred(FATIMA, START + timedelta(minutes=minutes), ZONE) is None
        messages.asked(FATIMA, START + timedelta(minutes=minutes))
    assert messages.barred(FATIMA, START + timedelta(minutes=5), ZONE) == (Why.ENOUGH, START + timedelta(hours=1))
    assert messages.barred(FATIMA, START + timedelta(hours=1), ZONE) is None
    assert messages.barred(ContactId("c-2"), START, ZONE) is None


def test_a_night_has_its_own_limit_and_ends_at_noon() -> None:
    messages = Messages()
    for hours in range(NIGHTLY):
        messages.asked(FATIMA, local("22:00") + timedelta(minutes=30 * hours))
    assert messages.barred(FATIMA, local("05:00"), ZONE) == (Why.ENOUGH, NOON)
    assert messages.barred(FATIMA, NOON, ZONE) is None


def test_who_wants_none_gets_none_that_is_not_urgent() -> None:
    messages = known(Wanted(at=START, to=FATIMA, hourly=0, nightly=3))
    assert messages.barred(FATIMA, START, ZONE) == (Why.ENOUGH, NOON)


def test_a_wish_is_written_once_and_one_that_cannot_be_is_refused() -> None:
    messages = Messages()
    assert want(messages, FATIMA, hourly=HOURLY, nightly=NIGHTLY, quiet=None, at=START) == ()
    [said] = want(messages, FATIMA, hourly=1, nightly=2, quiet=NIGHT, at=START)
    messages.add(said)
    assert want(messages, FATIMA, hourly=1, nightly=2, quiet=NIGHT, at=START) == ()
    [never] = want(messages, FATIMA, hourly=1, nightly=2, quiet=(time(3), time(3)), at=START)
    assert never.quiet is None
    for hourly, nightly in ((-1, 2), (1, MOST + 1)):
        with pytest.raises(TooMany):
            want(messages, FATIMA, hourly=hourly, nightly=nightly, quiet=None, at=START)


@given(
    st.lists(st.integers(0, 600), max_size=40),
    st.integers(0, 5),
    st.integers(0, 8),
    st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)),
)
@settings(max_examples=50)
def test_nobody_gets_more_than_they_wish_and_what_is_held_is_held_until_it_may_go(
    minutes: list[int], hourly: int, nightly: int, quiet: tuple[int, int] | None
) -> None:
    clocks = None if quiet is None or quiet[0] == quiet[1] else (time(quiet[0]), time(quiet[1]))
    messages = known(Wanted(at=START, to=FATIMA, hourly=hourly, nightly=nightly, quiet=clocks))
    got: list[datetime] = []
    for minute in sorted(minutes):
        at = START + timedelta(minutes=minute)
        barred = messages.barred(FATIMA, at, ZONE)
        if barred is None:
            got.append(at)
            messages.asked(FATIMA, at)
        else:
            assert barred[1] > at
    for at in got:
        assert sum(at - timedelta(hours=1) < one <= at for one in got) <= hourly
    assert sum(one < NOON for one in got) <= nightly


def test_messages_that_are_long_over_are_let_go() -> None:
    messages = known(tell(START))
    messages.add(tell(START + timedelta(days=8)))
    assert len(messages.lately(FATIMA)) == 1


@pytest.mark.parametrize(
    "record",
    [
        tell(START),
        carried(tell(START), "sms", START, Refusal.NO_ANSWER, again_at=START),
        Held(at=START, message=message_of(tell(START)), to=FATIMA, why=Why.QUIET, until=START),
        Wanted(at=START, to=FATIMA, quiet=NIGHT, by=StaffId("s-1")),
        Arrived(at=START, home=HOME, alert="0123456789", by=FATIMA),  # type: ignore[arg-type]
    ],
)
def test_what_is_written_is_read_back_and_stays_at_the_centre(record: Record) -> None:
    from care.records import addressee

    assert decode(encode(record)) == record
    assert addressee(record) is None


# An alert's own steps.


def found(what: What, at: datetime, home: HomeId = HOME) -> Finding:
    """Find something that is on the centre's disk at that moment: `add` takes two seconds."""
    at -= timedelta(seconds=2)
    began = at - timedelta(minutes=20)
    return Finding(at=at, home=home, what=what, since=began, episode=began, limit=20.0)


def a_night(*homes: int) -> Board:
    """Fatima next door is asked first, about everybody, then the desk."""
    board = Board()
    steps = (
        Step(line=Line.ZERO, who=FATIMA, channels=("push", "sms"), minutes=3.0),
        Step(line=Line.ONE, who=DESK, minutes=3.0),
    )
    after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
    begun = {"at": local("22:00"), "by": StaffId("s-1")}
    until = local("22:00") + timedelta(days=90)
    tiers = (Tier.ACUTE.value, Tier.SOON.value)
    add(
        board,
        a_plan("wilg", "De Wilg", homes or (12,)),
        ChainAgreed(place=ORGANISATION, why="begin", before=None, after=after, **begun),  # type: ignore[arg-type]
        *(
            Consented(home=HomeId(f"wilg/{n}"), contact=FATIMA, tiers=tiers, until=until, **begun)  # type: ignore[arg-type]
            for n in homes or (12,)
        ),
    )
    return board


def asked(board: Board, at: datetime) -> list[tuple[str, Why]]:
    """Let what is due be written down, and return who was asked or passed by, and why."""
    said = due(board, at)
    add(board, *said)
    return [(one.to, one.why) for one in said if isinstance(one, Passed | Skipped)]


def test_who_is_quiet_is_passed_by_for_what_can_wait_and_that_is_counted_and_foretold() -> None:
    board = a_night()
    add(board, Wanted(at=START, to=FATIMA, quiet=NIGHT), found(What.LATE_RISE, START))
    [alert] = board.open_alerts()
    assert alert.tier is Tier.SOON
    assert [one.to for one in forecast(alert, board, START) if isinstance(one, Skipped)] == [FATIMA]
    assert asked(board, START) == [(FATIMA, Why.QUIET), (DESK, Why.FIRST)]
    assert load(board, START, ZONE).held == 1
    steps, _ = board.messages.held_since(START - timedelta(hours=1))
    assert [one.home for one in steps] == [HOME]


def test_what_is_urgent_is_never_held_back() -> None:
    board = a_night()
    add(board, Wanted(at=START, to=FATIMA, hourly=0, nightly=0, quiet=NIGHT), found(What.BUTTON, START))
    assert asked(board, START) == [(FATIMA, Why.FIRST)]


def test_who_was_spared_what_could_wait_is_asked_after_all_when_it_becomes_urgent() -> None:
    board = a_night()
    plan = board.plans[SiteId("wilg")]
    waits = tuple(msgspec.structs.replace(one, agreed_soon=(What.OOB_ACTIVE.value,)) for one in plan.homes)
    add(board, msgspec.structs.replace(plan, homes=waits))
    add(board, Wanted(at=START, to=FATIMA, quiet=NIGHT), found(What.OOB_ACTIVE, START))
    assert asked(board, START)[0] == (FATIMA, Why.QUIET)
    later = START + timedelta(minutes=1)
    began = board.open_alerts()[0].main.episode
    add(board, Finding(at=later, home=HOME, what=What.STILL, since=later, episode=began))
    [alert] = board.open_alerts()
    assert alert.tier is Tier.ACUTE
    said = []
    for minutes in range(1, 8):
        said += asked(board, START + timedelta(minutes=minutes))
    assert FATIMA in [who for who, why in said if why not in {Why.QUIET, Why.ENOUGH}]


def test_a_storm_of_small_things_asks_nobody_more_often_than_they_wish() -> None:
    board = a_night(*range(1, 11))
    add(board, *(found(What.LATE_RISE, START, HomeId(f"wilg/{n}")) for n in range(1, 11)))
    said = asked(board, START)
    assert [one for one in said if one[0] == FATIMA].count((FATIMA, Why.FIRST)) == HOURLY
    assert sum(why is Why.ENOUGH for who, why in said if who == FATIMA) == 10 - HOURLY


def noticed(board: Board, channel: str, at: datetime, refusal: Refusal | None = None, **more: datetime) -> None:
    [alert] = board.open_alerts()
    record = Noticed(at=at, home=HOME, alert=alert.id, to=FATIMA, channel=channel, refusal=refusal, **more)
    add(board, record)


def goes_by(board: Board, at: datetime) -> list[str]:
    return [one.channel for one in to_send(board, at)]


def test_a_channel_that_refused_is_tried_once_more_after_the_others_and_keeps_nobody_waiting() -> None:
    board = a_night()
    add(board, found(What.BUTTON, START))
    asked(board, START)
    assert goes_by(board, START) == ["push"]
    noticed(board, "push", START, Refusal.REFUSED)
    assert goes_by(board, START) == ["sms"]
    noticed(board, "sms", START, Refusal.REFUSED)
    assert asked(board, START) == [(DESK, Why.UNREACHED)]
    assert goes_by(board, START) == []
    again = START + AGAIN_AFTER
    assert goes_by(board, again) == ["push"]
    noticed(board, "push", again)
    assert goes_by(board, again) == []


def test_no_channel_is_tried_three_times_or_past_the_time_of_its_step() -> None:
    board = a_night()
    add(board, found(What.BUTTON, START))
    asked(board, START)
    noticed(board, "push", START, Refusal.NO_ANSWER)
    noticed(board, "sms", START, Refusal.GONE)
    assert goes_by(board, START + timedelta(minutes=4)) == []
    noticed(board, "push", START + AGAIN_AFTER, Refusal.NO_ANSWER)
    assert goes_by(board, START + 2 * AGAIN_AFTER) == []


@pytest.mark.parametrize(("what", "again"), [(What.BUTTON, ["push"]), (What.LATE_RISE, [])])
def test_a_question_that_may_have_arrived_is_asked_twice_by_one_channel_only_if_it_is_acute(
    what: What, again: list[str]
) -> None:
    board = a_night()
    add(board, found(what, START))
    asked(board, START)
    noticed(board, "push", START, Refusal.NO_ANSWER)
    assert goes_by(board, START) == ["sms"]
    noticed(board, "sms", START, Refusal.GONE)
    assert asked(board, START) == [(DESK, Why.UNREACHED)]  # nobody waits for what nobody knows
    assert goes_by(board, START + AGAIN_AFTER) == again


def test_what_was_taken_and_not_opened_goes_by_the_next_channel_too() -> None:
    board = a_night()
    add(board, found(What.BUTTON, START))
    asked(board, START)
    noticed(board, "push", START)
    [alert] = board.open_alerts()
    add(board, Arrived(at=START, home=HOME, alert=alert.id, by=FATIMA))  # on the screen is not seen
    assert goes_by(board, START + timedelta(minutes=1)) == []
    assert goes_by(board, START + timedelta(minutes=1.5)) == ["sms"]
