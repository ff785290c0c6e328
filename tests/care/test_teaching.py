"""What nights teach a fleet: a rate of alerts that is kept, pools that no incident widens, and caps outside it all."""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import teaching
from care.alerts import alert_of
from care.ids import StaffId
from care.records import HOWS, Outcome, Plan, Record, Resolved, Teaching
from care.teaching import PER_NIGHT, SHARES, STEP, WAIT_DAYS, Fleet
from detectors import calibration
from detectors.budget import FACTOR_MAX, FACTOR_MIN, OWN, Control, Why
from detectors.calibration import HomeNight, LeftOut, Maturity, Pool
from detectors.durations import Personal
from detectors.findings import Finding, What
from detectors.habits import Habit
from detectors.homes import Home, HomeId, Limits, Night, SiteId
from detectors.lessons import Lesson
from detectors.nights import Summary
from detectors.others import SHIPPED
from detectors.tail import LOWEST
from tests.conftest import examples
from tests.stories import a_home

FIRST = date(2026, 3, 1)
WILG = SiteId("wilg")
HOME = a_home()
SETTLED = calibration.name("bath", "general", Maturity.SETTLED)
WHATS = {"bath": What.BATH, "still": What.STILL, "unseen": What.OOB_UNSEEN, "out_of_bed": What.OOB_ACTIVE}


def plan(*homes: Home) -> Plan:
    return Plan(at=noon(FIRST), site=WILG, name="De Wilg", zone="Europe/Amsterdam", homes=homes or (HOME,))


def noon(night: date) -> datetime:
    return datetime(night.year, night.month, night.day, 12, tzinfo=UTC)


def summary(
    night: date, home: Home = HOME, *, age: int = 40, left_out: LeftOut | None = None, **highest: float
) -> Summary:
    """Return what a night came to when the day after it was over."""
    at = noon(night) + timedelta(hours=26)
    return Summary(at=at, home=home.id, night=night, whole=True, age=age, left_out=left_out, highest=highest)


def alert(night: date, home: Home = HOME, *, what: What = What.BATH, early: bool = True, minute: int = 0) -> Finding:
    since = noon(night) + timedelta(hours=14, minutes=minute)
    at = since + timedelta(minutes=20)
    return Finding(at=at, home=home.id, what=what, since=since, episode=since, limit=25.0, early=early)


def answer(finding: Finding, outcome: Outcome) -> Resolved:
    at = finding.at + timedelta(minutes=4)
    how = HOWS[outcome][0]
    return Resolved(at=at, home=finding.home, alert=alert_of(finding), by=StaffId("s-1"), outcome=outcome, how=how)


def after(*records: Record, days: int = 1, fleet: Fleet | None = None) -> Fleet:
    """Return the fleet when so many days since the first night are closed; the records came on the first of them."""
    fleet = fleet or Fleet()
    fleet.add(plan(), noon(FIRST))
    for record in records:
        fleet.add(record, noon(FIRST) + timedelta(hours=27))
    for day in range(1, days + 1):
        for closing in fleet.overdue(noon(FIRST) + timedelta(days=day, hours=5)):
            fleet.close(closing)
    return fleet


def pooled(fleet: Fleet, name: str = SETTLED) -> tuple[int, tuple[float, ...], int]:
    """Return the quiet nights, the scores and the nights left out of a pool."""
    nights = fleet.pools.get(name, Pool()).nights
    scores = tuple(sorted(score for night in nights for score in night.scores))
    return sum(night.quiet for night in nights), scores, sum(night.left_out for night in nights)


def test_a_night_enters_the_pools_of_its_profile_and_maturity_when_the_day_is_closed() -> None:
    fleet = after(summary(FIRST, bath=1.5), days=0)
    assert pooled(fleet) == (0, (), 0)
    fleet = after(fleet=fleet)
    assert pooled(fleet) == (0, (1.5,), 0)
    assert pooled(fleet, calibration.name("still", "general", Maturity.SETTLED)) == (1, (), 0)


def test_the_first_closing_of_a_night_waits_for_the_second() -> None:
    morning = msgspec.structs.replace(summary(FIRST, bath=1.5), whole=False)
    assert pooled(after(morning)) == (0, (), 0)


