"""Signing that one took over, and putting something beside a line of a report."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.handovers import KEPT, OF_ONE_MAX, TEXT_MAX, Handovers, TooLong, correct, shift_to_hand_over, take_over, tidy
from care.ids import AlertId, StaffId
from care.records import Corrected, HandedOver, Record, addressee, decode, encode

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SANNE, NOOR = StaffId("s-1"), StaffId("s-2")
MORNING = datetime(2026, 3, 3, 6, 2, tzinfo=UTC)  # 07:02 in the Netherlands
NIGHT = date(2026, 3, 2)


def sign(known: Handovers, at: datetime = MORNING, note: str = "", by: StaffId = NOOR) -> tuple[HandedOver, ...]:
    return take_over(known, at, by, SANNE, note=note, by_voice=True, standing=[AlertId("0" * 10)], aside=[])


def after(*records: Record) -> Handovers:
    known = Handovers()
    for one in records:
        known.add(one)
    return known


def put(known: Handovers, text: str, *, line: int = 2, by: StaffId = SANNE) -> tuple[Corrected, ...]:
    return correct(known, MORNING, by, night=NIGHT, about="wilg/12", line=line, text=text)


def test_whoever_takes_over_signs_with_what_was_open() -> None:
    [signed] = sign(Handovers(), note="  Sleutel ligt  bij de receptie. ")
    assert (signed.given_by, signed.taken_by, signed.open) == (SANNE, NOOR, (AlertId("0" * 10),))
    assert signed.note == "Sleutel ligt bij de receptie."
    assert decode(encode(signed)) == signed
    assert addressee(signed) is None  # no building needs to know


def test_the_same_tap_twice_is_one_signature() -> None:
    known = after(*sign(Handovers()))
    assert sign(known, MORNING + timedelta(seconds=2)) == ()
    assert sign(known, MORNING + timedelta(hours=8)) != ()
    assert sign(known, MORNING + timedelta(seconds=2), note="Iets nieuws.") != ()


def test_nobody_takes_over_from_themselves() -> None:
    [signed] = sign(Handovers(), by=SANNE)
    assert signed.given_by is None


def test_a_shift_knows_who_signed_for_it_early_or_at_its_beginning() -> None:
    seven = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
    for at in (seven - timedelta(minutes=20), MORNING, seven + timedelta(minutes=100)):
        signed = sign(Handovers(), at)
        assert after(*signed).of_shift(seven) == signed[0]
    assert after(*sign(Handovers(), seven - timedelta(hours=3))).of_shift(seven) is None


@pytest.mark.parametrize(
    ("now", "shift"),
    [
        ("2026-03-03T02:00:00+01:00", ("22:00", "07:00")),
        ("2026-03-03T06:50:00+01:00", ("22:00", "07:00")),
        ("2026-03-03T07:10:00+01:00", ("22:00", "07:00")),
        ("2026-03-03T08:59:00+01:00", ("22:00", "07:00")),
        ("2026-03-03T09:01:00+01:00", ("07:00", "15:00")),
        ("2026-03-29T07:10:00+02:00", ("22:00", "07:00")),
    ],
)
def test_the_shift_that_is_handed_over_is_the_one_that_ends(now: str, shift: tuple[str, str]) -> None:
    found = shift_to_hand_over(datetime.fromisoformat(now), AMSTERDAM)
    assert tuple(f"{at:%H:%M}" for at in found) == shift


@pytest.mark.parametrize("text", ["Een. Twee. Drie.", "Een. Twee. Drie", "Een! Twee? Drie", "a" * (TEXT_MAX + 1)])
def test_more_than_two_sentences_are_refused_and_nothing_is_written(text: str) -> None:
    with pytest.raises(TooLong):
        sign(Handovers(), note=text)
    with pytest.raises(TooLong):
        put(Handovers(), text)


@given(st.text(max_size=400))
def test_whatever_is_written_becomes_one_line_or_is_refused(text: str) -> None:
    try:
        line = tidy(text)
    except TooLong:
        return
    assert len(line) <= TEXT_MAX
    assert line == tidy(line)
    assert line.isprintable()


def test_a_correction_stands_beside_the_line_and_writes_nothing_over() -> None:
    first = put(Handovers(), "Het was de nachtdienst.")
    second = put(after(*first), "Om 02:44, niet om 02:41.", by=NOOR)
    known = after(*first, *second)
    assert [one.text for one in known.corrections("wilg/12", NIGHT, 2)] == [
        "Het was de nachtdienst.",
        "Om 02:44, niet om 02:41.",
    ]
    assert known.corrections("wilg/12", NIGHT, 3) == []
    assert known.corrections("wilg/11", NIGHT, 2) == []
    assert known.corrections("wilg/12", NIGHT - timedelta(days=1), 2) == []
    assert decode(encode(first[0])) == first[0]


def test_an_empty_correction_and_the_same_one_twice_say_nothing() -> None:
    assert put(Handovers(), "   ") == ()
    once = put(Handovers(), "Het was de nachtdienst.")
    assert put(after(*once), "Het was de nachtdienst. ") == ()


def test_a_report_takes_so_many_corrections_and_says_when_it_is_full() -> None:
    known = Handovers()
    for n in range(OF_ONE_MAX):
        known.add(put(known, f"Regel {n}")[0])
    with pytest.raises(TooLong):
        put(known, "Nog een")


def test_old_hand_overs_are_forgotten() -> None:
    known = Handovers()
    for n in range(KEPT + 5):
        known.add(sign(Handovers(), MORNING + timedelta(hours=8 * n))[0])
    assert len(known.between(MORNING, MORNING + timedelta(days=400))) == KEPT
