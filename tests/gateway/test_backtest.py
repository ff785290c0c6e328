"""Looking back: the same nights twice, under what is agreed and under what is proposed."""

import contextlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import homes, journal, teaching
from care.agreements import LIMITS as NAMES
from care.agreements import agreed, with_agreed, with_values
from care.alerts import alert_of
from care.ids import BackTestId, StaffId
from care.journal import Entry
from care.records import (
    CENTRE,
    Agreed,
    Cannot,
    Changed,
    Comparison,
    Ground,
    How,
    Outcome,
    Ranked,
    Record,
    Resolved,
    Teaching,
)
from detectors.budget import OWN
from detectors.findings import Finding, What
from detectors.homes import Home, Limits, Night, SiteId
from detectors.moments import SensorEvent
from detectors.others import SHIPPED
from detectors.remembered import Vigil
from gateway.backtest import alerts_of, back_test, last_nights
from gateway.commands import cli
from gateway.watch import Watch, findings
from tests.conftest import examples
from tests.stories import a_home, a_site, events, instant

HOME = a_home(limits=Limits(bath=5))  # sooner than anything that is learned
FREE = a_home(limits=Limits(bath=90, still=90, still_risen=90, oob_unseen=90, oob_active=90))  # later than that
NOW = instant("16:00") + timedelta(days=1)
ONLY_LIMITS = Teaching(
    at=NOW - timedelta(days=40),
    site=SiteId("wilg"),
    pools={name: Ranked(None) for name in teaching.pools_of("general")},
)
"""No score is enough: only what is agreed speaks."""


def nights_ago(days: int, lines: Sequence[str], home: Home = HOME) -> list[SensorEvent]:
    """What lines tell, as it happened some nights before the last; with 0 in that."""
    back = timedelta(days=days)
    return [msgspec.structs.replace(one, at=one.at - back) for one in events(home, lines)]


def entries(*records: Record) -> list[Entry]:
    said = count(1)
    return [
        Entry(next(said), one.at, CENTRE if isinstance(one, Teaching | Resolved | Changed) else "", one)
        for one in records
    ]


def looked_back(
    records: Sequence[Record], proposed: Agreed, *, home: Home = HOME, nights: int = 7, known: Vigil | None = None
) -> Comparison:
    found = back_test(home, known or Vigil(), proposed, entries(*records), until=NOW, nights=nights)
    assert isinstance(found, Comparison)
    return found


def with_limits(home: Home = HOME, **minutes: float) -> Agreed:
    return with_values(agreed(home), minutes)


OUT = ("11:10 gang", "11:10:20 gang off", "11:10:30 door open", "11:10:40 door closed")


def a_day(*night: str) -> list[str]:
    """A night, with a day before it and a morning after it in which nothing is the matter."""
    day = [f"{hour}:00 keuken" for hour in range(15, 22, 2)]
    return [*day, *night, "07:10 bed out", "07:11 gang", "07:20 keuken", "09:00 keuken", *OUT]


STAYS = ("22:40 bed in", "02:00 bed out", "02:01 badkamer", "02:01:30 badkamer off")
SIX_MINUTES = a_day(*STAYS, "02:07 gang", "02:08 bed in")
TWENTY_MINUTES = a_day(*STAYS, "02:21 gang", "02:22 bed in")


def test_with_a_longer_limit_a_short_visit_gives_none_and_a_long_one_comes_that_much_later() -> None:
    found = looked_back([*nights_ago(2, SIX_MINUTES), *nights_ago(1, TWENTY_MINUTES)], with_limits(bath=7))
    assert (found.was, found.would) == (2, 1)
    gone, later = found.pairs
    assert gone.was is not None
    assert (gone.was.what, gone.would) == (What.BATH, None)
    assert later.was is not None
    assert later.would is not None
    assert later.would.at - later.was.at == timedelta(minutes=2)