def test_an_unanswered_alert_enters_but_not_before_its_time() -> None:
    records = (alert(FIRST), summary(FIRST, bath=3.1))
    assert pooled(after(*records, days=WAIT_DAYS)) == (0, (), 0)
    assert pooled(after(*records, days=WAIT_DAYS + 1)) == (0, (3.1,), 0)


@pytest.mark.parametrize("outcome", [Outcome.REASSURED, Outcome.NOT_NEEDED, Outcome.TECHNICAL])
def test_an_alert_that_was_no_incident_enters_at_once(outcome: Outcome) -> None:
    told = alert(FIRST)
    assert pooled(after(told, summary(FIRST, bath=3.1), answer(told, outcome))) == (0, (3.1,), 0)


@pytest.mark.parametrize("early", [True, False], ids=["learned", "by the cap"])
def test_a_confirmed_incident_stays_out_of_every_pool(early: bool) -> None:
    told = alert(FIRST, early=early)
    fleet = after(told, summary(FIRST, bath=3.1, still=5.0), answer(told, Outcome.HELPED), days=5)
    for detector in SHARES:
        assert pooled(fleet, calibration.name(detector, "general", Maturity.SETTLED)) == (0, (), 1)


def test_a_mistaken_tap_is_corrected_by_a_later_one() -> None:
    told = alert(FIRST)
    later = msgspec.structs.replace(answer(told, Outcome.REASSURED), at=told.at + timedelta(hours=1))
    assert pooled(after(told, summary(FIRST, bath=3.1), later, answer(told, Outcome.HELPED))) == (0, (3.1,), 0)


def test_what_was_found_after_somebody_closed_the_alert_asks_again() -> None:
    told = alert(FIRST)
    again = msgspec.structs.replace(told, what=What.STILL, at=told.at + timedelta(minutes=30))
    assert pooled(after(told, answer(told, Outcome.REASSURED), again, summary(FIRST, bath=3.1))) == (0, (), 0)


def test_a_broken_sensor_keeps_no_night_waiting() -> None:
    broken = alert(FIRST, what=What.SENSOR_SILENT)
    assert pooled(after(broken, summary(FIRST, bath=1.5))) == (0, (1.5,), 0)


def test_a_night_that_was_not_fully_seen_is_counted_apart() -> None:
    assert pooled(after(summary(FIRST, left_out=LeftOut.OUTAGE, bath=1.5))) == (0, (), 1)


def test_nights_that_an_outage_of_the_link_held_back_enter_when_they_come() -> None:
    held = [summary(FIRST - timedelta(days=back), bath=float(back)) for back in range(5)]
    assert pooled(after(*held)) == (0, (0.0, 1.0, 2.0, 3.0, 4.0), 0)


@pytest.mark.parametrize(
    "record",
    [
        summary(date(2031, 1, 1), bath=1.0),
        summary(date(1, 1, 1), bath=1.0),
        summary(FIRST, a_home("99"), bath=1.0),
        summary(FIRST, bath=math.inf),
        msgspec.structs.replace(alert(FIRST), episode=datetime.min.replace(tzinfo=UTC)),
        alert(date(2031, 1, 1)),
        Plan(
            at=noon(FIRST),
            site=SiteId("els"),
            name="De Els",
            zone="Nowhere",
            homes=(msgspec.structs.replace(a_home(night=Night(zone="../Nowhere")), id=HomeId("els/1")),),
        ),
    ],
    ids=["to come", "the year 1", "unknown home", "infinite", "alert of the year 1", "alert to come", "no such zone"],
)
def test_what_cannot_be_stops_nobody_elses_nights(record: Record) -> None:
    fleet = after(record, summary(FIRST - timedelta(days=1), bath=1.5), days=2)
    assert pooled(fleet)[1] == (1.5,)


def test_a_night_older_than_the_window_enters_no_pool() -> None:
    assert pooled(after(summary(FIRST - timedelta(days=29), bath=1.0))) == (0, (), 0)


# What the controller counts.


