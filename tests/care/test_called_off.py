"""Who was asked to go, and need not any more, hears so once, by the same channel."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.asking import (
    Answer,
    CalledOff,
    Noticed,
    Refusal,
    Replied,
)
from care.chains import BACK_UP, DESK, NIGHT_TEAM, RESIDENT
from care.escalation import CALLED_OFF_WITHIN, called_in, to_call_off, to_send
from care.ids import ContactId
from care.records import (
    By,
    Follow,
    Followed,
    How,
    Outcome,
    Released,
    Resolved,
)
from tests.care.test_escalation import (
    FATIMA,
    FOUND,
    JAN,
    SANNE,
    Night,
    about,
    agreed,
    claimed,
    consented,
    refused,
    step,
    taken,
)
from tests.stories import instant


def going(by: ContactId, at: str) -> Any:
    return about(Replied, at, by=by, answer=Answer.GOING)


def closed(at: str) -> Any:
    return about(Resolved, at, by=SANNE, outcome=Outcome.HELPED, how=How.PHONE)


def sent(means: By, at: str) -> Any:
    return about(Followed, at, by=SANNE, follow=Follow.COMING, means=means)


def called_off(night: Night, at: str | datetime) -> list[str]:
    now = instant(at) if isinstance(at, str) else at
    return [f"{one.asked.to} by {one.channel}" for one in to_call_off(night.board, now)]


def asked_both() -> Night:
    """Fatima and the night team have both got the question on their phones."""
    night = Night(agreed(step(FATIMA, 4, "push", "sms"), step(NIGHT_TEAM, 5), step(DESK)), consented(), FOUND)
    night.at("02:25")
    night.at("02:26", taken(FATIMA, "push", "02:26"))
    night.at("02:29")
    night.at("02:30", taken(NIGHT_TEAM, "sms", "02:30"))
    return night


def test_who_was_asked_hears_by_the_same_channel_that_help_is_not_needed_once_it_is_closed() -> None:
    night = asked_both()
    assert called_off(night, "02:30") == []
    night.at("02:31", closed("02:31"))
    assert called_off(night, "02:31") == ["c-fatima by push", "night-team by sms"]
    night.add(about(CalledOff, "02:31", to=FATIMA, channel="push"))
    night.add(about(CalledOff, "02:31", to=NIGHT_TEAM, channel="sms", refusal=Refusal.REFUSED))
    assert called_off(night, "02:32") == []  # told once; a dead channel is not tried for ever
    assert list(night.board.channels.dead) == ["sms"]


def test_who_was_never_reached_or_cannot_go_is_not_told() -> None:
    night = Night(agreed(step(FATIMA, 4), step(JAN, 4), step(DESK)), consented(), consented(JAN), FOUND)
    night.at("02:25", refused(FATIMA, "sms", "02:25"))
    night.at("02:26", taken(JAN, "sms", "02:26"), about(Replied, "02:26", by=JAN, answer=Answer.CANNOT))
    night.at("02:31", closed("02:31"))
    assert called_off(night, "02:31") == []


def test_who_may_have_got_the_question_is_told_too_by_what_surely_took_it_if_anything_did() -> None:
    night = Night(agreed(step(FATIMA, 4, "push", "sms"), step(DESK)), consented(), FOUND)
    night.at("02:25", about(Noticed, "02:25", to=FATIMA, channel="push", refusal=Refusal.NO_ANSWER))
    maybe = Night(agreed(step(FATIMA, 4, "push", "sms"), step(DESK)), consented(), FOUND)
    maybe.at("02:25", about(Noticed, "02:25", to=FATIMA, channel="push", refusal=Refusal.NO_ANSWER))
    maybe.at("02:26", closed("02:26"))
    assert called_off(maybe, "02:26") == ["c-fatima by push"]
    night.at("02:26", taken(FATIMA, "sms", "02:26"))
    night.at("02:27", closed("02:27"))
    assert called_off(night, "02:27") == ["c-fatima by sms"]


def test_that_the_desk_looks_at_it_is_no_reason_to_stay_but_that_it_sent_somebody_else_is() -> None:
    night = asked_both()
    night.at("02:31", claimed("02:31"))
    assert called_off(night, "02:31") == []
    night.at("02:32", about(Followed, "02:32", by=SANNE, follow=Follow.TALKING, means=By.PHONE))
    assert called_off(night, "02:32") == []
    night.at("02:33", sent(By.NIGHT_TEAM, "02:33"))
    assert called_off(night, "02:33") == ["c-fatima by push"]


@pytest.mark.parametrize(
    ("means", "told"), [(By.NEIGHBOUR, ["night-team by sms"]), (By.FAMILY, ["night-team by sms"]), (By.EMERGENCY, [])]
)
def test_nobody_stays_who_may_be_the_one_that_the_desk_has_sent_or_can_open_the_door(
    means: By, told: list[str]
) -> None:
    night = asked_both()
    night.at("02:31", claimed("02:31"), sent(means, "02:31"))
    assert called_off(night, "02:31") == told


def test_that_one_who_was_asked_goes_is_told_to_the_others_and_not_to_who_goes_too() -> None:
    night = asked_both()
    night.at("02:31", going(NIGHT_TEAM, "02:31"))
    assert called_off(night, "02:31") == ["c-fatima by push"]
    assert [one.asked.to for one in to_send(night.board, instant("02:31"))] == []  # nor asked by the next channel
    night.at("02:32", going(FATIMA, "02:32"))
    assert called_off(night, "02:32") == []
    assert called_off(night, "02:45") == []  # of neither more was heard: both are asked still


def test_who_says_that_they_cannot_after_all_sends_nobody_home() -> None:
    night = asked_both()
    night.at("02:31", going(NIGHT_TEAM, "02:31"), about(Replied, "02:32", by=NIGHT_TEAM, answer=Answer.CANNOT))
    assert called_off(night, "02:32") == []


def test_what_was_closed_long_ago_wakes_nobody_when_a_centre_comes_back() -> None:
    night = asked_both()
    night.at("02:31", closed("02:31"))
    assert called_off(night, instant("02:31") + CALLED_OFF_WITHIN) != []
    assert called_off(night, instant("02:32") + CALLED_OFF_WITHIN) == []


def test_a_resident_and_a_back_up_that_came_to_help_at_the_desk_are_not_told_to_stay() -> None:
    night = Night(agreed(step(RESIDENT, 4), step(DESK), step(BACK_UP)), FOUND)
    night.at("02:25", taken(RESIDENT, "sms", "02:25"))
    night.at("02:26", *called_in(night.board, instant("02:26")))
    night.at("02:27", taken(BACK_UP, "sms", "02:27"), closed("02:27"))
    assert called_off(night, "02:27") == []


def test_what_opens_again_asks_and_calls_off_anew() -> None:
    night = asked_both()
    night.at("02:31", closed("02:31"), about(CalledOff, "02:31", to=FATIMA, channel="push"))
    night.add(about(CalledOff, "02:31", to=NIGHT_TEAM, channel="sms"))
    night.at("02:45", msgspec.structs.replace(FOUND, at=instant("02:45"), since=instant("02:40")))
    assert called_off(night, "02:45") == []
    night.at("02:46", taken(FATIMA, "sms", "02:46"), closed("02:47"))
    assert called_off(night, "02:47") == ["c-fatima by sms"]


HAPPENS = st.lists(
    st.sampled_from(
        [
            claimed("02:31"),
            sent(By.NIGHT_TEAM, "02:32"),
            sent(By.FAMILY, "02:33"),
            going(FATIMA, "02:33"),
            going(NIGHT_TEAM, "02:34"),
            about(Replied, "02:35", by=FATIMA, answer=Answer.CANNOT),
            about(Released, "02:36", by=SANNE),
            closed("02:37"),
            taken(NIGHT_TEAM, "sms", "02:38"),
            refused(FATIMA, "sms", "02:38"),
        ]
    ),
    max_size=12,
)


@given(HAPPENS, st.booleans())
def test_whatever_people_do_nobody_is_told_twice_and_only_who_was_reached(happens: list[Any], works: bool) -> None:
    night, told = asked_both(), list[CalledOff]()
    for minute, one in enumerate(happens):
        now = instant("02:31") + timedelta(minutes=minute)
        night.at(now, msgspec.structs.replace(one, at=now))
        for due_now in to_call_off(night.board, now):
            refusal = None if works else Refusal.NO_ANSWER
            record = about(CalledOff, "02:31", to=due_now.asked.to, channel=due_now.channel, refusal=refusal)
            told.append(msgspec.structs.replace(record, at=now))
            night.add(told[-1])
    assert len({one.to for one in told}) == len(told)
    assert {one.to for one in told} <= {FATIMA, NIGHT_TEAM}
    assert [one for one in to_send(night.board, night.now) if one.asked.to in {one.to for one in told}] == []
