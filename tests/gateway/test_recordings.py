"""Recordings: read strictly, dated in UTC, and replayed by one command."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import homes
from detectors import company
from detectors.company import Company
from detectors.homes import Kind, RoomKind
from detectors.whereabouts import Whereabouts
from gateway import recordings, replay
from gateway.recordings import BadRecording
from tests.conftest import free_port

SENSORS = """\
sensor,kind,room,note
Bed,bed,bedroom,
FrontDoor,frontdoor,hall,
Bathroom,motion,bathroom,
Toilet,toilet,toilet,"flush, id 6"
Chair,seat,livingroom,
Garden,room,outside,
act.Sleeping,activity,,annotation
act.Leave_Home,activity,,annotation
act.Eating,activity,,annotation
S23,other,,
"""
REAL = Path(__file__).parents[3] / "shared" / "recordings"


def a_recording(folder: Path, *lines: str, sensors: str = SENSORS) -> Path:
    (folder / "sensors.csv").write_text(sensors)
    rows = "\n".join(["timestamp,sensor,value", *lines]) + "\n"
    (folder / "events.csv.gz").write_bytes(gzip.compress(rows.encode()))
    return folder


def dates(folder: Path) -> list[str]:
    """Return when everything happened, in UTC."""
    return [f"{one.at:%H:%M}" for one in recordings.events(folder, recordings.plan_of(folder))]


def test_sensors_become_a_plan_that_can_be_written_and_read(tmp_path: Path) -> None:
    site = recordings.plan_of(a_recording(tmp_path))
    home = site.homes[0]
    seen = {sensor.id: (sensor.kind, home.kind_of(sensor.room)) for sensor in home.sensors}
    assert seen == {
        "1/Bed": (Kind.BED, RoomKind.BEDROOM),
        "1/FrontDoor": (Kind.DOOR, RoomKind.HALL),
        "1/Bathroom": (Kind.MOTION, RoomKind.BATHROOM),
        "1/Toilet": (Kind.USE, RoomKind.TOILET),
        "1/Chair": (Kind.USE, RoomKind.LIVING),
        "1/Garden": (Kind.MOTION, RoomKind.OUTSIDE),
        "1/act.Sleeping": (Kind.BED, RoomKind.BEDROOM),
        "1/act.Leave_Home": (Kind.DOOR, RoomKind.HALL),
        "1/act.Eating": (Kind.USE, RoomKind.LIVING),
    }
    assert homes.read(homes.write(site)) == site


def test_a_sensor_of_which_nobody_knows_what_it_sees_is_left_out_and_named(tmp_path: Path) -> None:
    folder = a_recording(tmp_path, "2026-03-03T01:00:00,S23,1", "2026-03-03T01:01:00,Bed,0")
    assert recordings.left_out(folder) == ("S23",)
    assert dates(folder) == ["00:01"]


def test_events_are_dated_in_utc_and_say_what_was_seen(tmp_path: Path) -> None:
    folder = a_recording(tmp_path, "2026-03-03T01:54:00.250000,Bed,0", "2026-07-03T01:54:00,FrontDoor,1")
    winter, summer = recordings.events(folder, recordings.plan_of(folder))
    assert winter.at == datetime(2026, 3, 3, 0, 54, 0, 250_000, tzinfo=UTC)
    assert (winter.home, winter.sensor, winter.room, winter.kind) == ("rec/1", "1/Bed", "bedroom", Kind.BED)
    assert winter.value == 0.0
    assert (summer.at, summer.value) == (datetime(2026, 7, 2, 23, 54, tzinfo=UTC), 1.0)


def test_a_recorder_that_lived_the_long_autumn_night_twice_goes_on_in_order(tmp_path: Path) -> None:
    clocks = ["01:59", "02:10", "02:50", "02:10", "02:50", "03:01"]
    folder = a_recording(tmp_path, *(f"2026-10-25T{clock}:00,Bed,{n % 2}" for n, clock in enumerate(clocks)))
    assert dates(folder) == ["23:59", "00:10", "00:50", "01:10", "01:50", "02:01"]


def test_a_recorder_that_kept_winter_time_keeps_its_order_through_the_short_spring_night(tmp_path: Path) -> None:
    clocks = ["01:59", "02:10", "02:50", "03:01"]
    folder = a_recording(tmp_path, *(f"2026-03-29T{clock}:00,Bed,{n % 2}" for n, clock in enumerate(clocks)))
    assert dates(folder) == ["00:59", "00:59", "00:59", "01:01"]


@given(
    start=st.sampled_from([datetime(2026, 3, 28, 22), datetime(2026, 10, 24, 22)]),  # noqa: DTZ001  # wall clocks
    minutes=st.lists(st.integers(0, 500), max_size=60),
)
def test_any_wall_clock_in_order_gives_instants_in_order(
    tmp_path_factory: pytest.TempPathFactory, start: datetime, minutes: list[int]
) -> None:
    """Also on the two nights on which the clock is changed."""
    stamps = [(start + timedelta(minutes=minute)).isoformat() for minute in sorted(minutes)]
    folder = a_recording(tmp_path_factory.mktemp("night"), *(f"{stamp},Bed,1" for stamp in stamps))
    instants = [one.at for one in recordings.events(folder, recordings.plan_of(folder))]
    assert instants == sorted(instants)
    assert len(instants) == len(stamps)


@given(st.lists(st.integers(0, 600), max_size=60))
def test_what_a_clock_in_amsterdam_showed_is_dated_as_it_was_but_for_the_doubled_hour(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[int]
) -> None:
    evening = datetime(2026, 10, 24, 20, tzinfo=UTC)
    lived = [evening + timedelta(minutes=minute) for minute in sorted(minutes)]
    clocks = [at.astimezone(ZoneInfo("Europe/Amsterdam")).replace(tzinfo=None) for at in lived]
    folder = a_recording(tmp_path_factory.mktemp("night"), *(f"{clock.isoformat()},Bed,1" for clock in clocks))
    read = [one.at for one in recordings.events(folder, recordings.plan_of(folder))]
    twice = evening.replace(day=25, hour=0), evening.replace(day=25, hour=2)
    assert [at for at in read if not twice[0] <= at < twice[1]] == [at for at in lived if not twice[0] <= at < twice[1]]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["2026-03-03T25:00:00,Bed,1"], "line 2: '2026-03-03T25:00:00' is not a time"),
        (["2026-03-03T01:00:00+01:00,Bed,1"], "line 2: 2026-03-03T01:00:00+01:00 has a zone"),
        (["2026-03-03T01:00:00,Bed,1", "2026-03-03T01:00:00,Bad,1"], "line 3: sensor 'Bad' is not in sensors.csv"),
        (["2026-03-03T01:00:00,Bed,on"], "line 2: value 'on' is neither 1 nor 0"),
        (["2026-03-03T01:00:00,Bed"], "line 2: 2 fields, where 3 belong"),
        (["2026-03-03T01:00:01,Bed,1", "2026-03-03T01:00:00,Bed,0"], "line 3: 2026-03-03T01:00:00 is before"),
        (["2026-10-25T02:50:00,Bed,1", "2026-10-25T01:59:00,Bed,0"], "line 3: 2026-10-25T01:59:00 is before"),
        (["2026-03-29T02:50:00,Bed,1", "2026-03-29T02:40:00,Bed,0"], "line 3: 2026-03-29T02:40:00 is before"),
    ],
)
def test_a_mistake_in_the_events_is_named_with_file_and_line(tmp_path: Path, lines: list[str], said: str) -> None:
    folder = a_recording(tmp_path, *lines)
    with pytest.raises(BadRecording) as refused:
        dates(folder)
    assert str(refused.value).startswith(f"{folder / 'events.csv.gz'}, {said}")


@pytest.mark.parametrize(
    ("sensors", "said"),
    [
        ("sensor,kind,room\n", "line 1: the header is not 'sensor,kind,room,note'."),
        ("sensor,kind,room,note\nBed,matress,bedroom,\n", "line 2: kind 'matress' is unknown."),
        ("sensor,kind,room,note\nBed,bed,bedrom,\n", "line 2: room 'bedrom' is unknown."),
        ("sensor,kind,room,note\nBed,bed,bedroom,\nBed,bed,bedroom,\n", "line 3: sensor 'Bed' is described twice."),
        ("sensor,kind,room,note\nBed/#,bed,bedroom,\n", "line 2: sensor name 'Bed/#' cannot be a topic"),
    ],
)
def test_a_mistake_in_the_description_is_named_with_file_and_line(tmp_path: Path, sensors: str, said: str) -> None:
    folder = a_recording(tmp_path, sensors=sensors)
    with pytest.raises(BadRecording) as refused:
        recordings.plan_of(folder)
    assert str(refused.value).startswith(f"{folder / 'sensors.csv'}, {said}")


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="there is no such folder"):
        recordings.plan_of(tmp_path / "nowhere")
    with pytest.raises(BadRecording, match=r"sensors\.csv: is missing"):
        recordings.plan_of(tmp_path)
    folder = a_recording(tmp_path, *(f"2026-03-03T01:{minute:02}:00,Bed,1" for minute in range(60)))
    file = folder / "events.csv.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BadRecording, match=r"events\.csv\.gz, after line \d+: cannot be read"):
        dates(folder)
    file.unlink()
    with pytest.raises(BadRecording, match=r"events\.csv\.gz: is missing"):
        dates(folder)
    with pytest.raises(BadRecording, match='Time zone "Mars/Base" does not exist'):
        recordings.plan_of(folder, zone="Mars/Base")


def test_reading_holds_one_line_at_a_time(tmp_path: Path) -> None:
    folder = a_recording(tmp_path, "2026-03-03T01:00:00,Bed,1", "2026-03-03T01:01:00,Bed,0", "nonsense")
    events = recordings.events(folder, recordings.plan_of(folder))
    assert [next(events).value, next(events).value] == [1.0, 0.0]  # handed out before the mistake was come to
    with pytest.raises(BadRecording):
        next(events)


def test_a_part_of_a_recording_goes_from_noon_to_noon(tmp_path: Path) -> None:
    begin = datetime(2026, 3, 1, 10)  # noqa: DTZ001  # a wall clock
    lines = [f"{(begin + timedelta(hours=hour)).isoformat()},Bed,1" for hour in range(100)]
    folder = a_recording(tmp_path, *lines)
    site = recordings.plan_of(folder, zone="UTC")

    def hours(first: date | None, days: int | None) -> list[str]:
        read = [f"{one.at:%d %H}" for one in recordings.events(folder, site, first=first, days=days)]
        return [read[0], read[-1]]

    assert hours(date(2026, 3, 2), 1) == ["02 12", "03 11"]
    assert hours(None, 1) == ["01 10", "01 11"]
    assert hours(None, 2) == ["01 10", "02 11"]
    assert hours(date(2026, 3, 3), None) == ["03 12", "05 13"]


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path: Path) -> None:
    cli = typer.Typer()
    cli.command()(replay.replay)
    cli.command()(replay.rehearse)
    run = CliRunner().invoke
    nowhere = run(cli, ["replay", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 1
    assert nowhere.stderr.endswith("A recording holds events.csv.gz and sensors.csv.\n")
    folder = a_recording(tmp_path, "2026-03-03T01:00:00,Bed,1")
    plan = tmp_path / "site.toml"
    port = free_port()
    no_broker = run(cli, ["replay", str(folder), "--broker", f"127.0.0.1:{port}", "--plan-out", str(plan)])
    assert no_broker.exit_code == 1
    assert "Left out: S23." in no_broker.stderr
    assert no_broker.stderr.endswith(
        f"No MQTT broker answers at 127.0.0.1:{port}: Connection refused. Is it running?\n"
    )
    assert homes.read(plan.read_text()) == recordings.plan_of(folder)
    printed = run(cli, ["rehearse", "--homes", "2", "--broker", f"127.0.0.1:{port}"])
    assert printed.exit_code == 1
    assert len(homes.read(printed.stdout).homes) == 2


def test_real_homes_can_be_read_where_they_are_at_hand() -> None:
    """They may not be passed on, so this runs only beside them; what a test must always have is generated above."""
    found = {folder.name: folder for folder in REAL.glob("*") if (folder / "sensors.csv").exists()}
    for folder in found.values():
        site = recordings.plan_of(folder)
        assert homes.read(homes.write(site)) == site
        before = datetime.min.replace(tzinfo=UTC)
        for event in recordings.events(folder, site):
            assert event.at >= before
            before = event.at


def test_none_of_them_who_lives_alone_is_taken_for_two() -> None:
    """Not even in the homes with motion sensors in several rooms, visits not counted: nobody annotated any."""
    for name in ("casas_al", "kasteren_B", "ordonez_A"):
        folder = REAL / name
        if not folder.exists():
            continue
        site = recordings.plan_of(folder)
        home, known, where = site.homes[0], Company(), Whereabouts()
        for event in recordings.events(folder, site):
            before, where = where, where.see(event, home)
            if where is not before:
                known = company.heard(known, before, where, event, home, blind=False)
            assert known.until is None