def test_only_learned_alerts_that_nobody_confirmed_count_against_the_budget() -> None:
    quiet = after(summary(FIRST)).control
    learned = alert(FIRST)
    spent = after(learned, summary(FIRST)).control
    assert spent.factor < 1.0 < quiet.factor
    assert after(alert(FIRST, early=False), summary(FIRST)).control == quiet
    assert after(learned, answer(learned, Outcome.HELPED), summary(FIRST)).control == quiet
    assert after(learned, answer(learned, Outcome.REASSURED), summary(FIRST)).control == spent


def test_two_findings_of_one_episode_are_one_alert() -> None:
    bath = alert(FIRST)
    still = msgspec.structs.replace(bath, what=What.STILL)
    assert after(bath, still, summary(FIRST)).control == after(bath, summary(FIRST)).control


def test_a_night_is_counted_once_however_long_it_waits_and_also_when_it_is_told_anew() -> None:
    records = (alert(FIRST), summary(FIRST))
    once = after(*records)
    assert after(*records, days=9).control == once.control
    again = after(*records)
    again.add(msgspec.structs.replace(summary(FIRST), at=noon(FIRST) + timedelta(hours=30)), noon(FIRST))
    assert after(fleet=again, days=2).control == once.control


def test_a_home_that_was_not_seen_spends_no_budget_and_brings_none() -> None:
    assert after(summary(FIRST, left_out=LeftOut.OUTAGE)).control.factor == 1.0
    assert after(summary(FIRST, left_out=LeftOut.COMPANY)).control == after(summary(FIRST)).control


# What follows for thresholds.


def a_pool(nights: int, quiet: int = 0, highest: float = 3.0) -> Pool:
    """Return a pool of one night in which scores go up evenly to the highest."""
    homes = [HomeNight(highest=highest * (i + 1) / nights) for i in range(nights)]
    return calibration.entered(Pool(), FIRST, [*homes, *[HomeNight()] * quiet])


def settled(pool: Pool, detector: str = "bath", control: Control | None = None) -> float:
    """Return the threshold when it has moved as far as it will."""
    before: float | None = None
    for _ in range(60):
        before = teaching.ranked(pool, detector, control or Control(), before).threshold
    assert before is not None
    return before


@pytest.mark.parametrize(("detector", "enough"), [("bath", 111), ("out_of_bed", 111), ("still", 266), ("unseen", 266)])
def test_a_pool_that_cannot_know_so_rare_a_night_keeps_the_shipped_threshold(detector: str, enough: int) -> None:
    small, large = (teaching.ranked(a_pool(n), detector, Control()) for n in (enough - 1, enough))
    assert (small.kept, small.threshold, small.ranks) == (True, SHIPPED.thresholds[detector], ())
    assert (large.kept, large.nights) == (False, enough)


def test_a_pool_that_is_large_enough_says_the_threshold_by_its_ranks() -> None:
    assert settled(a_pool(1000, highest=3.0)) == pytest.approx(3.0 * 0.992)  # 9 of 1001 nights are higher
    ranks = dict(teaching.ranked(a_pool(1000), "bath", Control()).ranks)
    assert ranks[0.1] < ranks[0.01] < ranks[0.002]


def test_a_budget_too_small_for_the_pool_moves_a_threshold_on_as_a_tail_falls_and_not_for_ever() -> None:
    highest = settled(a_pool(200, highest=3.0), control=Control(math.log(0.6)))
    assert highest == pytest.approx(3.0, abs=0.02)
    assert highest < settled(a_pool(200, highest=3.0), control=Control(math.log(FACTOR_MIN))) < 3.0 + 4.0 / 3.0
    assert settled(Pool(), "still", Control(math.log(0.5))) == pytest.approx(
        SHIPPED.threshold("still", "general", 40) + math.log(2)
    )


def test_where_any_episode_is_rare_it_is_still_not_told_below_half_the_shipped_threshold() -> None:
    shipped = SHIPPED.thresholds["bath"]
    assert shipped is not None
    assert settled(a_pool(1, quiet=999, highest=0.1)) == LOWEST * shipped


