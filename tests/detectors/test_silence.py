"""How long it may stay silent: the survival of a wait, what a wait without an end teaches, and hours of the day."""

import math
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import silence
from detectors.silence import Belief, Crossing, Hazards, Silences
from tests.detectors.proofs import restored, uniform_p

DOCUMENT = Belief(starts=(0.0, 5.0), rates=(1.0, 1.0), ends=(2.0, 3.0), exposure=(10.0, 40.0))
HAZARDS = Hazards(starts=silence.growing_bins(1.0, 300.0, bins=8), rates=(0.3, 0.2, 0.1, 0.06, 0.04, 0.02, 0.01, 0.01))
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

waits = st.floats(0, 1_000)
heard = st.lists(st.tuples(waits, st.booleans()), max_size=25)
hours = st.lists(st.sampled_from(["07", "08", "09"]), min_size=1, max_size=4)
crossings = st.one_of(st.just(()), hours.map(lambda names: tuple((60.0 * i, name) for i, name in enumerate(names))))


def after(seen: list[tuple[float, bool]], crossing: Crossing = (), hazards: Hazards = HAZARDS) -> Silences:
    home = silence.fresh(hazards)
    for minutes, ended in seen:
        home = silence.learned(hazards, home, minutes, ended=ended, crossing=crossing)
    return home


def test_the_documents_figures() -> None:
    assert DOCUMENT.survival(5.0) == pytest.approx(0.444444, abs=5e-7)
    assert DOCUMENT.survival(20.0) == pytest.approx(0.170966, abs=5e-7)
    assert DOCUMENT.alert_after(-math.log(0.05)) == pytest.approx(47.8595, abs=5e-5)


def test_the_formula_is_the_average_over_all_rates_that_are_believed_possible() -> None:
    chance = np.random.default_rng(7)
    first, second = chance.gamma(2.0, 1 / 10.0, 200_000), chance.gamma(3.0, 1 / 40.0, 200_000)
    drawn = float(np.mean(np.exp(-5.0 * first - 35.0 * second)))
    assert DOCUMENT.survival(40.0) == pytest.approx(drawn, abs=0.002)


@given(heard, crossings, waits, waits)
def test_a_longer_silence_is_never_more_likely(
    seen: list[tuple[float, bool]], crossing: Crossing, one: float, other: float
) -> None:
    home = after(seen, crossing)
    belief, paces = silence.believed(HAZARDS, home), silence.paces(HAZARDS, home, crossing)
    short, long = sorted((one, other))
    assert 0.0 <= belief.survival(long, paces) <= belief.survival(short, paces) <= 1.0


@given(heard, crossings, crossings, waits, waits)
def test_a_silence_whose_end_was_not_seen_can_only_make_silence_more_usual(
    seen: list[tuple[float, bool]], before: Crossing, crossing: Crossing, unended: float, minutes: float
) -> None:
    home = after(seen, before)
    more = silence.learned(HAZARDS, home, unended, ended=False, crossing=crossing)
    was, now = silence.believed(HAZARDS, home), silence.believed(HAZARDS, more)
    assert all(new <= old for new, old in zip(now.a, was.a, strict=True))
    assert all(new >= old * (1 - 1e-12) for new, old in zip(now.b, was.b, strict=True))
    paces = [silence.paces(HAZARDS, each, crossing) for each in (home, more)]
    assert now.survival(minutes, paces[1]) >= was.survival(minutes, paces[0]) - 1e-12


@given(heard, crossings, st.floats(0.001, 40))
def test_the_alert_comes_when_the_evidence_is_there(
    seen: list[tuple[float, bool]], crossing: Crossing, threshold: float
) -> None:
    home = after(seen, crossing)
    belief, paces = silence.believed(HAZARDS, home), silence.paces(HAZARDS, home, crossing)
    minutes = belief.alert_after(threshold, paces)
    assert minutes > HAZARDS.starts[0]
    assert math.isinf(minutes) or belief.evidence(minutes, paces) == pytest.approx(threshold, rel=1e-9)


@given(heard, waits, st.floats(0.01, 20))
def test_hours_at_the_usual_pace_change_nothing(
    seen: list[tuple[float, bool]], minutes: float, threshold: float
) -> None:
    belief = silence.believed(HAZARDS, after(seen))
    even = ((0.0, 1.0), (20.0, 1.0), (80.0, 1.0))
    assert belief.evidence(minutes, even) == pytest.approx(belief.evidence(minutes), rel=1e-9, abs=1e-12)
    assert belief.alert_after(threshold, even) == pytest.approx(belief.alert_after(threshold), rel=1e-9)


