"""The reviews together: each judges the summary it is for, and what they remember stays small."""

import msgspec

from detectors import reviews
from detectors.findings import What
from detectors.reviews import Reviews
from tests.detectors.proofs import restored
from tests.detectors.test_restless import HOME, night
from tests.detectors.test_rhythm_shift import day


def test_the_morning_tells_of_the_night_and_the_afternoon_of_the_hours() -> None:
    known, told = Reviews(), []
    for number in range(90):
        later = 3.0 if number >= 60 else 0.0
        for summary in (night(number, 6 if number == 50 else 1, visits=1), day(number, -0.5 + later, 7.0 + later)):
            known, found = reviews.reviewed(known, summary, HOME)
            told += [(number, what) for what, _ in found]
    assert told[0] == (50, What.RESTLESS)
    assert {what for _, what in told[1:]} == {What.SHIFT}
    assert restored(known) == known
    assert len(msgspec.json.encode(known)) < 10_000
