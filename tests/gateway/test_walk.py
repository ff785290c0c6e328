"""A walk through a home: what each sensor is found to be, in whatever order its messages are taken in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.ids import AlertId, StaffId
from care.journal import Entry
from care.proofs import (
    LASTS,
    PASSED,
    InstallerId,
    Print,
    Proofs,
    Shown,
    Unproven,
    Verdict,
    Walked,
    WalkedSensor,
    doubt_of,
    places,
    plan_of,
)
from care.records import Claimed, Delivered, Record
from detectors.findings import Finding, What
from detectors.homes import Home, HomeId, Kind, RoomId, RoomKind, Sensor, SensorId
from gateway.installer import proofs
from gateway.installer.proofs import NotProof
from gateway.installer.walk import Doing, Heard, Walk, advice, in_order
from tests.stories import a_home, a_site

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOME = a_home()
DEVICES: dict[SensorId, Print] = {SensorId("12/bed"): "aaaabbbbcccc"}


def heard(second: float, name: str, value: float = 1.0, home: str = "12") -> Heard:
    what = {"door": Kind.DOOR, "bed": Kind.BED, "button": Kind.BUTTON}.get(name, Kind.MOTION)
    return Heard(NINE + timedelta(seconds=second), HomeId(f"wilg/{home}"), SensorId(f"{home}/{name}"), what, value)


GOOD = (
    heard(5, "door"),
    heard(9, "door", 0.0),
    heard(15, "gang"),
    heard(20, "woonkamer"),
    heard(25, "keuken"),
    heard(30, "slaapkamer"),
    heard(35, "bed"),
    heard(40, "bed", 0.0),
    heard(45, "badkamer"),
    heard(50, "button"),
)


def walk(*said: Heard, home: Home = HOME, at_rest: dict[str, float] | None = None) -> Walk:
    rest = {SensorId(name): value for name, value in (at_rest or {}).items()}
    return Walk(home=home, devices=DEVICES, began_at=NINE, at_rest=rest).hearing(said)


def verdicts(of: Walk, second: float) -> dict[str, Verdict]:
    progress = of.at(NINE + timedelta(seconds=second))
    return {one.sensor.partition("/")[2]: one.verdict for one in progress.found}


def without(*names: str) -> list[Heard]:
    return [one for one in GOOD if one.sensor.partition("/")[2] not in names]


def test_a_home_in_which_everything_is_right_is_walked_in_one_round() -> None:
    progress = walk(*GOOD).at(NINE + timedelta(seconds=51))
    assert progress.passed
    assert [one.sensor for one in progress.found] == [one.id for one in in_order(HOME)]
    assert {one.verdict for one in progress.found} == {Verdict.ARRIVED}


def test_one_comes_in_at_the_front_door_and_the_help_button_is_last() -> None:
    order = [one.id.partition("/")[2] for one in in_order(HOME)]
    assert order == ["door", "gang", "woonkamer", "keuken", "slaapkamer", "bed", "badkamer", "button"]


def test_whoever_walks_is_asked_to_lie_down_and_then_to_get_up() -> None:
    until_bed = [one for one in GOOD if one.at <= NINE + timedelta(seconds=35)]
    before = walk(*until_bed[:-1]).at(NINE + timedelta(seconds=34)).asked
    after = walk(*until_bed).at(NINE + timedelta(seconds=36)).asked
    assert before is not None
    assert after is not None
    assert (before.sensor, before.doing, after.sensor, after.doing) == ("12/bed", Doing.START, "12/bed", Doing.END)


@pytest.mark.parametrize("known", [{}, {"12/bed": 1.0}])
def test_a_bed_that_says_empty_when_somebody_lies_down_is_the_wrong_way_round(known: dict[str, float]) -> None:
    said = [*without("bed"), heard(35, "bed", 0.0), heard(42, "bed", 1.0), heard(55, "bed", 0.0), heard(60, "bed", 1.0)]
    assert verdicts(walk(*said, at_rest=known), 61)["bed"] is Verdict.REVERSED


def test_a_sensor_that_repeats_at_rest_what_it_said_is_not_taken_for_an_answer() -> None:
    said = [heard(2, "door", 0.0), *GOOD]
    assert verdicts(walk(*said, at_rest={"12/door": 0.0}), 51)["door"] is Verdict.ARRIVED


def test_what_looked_reversed_by_a_message_at_rest_is_put_right_in_the_second_round() -> None:
    said = [heard(1, "door", 0.0), *GOOD, heard(55, "door"), heard(58, "door", 0.0)]
    assert walk(*said).at(NINE + timedelta(seconds=59)).passed


def test_two_sensors_in_each_others_rooms_are_named() -> None:
    home = msgspec.structs.replace(
        HOME,
        rooms={**HOME.rooms, RoomId("wc"): RoomKind.TOILET},
        sensors=(*HOME.sensors, Sensor(id=SensorId("12/wc"), kind=Kind.MOTION, room=RoomId("wc"))),
    )
    said = [*without("badkamer", "button"), heard(60, "wc"), heard(130, "badkamer")]
    found = {one.sensor: one for one in walk(*said, home=home).at(NINE + timedelta(seconds=215)).found}
    assert (found[SensorId("12/badkamer")].verdict, found[SensorId("12/badkamer")].instead) == (
        Verdict.SWAPPED,
        "12/wc",
    )
    assert (found[SensorId("12/wc")].verdict, found[SensorId("12/wc")].instead) == (Verdict.SWAPPED, "12/badkamer")


def test_a_bed_of_the_neighbours_that_answers_in_place_of_ours_is_named() -> None:
    said = [*without("bed", "badkamer", "button"), heard(40, "bed", home="14")]
    found = {one.sensor: one for one in walk(*said).at(NINE + timedelta(seconds=95)).found}
    assert (found[SensorId("12/bed")].verdict, found[SensorId("12/bed")].instead) == (Verdict.SWAPPED, "14/bed")


def test_a_dead_spot_is_known_after_a_minute_and_says_where_a_router_goes() -> None:
    said = without("badkamer", "button")
    weak = walk(*said).received(SensorId("12/badkamer"), 20.0)
    found = weak.at(NINE + timedelta(seconds=101)).found
    (bath,) = [one for one in found if one.sensor == "12/badkamer"]
    assert bath.verdict is Verdict.NOTHING
    (what,) = advice(bath, HOME)
    assert what.sentence == "Nothing came from 12/badkamer, and its reach is poor. Put a router in: gang."


def test_a_motion_sensor_that_saw_somebody_pass_gets_the_time_in_which_it_is_blind() -> None:
    said = [*without("badkamer", "button"), heard(30, "badkamer")]
    assert "badkamer" not in verdicts(walk(*said), 170)
    assert "badkamer" in verdicts(walk(*said), 181)


def test_what_comes_after_its_time_is_late_but_a_help_button_then_is_none() -> None:
    said = [*without("badkamer", "button"), heard(110, "badkamer")]
    assert verdicts(walk(*said), 111)["badkamer"] is Verdict.LATE
    pressed = [*without("button"), heard(106, "button")]
    assert verdicts(walk(*pressed), 105.5)["button"] is Verdict.NOTHING


def test_a_bed_that_is_never_empty_again_stays_on() -> None:
    said = [one for one in without("badkamer", "button") if (one.kind, one.value) != (Kind.BED, 0.0)]
    assert verdicts(walk(*said), 96)["bed"] is Verdict.STUCK


@given(
    st.lists(
        st.builds(
            heard,
            st.integers(0, 400),
            st.sampled_from([one.sensor.partition("/")[2] for one in GOOD]),
            st.sampled_from([0.0, 1.0]),
        ),
        max_size=40,
    ).flatmap(lambda said: st.tuples(st.just(said), st.permutations([*said, *said]))),
    st.integers(0, 600),
)
def test_in_whatever_order_messages_are_taken_in_and_how_often_the_verdicts_are_the_same(
    orders: tuple[list[Heard], Sequence[Heard]], second: int
) -> None:
    one_by_one = walk()
    for message in orders[1]:
        one_by_one = one_by_one.hearing([message])
    now = NINE + timedelta(seconds=second)
    assert one_by_one.at(now) == walk(*orders[0]).at(now)


def a_proof(home: Home = HOME, *, at: datetime = NINE, shown: bool = True) -> Walked:
    sensors = tuple(
        WalkedSensor(sensor=sensor, place=place, verdict=Verdict.ARRIVED, at=at)
        for sensor, place in places(home, DEVICES).items()
    )
    later = at + timedelta(seconds=9)
    done = Shown(alert="a1", pressed_at=at, seen_at=later, screen="desk-2", answered_at=later)
    return Walked(
        at=at,
        home=home.id,
        plan=plan_of(home.id, {one.sensor: one.place for one in sensors}),
        sensors=sensors,
        by=InstallerId("installer-1"),
        shown=done if shown else None,
    )


def why(
    home: Home, proof: Walked | None, *, devices: dict[SensorId, Print] = DEVICES, days: int = 1
) -> Unproven | None:
    doubt = doubt_of(home, devices, proof, NINE + timedelta(days=days), genuine=True)
    return None if doubt is None else doubt.why


def test_a_home_is_proven_by_its_own_proof_and_for_a_year() -> None:
    assert why(HOME, a_proof()) is None
    assert why(HOME, a_proof(), days=LASTS.days + 1) is Unproven.OLD
    assert why(HOME, None) is Unproven.NONE
    assert why(a_home("14"), a_proof()) is Unproven.NONE
    assert why(HOME, a_proof(shown=False)) is Unproven.UNSEEN


@given(st.data())
def test_whatever_is_changed_in_the_plan_of_a_home_its_proof_ends_and_says_by_which_sensor(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(HOME.sensors) - 1))
    sensor = HOME.sensors[n]
    role = data.draw(st.sampled_from([one for one in Kind if one is not sensor.kind]))
    room = data.draw(st.sampled_from([one for one in HOME.rooms if one != sensor.room]))
    other_room_kind = {**HOME.rooms, sensor.room: RoomKind.OTHER}
    others = tuple(one for one in HOME.sensors if one is not sensor)
    changes = [
        msgspec.structs.replace(HOME, sensors=(*others, msgspec.structs.replace(sensor, kind=role))),
        msgspec.structs.replace(HOME, sensors=(*others, msgspec.structs.replace(sensor, room=room))),
        msgspec.structs.replace(HOME, sensors=(*others, msgspec.structs.replace(sensor, id=SensorId("12/new")))),
        msgspec.structs.replace(HOME, sensors=others),
        msgspec.structs.replace(HOME, rooms=other_room_kind),
    ]
    changed = data.draw(st.sampled_from(changes))
    doubt = doubt_of(changed, DEVICES, a_proof(), NINE, genuine=True)
    assert doubt is not None
    assert doubt.why is Unproven.CHANGED
    assert doubt.sensor is not None
    replaced = doubt_of(HOME, {**DEVICES, sensor.id: "ddddeeeeffff"}, a_proof(), NINE, genuine=True)
    assert replaced is not None
    assert (replaced.why, replaced.sensor) == (Unproven.REPLACED, sensor.id)


def test_the_order_of_sensors_in_a_plan_changes_nothing() -> None:
    turned = msgspec.structs.replace(HOME, sensors=HOME.sensors[::-1])
    assert why(turned, a_proof()) is None


def test_a_centre_believes_what_was_signed_and_the_newest_counts(tmp_path: Path) -> None:
    private = proofs.key(tmp_path / "identity")
    known, signed = Proofs(), proofs.sign(a_proof(), private)
    assert known.doubt(HOME, DEVICES, NINE) is not None
    known.add(signed)
    assert known.doubt(HOME, DEVICES, NINE) is None
    later = NINE + timedelta(hours=1)
    forged = msgspec.structs.replace(proofs.sign(a_proof(at=later), private), by=InstallerId("somebody"))
    known.add(forged)
    doubt = known.doubt(HOME, DEVICES, later)
    assert doubt is not None
    assert doubt.why is Unproven.FORGED


def test_a_gateway_makes_its_key_once_and_for_itself_alone(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    assert proofs.key(folder) == proofs.key(folder)
    assert (folder / proofs.KEY).stat().st_mode & 0o777 == 0o600
    assert [one.name for one in folder.iterdir()] == [proofs.KEY]


@given(st.data())
def test_a_file_of_which_one_byte_is_changed_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("proof")
    body = proofs.encoded(proofs.sign(a_proof(), proofs.key(folder)))
    file = folder / "wilg-12.json"
    file.write_bytes(body)
    assert proofs.verify(file).home == HOME.id
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda one: one != body[at]))
    file.write_bytes(body[:at] + bytes([other]) + body[at + 1 :])
    with pytest.raises(NotProof):
        proofs.verify(file)


def test_the_paper_is_one_page_and_says_what_was_walked(tmp_path: Path) -> None:
    from io import BytesIO

    from pypdf import PdfReader

    proof = proofs.sign(a_proof(), proofs.key(tmp_path))
    kept = proofs.keep(proof, a_site(HOME), tmp_path)
    pages = PdfReader(BytesIO(kept.pdf.read_bytes())).pages
    said = "".join(pages[0].extract_text().split())
    assert len(pages) == 1
    assert proof.plan in said
    assert proof.signature.hex() in said
    assert "12/badkamer" in said


def test_the_test_alert_is_seen_and_answered_by_what_comes_back_from_the_centre() -> None:
    pressed = Finding(at=NINE, home=HOME.id, what=What.BUTTON, since=NINE, episode=NINE)
    first = proofs.shown([Entry(1, NINE, "", pressed)], HOME.id)
    assert first is not None
    alert, later = AlertId(first.alert), NINE + timedelta(seconds=3)
    other = Delivered(at=later, home=HOME.id, alert=AlertId("other"), screen="desk-1")
    seen = Delivered(at=later, home=HOME.id, alert=alert, screen="desk-2")
    claimed = Claimed(at=later, home=HOME.id, alert=alert, by=StaffId("s-1"))
    records: tuple[Record, ...] = (other, seen, claimed)
    entries = [Entry(n, later, "centre", one) for n, one in enumerate(records, start=2)]
    done = proofs.shown(entries, HOME.id, first)
    assert done is not None
    assert (done.done, done.screen, done.seen_at) == (True, "desk-2", later)
    assert {Verdict.ARRIVED, Verdict.LATE} == PASSED