def test_what_may_wait_comes_when_it_came_and_is_no_longer_urgent() -> None:
    home = a_home(limits=Limits(oob_active=10))
    about = a_day(
        "22:40 bed in",
        "02:00 bed out",
        *(f"02:{minute:02} {room}" for minute in range(1, 30) for room in ("gang", "keuken")),
        "02:31 bed in",
    )
    (pair,) = looked_back(nights_ago(1, about, home), Agreed(limits=home.limits, soon=("oob-active",)), home=home).pairs
    assert pair.was is not None
    assert pair.would is not None
    assert (pair.was.at, pair.was.urgent, pair.would.at, pair.would.urgent) == (pair.was.at, True, pair.was.at, False)


def test_a_kind_that_is_not_told_any_more_is_gone_and_no_other() -> None:
    arrives = ["22:30 gang off", "01:30 door open", "01:30:20 gang", "01:31 door closed"]
    night = [*nights_ago(1, arrives), *nights_ago(0, SIX_MINUTES)]
    found = looked_back(night, Agreed(limits=HOME.limits, off=("door-arrived",)))
    assert [(one.was and one.was.what, one.would and one.would.what) for one in found.pairs] == [
        (What.DOOR_ARRIVED, None),
        (What.BATH, What.BATH),
    ]


def test_an_alert_for_which_help_was_given_is_marked_and_one_that_neither_way_gives_is_counted_apart() -> None:
    night = nights_ago(1, SIX_MINUTES)
    left = next(one.at for one in night if one.sensor == "12/bed" and one.value == 0.0)
    helped = left + timedelta(minutes=6)
    finding = Finding(at=helped, home=HOME.id, what=What.BATH, since=left, episode=left)
    other = msgspec.structs.replace(finding, episode=finding.episode - timedelta(hours=1))
    closed = [
        Resolved(
            at=helped + timedelta(minutes=5),
            home=HOME.id,
            alert=alert_of(one),
            by=StaffId("s-1"),
            outcome=Outcome.HELPED,
            how=How.ON_SITE,
        )
        for one in (finding, other)
    ]
    found = looked_back([*night, finding, other, *closed], with_limits(bath=7))
    assert [(one.needed, one.would) for one in found.pairs] == [(True, None)]
    assert found.apart == 1


def test_nights_that_the_journal_does_not_hold_are_said() -> None:
    found = looked_back(nights_ago(2, SIX_MINUTES), with_limits(bath=7), nights=4)
    assert found.first == date(2026, 2, 27)
    assert found.since == nights_ago(2, SIX_MINUTES)[0].at
    assert found.unheard == tuple(date(2026, 2, 27) + timedelta(days=n) for n in (0, 2, 3))


def test_a_journal_that_begins_before_those_nights_says_nothing_of_it() -> None:
    night = [*nights_ago(9, SIX_MINUTES), *nights_ago(2, SIX_MINUTES)]
    assert looked_back(night, with_limits(bath=7)).since is None


@pytest.mark.parametrize("days", [None, 30])
def test_without_any_event_of_those_nights_there_is_no_comparison(days: int | None) -> None:
    there = entries(*nights_ago(days, SIX_MINUTES)) if days is not None else []
    assert back_test(HOME, Vigil(), with_limits(bath=7), there, until=NOW, nights=7) is Cannot.NO_EVENTS


def test_what_happened_before_and_after_those_nights_is_not_counted() -> None:
    night = [*nights_ago(9, SIX_MINUTES), *nights_ago(2, SIX_MINUTES), *nights_ago(-1, SIX_MINUTES)]
    assert looked_back(night, with_limits(bath=7)).was == 1


def test_another_home_of_the_building_changes_nothing() -> None:
    other = a_home("14", limits=HOME.limits)
    night = sorted([*nights_ago(1, SIX_MINUTES), *nights_ago(1, TWENTY_MINUTES, other)], key=lambda one: one.at)
    assert looked_back(night, with_limits(bath=7)) == looked_back(nights_ago(1, SIX_MINUTES), with_limits(bath=7))


