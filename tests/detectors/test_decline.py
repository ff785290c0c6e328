"""Days less active or less regular than weeks ago: told when they are, and not of hours that were not seen."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from detectors import decline
from detectors.calibration import LeftOut
from detectors.decline import Known
from detectors.nights import Notice, Summary
from tests.detectors.proofs import restored
from tests.detectors.test_restless import HOME

Day = tuple[float | None, ...]


def told(days: Sequence[Day | None]) -> list[tuple[int, Notice]]:
    known, found = Known(), []
    for number, activity in enumerate(days):
        summary = Summary(
            at=datetime(2026, 1, 2, 14, tzinfo=UTC) + timedelta(days=number),
            home=HOME.id,
            night=date(2026, 1, 1) + timedelta(days=number),
            whole=True,
            left_out=LeftOut.OUTAGE if activity is None else None,
            activity=activity or (),
        )
        known, notice = decline.step(known, summary, HOME)
        found += [(number, notice)] if notice is not None else []
    assert restored(known) == known
    return found


def a_day(chance: np.random.Generator, share: float) -> Day:
    """Return a day from 15:00 in which somebody is seen in that share of the hours by day, and asleep at night."""
    busy = [float(chance.integers(5, 30)) if chance.random() < share else 0.0 for _ in range(16)]
    return (*busy[:8], *[0.0] * 8, *busy[8:])


def test_who_sits_still_half_the_day_where_they_used_to_be_about_is_told() -> None:
    chance = np.random.default_rng(2)
    found = told([a_day(chance, 0.9) for _ in range(60)] + [a_day(chance, 0.4) for _ in range(42)])
    assert len(found) in {1, 2}
    assert all(number >= 60 for number, _ in found)
    assert found[0][1].value < 70 < found[0][1].usual


def test_without_a_change_hardly_anything_is_told() -> None:
    chance, notices = np.random.default_rng(3), 0
    for _ in range(20):
        share = float(chance.uniform(0.6, 0.95))
        notices += len(told([a_day(chance, share) for _ in range(270)]))
    assert notices <= 20 * 270 / 180


def test_more_active_days_are_not_told() -> None:
    chance = np.random.default_rng(4)
    assert told([a_day(chance, 0.5) for _ in range(60)] + [a_day(chance, 0.95) for _ in range(60)]) == []


def test_days_that_were_not_seen_say_nothing() -> None:
    chance = np.random.default_rng(5)
    assert told([*[a_day(chance, 0.9) for _ in range(60)], *[None] * 40]) == []


def test_hours_spent_out_are_not_hours_without_activity() -> None:
    summary = Summary(
        at=datetime(2026, 1, 2, 14, tzinfo=UTC),
        home=HOME.id,
        night=date(2026, 1, 1),
        whole=True,
        activity=(10.0, None, None, None, 10.0, 10.0, 10.0, 10.0, *[0.0] * 8, *[10.0] * 7, 0.0),
    )
    assert decline.active_share(summary, HOME) == 12 / 13
