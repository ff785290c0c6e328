"""What a resident reads of who looked at their data: plain, merged, and everything that was done."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care.wording import Wording
from dashboard.access_log import Deed, Entry, Ground
from dashboard.looked import nobody, told
from detectors.homes import ResidentId

AT = datetime(2026, 3, 3, 1, 16, tzinfo=UTC)  # 02:16 in the Netherlands
DUTCH = Wording("nl")


class Called:
    def who(self, entry: Entry) -> str:
        return {
            "staff:seat": "Werkplek 2 van de zorgcentrale",
            "staff:s": "Sanne, je begeleider,",
            "contact:f": "Je zus Fatima",
            "staff:n": "Nadia",
        }.get(entry.by, "De monteur")

    def organisation(self, entry: Entry) -> str:
        return "Zorg Zon"

    def shared_until(self, entry: Entry) -> date | None:
        return date(2026, 6, 1)

    def reason(self, entry: Entry) -> str:
        return "er nam niemand op"


def entry(by: str, ground: Ground, what: str = "home", *, minutes: float = 0, deed: Deed = Deed.READ) -> Entry:
    at = AT + timedelta(minutes=minutes)
    return Entry(at=at, by=by, deed=deed, what=what, resident=ResidentId("r"), ground=ground)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (
            entry("staff:seat", Ground.ALERT, "alert"),
            "Werkplek 2 van de zorgcentrale keek om 02:16 uur naar je nacht, omdat er een melding was.",
        ),
        (
            entry("staff:s", Ground.CARE, "client-report", minutes=349),
            "Sanne, je begeleider, las om 08:05 uur het verslag van je nacht. Reden: je zorg en je afspraken.",
        ),
        (
            entry("contact:f", Ground.SHARED, "message", minutes=416),
            "Je zus Fatima opende om 09:12 uur het bericht over je nacht. Dat mag van jou tot 1 juni.",
        ),
        (
            entry("staff:m", Ground.INSTALL),
            "De monteur zag om 02:16 uur hoe je sensoren werken. Niet hoe je nachten waren.",
        ),
        (
            entry("staff:n", Ground.EMERGENCY, minutes=84),
            (
                "Nadia van Zorg Zon keek om 03:40 uur bij nood, zonder afspraak vooraf. Reden: “er nam niemand op”."
                " Dit wordt nagekeken. Je krijgt bericht."
            ),
        ),
        (
            entry("staff:s", Ground.OVERSIGHT, "persons", deed=Deed.EXPORTED),
            "Sanne, je begeleider, nam om 02:16 uur je gegevens mee in een bestand. Reden: toezicht op wie mag kijken.",
        ),
    ],
)
def test_a_look_is_told_in_plain_words(one: Entry, sentence: str) -> None:
    assert [day.sentences for day in told([one], Called(), DUTCH)] == [(sentence,)]


def test_three_looks_of_one_seat_in_a_night_are_one_sentence() -> None:
    looks = [entry("staff:seat", Ground.WATCH, minutes=n) for n in (90, 0, 30)]
    (night,) = told(looks, Called(), DUTCH)
    assert night.day == date(2026, 3, 2)  # of its evening
    assert night.sentences == (
        "Werkplek 2 van de zorgcentrale keek 3 keer, het eerst om 02:16 uur. Reden: de dienst van de zorgcentrale.",
    )


def test_what_somebody_does_with_their_own_data_is_not_told_back_to_them() -> None:
    assert told([entry("resident:r", Ground.OWN)], Called(), DUTCH) == []
    assert nobody(DUTCH) == "Niemand keek naar je gegevens."


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            entry,
            st.sampled_from(["staff:seat", "staff:s", "contact:f"]),
            st.sampled_from([ground for ground in Ground if ground is not Ground.OWN]),
            st.sampled_from(["home", "alert", "client-report", "anything"]),
            minutes=st.integers(0, 5_000),
            deed=st.sampled_from([Deed.READ, Deed.CHANGED, Deed.EXPORTED, Deed.PRINTED]),
        ),
        max_size=12,
    )
)
def test_whoever_did_something_on_a_day_is_named_on_that_day(looks: list[Entry]) -> None:
    days = {day.day: " ".join(day.sentences) for day in told(looks, Called(), DUTCH)}
    for look in looks:
        day = (look.at.astimezone(DUTCH.zone) - timedelta(hours=12)).date()
        assert Called().who(look) in days[day]
    assert sum(len(day.sentences) for day in told(looks, Called(), DUTCH)) <= len(looks)