def test_both_ways_begin_with_what_is_known_of_the_home(tmp_path: Path) -> None:
    """A resident who is usually long in the bathroom is not told of at the shipped limits, neither way."""
    home = a_home(limits=Limits(bath=60, still=60))
    stays = a_day(*STAYS, "02:31 gang", "02:32 bed in")
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for one in [event for days in range(27, 0, -1) for event in nights_ago(days, stays, home)]:
            journal.append(db, [one], recorded_at=one.at)
        watch, _ = Watch.resumed(a_site(home), db)
    now, known = watch.known_of(home.id, 7)
    last = nights_ago(1, stays, home)
    fresh = looked_back(last, agreed(now), home=now)
    assert (fresh.was, fresh.would) == (1, 1)
    assert looked_back(last, agreed(now), home=now, known=known).was == 0


def test_the_last_nights_are_whole_ones_also_for_who_sleeps_late() -> None:
    late = Night(start=instant("03:00").time().replace(hour=3), end=instant("12:00").time().replace(hour=11))
    span = last_nights(late, instant("06:00"), 1)
    assert late.of(span.start) == span.first
    assert late.of(span.end) == span.first + timedelta(days=1)
    assert late.of(span.end - timedelta(seconds=1)) == span.first


# Laws.

minutes = st.sampled_from([1.0, 2.0, 4.0, 7.0, 12.0, 20.0, 45.0, 120.0])
limits = st.fixed_dictionaries(dict.fromkeys(NAMES, minutes))


def some_nights(home: Home) -> st.SearchStrategy[list[SensorEvent]]:
    """Three nights, in each of which somebody is up some times: where, for how long, and how often seen meanwhile."""

    def night(days: int, outings: list[tuple[str, int, int]]) -> list[SensorEvent]:
        told, at = list[SensorEvent](nights_ago(days, a_day("22:40 bed in"), home)), instant("23:30")

        def seen(line: str, minutes: float) -> None:
            (one,) = events(home, [f"23:30 {line}"])
            told.append(msgspec.structs.replace(one, at=at + timedelta(minutes=minutes) - timedelta(days=days)))

        for room, minutes, often in outings:
            seen("bed out", 0)
            seen("door open" if room == "out" else f"{room} on", 1)
            seen("door closed" if room == "out" else f"{room} off", 1.5)
            for sign in range(often):
                seen(f"{'gang' if room == 'out' else room} on", 2 + minutes * (sign + 1) / (often + 2))
            seen("bed in", minutes + 3)
            at += timedelta(minutes=minutes + 20)
        return sorted(told, key=lambda one: (one.at, one.sensor))

    rooms = st.sampled_from(["badkamer", "gang", "keuken", "out"])
    outing = st.tuples(rooms, st.integers(1, 100), st.integers(0, 4))
    outings = st.lists(outing, max_size=3)
    return st.tuples(outings, outings, outings).map(
        lambda three: [one for days, each in zip((2, 1, 0), three, strict=True) for one in night(days, each)]
    )


@settings(max_examples=examples(12))
@given(night=some_nights(HOME), said=limits)
def test_the_same_agreements_give_no_difference(night: list[SensorEvent], said: dict[str, float]) -> None:
    home = with_agreed(HOME, Agreed(limits=Limits(**said)))
    found = back_test(home, Vigil(), agreed(home), entries(*night), until=NOW, nights=7)
    assert isinstance(found, Comparison)
    assert all(pair.was == pair.would for pair in found.pairs)
    assert found.was == found.would == len(found.pairs)


@settings(max_examples=examples(24))
@given(night=some_nights(HOME), high=limits, low=limits)
def test_a_lower_limit_never_gives_a_later_alert_and_loses_none(
    night: list[SensorEvent], high: dict[str, float], low: dict[str, float]
) -> None:
    home = with_agreed(HOME, Agreed(limits=Limits(**high)))
    lower = Agreed(limits=Limits(**{name: min(high[name], low[name]) for name in high}))
    found = back_test(home, Vigil(), lower, entries(ONLY_LIMITS, *night), until=NOW, nights=7)
    assert isinstance(found, Comparison)
    event(f"{min(found.was, 3)} alerts")
    for pair in found.pairs:
        if pair.was is not None:
            assert pair.would is not None
            assert pair.would.at <= pair.was.at


