"""Nothing is heard of a whole home: long after its habit, somebody should look at the gateway."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detectors.findings import What
from detectors.gateway_gap import gateway_gap
from detectors.rhythms import GAP_MIN, Pulse, felt
from tests.detectors.test_sensor_silent import START, Listener, days, message


def limit_of(pulse: Pulse, *, away: bool = False) -> timedelta:
    episode = gateway_gap(pulse, away=away)
    assert episode is not None
    return episode.due - episode.since


def pulse_of(*hours: float) -> Pulse:
    """Return the pulse of a home heard after so many hours each time."""
    at, pulse = START, felt(Pulse(), message("gang", START))
    for silent in hours:
        at += timedelta(hours=silent)
        pulse = felt(pulse, message("gang", at))
    return pulse


def test_a_home_of_which_nothing_was_ever_heard_has_no_gap() -> None:
    assert gateway_gap(Pulse()) is None


def test_eighteen_hours_of_silence_are_told_of_a_home_that_is_heard_every_few_hours() -> None:
    pulse = Listener().hear(days(0, 9)).pulse
    episode = gateway_gap(pulse)
    assert episode is not None
    assert episode.what is What.GATEWAY_GAP
    assert episode.since == pulse.last_at == START + timedelta(days=8, hours=23)
    assert episode.due == episode.since + timedelta(hours=18)
    assert (episode.sensor, episode.room) == (None, None)


def test_who_is_often_away_for_a_night_and_a_day_is_waited_for_longer() -> None:
    assert limit_of(pulse_of(*[5.0, 15.0] * 5)) > timedelta(hours=29)


def test_who_was_seen_to_leave_may_stay_away_for_a_weekend() -> None:
    assert limit_of(pulse_of(5.0), away=True) == timedelta(hours=72)


def test_a_week_without_the_gateway_does_not_teach_that_a_week_is_usual() -> None:
    assert limit_of(pulse_of(5.0, 7 * 24.0)) <= 3 * limit_of(pulse_of(5.0))


def test_what_was_learned_of_long_silences_fades() -> None:
    busy = [6.0] * (4 * 70)
    assert limit_of(pulse_of(24.0, *busy)) < limit_of(pulse_of(24.0))


@given(st.lists(st.floats(0.1, 200), max_size=30))
def test_the_limit_is_never_below_eighteen_hours(hours: list[float]) -> None:
    pulse = pulse_of(*hours)
    assert limit_of(pulse) >= timedelta(hours=GAP_MIN)
    assert limit_of(pulse, away=True) >= limit_of(pulse)


@given(st.lists(st.floats(0.1, 200), max_size=30), st.floats(0.1, 200))
def test_older_news_changes_nothing(hours: list[float], before: float) -> None:
    pulse = pulse_of(*hours)
    assert pulse.last_at is not None
    older: datetime = pulse.last_at - timedelta(hours=before)
    assert felt(pulse, message("keuken", older)) is pulse
