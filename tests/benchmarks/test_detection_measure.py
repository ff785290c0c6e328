"""What counts as found and as false, and how sure one can be: told as stories, with the laws where there are any."""

from datetime import date, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection import measure
from benchmarks.detection.edits import Draw, Incident
from benchmarks.detection.measure import ASKED, Asked, NightCount, Outcome
from benchmarks.detection.methods import Alert, Detectors, Page, Run, alerts
from benchmarks.detection.nights import Recorded
from benchmarks.detection.realism import auc, logistic
from tests.stories import a_home, events, instant

FELL = ASKED[Incident.FELL_BATHROOM_STILL]
QUIET = ("22:00 keuken", "23:00 bed in", "07:30 bed out", "08:00 keuken")


def recorded(*lines: str) -> Recorded:
    return Recorded("story", a_home(), tuple(events(a_home(), lines or QUIET)))


def found_by(*pages: Page, earlier: tuple[Alert, ...] = (), asked: Asked = FELL) -> Outcome:
    """Return what becomes of a fall at 02:00 for which help comes at 03:00."""
    draw = Draw(t0=instant("02:00"), cut=instant("02:00"), until=instant("03:00"), tail=())
    return measure.outcome(recorded(), draw, pages, earlier, asked)


def page(clock: str, kind: str = "bath", alert: str = "one") -> Page:
    return Page(instant(clock), kind, alert)


def test_an_alert_of_the_right_kind_finds_a_fall_after_as_long_as_it_took() -> None:
    assert found_by(page("02:12")).delay == 12


def test_the_first_of_several_counts() -> None:
    assert found_by(page("02:20", "still", "two"), page("02:12")).delay == 12


def test_another_kind_of_alert_does_not_find_it() -> None:
    assert found_by(page("02:12", "door-left")).delay is None


def test_an_alert_from_before_never_finds_it_whatever_more_it_tells() -> None:
    before = page("01:50", "still")
    outcome = found_by(before, page("02:12"), earlier=(Alert(before.at, "still", (before,)),))
    assert outcome.delay is None
    assert outcome.alerted_before


def test_an_alert_after_help_has_come_finds_nothing() -> None:
    outcome = found_by(page("03:01"))
    assert outcome.delay is None
    assert outcome.watched == 60


def test_what_was_missed_is_censored_and_not_dropped() -> None:
    told = [outcome(5.0), outcome(10.0), outcome(None), outcome(None)]
    assert measure.recall(told, 10) == 0.5
    assert measure.delay_quantile(told, 0.5) == 10
    assert measure.delay_quantile(told, 0.95) is None
    assert measure.mean_within(told, 60) == (5 + 10 + 60 + 60) / 4


def outcome(delay: float | None, watched: float = 60.0, home: str = "a", night: int = 1) -> Outcome:
    return Outcome(home, home, date(2026, 3, night), delay, watched, "")


@given(st.lists(st.floats(0.1, 500), min_size=1, max_size=40), st.sampled_from([0.25, 0.5, 0.95]))
def test_with_nothing_censored_the_quantile_is_that_of_the_delays(delays: list[float], share: float) -> None:
    at = measure.delay_quantile([outcome(delay, watched=inf) for delay in delays], share)
    assert at is not None
    assert sum(delay <= at for delay in delays) >= share * len(delays) - 1e-6
    assert sum(delay < at for delay in delays) < share * len(delays) + 1e-6


@given(st.lists(st.one_of(st.none(), st.floats(0, 59)), min_size=1, max_size=30))
def test_recall_never_falls_with_time(delays: list[float | None]) -> None:
    told = [outcome(delay) for delay in delays]
    shares = [measure.recall(told, minutes) for minutes in range(0, 61, 5)]
    assert shares == sorted(shares)


def test_an_alert_counts_once_however_often_its_kind_comes_within_half_an_hour() -> None:
    run = Run(Silent(), recorded())
    run.pages = [
        page("01:00", "still", "one"),
        page("01:10", "bath", "one"),  # the same alert
        page("01:20", "still", "two"),  # the same kind, too soon
        page("02:30", "still", "three"),
        page("02:31", "door-arrived", "four"),  # not acute
    ]
    (night,) = measure.nights(run)
    assert dict(night.alerts) == {"still": 2, "door-arrived": 1}
    assert night.acute() == 2
    assert night.pages == 4


def test_what_is_told_at_a_limit_is_counted_apart_from_what_was_learned() -> None:
    run = Run(Silent(), recorded())
    run.pages = [
        Page(instant("01:00"), "still", "one", early=True),
        Page(instant("01:20"), "bath", "one"),  # the same alert: it was told before its limit
        page("02:30", "bath", "two"),
        page("03:00", "door-arrived", "three"),  # not acute
    ]
    (night,) = measure.nights(run)
    assert (night.acute(), night.agreed) == (2, 1)


def test_pages_of_one_alert_are_one_alert() -> None:
    assert [alert.kind for alert in alerts([page("02:10", "bath"), page("02:00", "still")])] == ["still"]