pools = st.builds(a_pool, st.integers(1, 400), st.integers(0, 400), st.floats(0.01, 30.0, allow_subnormal=False))
factors = st.floats(FACTOR_MIN, FACTOR_MAX)
detectors = st.sampled_from(list(SHARES))


@given(pools, detectors, factors, st.floats(0.5, 20.0))
def test_a_threshold_moves_by_at_most_a_fifth_in_a_day_and_never_goes_deaf(
    pool: Pool, detector: str, factor: float, before: float
) -> None:
    told = teaching.ranked(pool, detector, Control(math.log(factor)), before).threshold
    assert told is not None
    assert before * (1 - STEP) * 0.999999 <= told <= before * (1 + STEP) * 1.000001


@given(pools, detectors, factors, factors)
@settings(max_examples=examples(12))
def test_a_smaller_budget_never_lowers_a_threshold(pool: Pool, detector: str, one: float, other: float) -> None:
    less, more = (Control(math.log(factor)) for factor in sorted((one, other)))
    assert settled(pool, detector, less) >= settled(pool, detector, more) - 1e-9


def test_a_site_is_told_the_pools_of_its_own_profiles_and_of_no_others() -> None:
    fleet = after()
    young = msgspec.structs.replace(a_home("1"), id=HomeId("els/1"), profile="young")
    fleet.lodge(SiteId("els"), [young])
    for closing in fleet.overdue(noon(FIRST) + timedelta(days=3)):
        fleet.close(closing)
    told = {one.site: one for one in fleet.due()}
    assert {name.split("/")[1] for name in told[WILG].pools} == {"general"}
    assert {name.split("/")[1] for name in told[SiteId("els")].pools} == {"young"}
    assert len(told[WILG].pools) == len(SHARES) * len(Maturity)


def test_a_site_is_told_once_of_every_closing() -> None:
    fleet = after(summary(FIRST))
    (said,) = fleet.due()
    fleet.add(said, noon(FIRST) + timedelta(hours=30))
    assert fleet.due() == ()
    assert [one.at - said.at for one in after(fleet=fleet, days=2).due()] == [timedelta(days=1)]


def test_a_building_watches_by_what_it_was_taught() -> None:
    (said,) = after(summary(FIRST)).due()
    pools = {SETTLED: msgspec.structs.replace(said.pools[SETTLED], threshold=1.25)}
    there = teaching.others(msgspec.structs.replace(said, pools=pools))
    assert there.threshold("bath", "general", 40) == 1.25
    assert there.threshold("bath", "general", 3) == SHIPPED.thresholds["bath"]
    assert teaching.others(None) is SHIPPED


@pytest.mark.parametrize("factor", [0.0, -1.0, 1e9, 0.5])
def test_who_goes_on_from_what_others_said_takes_no_factor_beyond_its_limits(factor: float) -> None:
    fleet = Fleet()
    fleet.follow(Teaching(at=noon(FIRST), site=WILG, pools={}, factor=factor))
    assert fleet.control.factor == pytest.approx(min(max(factor, FACTOR_MIN), FACTOR_MAX))


# Laws.


@st.composite
def days(draw: st.DrawFn) -> list[Record]:
    """Return what one day tells of some homes: nights, alerts and answers."""
    records: list[Record] = []
    for number in range(draw(st.integers(1, 5))):
        home = a_home(str(number))
        records.append(summary(FIRST, home, bath=draw(st.floats(0, 9)), age=draw(st.integers(0, 40))))
        for minute in range(draw(st.integers(0, 2))):
            told = alert(FIRST, home, early=draw(st.booleans()), minute=minute)
            records.append(told)
            if draw(st.booleans()):
                records.append(answer(told, draw(st.sampled_from(Outcome))))
    return records


def closed(records: Iterable[Record], *, through_disk: bool = False) -> Fleet:
    fleet = Fleet()
    fleet.add(plan(*(a_home(str(number)) for number in range(5))), noon(FIRST))
    for record in records:
        fleet.add(record, noon(FIRST) + timedelta(hours=27))
        if through_disk:
            fleet = msgspec.json.decode(msgspec.json.encode(fleet), type=Fleet)
    for closing in fleet.overdue(noon(FIRST) + timedelta(days=6)):
        fleet.close(closing)
    return fleet


