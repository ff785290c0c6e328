"""The report of a night in five lines, for a client and for a team, and what whoever comes must know."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import alert_of
from care.board import Board
from care.briefing import LISTED_MAX, Briefing
from care.ids import StaffId
from care.records import (
    Aside,
    By,
    Claimed,
    FellBack,
    Follow,
    Followed,
    HandedOver,
    How,
    Outcome,
    Record,
    Released,
    Resolved,
    Shelved,
)
from care.reports import Report, Span, Team, Writer, as_of, latest_night, span_of
from care.shifts import ends
from detectors.calibration import LeftOut
from detectors.findings import Finding, Presence, Sight, Status, What
from detectors.homes import HomeId
from detectors.nights import Summary
from tests.dashboard.nights import (
    People,
    a_plan,
    add,
    closed,
    gone_outside,
    hear,
    local,
    long_in_the_bathroom,
    of_building,
    over,
    sensor_silent,
    still_up,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NIGHT = date(2026, 3, 2)
MORNING = local("07:05")
SANNE, NOOR = StaffId("s-1"), StaffId("s-2")


def status(home: str, clock: str, sight: Sight = Sight.WATCHED, *blind: str) -> Status:
    number = home.partition("/")[2]
    sensors = tuple(f"{number}/{one}" for one in blind)
    told = Status(at=local(clock), home=HomeId(home), presence=Presence.BED, sight=sight)
    return msgspec.convert({**msgspec.to_builtins(told), "blind": sensors}, Status)


def night(home: str = "wilg/12", **more: object) -> Summary:
    told = Summary(
        at=local("07:00"),
        home=HomeId(home),
        night=NIGHT,
        exits=3,
        minutes_out=47.6,
        visits=2,
        to_bed=local("22:41"),
    )
    return msgspec.structs.replace(told, **more)


def a_board(*records: Record) -> Board:
    board = Board()
    wilg = a_plan("wilg", "De Wilg", (2, 10, 12))
    add(board, wilg, *(status(home.id, "20:00") for home in wilg.homes), *records)
    hear(board, MORNING)
    return board


def team(*records: Record, now: datetime = MORNING, language: str = "nl") -> Team:
    writer = Writer(a_board(*records), now, language)
    span = span_of(NIGHT, AMSTERDAM, now)
    return Team(writer, span, writer.wording_here, tuple(writer.homes))


def lines(*records: Record, now: datetime = MORNING, language: str = "nl") -> Sequence[str]:
    return _plain(team(*records, now=now, language=language).report)


def client(*records: Record, home: str = "wilg/12", now: datetime = MORNING, language: str = "nl") -> Sequence[str]:
    told = team(*records, now=now, language=language)
    return _plain(told.client(told.writer.board.homes[HomeId(home)]))


def _plain(report: Report) -> list[str]:
    assert len(report.lines) == 5
    return [line.replace("\u00a0", " ") for line in report.lines]


def took(finding: Finding, clock: str, by: StaffId = SANNE) -> Claimed:
    return Claimed(at=local(clock), home=finding.home, alert=alert_of(finding), by=by)


def ended(finding: Finding, clock: str, outcome: Outcome, how: How) -> Resolved:
    alert = alert_of(finding)
    return Resolved(at=local(clock), home=finding.home, alert=alert, by=SANNE, outcome=outcome, how=how)


def follows(finding: Finding, clock: str, what: Follow, means: By, there: str = "") -> Followed:
    return Followed(
        at=local(clock),
        home=finding.home,
        alert=alert_of(finding),
        by=SANNE,
        follow=what,
        means=means,
        there_at=local(there) if there else None,
    )


def aside(finding: Finding, clock: str, until: str) -> Shelved:
    return Shelved(
        at=local(clock),
        home=finding.home,
        alert=alert_of(finding),
        by=SANNE,
        why=Aside.KNOWN_FAULT,
        until=local(until),
    )


BATH = long_in_the_bathroom()
RESTLESS = Finding(
    at=local("07:00"),
    home=HomeId("wilg/12"),
    what=What.RESTLESS,
    since=local("23:00"),
    episode=local("23:00"),
    value=7.0,
    usual=2.0,
)


# One client.


def test_a_night_in_which_nothing_asked_for_anybody_is_five_lines_too() -> None:
    assert client(night()) == [
        "Nacht van maandag 2 maart op dinsdag 3 maart. In bed rond 22:41. 3 keer uit bed, samen 47 minuten.",
        "Geen meldingen.",
        "Geen contact.",
        "Zicht: hele nacht.",
        "Niets anders dan meestal gezien.",
    ]


def test_the_same_night_in_english() -> None:
    assert client(night(rose=local("07:04"), exits=0), language="en") == [
        "Night of Monday 2 March to Tuesday 3 March. In bed about 22:41, up about 07:04. Not seen out of bed.",
        "No alerts.",
        "No contact.",
        "Sight: all night.",
        "Nothing was seen that was other than usual.",
    ]


def test_an_alert_is_told_with_its_outcome_and_after_how_long_somebody_took_it() -> None:
    told = client(night(), BATH, took(BATH, "02:33:30"), ended(BATH, "02:50", Outcome.HELPED, How.ON_SITE))
    assert told[1:3] == [
        "Meldingen: 02:30 Lang in de badkamer, uitkomst: hulp gegeven, na 3 minuten.",
        "Contact: 02:50 bij de cliënt thuis, door de nachtdienst.",
    ]


def test_an_alert_that_nobody_took_says_so_and_names_nobody() -> None:
    assert client(BATH)[1] == "Meldingen: 02:30 Lang in de badkamer, uitkomst: nog open, niet opgepakt."


def test_speaking_by_video_is_one_contact_also_when_it_was_how_it_ended() -> None:
    talked = follows(BATH, "02:34", Follow.TALKING, By.VIDEO)
    told = client(BATH, took(BATH, "02:33"), talked, ended(BATH, "02:50", Outcome.REASSURED, How.VIDEO))
    assert told[2] == "Contact: 02:34 via beeldbellen, door de zorgcentrale."


def test_who_is_on_the_way_has_not_been_there_yet() -> None:
    assert client(BATH, took(BATH, "02:33"), follows(BATH, "02:34", Follow.COMING, By.NIGHT_TEAM))[2] == "Geen contact."


def test_a_gap_in_sight_says_from_when_until_when_of_what_and_why() -> None:
    told = client(
        night(),
        status("wilg/12", "01:00", Sight.PARTLY, "door"),
        status("wilg/12", "02:00", Sight.PARTLY, "bed"),
        status("wilg/12", "03:10"),
        status("wilg/12", "05:00", Sight.BLIND),
        status("wilg/12", "06:00"),
    )
    assert told[3] == (
        "Geen zicht van 01:00 tot 02:00 op “Waarschijnlijk naar buiten” en “Misschien iemand binnengekomen”,"
        " door: sensor stil. Geen zicht van 02:00 tot 03:10 op 4 soorten meldingen, door: sensor stil."
        " Geen zicht van 05:00 tot 06:00, door: niets te horen van deze woning."
    )
    assert told[4] == "Voor zover te zien was er niets anders dan meestal."


def test_a_pause_is_a_pause_and_no_fault() -> None:
    told = client(status("wilg/12", "01:00", Sight.PAUSED), status("wilg/12", "03:10"))
    assert told[3] == "Op pauze van 01:00 tot 03:10."


def test_a_sensor_that_comes_and_goes_all_night_makes_no_list() -> None:
    flicker = [
        status(
            "wilg/12",
            f"{hour:02}:{minute:02}",
            Sight.PARTLY if minute < 30 else Sight.WATCHED,
            *["gang"][: minute < 30],
        )
        for hour in range(1, 6)
        for minute in (0, 30)
    ]
    told = client(*flicker)[3]
    assert told.count("van ") == 3
    assert told.endswith("En nog 2 keer, samen 1 uur.")


def test_a_whole_night_out_of_sight_is_never_called_usual() -> None:
    told = client(status("wilg/12", "21:00", Sight.BLIND))
    assert told[3] == "Geen zicht van 22:00 tot 07:00, door: niets te horen van deze woning."
    assert told[4] == "Of iets anders was dan meestal, is niet te zien."


def test_what_was_other_than_usual_has_its_figures() -> None:
    assert client(night(exits=7), RESTLESS)[4] == "Anders dan meestal: onrustige nacht (7, meestal 2)."


def test_what_is_for_the_morning_is_no_alert_of_the_night() -> None:
    assert client(night(), RESTLESS)[1] == "Geen meldingen."


def test_a_night_that_could_not_be_wholly_seen_says_so_beside_its_figures() -> None:
    assert client(night(left_out=LeftOut.OUTAGE))[0].endswith("Niet de hele nacht was te zien.")
    assert client(night(left_out=LeftOut.COMPANY))[0].endswith("Er waren misschien meer mensen in huis.")


def test_a_night_that_still_runs_claims_nothing_of_its_end() -> None:
    told = client(now=local("03:00"))
    assert told[0].endswith("De nacht is nog niet voorbij.")
    assert told[1:4] == ["Tot nu toe geen meldingen.", "Geen contact.", "Zicht: tot nu toe steeds."]


def test_after_three_alerts_a_line_counts() -> None:
    found = [
        msgspec.structs.replace(BATH, at=local(f"0{n}:30"), since=local(f"0{n}:10"), episode=local(f"0{n}:09"))
        for n in range(1, 6)
    ]
    assert client(*found)[1].endswith("; en nog 2.")


# One team.


def test_a_team_has_five_lines_too() -> None:
    outside = gone_outside("wilg/2")
    up = still_up("wilg/10")
    assert lines(
        BATH,
        took(BATH, "02:33"),
        ended(BATH, "02:50", Outcome.HELPED, How.VIDEO),
        outside,
        took(outside, "01:58"),
        follows(outside, "01:59", Follow.COMING, By.NIGHT_TEAM),
        up,
        took(up, "01:50"),
        ended(up, "01:55", Outcome.NOT_NEEDED, How.USUAL),
        sensor_silent("wilg/12"),
    ) == [
        "Dienst 22:00\u201307:00: 3 woningen, elk uur in zicht.",
        "4 meldingen: 3 nu, 0 straks, 1 techniek. Nodig: 1. Niet nodig: 1.",
        "Opgepakt na 3 minuten (helft van de meldingen), langste 10 minuten. Doorgezet: 1.",
        "Gaan kijken: 1. Geholpen via beeldbellen: 1. Door naasten: 0.",
        "Nog open: 1. Opzij: 0. Storingen: 1.",
    ]


def test_a_night_without_alerts_says_so_in_words() -> None:
    assert lines()[1:3] == ["Geen meldingen.", "Opgepakt van nu en straks: geen. Doorgezet: 0."]


def test_hours_out_of_sight_are_taken_off_and_rounded_down() -> None:
    # One home of three, blind for a minute of nine hours.
    told = lines(status("wilg/12", "01:00", Sight.BLIND), status("wilg/12", "01:01"))
    assert told[0] == "Dienst 22:00\u201307:00: 3 woningen, 99 % van de uren in zicht."


def test_what_was_closed_after_the_shift_was_open_when_it_ended() -> None:
    late = (BATH, ended(BATH, "07:30", Outcome.REASSURED, How.PHONE))
    assert lines(*late, now=local("09:00"))[4] == "Nog open: 1. Opzij: 0. Storingen: 0."
    assert lines(*late, now=local("09:00"))[1].startswith("1 melding: 1 nu")


def test_what_stands_aside_is_not_open_and_a_fault_aside_is_not_told_twice() -> None:
    fault = sensor_silent("wilg/12")
    assert lines(fault, aside(fault, "03:00", "06:59"), now=local("05:00"))[4] == "Nog open: 0. Opzij: 1. Storingen: 0."


def test_a_building_that_called_for_help_itself_is_passed_on() -> None:
    fell = FellBack(at=local("02:31"), home=BATH.home, alert=alert_of(BATH), channel="siren")
    assert lines(BATH, fell)[2].endswith("Doorgezet: 1.")


def test_a_fault_of_the_whole_building_is_the_teams_and_no_clients() -> None:
    silent = of_building(What.BUILDING_SILENT)
    assert lines(silent)[1].startswith("1 melding: 0 nu, 0 straks, 1 techniek.")
    assert client(silent)[1] == "Geen meldingen."
    assert "gebouw niet te horen" in client(silent)[3]


def test_a_claim_dated_before_its_alert_was_answered_at_once_and_never_earlier() -> None:
    assert "na minder dan 1 minuut" in lines(BATH, took(BATH, "02:29"))[2]


def test_an_alert_stood_at_a_moment_as_its_records_before_it_say() -> None:
    board = a_board(BATH, took(BATH, "02:33"), closed(BATH, "s-1", "02:50"), over(BATH, "02:45"))
    alert = board.alerts[alert_of(BATH)]
    assert as_of(alert, local("02:29")) is None
    states = [str(one.state) for clock in ("02:31", "02:40", "03:00") if (one := as_of(alert, local(clock)))]
    assert states == ["raised", "claimed", "resolved"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [("21:59", date(2026, 3, 1)), ("22:00", NIGHT), ("03:00", NIGHT), ("11:00", NIGHT)],
)
def test_the_night_that_is_told_is_the_one_that_runs_or_else_the_last(now: str, expected: date) -> None:
    assert latest_night(local(now), AMSTERDAM) == expected


def test_a_long_night_has_ten_hours_and_a_short_one_eight() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)

    def hours(night: date) -> float:
        span = span_of(night, AMSTERDAM, now)
        return (span.end - span.start) / timedelta(hours=1)

    assert (hours(date(2026, 10, 24)), hours(date(2026, 3, 28)), hours(NIGHT)) == (10, 8, 9)


sights = st.lists(
    st.tuples(st.integers(0, 539), st.sampled_from(list(Sight)), st.sampled_from(["bed", "gang", "door"])), max_size=12
)
NEVER_SAID = re.compile(r"gevallen|slaapt|alles in orde|veilig|rustige nacht|100|zeker", re.IGNORECASE)


@given(sights, st.booleans(), st.integers(-60, 700))
def test_no_night_with_an_hour_out_of_sight_is_told_as_one_that_was_seen(
    told: list[tuple[int, Sight, str]], found: bool, now_min: int
) -> None:
    """Whatever is seen and not: five lines, nothing that may not be said, and no sight that was not there."""
    start = local("22:00")
    records: list[Record] = [
        msgspec.structs.replace(
            status("wilg/12", "22:00", sight, *([blind] if sight is Sight.PARTLY else [])),
            at=start + timedelta(minutes=at),
        )
        for at, sight, blind in told
    ]
    now = start + timedelta(minutes=now_min)
    both = team(*records, night(), *([BATH] if found else []), now=now)
    home = both.writer.board.homes[HomeId("wilg/12")]
    said = [*both.report.lines, *both.client(home).lines]
    assert len(said) == 10
    assert not NEVER_SAID.search(" ".join(said).replace("onrustige nacht", ""))
    unseen = [one for one in both.seen[home.id] if one.sight is not Sight.WATCHED]
    assert ("Zicht:" in said[8]) is (not unseen)
    assert ("elk uur in zicht" in said[0]) is (not unseen and now > start)
    assert 0 <= both.in_sight <= 1


@given(st.permutations(list(range(6))))
def test_the_order_in_which_records_are_delivered_changes_no_report(order: list[int]) -> None:
    records: list[Record] = [
        BATH,
        status("wilg/12", "01:00", Sight.BLIND),
        status("wilg/12", "03:00"),
        took(BATH, "02:33"),
        ended(BATH, "02:50", Outcome.HELPED, How.VIDEO),
        night(),
    ]
    shuffled = [records[n] for n in order]
    assert (lines(*shuffled), client(*shuffled)) == (lines(*records), client(*records))


# What whoever comes must know.


def briefing(*records: Record, now: datetime = MORNING, language: str = "nl") -> dict[str, list[str]]:
    told = Briefing(Writer(a_board(*records), now, language), People())
    return {
        section.id: [
            " | ".join(part for part in (one.where, one.what, one.more) if part).replace("\u00a0", " ")
            for one in section.items
        ]
        for section in told.sections
    }


def test_a_hand_over_tells_what_is_open_aside_unseen_paused_and_to_be_done() -> None:
    outside, fault = gone_outside("wilg/2"), sensor_silent("wilg/10")
    told = briefing(
        BATH,
        took(BATH, "02:33"),
        follows(BATH, "06:40", Follow.COMING, By.NIGHT_TEAM, "07:20"),
        outside,
        fault,
        aside(fault, "06:00", "07:00"),
        RESTLESS,
        status("wilg/2", "05:00", Sight.PAUSED),
        status("wilg/10", "05:00", Sight.BLIND),
    )
    assert told == {
        "open": [
            "De Wilg 2 | Waarschijnlijk naar buiten | sinds 01:57",
            "De Wilg 12 | Lang in de badkamer | sinds 02:30, opgepakt door S.K.",
        ],
        "aside": ["De Wilg 10 | Sensor geeft niets door | tot 07:00: bekende storing, de monteur komt, S.K."],
        "unseen": ["De Wilg 10 | Er kan geen melding komen | niets te horen van deze woning"],
        "paused": ["De Wilg 2 | Op pauze op verzoek van de cliënt"],
        "untested": ["De Wilg | Nog geen looptest"],
        "todo": [
            "De Wilg 12 | Lang in de badkamer | de nachtdienst gaat kijken, verwacht om 07:20",
            "De Wilg 12 | Onrustige nacht | bespreek het met de cliënt",
        ],
    }


def test_when_nothing_is_left_every_list_says_so() -> None:
    told = [one for one in Briefing(Writer(a_board(), MORNING, "nl"), People()).sections if one.id != "untested"]
    assert [(one.title, one.items, one.none) for one in told] == [
        ("Nu open", (), "Er staat geen melding open."),
        ("Opzij, komt terug om", (), "Er staat niets opzij."),
        ("Geen zicht", (), "Alle woningen zijn in zicht."),
        ("Op pauze", (), "Er staat geen woning op pauze."),
        ("Doen", (), "Er is niets afgesproken."),
    ]


def test_a_building_that_is_not_heard_leaves_none_of_its_homes_in_sight() -> None:
    told = briefing(now=MORNING + timedelta(minutes=10))
    assert len(told["unseen"]) == 3
    assert all("gebouw niet te horen" in line for line in told["unseen"])


def test_what_a_fault_of_the_building_explains_is_not_told_beside_it() -> None:
    told = briefing(of_building(What.BUILDING_SILENT), sensor_silent("wilg/12"))
    assert told["open"] == ["De Wilg | Gebouw meldt zich niet | sinds 02:20"]


def test_a_long_list_is_cut_and_counted() -> None:
    found = [
        msgspec.structs.replace(BATH, at=BATH.at + timedelta(minutes=n), episode=BATH.episode + timedelta(minutes=n))
        for n in range(LISTED_MAX + 3)
    ]
    section = Briefing(Writer(a_board(*found), MORNING, "nl"), People()).sections[0]
    assert (len(section.items), section.more) == (LISTED_MAX, 3)


def test_a_signature_says_who_gave_and_who_took() -> None:
    told = Briefing(Writer(a_board(), MORNING, "nl"), People())
    signed = HandedOver(at=local("07:02"), given_by=SANNE, taken_by=NOOR)
    assert told.signed(signed) == "Overgedragen door S.K. aan M.B. om 07:02."
    spoken = msgspec.structs.replace(signed, by_voice=True)
    assert told.signed(spoken) == "Overgedragen door S.K. aan M.B. om 07:02, ook mondeling."
    alone = msgspec.structs.replace(signed, given_by=None)
    assert told.signed(alone) == "Overgenomen door M.B. om 07:02. Er was niemand om over te dragen."


def test_an_alert_that_was_given_back_is_nobodys() -> None:
    back = Released(at=local("03:00"), home=BATH.home, alert=alert_of(BATH), by=SANNE)
    assert briefing(BATH, took(BATH, "02:33"), back)["open"] == ["De Wilg 12 | Lang in de badkamer | sinds 02:30"]


def test_a_span_knows_whether_it_still_runs() -> None:
    running: Span = span_of(NIGHT, AMSTERDAM, local("03:00"))
    assert (running.running, running.until) == (True, local("03:00"))
    assert ends(local("03:00"), AMSTERDAM) == running.end


def test_a_fault_that_somebody_took_is_no_answer_of_the_desk_and_no_alert_that_nobody_took() -> None:
    fault = sensor_silent("wilg/12")
    assert lines(fault, took(fault, "05:00"))[2] == "Opgepakt van nu en straks: geen. Doorgezet: 0."
