"""What stands on a lock screen says nothing about anybody, and fits; and which channels work is known."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import Tier
from care.asking import Noticed, Proven, Refusal
from care.chains import BACK_UP, NIGHT_TEAM, RESIDENT
from care.ids import AlertId, ContactId
from care.letters import Letter
from care.notices import DEAD_FOR, PROVEN_EVERY, TEXT_MAX, Channels, fits, proof, text, with_link
from care.records import Record
from detectors.homes import HomeId
from tests.stories import instant

GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
TOKEN = "Xb3_kq9-Zt1Lw8pQ4rS7vA"
LINK = f"https://desk.example/answer/{TOKEN}"
EVERYBODY = (RESIDENT, ContactId("c-1a2b3c4d"), NIGHT_TEAM, BACK_UP)


@pytest.mark.parametrize("to", EVERYBODY)
@pytest.mark.parametrize("tier", [Tier.ACUTE, Tier.SOON])
@pytest.mark.parametrize("phone", ["", "0201234567"])
def test_a_notice_fits_one_text_message_and_says_nothing_of_anybody(to: ContactId, tier: Tier, phone: str) -> None:
    said = with_link(Letter(text(to, AlertId("0a1b2c3d4e"), tier, 3.7, phone=phone), "tag", LINK))
    assert len(said.replace(LINK, "")) <= TEXT_MAX
    assert len(said) <= 160
    assert set(said) <= GSM_7
    assert said.startswith("Nachtwacht: ")
    assert LINK in said
    assert "0a1b2c3d4e" not in said
    for word in ("woning", "badkamer", "bed", "wc", "vannacht", "Jan", "02:", "hulpoproep", "wilg"):
        assert word not in said


def test_without_a_link_or_a_phone_none_is_promised() -> None:
    said = text(NIGHT_TEAM, AlertId("0a1b2c3d4e"), Tier.ACUTE, 3, phone="")
    assert with_link(Letter(said, "tag")) == "Nachtwacht: dringende melding 0A1B. Reageer binnen 3 min."


def test_the_test_message_asks_nothing() -> None:
    assert set(proof()) <= GSM_7
    assert "proefbericht" in proof()


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("json://127.0.0.1:8080/{address}", True),
        ("twilio://AC0123456789012345678901234567890f:0123456789012345678901234567890f@15555555555/{address}", True),
        ("json://127.0.0.1:8080/", False),
        ("nonsense://{address}", False),
        ("{address}", False),
        ("", False),
    ],
)
def test_a_channel_is_set_up_only_with_a_url_that_is_known(url: str, good: bool) -> None:
    assert fits(url) is good


def noticed(at: str, refusal: Refusal | None = None, channel: str = "sms") -> Noticed:
    more = {"home": HomeId("wilg/12"), "alert": AlertId("0a1b2c3d4e"), "to": NIGHT_TEAM}
    return Noticed(at=instant(at), channel=channel, refusal=refusal, **more)  # type: ignore[arg-type]


def channels(*records: Record) -> Channels:
    made = Channels()
    for record in records:
        made.add(record)
    return made


def test_a_channel_that_refused_is_dead_until_it_takes_something() -> None:
    made = channels(noticed("02:00", Refusal.NO_ANSWER), noticed("02:00", channel="push"))
    assert made.dead == {"sms": instant("02:00")}
    assert made.doubtful("sms", instant("02:10"))
    assert not made.doubtful("sms", instant("02:00") + DEAD_FOR)
    made.add(Proven(at=instant("02:20"), channel="sms"))
    assert made.dead == {}


def test_that_somebody_has_no_address_is_no_fault_of_the_channel() -> None:
    assert channels(noticed("02:00", Refusal.NO_ADDRESS)).dead == {}


def test_a_channel_is_tried_once_a_day_and_a_dead_one_every_quarter_of_an_hour() -> None:
    proven = Proven(at=instant("02:00"), channel="sms")
    made = channels(proven)
    assert made.unproven(["sms", "push"], instant("02:01")) == ["push"]
    assert made.unproven(["sms"], proven.at + PROVEN_EVERY) == ["sms"]
    made.add(Proven(at=instant("03:00"), channel="sms", refusal=Refusal.REFUSED))
    assert made.unproven(["sms"], instant("03:14")) == []
    assert made.unproven(["sms"], instant("03:15")) == ["sms"]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([None, Refusal.REFUSED]))),
    st.randoms(use_true_random=False),
)
def test_in_whatever_order_it_is_told_a_channel_works_or_not(
    said: list[tuple[int, Refusal | None]], pick: object
) -> None:
    start: datetime = instant("02:00")
    records = [Proven(at=start + timedelta(minutes=at), channel="sms", refusal=why) for at, why in said]
    shuffled = list(records)
    pick.shuffle(shuffled)  # type: ignore[attr-defined]
    assert channels(*records).dead == channels(*shuffled).dead