@given(days(), st.randoms(use_true_random=False))
@settings(max_examples=examples(12))
def test_in_which_order_a_day_comes_changes_nothing(day: list[Record], pick: random.Random) -> None:
    mixed = list(day)
    pick.shuffle(mixed)
    assert closed(mixed) == closed(day)


@given(days())
@settings(max_examples=examples(12))
def test_what_comes_twice_counts_once_also_after_it_has_entered(day: list[Record]) -> None:
    once, twice = closed(day), closed([*day, *day])
    assert once == twice
    late = closed(day)
    for record in day:
        late.add(record, noon(FIRST) + timedelta(days=6))
    assert (late.pools, late.control, late.waiting) == (once.pools, once.control, once.waiting)


@given(days())
@settings(max_examples=examples(12))
def test_a_restart_after_every_record_changes_nothing(day: list[Record]) -> None:
    assert closed(day, through_disk=True) == closed(day)


TOWN = [SiteId(name) for name in ("eik", "linde", "wilg")]


@st.composite
def of_a_town(draw: st.DrawFn) -> Record:
    """Return what bears on who is owed what: who lives on a site, or that it was told of a closing."""
    at, site = noon(FIRST + timedelta(days=draw(st.integers(0, 3)))), draw(st.sampled_from(TOWN))
    homes = tuple(
        msgspec.structs.replace(a_home("1"), id=HomeId(f"{site}/{number}"), profile=draw(st.sampled_from("ab")))
        for number in range(draw(st.integers(0, 3)))
    )
    lived_in = Plan(at=at, site=site, name=site, zone="Europe/Amsterdam", homes=homes)
    told: list[Record] = [lived_in, Teaching(at=at, site=site, pools={}, factor=1.0)]
    return draw(st.sampled_from(told))


@given(st.lists(st.one_of(of_a_town(), st.integers(0, 3)), max_size=12))
@settings(max_examples=examples(100))
def test_who_was_asked_all_along_owes_the_same_as_who_begins_now(told: list[Record | int]) -> None:
    fleet = Fleet()
    for one in told:
        if isinstance(one, int):
            fleet.close(noon(FIRST + timedelta(days=one)))
        else:
            fleet.note(one, noon(FIRST))
        afresh = msgspec.json.decode(msgspec.json.encode(fleet), type=Fleet)
        assert fleet.due() == afresh.due() == owed(fleet)
        assert fleet == afresh
        assert {home for site in TOWN for home in fleet.on(site)} == fleet.homes.keys()


def owed(fleet: Fleet) -> tuple[Teaching, ...]:
    """Return what every site with a home lacks of the last closing, if there is anything for its residents."""
    at = fleet.closed_at
    lived_in = sorted({SiteId(home.partition("/")[0]) for home in fleet.homes}) if at is not None else []
    lacking = [site for site in lived_in if site not in fleet.taught or (at or noon(FIRST)) > fleet.taught[site]]
    every = [teaching.teaching(fleet, at or noon(FIRST), site) for site in lacking]
    return tuple(one for one in every if one.pools)


def test_how_often_a_fleet_is_looked_at_changes_nothing() -> None:
    """A centre that slept for days closes each of them; nobody's threshold moves faster for it."""
    often, seldom = after(summary(FIRST, bath=1.0), days=6), after(summary(FIRST, bath=1.0))
    for closing in seldom.overdue(noon(FIRST) + timedelta(days=6, hours=5)):
        seldom.close(closing)
    assert often == seldom


# The whole of it.