@given(heard, waits, st.booleans())
def test_hours_that_make_no_difference_are_learned_as_none(
    seen: list[tuple[float, bool]], minutes: float, ended: bool
) -> None:
    home = after(seen)
    plain = silence.learned(HAZARDS, home, minutes, ended=ended)
    by_hour = silence.learned(HAZARDS, home, minutes, ended=ended, crossing=((0.0, "a"), (20.0, "b"), (80.0, "c")))
    assert by_hour.ends == plain.ends
    assert by_hour.exposure == pytest.approx(plain.exposure)


def test_who_is_little_known_is_alerted_on_later_than_who_is_well_known_to_be_the_same() -> None:
    known = Silences(tuple(60 * rate for rate in HAZARDS.rates), (60.0,) * 8)
    limits = [silence.believed(HAZARDS, home).alert_after(-math.log(0.005)) for home in (known, silence.fresh(HAZARDS))]
    assert limits[0] < limits[1]


def test_an_hour_that_is_always_busy_makes_silence_in_it_mean_more() -> None:
    home = silence.fresh(HAZARDS)
    for _ in range(40):
        home = silence.learned(HAZARDS, home, 2.0, crossing=((0.0, "08"),))
        home = silence.learned(HAZARDS, home, 40.0, crossing=((0.0, "14"),))
    belief = silence.believed(HAZARDS, home)
    busy, calm = (belief.alert_after(5.0, silence.paces(HAZARDS, home, ((0.0, hour),))) for hour in ("08", "14"))
    assert busy < calm


def test_a_home_where_silences_are_short_is_believed_to_be_quick_in_the_bins_in_which_nothing_was_heard_too() -> None:
    """By hand: 6 ends where 1.5 were expected, so r = (6 + 6)/(6 + 1.5) = 1.6."""
    hazards = Hazards(starts=(0.0, 5.0, 60.0), rates=(0.1, 0.05, 0.01))
    belief = silence.believed(hazards, Silences((6.0, 0.0, 0.0), (15.0, 0.0, 0.0)))
    assert belief.a == (10.0, 4.0, 4.0)
    assert belief.b == pytest.approx((4 / (1.6 * 0.1) + 15, 4 / (1.6 * 0.05), 4 / (1.6 * 0.01)))


def test_what_a_silence_through_two_hours_teaches_worked_out_by_hand() -> None:
    """A quick home (r = 2), 20 minutes in an hour with a pace of 3 and then 10 in one with none learned."""
    hazards = Hazards(starts=(0.0, 25.0), rates=(0.1, 0.05))
    home = Silences((6.0, 0.0), (0.0, 0.0), {"08": (12.0, 0.0)})
    crossing = ((0.0, "08"), (20.0, "09"))
    heard_out = silence.learned(hazards, home, 30.0, crossing=crossing)
    assert heard_out.ends == (6.0, 1.0)
    assert heard_out.exposure == pytest.approx((3 * 20 + 5, 5))
    assert heard_out.contexts["08"] == pytest.approx((12.0, 2 * 0.1 * 20))
    assert heard_out.contexts["09"] == pytest.approx((1.0, 2 * 0.1 * 5 + 2 * 0.05 * 5))
    cut_off = silence.learned(hazards, home, 30.0, ended=False, crossing=crossing)
    assert (cut_off.ends, cut_off.exposure) == (home.ends, heard_out.exposure)
    assert cut_off.contexts["09"] == (0.0, heard_out.contexts["09"][1])


def test_within_the_sensors_blind_time_silence_says_nothing() -> None:
    belief = silence.believed(HAZARDS, silence.fresh(HAZARDS))
    assert belief.survival(1.0) == 1.0
    assert belief.alert_after(0.0) == belief.alert_after(-math.inf) == 1.0
    assert after([(0.9, True)]) == silence.fresh(HAZARDS)


def test_an_infinite_threshold_leaves_it_to_the_cap() -> None:
    assert silence.believed(HAZARDS, silence.fresh(HAZARDS)).alert_after(math.inf) == math.inf
    assert silence.believed(HAZARDS, silence.fresh(HAZARDS)).alert_after(1e6) == math.inf
    assert silence.believed(HAZARDS, silence.fresh(HAZARDS)).alert_after(1e6, ((0.0, 2.0),)) == math.inf


@given(heard, crossings, st.floats(0, 60), st.floats(0, 60))
def test_forgetting_night_by_night_is_forgetting_all_at_once(
    seen: list[tuple[float, bool]], crossing: Crossing, some: float, more: float
) -> None:
    home = after(seen, crossing)
    in_steps, at_once = silence.aged(silence.aged(home, some), more), silence.aged(home, some + more)
    assert in_steps.ends == pytest.approx(at_once.ends)
    assert in_steps.exposure == pytest.approx(at_once.exposure)
    assert {name: pytest.approx(pair) for name, pair in in_steps.contexts.items()} == at_once.contexts