@settings(max_examples=examples(8))
@given(night=some_nights(HOME), one=limits, other=limits)
def test_the_other_way_round_the_comparison_is_turned_round(
    night: list[SensorEvent], one: dict[str, float], other: dict[str, float]
) -> None:
    this, that = (Agreed(limits=Limits(**said)) for said in (one, other))
    there = looked_back(night, that, home=with_agreed(HOME, this))
    back = looked_back(night, this, home=with_agreed(HOME, that))
    assert (there.was, there.would) == (back.would, back.was)
    assert [(pair.would, pair.was) for pair in there.pairs] == [(pair.was, pair.would) for pair in back.pairs]


budgets = st.sampled_from(OWN)
KNOWN = Teaching(
    at=NOW - timedelta(days=40),
    site=SiteId("wilg"),
    pools={
        name: Ranked(threshold=middle, nights=900, ranks=((0.02, 0.8 * middle), (0.01, middle), (0.005, 1.2 * middle)))
        for name, detector in teaching.pools_of("general").items()
        for middle in (SHIPPED.threshold(detector, "general", 0),)
    },
)
"""Nights enough for half, twice and four times the budget."""


@settings(max_examples=examples(16))
@given(night=some_nights(FREE), one=budgets, other=budgets, taught=st.sampled_from([KNOWN, ONLY_LIMITS, None]))
def test_a_smaller_budget_never_gives_an_earlier_alert_and_none_besides(
    night: list[SensorEvent], one: float, other: float, taught: Teaching | None
) -> None:
    more, less = max(one, other), min(one, other)
    home = with_agreed(FREE, with_values(agreed(FREE), {"budget": more}))
    said: list[Record] = [*([] if taught is None else [taught]), *night]
    found = looked_back(said, with_values(agreed(home), {"budget": less}), home=home)
    event(f"{min(found.was, 3)} alerts")
    for pair in found.pairs:
        if pair.would is not None:
            assert pair.was is not None
            assert pair.was.at <= pair.would.at
    if more == less or taught is ONLY_LIMITS:
        assert all(pair.was == pair.would for pair in found.pairs)


@settings(max_examples=examples(8))
@given(night=some_nights(FREE), budget=budgets, taught=st.sampled_from([KNOWN, None]))
def test_a_limit_holds_whatever_the_budget(night: list[SensorEvent], budget: float, taught: Teaching | None) -> None:
    home = with_agreed(FREE, with_values(agreed(FREE), {"budget": budget}))
    said: list[Record] = [*([] if taught is None else [taught]), *night]
    capped = looked_back([ONLY_LIMITS, *night], agreed(home), home=home)
    found = looked_back(said, agreed(home), home=home)
    alerts = {pair.alert: pair.was for pair in found.pairs}
    for pair in capped.pairs:
        assert pair.was is not None
        now = alerts.get(pair.alert)
        assert now is not None
        assert now.at <= pair.was.at


@settings(max_examples=examples(6))
@given(night=some_nights(FREE), budget=budgets)
def test_what_looking_back_says_is_what_then_comes(night: list[SensorEvent], budget: float) -> None:
    """A building in which it was agreed before those nights tells at those very moments."""
    proposed = with_values(agreed(FREE), {"budget": budget})
    known = msgspec.structs.replace(KNOWN, at=NOW - timedelta(days=3, hours=3))  # or it is alone, and taught by itself
    change = Changed(
        at=NOW - timedelta(days=3, hours=2),
        home=FREE.id,
        resident=FREE.resident,
        by=StaffId("s-1"),
        why=Ground.CLIENT,
        before=agreed(FREE),
        after=proposed,
        asked=BackTestId("b1"),
    )
    told = findings(a_site(FREE), entries(known, change, *night), until=NOW)
    span = last_nights(FREE.night, NOW, 7)
    came = alerts_of(told, FREE, span)
    found = looked_back([known, *night], proposed, home=FREE)
    assert {pair.alert: pair.would for pair in found.pairs if pair.would is not None} == came