def test_what_the_detectors_tell_is_dated_when_a_person_could_hear_it() -> None:
    night = recorded("22:00 keuken", "23:00 bed in", "02:00 bed out", "02:00:10 gang", "07:30 keuken")
    (alert, *_) = alerts(Run(Detectors(), night).pages)
    assert timedelta(0) < alert.at - instant("02:00") <= timedelta(minutes=20.5)


def test_a_night_run_again_from_its_middle_tells_what_the_whole_run_told() -> None:
    lines = [f"{hour:02}:{minute:02} keuken" for hour in range(13, 23) for minute in range(0, 60, 2)]
    night = recorded(*lines, "23:00 bed in", "02:00 bed out", "02:00:10 gang", "02:03 badkamer", "07:30 keuken")
    run = Run(Detectors(), night)
    cut = instant("02:02")
    same = Draw(t0=cut, cut=cut, until=instant("06:00"), tail=night.between(cut, instant("06:00")))
    assert run.with_draw(same) == [one for one in run.pages if cut <= one.at < instant("06:00")]
    assert run.with_draw(same)


def test_nothing_in_220_nights_leaves_as_much_possible_as_the_study_says() -> None:
    assert round(measure.at_most(0, 220), 4) == 0.0136


@pytest.mark.parametrize(("target", "nights"), [(0.05, 390), (0.03, 650), (0.02, 980), (0.01, 1950), (0.005, 3890)])
def test_the_nights_that_are_needed_are_those_of_the_study(target: float, nights: int) -> None:
    assert measure.nights_needed(target) == pytest.approx(nights, rel=0.01)


def test_what_few_nights_cannot_show_is_said_with_the_nights_it_needs() -> None:
    assert measure.shown(0, 29, 0.05) == "not shown: needs 389 nights"
    assert measure.shown(0, 400, 0.05) == "yes"
    assert measure.shown(60, 400, 0.05) == "no"


@given(st.integers(0, 30), st.integers(1, 2000))
def test_what_was_seen_is_never_ruled_out(count: int, nights: int) -> None:
    assert measure.at_most(count, nights) > count / nights


def test_an_alert_is_worth_what_the_study_says() -> None:
    assert round(measure.ppv(7e-4, 0.95, 0.02), 2) == 0.03
    assert round(measure.ppv(7e-4, 0.95, 0.005), 2) == 0.12


def count(home: str, acute: int, age: int = 0) -> NightCount:
    return NightCount(home, home, age, {"bath": acute}, acute)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 50))
def test_an_interval_holds_what_it_is_of_and_is_the_same_for_the_same_seed(values: list[int], seed: int) -> None:
    nights = [count("a", value, age) for age, value in enumerate(values)]
    low, high = measure.rate_interval(nights, NightCount.acute, seed=seed, draws=200)
    assert min(values) <= low <= high <= max(values)
    assert (low, high) == measure.rate_interval(nights, NightCount.acute, seed=seed, draws=200)


def test_two_homes_that_differ_make_a_wide_interval_however_many_nights() -> None:
    nights = [count(home, acute, age) for home, acute in (("quiet", 0), ("loud", 1)) for age in range(300)]
    assert measure.rate_interval(nights, NightCount.acute, seed=1, draws=400) == (0.0, 1.0)


def test_draws_of_one_night_are_drawn_together() -> None:
    """A hundred draws of two nights, one always found and one never, say no more than two nights do."""
    told = [outcome(5.0, night=1)] * 50 + [outcome(None, night=2)] * 50
    recalls, quantiles = measure.outcome_intervals(told, [15], [0.5], seed=1, draws=400)
    assert recalls == [(0.0, 1.0)]
    assert quantiles == [(5.0, None)]


def test_nights_are_told_apart_by_how_long_a_home_has_been_watched() -> None:
    nights = [count("a", 0, age) for age in range(40)]
    assert [len(measure.in_bucket(nights, bucket)) for bucket in measure.BUCKETS] == [7, 7, 14, 12]


def test_a_classifier_tells_apart_what_differs_and_nothing_else() -> None:
    apart = [((float(number % 7 + 10 * (number % 2)), 1.0), number % 2) for number in range(100)]
    score = logistic(apart)
    assert auc([score(one) for one, label in apart if label], [score(one) for one, label in apart if not label]) == 1.0
    alike = [((float(number % 7), 1.0), number // 7 % 2) for number in range(140)]
    score = logistic(alike)
    area = auc([score(one) for one, label in alike if label], [score(one) for one, label in alike if not label])
    assert area == pytest.approx(0.5)


class Silent(Detectors):
    """Detectors that tell nothing."""

    def take(self, state: object, *_: object) -> tuple[object, tuple[Page, ...]]:  # type: ignore[override]
        return state, ()

    def wait(self, state: object, *_: object) -> tuple[object, tuple[Page, ...]]:  # type: ignore[override]
        return state, ()