def lived(homes: Sequence[Home], nights: int, wild: float, seed: int) -> list[int]:
    """Return the learned alerts of each night in a fleet whose highest scores are `wild` times the shipped tails'."""
    rng = np.random.default_rng(seed)
    fleet, alerts = Fleet(), list[int]()
    fleet.add(plan(*homes), noon(FIRST) - timedelta(days=1))
    said: Teaching | None = None
    for age in range(nights):
        night, there = FIRST + timedelta(days=age), teaching.others(said)
        told: list[Finding] = []
        for home in homes:
            highest = {name: float(wild * rng.exponential(0.6 if "b" in name else 1.0)) for name in SHARES}
            for minute, (name, score) in enumerate(highest.items()):
                if score > there.threshold(name, home.profile, age):
                    told.append(alert(night, home, what=WHATS[name], minute=minute * 60))
            night_over = msgspec.structs.replace(summary(night, home, age=age), highest=highest)
            fleet.add(night_over, noon(night) + timedelta(hours=26))
        for one in told:
            fleet.add(one, noon(night) + timedelta(hours=26))
        alerts.append(len({alert_of(one) for one in told}))
        for closing in fleet.overdue(noon(night) + timedelta(hours=29)):
            fleet.close(closing)
        (said,) = fleet.due()
        fleet.add(said, noon(night) + timedelta(hours=29))
    return alerts


@pytest.mark.parametrize("wild", [0.5, 1.0, 1.6], ids=["calm", "as shipped", "wild"])
def test_a_fleet_of_forty_homes_reaches_its_budget(wild: float) -> None:
    homes = [a_home(str(number)) for number in range(40)]
    alerts = lived(homes, 100, wild, seed=7)
    wanted = PER_NIGHT * len(homes) * 50
    assert abs(sum(alerts[50:]) - wanted) <= 3 * math.sqrt(wanted)


def test_a_site_of_its_own_is_held_too_though_its_pool_is_small() -> None:
    """Five homes never fill a pool for silences: there the shipped threshold moves with the controller."""
    homes = [a_home(str(number)) for number in range(5)]
    alerts = lived(homes, 300, 1.6, seed=7)
    wanted = PER_NIGHT * len(homes) * 200
    assert sum(alerts[:10]) > 5 * PER_NIGHT * len(homes) * 10
    assert abs(sum(alerts[100:]) - wanted) <= 3 * math.sqrt(wanted)


@pytest.mark.parametrize("budget", [0.5, 4.0, 7.0])
def test_a_home_with_a_budget_of_its_own_counts_as_that_many_homes(budget: float) -> None:
    """Else the others would pay for what is agreed there. One that nobody can agree is none."""
    home = msgspec.structs.replace(HOME, budget=budget)
    fleet, as_for_all = Fleet(), Fleet()
    for one, there in ((fleet, home), (as_for_all, HOME)):
        one.lodge(WILG, (there,))
        one.note(summary(FIRST), noon(FIRST) + timedelta(hours=27))
        one.close(noon(FIRST) + timedelta(hours=28))
    more = budget if budget in OWN else 1.0
    assert fleet.control.log_factor == pytest.approx(more * as_for_all.control.log_factor)


# What one home has taught.


def a_lesson(minutes: float, nights: int) -> Lesson:
    x = math.log(minutes)
    return Lesson(Personal(Habit(20.0, 20.0 * x, 20.0 * x * x + 1.0)), None, FIRST, nights)


def test_who_is_always_quick_is_told_of_before_the_cap() -> None:
    home = a_home(limits=Limits(bath=30))
    (one,) = teaching.known(home, {"bath_at_night": a_lesson(4, 20)}, 40, None)
    assert one.why is Why.LEARNED
    assert 4 < one.median + 1 < one.minutes < 30
    assert not one.out_of_reach


def test_a_cap_below_what_is_usual_here_is_said_to_be_out_of_reach_once_that_is_known() -> None:
    home = a_home(limits=Limits(bath=18))
    slow, new = (teaching.known(home, {"bath_at_night": a_lesson(25, nights)}, 40, None)[0] for nights in (20, 3))
    assert (slow.minutes, slow.why, slow.out_of_reach) == (18.0, Why.CAP, True)
    assert slow.learned is not None
    assert slow.learned > 18.0
    assert not new.out_of_reach


def test_every_lesson_that_can_be_learned_has_its_cap() -> None:
    assert teaching.LESSONS.keys() == SHIPPED.stays.keys() | SHIPPED.waits.keys()
    assert {detector for detector, _ in teaching.LESSONS.values()} == SHARES.keys() <= SHIPPED.thresholds.keys()
    assert all(hasattr(Limits(), limit) for _, limit in teaching.LESSONS.values())