def test_another_budget_says_when_each_kind_would_come_and_where_it_cannot_be_kept() -> None:
    night: list[Record] = [*nights_ago(1, SIX_MINUTES, FREE)]
    assert looked_back(night, with_limits(FREE, bath=12), home=FREE).expected is None
    taught: list[Record] = [KNOWN, *night]
    shipped, known, capped = (
        looked_back(said, with_values(agreed(home), {"budget": 0.5}), home=home).expected or {}
        for said, home in ((night, FREE), (taught, FREE), (taught, HOME))
    )
    assert (
        {what for what, (_, would) in shipped.items() if not would.reached} == set(shipped) >= {What.BATH, What.STILL}
    )
    assert all(would.reached for _, would in known.values())
    assert all(was.minutes < would.minutes for was, would in known.values() if not would.capped)
    assert [one.capped for one in capped[What.BATH]] == [True, True]


def test_so_many_alerts_are_told_one_by_one_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.backtest.PAIRS_MAX", 1)
    found = looked_back([*nights_ago(2, SIX_MINUTES), *nights_ago(1, TWENTY_MINUTES)], with_limits(bath=7))
    assert (found.was, found.would, len(found.pairs)) == (2, 1, 1)


# The installer's command.


@pytest.fixture
def building(tmp_path: Path) -> list[str]:
    (tmp_path / "site.toml").write_text(homes.write(a_site(HOME)))
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for one in [*nights_ago(2, SIX_MINUTES), *nights_ago(1, TWENTY_MINUTES)]:
            journal.append(db, [one], recorded_at=one.at)
    where = ["--plan", str(tmp_path / "site.toml"), "--journal", str(tmp_path / "gateway.db"), "--home", "wilg/12"]
    return ["backtest", *where, "--until", NOW.isoformat()]


def test_the_installer_reads_what_a_longer_limit_would_have_given(
    building: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)  # or this very run would step aside
    done = CliRunner().invoke(cli, [*building, "--change", "bath=7"], env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert "1 alerts instead of 2" in done.output
    assert "+2 min" in done.output
    assert "gone" in done.output
    assert "Nothing was heard of the home in 26 of these nights." in done.output
    found = msgspec.json.decode(
        CliRunner().invoke(cli, [*building, "--change", "bath=7", "--json"]).output, type=Comparison
    )
    assert (found.was, found.would, found.nights) == (2, 1, 28)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("budget=3", "Write 0.5, 1, 2 or 4"),
        ("bath=0", "Write a number of minutes from 1 to 720"),
        ("bath=721", "Write a number of minutes from 1 to 720"),
        ("bath=nan", "Write a number of minutes from 1 to 720"),
        ("bath=x", "changes nothing"),
        ("bath", "changes nothing"),
        ("bath=yes", "Write minutes"),
        ("baht=20", "cannot be agreed"),
        ("off:button=yes", "cannot be agreed"),
        ("soon:bath=yes", "cannot be agreed"),
        ("off:shift=20", "Write yes or no"),
    ],
)
def test_what_cannot_be_agreed_is_refused_with_a_sentence(
    building: list[str], change: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    done = CliRunner().invoke(cli, [*building, "--change", change], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_a_home_that_is_not_in_the_plan_is_refused_with_those_that_are(building: list[str]) -> None:
    at = building.index("wilg/12")
    done = CliRunner().invoke(cli, [*building[:at], "wilg/99", *building[at + 1 :], "--change", "bath=7"])
    assert done.exit_code == 1
    assert "there is no home wilg/99" in done.output


def test_the_moment_must_be_a_date(building: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    done = CliRunner().invoke(cli, [*building[:-1], "soon", "--change", "bath=7"], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert isinstance(NOW, datetime)
