"""The baselines do what their names say, so that beating them means something."""

from datetime import timedelta

import pytest

from benchmarks.detection import outliers
from benchmarks.detection.baselines import Baseline, Clock, at_random, at_three, families
from benchmarks.detection.methods import Method, Run
from benchmarks.detection.nights import Recorded
from benchmarks.detection.timers import COLD, Timer, personal_lognormal, personal_maximum, pooled_quantile
from benchmarks.detection.trial import matched
from detectors.homes import Home
from tests.benchmarks.test_detection_incidents import a_life
from tests.stories import AMSTERDAM, a_home, events

NIGHT = "22:00 keuken", "23:00 bed in", "02:00 bed out", "02:01 badkamer"


def told(method: Method, *lines: str, home: Home | None = None) -> list[str]:
    home = home or a_home()
    run = Run(method, Recorded("story", home, tuple(events(home, lines))))
    return [f"{page.at.astimezone(AMSTERDAM):%H:%M}" for page in run.pages]


def fixed(minutes: float, *, aware: bool = True) -> Timer:
    return Timer("fixed", lambda _: minutes, aware=aware)


def test_a_fixed_timer_tells_once_when_its_minutes_are_over() -> None:
    assert told(fixed(20), *NIGHT, "04:00 bed in", "08:00 keuken") == ["02:20"]
    assert told(fixed(20), *NIGHT, "02:19 bed in", "08:00 keuken") == []


def test_who_is_seen_elsewhere_is_let_be_by_the_aware_one_only() -> None:
    up = (*NIGHT, "02:10 keuken", "04:00 bed in", "08:00 keuken")
    assert told(fixed(20), *up) == []
    assert told(fixed(20, aware=False), *up) == ["02:20"]


def test_by_day_no_timer_tells_anything() -> None:
    assert told(fixed(20, aware=False), "23:00 bed in", "06:50 bed out", "08:00 keuken") == []


def test_without_a_bed_sensor_quiet_in_the_bedroom_is_bed() -> None:
    home = a_home(bed=False)
    night = "22:50 slaapkamer", "02:00 badkamer", "02:08 slaapkamer", "08:00 keuken"
    assert told(fixed(19), *night, home=home) == ["02:19"]  # still up: quiet for eleven minutes only
    assert told(fixed(30), *night, home=home) == []


def test_personal_limits_start_with_what_is_usual_and_then_follow_the_person() -> None:
    assert personal_maximum(1.0)((3.0, 4.0)) == COLD
    assert personal_maximum(2.0)((3.0, 4.0, 5.0, 3.0, 4.0)) == 10.0
    assert personal_lognormal(0.0)((4.0,) * 6) == pytest.approx(4.0)
    assert pooled_quantile([1.0, 2.0, 3.0, 4.0], 0.5)(()) == 3.0
    assert pooled_quantile([1.0, 2.0, 3.0, 4.0], 2.0)(()) == 8.0


def test_one_alert_a_night_at_three_and_chance_as_often_as_asked() -> None:
    recorded = a_life().recorded
    nights = len(recorded.nights)
    clock = Run(Clock("at three", at_three), recorded).pages
    assert len(clock) == pytest.approx(nights, abs=1)
    assert {f"{page.at.astimezone(AMSTERDAM):%H:%M}" for page in clock} == {"03:00"}
    chance = Run(Clock("random", at_random(2.0, seed=1)), recorded).pages
    assert len(chance) == pytest.approx(2 * nights, rel=0.35)
    assert all(recorded.home.night.covers(page.at) for page in chance)


def test_a_screw_is_turned_until_there_are_no_more_false_alerts_than_allowed() -> None:
    recorded = a_life().recorded
    minutes = (2.0, 5.0, 10.0, 60.0)
    family = Baseline("fixed", lambda _, level: fixed(level, aware=False), minutes)
    rates = [len(Run(fixed(one, aware=False), recorded).pages) / len(recorded.watched) for one in minutes]
    assert rates == sorted(rates, reverse=True)
    level = matched(family, [recorded], rates[2])
    assert level == 10.0
    assert matched(family, [recorded], 0.0) == 60.0


def test_every_baseline_can_be_run_or_says_what_it_lacks() -> None:
    recorded = a_life().recorded
    short = Recorded("short", recorded.home, recorded.events[:3000])
    found = families([short], seed=1, rate=0.1)
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert {"fixed_20_naive", "personal_maximum", "pooled_quantile", "isolation_forest", "random"} <= set(names)
    for one in found:
        if one.missing:
            assert one.missing.endswith("is not installed")
        else:
            Run(one.make(short, one.levels[0]), short)


def test_an_outlier_detector_is_taught_by_the_nights_before_and_tells_of_what_is_unlike_them() -> None:
    seen: list[int] = []

    def teach(samples: tuple[outliers.Features, ...]) -> tuple[outliers.Score, float, float]:
        seen.append(len(samples))
        return lambda features: features[1], 0.0, 1.0  # how long nothing has moved

    recorded = a_life("7").recorded  # who is up for an hour in most nights
    pages = Run(outliers.Outliers("stand-in", teach, deviations=12.0), recorded).pages
    assert seen[0] == outliers.NEEDS
    assert seen == sorted(seen)
    first = recorded.events[0].at
    assert all(page.at - first > timedelta(days=1) for page in pages)
