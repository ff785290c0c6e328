"""Out of bed and not back, still, and long in the bathroom: the nights that matter, and those that do not."""

from datetime import time, timedelta

import msgspec

from detectors.findings import Cleared, Finding, Perhaps, Status
from detectors.homes import Limits, Night
from detectors.others import SHIPPED
from tests.stories import a_home, brief, event, events, findings, found, instant, told


def test_a_short_trip_to_the_bathroom_is_not_reported() -> None:
    lines = ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:11 badkamer off", "02:13 bed in"]
    assert found(a_home(), *lines, until="06:59") == []


def test_an_empty_bed_and_no_motion_anywhere_is_reported_after_its_limit() -> None:
    assert found(a_home(), "22:40 bed in", "02:10 bed out", until="02:30") == ["02:30 oob-unseen"]


def test_nothing_is_reported_a_minute_before_the_limit() -> None:
    assert found(a_home(), "22:40 bed in", "02:10 bed out", until="02:29") == []


def test_who_lies_still_in_the_bathroom_is_reported_as_still_and_then_as_long_in_the_bathroom() -> None:
    lines = ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:11:30 badkamer off"]
    assert found(a_home(), *lines, until="02:31") == ["02:25 still", "02:30 bath"]


def test_who_keeps_moving_in_the_bathroom_is_reported_for_the_stay_alone() -> None:
    lines = ["22:40 bed in", "02:09 bed out", *(f"02:{minute} badkamer" for minute in range(10, 32))]
    assert found(a_home(), *lines, until="02:32") == ["02:30 bath"]


def test_who_walks_about_is_reported_later_and_as_active() -> None:
    lines = ["22:40 bed in", "02:00 bed out", *(f"02:{minute} woonkamer" for minute in range(10, 50, 5))]
    assert found(a_home(), *lines, until="02:50") == ["02:45 oob-active"]


def test_who_sat_on_the_bed_for_a_moment_has_not_gone_to_bed_yet() -> None:
    evening = [f"{hour}:{minute:02} woonkamer" for hour in (22, 23) for minute in range(0, 60, 6)]
    lines = sorted([*evening, "23:02 bed in", "23:05 bed out"])
    assert found(a_home(), *lines, until="23:55") == []


def test_who_walks_about_after_a_short_while_back_in_bed_is_still_reported() -> None:
    walk = [f"02:{minute} woonkamer" for minute in range(20, 60, 6)] + ["03:02 woonkamer"]
    lines = ["22:40 bed in", "02:00 bed out", "02:10 bed in", "02:15 bed out", *walk]
    assert found(a_home(), *lines, until="03:03") == ["03:00 oob-active"]


def test_who_walked_and_then_stopped_is_still_and_not_active() -> None:
    lines = ["22:40 bed in", "02:00 bed out", "02:05 keuken"]
    assert found(a_home(), *lines, until="03:30") == ["02:20 still"]


def test_an_early_riser_is_not_reported() -> None:
    lines = ["22:40 bed in", "06:50 bed out", "06:51 badkamer", "06:58 keuken"]
    assert found(a_home(), *lines, until="11:00") == []


def test_who_rose_before_the_night_ended_has_not_been_up_all_night_the_next_evening() -> None:
    home = a_home()
    moments = events(home, ["23:30 bed in", "06:50 bed out", "06:55 keuken"])
    evening = event(home, "06:56 woonkamer")
    tv = msgspec.structs.replace(evening, at=evening.at + timedelta(hours=16, minutes=10))
    assert findings(told(home, [*moments, tv], tv.at + timedelta(minutes=40))) == []


def test_the_night_is_the_residents_own() -> None:
    late = a_home(night=Night(start=time(2, 30), end=time(12)))
    assert found(late, "03:00 bed in", "09:00 bed out", until="09:21") == ["09:20 oob-unseen"]
    assert found(a_home(), "03:00 bed in", "09:00 bed out", until="09:21") == []


def test_the_limit_is_the_one_agreed() -> None:
    home = a_home(limits=Limits(oob_unseen=45))
    assert found(home, "22:40 bed in", "02:00 bed out", until="02:44") == []
    assert found(home, "22:40 bed in", "02:00 bed out", until="02:45") == ["02:45 oob-unseen"]


def test_back_in_bed_is_told_as_the_end_of_it() -> None:
    home = a_home()
    said = told(home, events(home, ["22:40 bed in", "02:00 bed out", "02:40 bed in"]), instant("02:41"))
    assert [type(one) for one in said if not isinstance(one, Status)] == [Finding, Cleared]


def test_a_finding_carries_its_evidence() -> None:
    home = a_home()
    lines = ["22:40 bed in", "02:09 bed out", "02:10 badkamer", "02:11:30 badkamer off"]
    (still,) = findings(told(home, events(home, lines), instant("02:25")))
    assert still.since == still.last_at == instant("02:10")
    assert still.episode == instant("02:09")
    assert still.room == "badkamer"
    assert [mark.at for mark in still.window] == [instant(at) for at in ("22:40", "02:09", "02:10")]


def test_without_a_bed_sensor_a_quiet_bedroom_is_bed_and_motion_elsewhere_is_getting_up() -> None:
    home = a_home(bed=False)
    lines = ["23:10 slaapkamer", "23:12 slaapkamer", "02:08 slaapkamer", "02:09 badkamer"]
    assert found(home, *lines, until="02:30") == ["02:24 still", "02:29 bath"]


def test_without_a_bed_sensor_turning_over_once_is_not_getting_up() -> None:
    home = a_home(bed=False)
    assert found(home, "23:10 slaapkamer", "23:12 slaapkamer", "03:00 slaapkamer", until="06:00") == []


def test_without_a_bed_sensor_a_single_blink_of_a_sensor_is_nobody_walking() -> None:
    home = a_home(bed=False)
    assert found(home, "23:10 slaapkamer", "23:12 slaapkamer", "03:51 gang", until="06:00") == []


def test_without_a_bed_sensor_somebody_seen_twice_on_the_way_is_up() -> None:
    home = a_home(bed=False)
    lines = ["23:10 slaapkamer", "23:12 slaapkamer", "03:51 gang", "03:52 keuken"]
    assert found(home, *lines, until="04:10") == ["04:07 still"]


def test_a_round_of_the_night_staff_does_not_get_anybody_out_of_bed() -> None:
    for home in (a_home(), a_home(bed=False)):
        bed = ["22:40 bed in"] if home.has_bed else []
        lines = ["22:38 woonkamer", "22:39 slaapkamer", *bed]
        came = ["03:00 door open", "03:00:10 gang", "03:00:20 door closed", "03:01 slaapkamer", "03:02 slaapkamer"]
        went = ["03:04 gang", "03:04:20 door open", "03:04:30 door closed"]
        assert found(home, *lines, *came, *went, until="06:59") == ["03:00 door-arrived"]


def test_while_somebody_else_is_there_only_the_agreed_limit_speaks() -> None:
    home = a_home()
    came = ["03:00 door open", "03:00:10 gang", "03:00:20 door closed"]
    lines = ["22:40 bed in", *came, "03:05 bed out", "03:06 badkamer"]
    said = findings(told(home, events(home, lines), instant("03:30"), others=SHIPPED))
    assert [brief(one) for one in said] == ["03:00 door-arrived", "03:21 still", "03:26 bath"]
    assert Perhaps.OTHERS in said[-1].perhaps
