"""Shelly: the first generation, the second, and what comes by Bluetooth through it."""

from datetime import UTC, datetime

import pytest

from care.homes import Family
from care.records import Trouble
from detectors.homes import Kind
from gateway.sources import Reading, models
from tests.gateway.test_sources import (
    BLU_DOOR,
    FIRST,
    INPUT,
    LIVE,
    MAC,
    NOW,
    PUSH,
    RETAINED,
    TS,
    UNDATED,
    a_plan,
    blu,
    device,
    notify,
    said,
    troubles,
    values,
)


def test_a_shelly_of_the_first_generation_says_open() -> None:
    site = a_plan(FIRST)
    assert values(said(site, "shellies/shellydw-A4CF12/sensor/state", "open")) == [("12/door", 1.0, LIVE)]
    assert values(said(site, "shellies/shellydw-A4CF12/sensor/state", "close", retained=True)) == [
        ("12/door", 0.0, UNDATED)
    ]
    reading = said(site, "shellies/shellydw-A4CF12/sensor/battery", "71")
    assert (values(reading), reading.signs[0].battery) == ([], 71.0)


def test_a_sensor_that_sleeps_is_not_lost_when_it_is_off_line() -> None:
    site = a_plan(FIRST)
    assert said(site, "shellies/shellydw-A4CF12/online", "false", retained=True) == Reading()
    assert said(site, "shellies/shellydw-A4CF12/online", "true").sights[0].seen
    by_model = a_plan(("12/hal", Kind.MOTION, device(Family.SHELLY, "hal/motion:0", model="SHMOS-01")))
    assert said(by_model, "hal/online", "false") == Reading()
    (sight,) = said(a_plan(INPUT), "shellyi4-3c6105/online", "false").sights
    assert not sight.seen


def test_a_shelly_dates_what_it_says_and_tells_only_what_has_changed() -> None:
    site = a_plan(INPUT)
    reading = said(site, "shellyi4-3c6105/events/rpc", notify(input__0={"id": 0, "state": True}))
    assert values(reading) == [("12/bed", 1.0, LIVE)]
    assert reading.events[0].at == datetime.fromtimestamp(TS, UTC)
    other = said(site, "shellyi4-3c6105/events/rpc", notify(input__3={"id": 3, "state": True}))
    assert other == Reading()
    kept = said(site, "shellyi4-3c6105/events/rpc", notify(input__0={"id": 0, "state": True}), retained=True)
    assert values(kept) == [("12/bed", 1.0, RETAINED)]


def test_a_shelly_that_has_just_woken_and_does_not_know_the_time_is_dated_by_its_arrival() -> None:
    full = notify("NotifyFullStatus", ts=None, input__0={"id": 0, "state": False}, sys={"unixtime": None, "time": None})
    reading = said(a_plan(INPUT), "shellyi4-3c6105/events/rpc", full)
    assert (values(reading), reading.events[0].at) == ([("12/bed", 0.0, LIVE)], NOW)


def test_one_push_is_one_press_though_the_button_goes_down_and_up_as_well() -> None:
    pushes = [
        {"component": "input:1", "id": 1, "event": name, "ts": TS} for name in ("btn_down", "btn_up", "single_push")
    ]
    reading = said(a_plan(INPUT, PUSH), "shellyi4-3c6105/events/rpc", notify("NotifyEvent", events=pushes))
    assert values(reading) == [("12/cord", 1.0, LIVE)]


@pytest.mark.parametrize(("window", "value"), [(1, 1.0), (0, 0.0)])
def test_a_blu_window_that_is_one_is_open(window: int, value: float) -> None:
    """The contrary of a Zigbee contact (shelly-api-docs, docs-ble/Devices/dw: 0x2D)."""
    reading = said(a_plan(BLU_DOOR), "shellyplus1-a8032a/events/rpc", blu(window=window, illuminance=13, rotation=0))
    assert values(reading) == [("12/door", value, LIVE)]
    assert reading.events[0].packet == 12


def test_a_blu_sensor_of_somebody_else_is_nobody_of_ours() -> None:
    theirs = blu(window=1, address="11:22:33:44:55:66")
    assert said(a_plan(BLU_DOOR), "shellyplus1-a8032a/events/rpc", theirs) == Reading()


