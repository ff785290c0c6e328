"""The front door at night: leaving, coming home, and somebody coming in."""

from tests.stories import a_home, found

IN_BED = ["22:40 bed in"]
OUT_OF_THE_DOOR = ["02:40 bed out", "02:41 gang", "02:42 door open", "02:42:10 door closed"]


def test_who_goes_out_at_night_and_stays_away_is_reported() -> None:
    assert found(a_home(), *IN_BED, *OUT_OF_THE_DOOR, until="02:47") == ["02:47 door-left"]


def test_walking_through_the_hall_while_leaving_does_not_hide_it() -> None:
    lines = [*IN_BED, *OUT_OF_THE_DOOR[:-1], "02:42:05 gang", "02:42:10 door closed"]
    assert found(a_home(), *lines, until="02:47") == ["02:47 door-left"]


def test_who_takes_out_the_rubbish_and_goes_back_to_bed_is_not_reported() -> None:
    lines = [*IN_BED, *OUT_OF_THE_DOOR, "02:44 door open", "02:44:10 door closed", "02:44:40 gang", "02:46 bed in"]
    assert found(a_home(), *lines, until="06:00") == []


def test_who_opens_the_door_and_stays_in_is_not_reported_as_gone() -> None:
    lines = [*IN_BED, *OUT_OF_THE_DOOR, "02:43:30 woonkamer", "02:45 bed in"]
    assert found(a_home(), *lines, until="06:00") == []


def test_going_out_by_day_is_nobodys_business() -> None:
    lines = ["22:40 bed in", "07:30 bed out", "07:40 gang", "07:41 door open", "07:41:10 door closed"]
    assert found(a_home(), *lines, until="11:00") == []


def test_a_door_that_opens_while_the_resident_is_in_bed_and_motion_after_it_is_somebody_arriving() -> None:
    lines = [*IN_BED, "03:00 door open", "03:00:20 gang", "03:00:30 door closed"]
    assert found(a_home(), *lines, until="03:05") == ["03:00 door-arrived"]


def test_coming_home_at_night_is_not_somebody_arriving() -> None:
    lines = [*IN_BED, *OUT_OF_THE_DOOR, "02:46 door open", "02:46:05 gang", "02:46:20 door closed", "02:50 bed in"]
    assert found(a_home(), *lines, until="06:00") == []


def test_a_blip_of_the_hall_sensor_alone_is_nothing() -> None:
    assert found(a_home(), *IN_BED, "03:51 gang", "03:52 gang off", until="06:30") == []


def test_who_goes_out_is_reported_though_the_message_that_the_bed_was_left_is_lost() -> None:
    lines = ["22:40 bed in", "02:41 gang", "02:42 door open", "02:42:10 door closed"]
    assert found(a_home(), *lines, until="02:50") == ["02:47 door-left"]


def test_who_lies_in_the_bathroom_while_the_bed_is_said_to_be_occupied_is_reported() -> None:
    lines = ["22:30 badkamer", "22:40 bed in", "02:10 badkamer", "02:12 badkamer"]
    assert found(a_home(), *lines, until="02:31") == ["02:30 bath"]


def test_who_washed_before_bed_is_in_bed_and_not_in_the_bathroom() -> None:
    assert found(a_home(), "23:10 badkamer", "23:15 bed in", until="06:59") == []
