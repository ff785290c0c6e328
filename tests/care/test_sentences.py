"""What the desk says of an alert: the fact, the time, what cannot be seen; never more than a record shows."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.alerts import Alert, alert_of, raised, with_cleared, with_order
from care.ids import StaffId
from care.labels import KINDS, TITLE_MAX
from care.records import CENTRE, Claimed, How, Outcome, Resolved
from care.sentences import tell
from care.wording import Wording
from detectors.findings import BUILDING, Cleared, Finding, Perhaps, What
from detectors.homes import Home, HomeId, Kind, ResidentId, RoomId, RoomKind, Sensor, SensorId, building_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NL, EN = Wording("nl"), Wording("en")
ROOMS = {
    "badkamer": RoomKind.BATHROOM,
    "wc": RoomKind.TOILET,
    "slaapkamer": RoomKind.BEDROOM,
    "berging": RoomKind.OTHER,
}
HOME = Home(
    id=HomeId("wilg/12"),
    resident=ResidentId("r-12"),
    rooms={RoomId(room): kind for room, kind in ROOMS.items()},
    sensors=(
        *(Sensor(id=SensorId(room), kind=Kind.MOTION, room=RoomId(room)) for room in ROOMS),
        Sensor(id=SensorId("bed"), kind=Kind.BED, room=RoomId("slaapkamer")),
        Sensor(id=SensorId("door"), kind=Kind.DOOR, room=RoomId("berging")),
    ),
)


def at(clock: str) -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    return datetime(2026, 3, 3, hour, minute, tzinfo=AMSTERDAM).astimezone(UTC)


def a_finding(what: What = What.BATH, **changes: object) -> Finding:
    finding = Finding(
        at=at("02:30"),
        home=HOME.id,
        what=what,
        since=at("02:10"),
        episode=at("02:09"),
        limit=20.0,
        room=RoomId("badkamer"),
        last_at=at("02:12"),
        last_room=RoomId("badkamer"),
    )
    return msgspec.structs.replace(finding, **changes)


def an_alert(finding: Finding, *, arrived: str = "02:30") -> Alert:
    return raised(finding, home=HOME, arrived_at=at(arrived))


def plain(said: object) -> str:
    return str(said).replace("\u00a0", " ")


def dutch(about: Alert | Finding, client: str | None = "Jan", *, now: str = "02:34", home: Home | None = HOME) -> str:
    return plain(tell(about, home, client, now=at(now), wording=NL))


def seen(about: Alert | Finding, client: str | None = "Jan", *, now: str = "02:34", silent: str = "") -> str:
    since = at(silent) if silent else None
    sentence = tell(about, HOME, client, now=at(now), wording=NL, silent_since=since)
    return plain(" ".join(str(piece) for piece in sentence.seen))


def test_long_in_the_bathroom_is_told_with_what_was_agreed_and_what_else_it_could_be() -> None:
    assert dutch(a_finding()) == (
        "Jan is waarschijnlijk sinds 02:10 in de badkamer: nu 24 minuten. In andere kamers is geen beweging gezien. "
        "Laatste beweging: 02:12. Afspraak in het zorgplan: melden na 20 minuten. "
        "Kan ook: rustig zitten, lang wassen of kleine bewegingen gemist."
    )


def test_the_same_in_english() -> None:
    assert plain(tell(a_finding(), HOME, "Jan", now=at("02:34"), wording=EN)).startswith(
        "Jan has probably been in the bathroom since 02:10: 24 minutes now. No motion was seen in other rooms."
    )


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (
            What.STILL,
            (
                "Jan ging om 02:09 uit bed. De laatste beweging was om 02:12 in de badkamer. "
                "Daarna is nergens beweging gezien: 22 minuten."
            ),
        ),
        (
            What.OOB_ACTIVE,
            "Jan is sinds 02:09 uit bed: 25 minuten. Er is nog beweging, het laatst om 02:12 in de badkamer.",
        ),
        (
            What.OOB_UNSEEN,
            (
                "Jan ging om 02:09 uit bed en is na 25 minuten niet terug. "
                "Sindsdien is in geen enkele kamer beweging gezien."
            ),
        ),
        (
            What.DOOR_LEFT,
            (
                "De voordeur ging om 02:10 open, na beweging in de badkamer. "
                "Daarna is binnen niets meer gezien: 24 minuten. Jan is waarschijnlijk naar buiten."
            ),
        ),
        (
            What.DOOR_ARRIVED,
            "De voordeur ging om 02:10 open. Vooraf was er binnen geen beweging, daarna wel in de badkamer.",
        ),
        (What.BUTTON, "Jan drukte om 02:10 op de hulpknop in de badkamer, 1 keer. Er is nog niet met Jan gesproken."),
    ],
)
def test_each_kind_says_what_was_seen(what: What, expected: str) -> None:
    assert seen(a_finding(what)) == expected


def test_without_a_name_none_is_made_up() -> None:
    assert seen(a_finding(), None).startswith("De cliënt is waarschijnlijk sinds 02:10")
    assert seen(a_finding(What.BUTTON), None).endswith("Er is nog niet met de cliënt gesproken.")


def test_a_name_begins_with_a_capital_where_it_begins_a_sentence() -> None:
    said = seen(a_finding(What.BUTTON), "mevrouw De Vries")
    assert said.startswith("Mevrouw De Vries drukte")
    assert said.endswith("met mevrouw De Vries gesproken.")


def test_a_name_may_hold_any_letters() -> None:
    assert seen(a_finding(), "{J} <b>").startswith("{J} <b> is waarschijnlijk")


def test_a_room_of_unknown_kind_is_somewhere_in_the_home() -> None:
    assert "ergens in huis" in seen(a_finding(What.STILL, last_room=RoomId("berging")))
    assert "ergens in huis" in dutch(a_finding(What.STILL), home=None)


def test_the_toilet_has_its_own_preposition() -> None:
    assert tell(a_finding(room=RoomId("wc")), HOME, None, now=at("02:34"), wording=NL).title == "Lang op de wc"


def test_what_cannot_be_seen_is_said() -> None:
    said = dutch(a_finding(blind=(SensorId("wc"), SensorId("door"), SensorId("berging"))))
    assert "Let op: de bewegingssensor op de wc geeft niets door. Wat daar gebeurt, is niet te zien." in said
    assert "de deursensor bij de voordeur" in said
    assert "de bewegingssensor (berging)" in said


def test_many_silent_sensors_are_counted() -> None:
    blind = tuple(sensor.id for sensor in HOME.sensors)
    assert "Let op: 6 sensoren geven niets door." in dutch(a_finding(blind=blind))


def test_sensors_that_are_heard_again_are_not_complained_of() -> None:
    sentence = tell(a_finding(blind=(SensorId("wc"),)), HOME, None, now=at("02:34"), wording=NL, blind=())
    assert sentence.no_sight == ()


def test_without_a_bed_sensor_the_bed_is_only_probable() -> None:
    home = msgspec.structs.replace(HOME, sensors=HOME.sensors[:4])
    assert "Hier is geen bedsensor." in dutch(a_finding(What.STILL), home=home)
    assert "bedsensor" not in dutch(a_finding(What.BUTTON), home=home)


def test_the_door_is_spoken_of_as_of_the_finding() -> None:
    said = dutch(a_finding(door_at=at("00:14")))
    assert "De voordeur was om 02:30 niet open geweest sinds 00:14." in said
    assert "De voordeur was" not in dutch(a_finding(door_at=at("00:14"), blind=(SensorId("door"),)))


def test_news_that_came_late_says_so() -> None:
    late = an_alert(a_finding(), arrived="02:41")
    assert "Dit begon om 02:10 en kwam 11 minuten te laat binnen. Het is nog steeds zo." in dutch(late, now="02:45")
    assert "te laat" not in dutch(an_alert(a_finding()), now="02:45")


def test_what_is_over_is_told_as_past_and_stops_counting() -> None:
    finding = a_finding()
    over = Cleared(at=at("02:40"), home=HOME.id, what=What.BATH, since=finding.since, episode=finding.episode)
    alert = with_cleared(an_alert(finding), over)
    assert seen(alert, now="03:30") == "Dit begon om 02:10 en duurde 30 minuten. Om 02:40 was het vanzelf voorbij."


def test_what_was_closed_is_told_as_it_stood_then() -> None:
    finding = a_finding()
    resolved = Resolved(
        at=at("02:50"),
        home=HOME.id,
        alert=alert_of(finding),
        by=StaffId("s"),
        outcome=Outcome.REASSURED,
        how=How.VIDEO,
    )
    said = seen(with_order(an_alert(finding), resolved), now="05:00")
    assert said.startswith("Zo stond het toen de melding werd afgerond, om 02:50. Jan is waarschijnlijk")
    assert "nu 40 minuten" in said


def test_a_building_that_cannot_be_heard_adds_no_minutes_of_silence() -> None:
    said = seen(an_alert(a_finding(What.STILL)), now="04:00", silent="02:34")
    assert said.startswith("Zo stond het om 02:34, toen het gebouw voor het laatst te horen was.")
    assert "22 minuten" in said


def test_once_somebody_has_a_call_for_help_nothing_is_said_of_who_spoke_with_whom() -> None:
    finding = a_finding(What.BUTTON)
    taken = Claimed(at=at("02:31"), home=HOME.id, alert=alert_of(finding), by=StaffId("s"))
    assert "gesproken" not in seen(with_order(an_alert(finding), taken))


@given(
    what=st.sampled_from(What),
    room=st.sampled_from([None, *map(RoomId, ROOMS)]),
    last=st.none() | st.just(at("02:12")),
    count=st.integers(1, 20),
    limit=st.none() | st.floats(1, 300),
    counted=st.none() | st.floats(-3, 20),
    rank=st.none() | st.floats(0, 1),
    nights=st.none() | st.integers(0, 90),
    sensor=st.sampled_from([None, *(one.id for one in HOME.sensors), SensorId("gone")]),
    perhaps=st.lists(st.sampled_from(Perhaps), unique=True).map(tuple),
    language=st.sampled_from(["nl", "en"]),
    home=st.sampled_from([HOME, None]),
    later=st.timedeltas(timedelta(), timedelta(days=4)),
)
def test_whatever_was_found_there_is_a_whole_sentence_and_a_short_title(
    what: What,
    room: RoomId | None,
    last: datetime | None,
    count: int,
    limit: float | None,
    counted: float | None,
    rank: float | None,
    nights: int | None,
    sensor: SensorId | None,
    perhaps: tuple[Perhaps, ...],
    language: str,
    home: Home | None,
    later: timedelta,
) -> None:
    finding = a_finding(
        what,
        room=room,
        last_room=room,
        last_at=last,
        count=count,
        limit=limit,
        value=counted,
        usual=abs(counted) if counted is not None else None,
        rank=rank,
        nights=nights,
        sensor=sensor,
        perhaps=perhaps,
    )
    sentence = tell(finding, home, None, now=finding.at + later, wording=Wording(language))
    assert 0 < len(sentence.title) <= TITLE_MAX
    assert "{" not in str(sentence) + sentence.title
    assert "  " not in str(sentence)
    assert str(sentence).endswith(".")


@given(st.timedeltas(timedelta(), timedelta(days=9)), st.timedeltas(timedelta(), timedelta(minutes=1)))
def test_a_duration_never_says_more_than_was(span: timedelta, less: timedelta) -> None:
    """Rounded down, in every unit: time that passes never makes it shorter, and it never runs ahead."""
    said = EN.duration(span).replace("\u00a0", " ")
    units = {"day": 1440, "hour": 60, "minute": 1}
    total = sum(
        int(words[i]) * units[words[i + 1].rstrip("s")]
        for words in [said.replace("less than 1 minute", "0 minutes").replace(" and", "").split()]
        for i in range(0, len(words), 2)
    )
    assert total <= span / timedelta(minutes=1)
    assert EN.duration(span - min(less, span)) == EN.duration(span) or span >= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes", "long", "short"),
    [
        (0, "minder dan 1 minuut", "0 min"),
        (1, "1 minuut", "1 min"),
        (24, "24 minuten", "24 min"),
        (60, "1 uur", "1 u 00"),
        (65, "1 uur en 5 minuten", "1 u 05"),
        (121, "2 uur en 1 minuut", "2 u 01"),
        (14 * 60 + 20, "14 uur", "14 u"),
        (47 * 60, "47 uur", "47 u"),
        (72 * 60, "3 dagen", "3 d"),
    ],
)
def test_durations_are_said_the_way_people_say_them(minutes: int, long: str, short: str) -> None:
    span = timedelta(minutes=minutes, seconds=59)
    assert plain(NL.duration(span)) == long
    assert plain(NL.short(span)) == short


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    assert NL.duration(timedelta(minutes=65)) == "1\u00a0uur en 5\u00a0minuten"
    assert NL.home("wilg/12") == "woning\u00a012"


def test_in_the_long_night_the_hour_that_comes_twice_is_told_apart() -> None:
    first = datetime(2026, 10, 25, 0, 14, tzinfo=UTC)
    assert [NL.time(first + timedelta(hours=n)) for n in range(-1, 3)] == [
        "01:14",
        "02:14 (zomertijd)",
        "02:14 (wintertijd)",
        "03:14",
    ]


def test_durations_are_real_time_also_over_the_change_of_the_clock() -> None:
    finding = a_finding(since=datetime(2026, 10, 24, 23, 50, tzinfo=UTC), at=datetime(2026, 10, 25, 0, 10, tzinfo=UTC))
    said = plain(tell(finding, HOME, "Jan", now=datetime(2026, 10, 25, 1, 20, tzinfo=UTC), wording=NL))
    assert "sinds 01:50 in de badkamer: nu 1 uur en 30 minuten" in said


def test_the_short_night_is_announced_and_other_nights_are_not() -> None:
    evening = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
    said = "Vannacht gaat de klok van 02:00 naar 03:00. De dienst duurt een uur korter."
    assert NL.clock_change(evening) == said
    assert NL.clock_change(evening + timedelta(hours=3, minutes=59)) == said
    assert NL.clock_change(evening + timedelta(hours=4)) is None
    assert NL.clock_change(evening - timedelta(days=1)) is None
    assert NL.clock_change(datetime(2026, 10, 24, 21, tzinfo=UTC)) is None


def test_a_night_has_two_dates() -> None:
    assert NL.night(at("02:31")) == "nacht van maandag 2 maart op dinsdag 3 maart"
    assert EN.night(at("23:30")) == "night of Tuesday 3 March to Wednesday 4 March"


def test_rooms_of_one_kind_are_told_apart_by_the_plan() -> None:
    home = msgspec.structs.replace(HOME, rooms={**HOME.rooms, RoomId("logeer_kamer"): RoomKind.BEDROOM})
    assert EN.room(HOME, RoomId("slaapkamer")) == "Bedroom"
    assert EN.room(home, RoomId("slaapkamer")) == "Slaapkamer"
    assert EN.room(home, RoomId("logeer_kamer")) == "Logeer kamer"


def test_what_happened_before_today_carries_its_day() -> None:
    assert NL.moment(at("02:30"), at("09:00")) == "02:30"
    assert NL.moment(at("02:30"), at("02:30") + timedelta(days=2)) == "di 3 mrt 02:30"


def test_every_kind_of_finding_has_a_name() -> None:
    assert set(KINDS) == set(What)


# What is found by day, over weeks and in the equipment.


def test_who_is_not_up_is_told_with_the_hour_that_is_usual() -> None:
    finding = a_finding(
        What.LATE_RISE,
        since=at("07:20"),
        at=at("09:55"),
        episode=at("00:10"),
        limit=None,
        nights=28,
        rank=0.02,
        last_at=at("03:12"),
        last_room=RoomId("slaapkamer"),
    )
    assert dutch(finding, now="10:00") == (
        "Meestal op om 07:20 (28 nachten). Om 09:55 was nog niet te zien dat Jan op is. "
        "Laatste beweging: 03:12 in de slaapkamer. Later dan op 98 van de 100 ochtenden in woningen zoals deze. "
        "Kan ook: uitslapen, laat naar bed, ongemerkt opgestaan of niet thuis."
    )


def test_of_a_home_that_is_hardly_known_no_hour_is_called_usual() -> None:
    said = dutch(a_finding(What.LATE_RISE, limit=None, nights=0))
    assert "Meestal op" not in said
    assert "Nachtwacht kent deze woning pas 0 nachten. De grens is nog algemeen." in said


def test_who_got_up_after_all_was_later_than_usual() -> None:
    finding = a_finding(What.LATE_RISE, since=at("07:20"), at=at("09:55"), episode=at("00:10"), limit=None, nights=28)
    over = Cleared(at=at("10:35"), home=HOME.id, what=What.LATE_RISE, since=finding.since, episode=finding.episode)
    said = seen(with_cleared(an_alert(finding, arrived="09:55"), over), now="12:00")
    assert said == "Om 10:35 was dit vanzelf voorbij: 3 uur en 15 minuten later dan meestal."


def test_a_quiet_day_is_told_from_the_last_motion_and_never_as_a_diagnosis() -> None:
    finding = a_finding(What.DAY_INACTIVE, at=at("15:40"), since=at("11:10"), last_at=at("11:10"), limit=None)
    learned = msgspec.structs.replace(finding, usual=95.0, nights=40, rank=0.0004)
    assert dutch(learned, now="15:45") == (
        "Sinds 11:10 is in huis geen beweging gezien: 4 uur en 35 minuten. De laatste was in de badkamer. "
        "Meestal is dat 1 uur en 35 minuten. Langer dan op 999 van de 1000 dagen in woningen zoals deze. "
        "Kan ook: middagslaap of weg zonder dat de deur is gezien."
    )


def test_a_restless_night_is_named_by_its_dates_and_beside_other_nights() -> None:
    finding = a_finding(What.RESTLESS, at=at("07:00"), since=at("23:00") - timedelta(days=1), value=6, usual=1.4)
    said = dutch(msgspec.structs.replace(finding, nights=35, rank=0.03, limit=None), now="08:00")
    assert said.startswith(
        "In de nacht van maandag 2 maart op dinsdag 3 maart was Jan 6 keer uit bed. Meestal is dat 1,4 keer. "
        "Onrustiger dan 97 van de 100 nachten in woningen zoals deze."
    )


def test_more_visits_are_told_as_a_mean_with_a_comma_and_asked_to_be_discussed() -> None:
    finding = a_finding(What.NOCTURIA, value=2.5, usual=1.1, nights=42, since=at("02:30") - timedelta(days=17))
    assert seen(finding) == (
        "De laatste weken ging Jan gemiddeld 2,5 keer per nacht naar badkamer of wc. Meestal is dat 1,1 keer. "
        "Bespreek het met Jan."
    )
    assert "melden na" not in dutch(finding)


@pytest.mark.parametrize(("hours", "said"), [(2.2, "2 uur en 15 minuten later"), (-1.02, "1 uur vroeger")])
def test_other_bedtimes_say_which_way_and_about_how_much(hours: float, said: str) -> None:
    assert f"De laatste weken waren de bedtijden ongeveer {said} dan eerst." in seen(a_finding(What.SHIFT, value=hours))


def test_a_decline_says_that_the_reason_cannot_be_seen() -> None:
    assert seen(a_finding(What.DECLINE)).endswith("Wat de reden is, is niet te zien.")


def about_sensor(what: What, sensor: str, **changes: object) -> Finding:
    return a_finding(what, sensor=SensorId(sensor), room=None, last_at=None, last_room=None, **changes)


def test_a_silent_sensor_is_named_with_what_cannot_be_told_without_it() -> None:
    finding = about_sensor(What.SENSOR_SILENT, "door", at=at("09:00"), since=at("02:00") - timedelta(days=1))
    said = dutch(finding, now="09:05")
    assert said.startswith(
        "Het gaat om de deursensor bij de voordeur. Die geeft niets door sinds ma 2 mrt 02:00: 31 uur. Zonder die "
        "sensor kan dit niet gemeld worden: “Waarschijnlijk naar buiten” en “Misschien iemand binnengekomen”."
    )
    assert "Afspraak in het zorgplan" not in said
    assert "Let op" not in said


def test_a_silent_sensor_that_others_stand_in_for_takes_no_alert_away() -> None:
    said = seen(about_sensor(What.SENSOR_SILENT, "wc"))
    assert said.endswith("Andere sensoren zien nog genoeg voor elk soort melding.")
    alone = tell(
        about_sensor(What.SENSOR_SILENT, "wc", blind=(SensorId("badkamer"),)), HOME, None, now=at("02:34"), wording=NL
    )
    assert "“Lang in de badkamer of op de wc”" in plain(alone)
    assert "de bewegingssensor in de badkamer geeft niets door" in plain(alone)


def test_a_bed_that_seems_stuck_may_still_hold_somebody() -> None:
    said = dutch(about_sensor(What.SENSOR_STUCK, "bed"))
    assert "Kan ook: Jan ligt echt nog in bed (kijk eerst daarnaar), iets zwaars op het bed" in said
    assert "in bed" not in dutch(about_sensor(What.SENSOR_STUCK, "wc"))


def test_a_fault_that_is_over_still_says_of_which_sensor_it_was() -> None:
    finding = about_sensor(What.SENSOR_SILENT, "wc")
    over = Cleared(
        at=at("02:50"),
        home=HOME.id,
        what=finding.what,
        since=finding.since,
        episode=finding.episode,
        sensor=finding.sensor,
    )
    alert = with_cleared(an_alert(finding), over)
    assert seen(alert, now="03:00") == (
        "Het gaat om de bewegingssensor op de wc. Dit begon om 02:10 en duurde 40 minuten. "
        "Om 02:50 was het vanzelf voorbij."
    )


def test_a_home_of_which_nothing_is_heard_says_nothing_about_the_person() -> None:
    said = dutch(a_finding(What.GATEWAY_GAP, room=None, blind=tuple(one.id for one in HOME.sensors)))
    assert "Er kan geen melding komen. Dit zegt niets over hoe het met Jan gaat." in said
    assert "Let op" not in said


def test_what_the_home_itself_suggests_comes_first_and_is_said_once() -> None:
    up = a_finding(What.OOB_ACTIVE, perhaps=(Perhaps.RISING, Perhaps.OTHERS))
    assert dutch(up).endswith("Kan ook: opstaan voor de dag, iemand anders in huis of niet kunnen slapen.")
    back = a_finding(What.STILL, perhaps=(Perhaps.RETURNED,))
    assert dutch(back).count("ongemerkt terug in bed") == 1


@given(st.floats(0, 1))
def test_how_rare_something_is_is_never_overstated(rank: float) -> None:
    said = plain(tell(a_finding(rank=rank), HOME, None, now=at("02:34"), wording=EN))
    told = re.search(r"Longer than in (\d+) of (\d+) nights", said)
    assert (told is None) == (rank >= 1 / 2)
    if told is not None:
        assert int(told[1]) < int(told[2])
        assert int(told[1]) / int(told[2]) <= 1 - rank + 1e-6 or rank < 1 / 1000


# What is the matter with a whole building.


def of_building(what: What, *, site: str = "wilg", **more: object) -> str:
    finding = a_finding(what, room=None, last_room=None, **more)
    return dutch(msgspec.structs.replace(finding, home=building_of(site)))


def test_a_silent_building_says_how_many_homes_are_not_seen_and_nothing_of_how_people_are() -> None:
    said = of_building(What.BUILDING_SILENT, value=12.0, count=0)
    assert "Uit dit gebouw komt sinds" in said
    assert "12 woningen hebben geen zicht. Dit zegt niets over hoe het met de mensen gaat." in said
    assert "niet in bed" not in said
    assert "Kan ook: stroom weg, verbinding weg of gateway kapot." in said


def test_a_building_lost_while_somebody_was_up_says_so_first_of_all() -> None:
    finding = msgspec.structs.replace(a_finding(What.BUILDING_SILENT, count=1), home=building_of("wilg"))
    assert NL.title(finding, None) == "Zicht weg, misschien iemand op"
    assert NL.title(msgspec.structs.replace(finding, count=0), None) == "Gebouw meldt zich niet"
    said = of_building(What.BUILDING_SILENT, count=1)
    assert "1 cliënt was toen niet in bed, of dat is niet bekend." in said


def test_a_centre_that_hears_nobody_speaks_of_itself() -> None:
    finding = msgspec.structs.replace(a_finding(What.BUILDING_SILENT, count=0), home=building_of(CENTRE))
    assert NL.title(finding, None) == "Centrale hoort geen gebouw"
    assert "De zorgcentrale hoort sinds" in of_building(What.BUILDING_SILENT, site=CENTRE, count=0)
    assert NL.home(building_of(CENTRE)) == "alle gebouwen"
    assert NL.home(building_of("wilg")) == "het hele gebouw"


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        (What.CLOCK_STEP, 7200.0, "2 uur vooruit."),
        (What.CLOCK_STEP, -7200.0, "2 uur terug."),
        (What.CLOCK_STEP, None, "versprong"),
        (What.DISK, 120.0, "120 MB"),
        (What.DISK, None, "niets opslaan"),
        (What.JOURNAL, None, "Het is apart gezet."),
        (What.PROOF, None, "Een echte melding komt misschien ook niet aan."),
        (What.CHANNEL, None, "geen bericht sturen"),
        (What.BROKER_LOST, None, "geen enkele sensor"),
        (What.BRIDGE_LOST, None, "De ontvanger van draadloze sensoren is weg"),
    ],
)
def test_each_fault_of_a_building_is_told_in_its_own_words(what: What, value: float | None, said: str) -> None:
    assert said in of_building(what, value=value)


def test_a_battery_that_runs_out_is_told_of_its_own_sensor() -> None:
    said = dutch(a_finding(What.BATTERY, sensor=HOME.sensors[0].id, value=9.0))
    assert said.startswith("Het gaat om de ")
    assert "De batterij heeft nog 9% over. De sensor werkt nu nog." in said
    foreseen = dutch(a_finding(What.BATTERY, sensor=HOME.sensors[0].id, value=31.0, early=True))
    assert "De batterij is waarschijnlijk binnen een maand leeg." in foreseen


def test_of_a_whole_building_nobody_is_named() -> None:
    for what in BUILDING:
        assert "Jan" not in of_building(what, value=3.0, count=2)