def test_after_weeks_away_a_quarter_of_what_was_known_still_counts() -> None:
    home = after([(8.0, True), (30.0, False)], ((0.0, "08"),))
    back = silence.after_absence(home)
    assert back.ends == tuple(ended / 4 for ended in home.ends)
    assert back.exposure == tuple(minutes / 4 for minutes in home.exposure)
    assert back.contexts["08"] == tuple(each / 4 for each in home.contexts["08"])


@given(heard, crossings)
def test_what_is_known_is_stored_and_comes_back_to_the_bit(seen: list[tuple[float, bool]], crossing: Crossing) -> None:
    home = silence.aged(after(seen, crossing))
    assert restored(home) == home
    assert restored(HAZARDS) == HAZARDS


def survivals(seen: int, *, pace_known: bool, homes: int = 1_500) -> list[float]:
    """Return the survival of one new silence in each of many homes drawn from the model, after so many were heard."""
    chance = np.random.default_rng(40 + seen)
    hazards = msgspec.structs.replace(HAZARDS, frailty_trust=1e12) if pace_known else HAZARDS
    shape, trust = hazards.bin_trust, hazards.frailty_trust
    found = []
    for _ in range(homes):
        pace = 1.0 if pace_known else float(chance.gamma(trust, 1 / trust))
        rates = [float(chance.gamma(shape, pace * rate / shape)) for rate in hazards.rates]
        home = after([(drawn(rates, chance), True) for _ in range(seen)], hazards=hazards)
        found.append(silence.believed(hazards, home).survival(drawn(rates, chance)))
    return found


@pytest.mark.parametrize("seen", [0, 3, 10, 25])
def test_if_homes_of_one_pace_are_as_believed_every_rank_is_as_likely(seen: int) -> None:
    assert uniform_p(survivals(seen, pace_known=True)) > 0.01


def test_a_home_of_unknown_pace_is_ranked_rightly_once_some_silences_were_heard() -> None:
    assert uniform_p(survivals(25, pace_known=False)) > 0.01


def test_a_home_of_unknown_pace_is_at_first_ranked_too_high_in_the_tail() -> None:
    """A known limit of the method: its pace is taken at its best guess, and the doubt about that is left out.

    The pools make up for it, which is why they are kept apart by maturity. Who integrates that doubt out may turn
    this test around.
    """
    share = {seen: sum(p < 0.01 for p in survivals(seen, pace_known=False, homes=6_000)) / 6_000 for seen in (0, 25)}
    assert share[25] < 0.02 < share[0] < 0.04


def drawn(rates: list[float], chance: np.random.Generator) -> float:
    """Return a silence that ends at these rates."""
    left = float(chance.exponential())
    for (start, end), rate in zip(pairwise((*HAZARDS.starts, math.inf)), rates, strict=True):
        if left <= rate * (end - start):
            return start + left / rate
        left -= rate * (end - start)
    raise AssertionError("the last bin has no end")


def test_a_silence_through_the_night_of_25_hours_goes_through_its_double_hour_twice() -> None:
    began = datetime(2026, 10, 24, 23, 40, tzinfo=UTC).astimezone(AMSTERDAM)  # 01:40 by the clock
    assert silence.hours_crossed(began, AMSTERDAM, hours=4) == ((0.0, "01"), (20.0, "02"), (80.0, "02"), (140.0, "03"))


def test_a_silence_through_the_night_of_23_hours_skips_the_hour_that_is_not_there() -> None:
    began = datetime(2026, 3, 29, 0, 30, 30, tzinfo=UTC)  # 01:30:30 by the clock
    assert silence.hours_crossed(began, AMSTERDAM, hours=3) == ((0.0, "01"), (29.5, "03"), (89.5, "04"))


@pytest.mark.parametrize("minutes", [-1.0, math.nan, math.inf])
def test_what_is_no_length_of_time_is_refused(minutes: float) -> None:
    with pytest.raises(ValueError, match="lasts some minutes"):
        silence.learned(HAZARDS, silence.fresh(HAZARDS), minutes)


@pytest.mark.parametrize(
    ("starts", "rates"), [((), ()), ((2.0, 1.0), (1.0, 1.0)), ((-1.0,), (1.0,)), ((0.0, 1.0), (1.0,)), ((0.0,), (0.0,))]
)
def test_bins_that_do_not_rise_or_have_no_rate_are_refused(starts: tuple[float, ...], rates: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="bin"):
        Hazards(starts=starts, rates=rates)


@pytest.mark.parametrize("which", ["frailty_trust", "bin_trust", "context_trust"])
def test_hazards_without_trust_are_refused(which: str) -> None:
    with pytest.raises(ValueError, match="without trust"):
        msgspec.structs.replace(HAZARDS, **{which: 0.0})


def test_a_home_remembered_with_other_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="remembered in 1 bins"):
        silence.believed(HAZARDS, silence.fresh(Hazards(starts=(0.0,), rates=(1.0,))))


def test_bins_that_cannot_grow_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot grow"):
        silence.growing_bins(0.0, 60.0)