def test_a_blu_button_is_pressed_by_any_number_but_none() -> None:
    site = a_plan(("12/button", Kind.BUTTON, device(Family.SHELLY, MAC, model="SBBT-002C")))
    assert values(said(site, "a/events/rpc", blu(button=4))) == [("12/button", 1.0, LIVE)]
    assert values(said(site, "a/events/rpc", blu(button=[0, 1, 0, 0]))) == [("12/button", 1.0, LIVE)]
    assert values(said(site, "a/events/rpc", blu(button=0))) == []


def test_a_bluetooth_address_may_be_written_in_capitals() -> None:
    site = a_plan(("12/door", Kind.DOOR, device(Family.SHELLY, MAC.upper())))
    assert values(said(site, "a/events/rpc", blu(window=1))) == [("12/door", 1.0, LIVE)]


def test_a_blu_sensor_that_its_gateway_has_taken_up_is_a_component_of_it() -> None:
    """shelly-api-docs, gen2/DynamicComponents/BTHome: bthomesensor has a value, bthomedevice its pushes."""
    door = ("12/door", Kind.DOOR, device(Family.SHELLY, "gw/bthomesensor:200"))
    button = ("12/button", Kind.BUTTON, device(Family.SHELLY, "gw/bthomedevice:200"))
    site = a_plan(door, button)
    assert values(said(site, "gw/events/rpc", notify(bthomesensor__200={"id": 200, "value": True}))) == [
        ("12/door", 1.0, LIVE)
    ]
    push = {"component": "bthomedevice:200", "id": 200, "event": "single_push", "idx": 0, "ts": TS}
    assert values(said(site, "gw/events/rpc", notify("NotifyEvent", events=[push]))) == [("12/button", 1.0, LIVE)]


def test_a_blu_sensor_that_is_encrypted_is_told() -> None:
    reading = said(a_plan(BLU_DOOR), "a/events/rpc", blu(encryption=True))
    assert troubles(reading) == [Trouble.SETTING]


ROWS: dict[
    str, tuple[Kind, str, list[tuple[str, str | dict[str, object], float]]]
] = {  # of `models`: role, where it speaks, and what it says there with what that means
    "SBDW-002C": (
        Kind.DOOR,
        MAC,
        [("gw/events/rpc", blu(window=1, rotation=0), 1.0), ("gw/events/rpc", blu(window=0), 0.0)],
    ),
    "SBMO-003Z": (
        Kind.MOTION,
        MAC,
        [("gw/events/rpc", blu(motion=1, illuminance=3), 1.0), ("gw/events/rpc", blu(motion=0), 0.0)],
    ),
    "SBBT-002C": (Kind.BUTTON, MAC, [("gw/events/rpc", blu(button=1), 1.0)]),
    "SHDW-2": (
        Kind.DOOR,
        "shellies/shellydw2-1A2B3C",
        [
            ("shellies/shellydw2-1A2B3C/sensor/state", "open", 1.0),
            ("shellies/shellydw2-1A2B3C/sensor/state", "close", 0.0),
        ],
    ),
    "SHMOS-01": (
        Kind.MOTION,
        "shellies/shellymotionsensor-60A4",
        [
            (
                "shellies/shellymotionsensor-60A4/status",
                {"motion": True, "timestamp": 1772500200, "active": True, "vibration": False, "lux": 2, "bat": 96},
                1.0,
            ),
            (
                "shellies/shellymotionsensor-60A4/status",
                {"motion": False, "timestamp": 1772500260, "active": True, "vibration": False, "lux": 2, "bat": 96},
                0.0,
            ),
        ],
    ),
    "SNSN-0024X": (
        Kind.DOOR,
        "shellyi4-3c6105/input:0",
        [
            ("shellyi4-3c6105/events/rpc", notify(input__0={"id": 0, "state": True}), 1.0),
            ("shellyi4-3c6105/events/rpc", notify(input__0={"id": 0, "state": False}), 0.0),
        ],
    ),
}
"""Written after the sources that the rows of the table name."""


def test_every_shelly_of_the_table_has_its_payloads_here() -> None:
    assert set(ROWS) == {one.model for one in models.MODELS if one.family is Family.SHELLY}


@pytest.mark.parametrize("model", ROWS)
def test_a_shelly_of_the_table_says_what_its_row_tells(model: str) -> None:
    role, address, said_there = ROWS[model]
    site = a_plan(("12/one", role, device(Family.SHELLY, address, model=model)))
    for topic, payload, value in said_there:
        assert [event[:2] for event in values(said(site, topic, payload))] == [("12/one", value)]
