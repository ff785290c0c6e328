"""Whatever arrives from a bridge: no exception, no growing memory, and every refusal has its sentence."""

import json
import os
import random
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.homes import Device, Family
from care.records import Unreadable, decode, encode
from detectors.homes import SensorId
from detectors.moments import Origin
from gateway import sources
from gateway.sources import Known, Reading
from gateway.sources.messages import KEPT_MAX, Message
from gateway.sources.zigbee2mqtt import bridge_online, read
from tests.stories import a_home, a_site

NOW = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
SITE = a_site(a_home("12"), a_home("13"))
PAYLOADS = int(os.environ.get("FUZZ", "20000"))
GROWTH_MAX = 2_000_000  # bytes that may be held more at the end than when everything had been seen once

NAMES = ("12/bed", "12/badkamer", "12/door", "12/button", "13/keuken", "14/bed", "12/bed/availability", "12/bed/set")
BRIDGE = ("bridge/state", "bridge/info", "bridge/logging", "bridge/devices")
SEEDS = (
    b'{"occupancy":true,"last_seen":"2026-03-03T01:09:58.120Z","linkquality":90,"battery":71}',
    b'{"contact":false,"last_seen":1772500198120}',
    b'{"action":"single","last_seen":"2026-03-03T02:09:58.120+01:00"}',
    b'{"battery":3,"voltage":2400}',
    b'{"presence":null,"occupancy":false,"illuminance":3.5e2,"last_seen":"1970-01-01T00:00:07Z"}',
    b'{"state":"online"}',
    b'"offline"',
    b"online",
    b'{"config":{"advanced":{"cache_state":false,"last_seen":"ISO_8601"}},"version":"2.12.0"}',
    b"",
)
PIECES = (
    *(b"null", b"1e999", b"-1", b'"', b"{", b"}", b"[[", b"\x00", b"\xff\xfe", b"\\ud800", b"9" * 400, b"true", b"NaN"),
    *(b" " * 300, b'"2099-01-01T00:00:00Z"', b'"0001-01-01T00:00:00+14:00"', b'"9999-12-31T23:59:59-14:00"'),
)


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """Return a payload with a few things wrong with it: bytes turned, pieces cut out, doubled, put in or swapped."""
    said = bytearray(payload)
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(said) + 1)
        until = min(len(said), at + chance.choice((1, 2, 5, 30)))
        match chance.randrange(5):
            case 0 if at < len(said):
                said[at] ^= 1 << chance.randrange(8)
            case 1:
                del said[at:until]
            case 2:
                said[at:at] = said[at:until]
            case 3:
                said[at:at] = chance.choice(PIECES)
            case _:
                said[at:until] = chance.choice(PIECES)
    return bytes(said)


def messages(seed: int, number: int) -> Iterator[Message]:
    chance = random.Random(seed)
    for _ in range(number):
        name = chance.choice(NAMES if chance.random() < 0.8 else BRIDGE)
        yield Message(f"zigbee2mqtt/{name}", mutated(chance, chance.choice(SEEDS)), chance.random() < 0.1)


def check(message: Message) -> Reading:
    """Read a message, and hold what came of it against what every reader of a journal takes for granted."""
    bridge_online("zigbee2mqtt", message)
    said = read(SITE, "zigbee2mqtt", message, received_at=NOW, started_at=NOW - timedelta(seconds=4))
    hold(said)
    return said


def hold(said: Reading) -> None:
    for event in said.events:
        assert event.at <= NOW + timedelta(minutes=1)
        assert event.at >= NOW - timedelta(days=366)
        assert event.value in (0.0, 1.0)
        assert decode(encode(event)) == event
    for trouble in said.troubles:
        assert isinstance(trouble, Unreadable)
        assert trouble.why.endswith((".", "?"))
        assert len(trouble.payload) <= KEPT_MAX
        assert decode(encode(trouble)) == trouble


OTHERS = msgspec.structs.replace(
    SITE,
    devices={
        SensorId("12/bed"): Device(family=Family.ESPHOME, address="bed/binary_sensor/b"),
        SensorId("12/badkamer"): Device(family=Family.TASMOTA, address="zb/bad"),
        SensorId("12/gang"): Device(family=Family.TASMOTA, address="gang"),
        SensorId("12/door"): Device(family=Family.SHELLY, address="5c:c7:c1:f2:e4:7c"),
        SensorId("12/button"): Device(family=Family.SHELLY, address="i4/input:0"),
        SensorId("12/keuken"): Device(family=Family.SHELLY, address="shellies/m-1"),
        SensorId("13/door"): Device(family=Family.HOMEASSISTANT, address="ha/door"),
        SensorId("13/bed"): Device(family=Family.NATIVE, address="13/bed"),
    },
)
OTHER_SEEDS: tuple[tuple[str, bytes], ...] = (
    ("bed/binary_sensor/b/state", b"ON"),
    ("bed/status", b"offline"),
    ("tele/zb/SENSOR", b'{"ZbReceived":{"0x1":{"Name":"bad","Occupancy":1,"LinkQuality":9,"BatteryPercentage":71}}}'),
    ("tele/gang/SENSOR", b'{"Time":"2026-03-03T02:09:58+01:00","Switch1":"ON"}'),
    ("stat/gang/RESULT", b'{"Switch1":{"Action":"ON"}}'),
    (
        "g/events/rpc",
        (
            b'{"params":{"ts":1772500198.1,"events":[{"event":"shelly-blu","ts":1772500198.1,"data":'
            b'{"pid":7,"window":1,"battery":99,"address":"5c:c7:c1:f2:e4:7c"}}]}}'
        ),
    ),
    ("i4/events/rpc", b'{"params":{"ts":1772500198.1,"events":[{"component":"input:0","event":"single_push"}]}}'),
    ("shellies/m-1/status", b'{"motion":true,"bat":71,"event_cnt":3}'),
    ("homeassistant/binary_sensor/d/config", b'{"stat_t":"ha/door","pl_on":"1","val_tpl":"{{ value_json.x }}"}'),
    ("ha/door", b"ON"),
    ("nachtwacht/wilg/sensor/13/bed", b'{"value":true,"at":"2026-03-03T01:09:58Z","packet":4}'),
    (
        "zigbee2mqtt/bridge/devices",
        (
            b'[{"friendly_name":"13/keuken","definition":{"model":"RTCGQ11LM","exposes":[{"type":"binary","name":'
            b'"occupancy","property":"occupancy","access":1,"value_on":true,"value_off":false}]}}]'
        ),
    ),
)


def other_messages(seed: int, number: int) -> Iterator[Message]:
    chance = random.Random(seed)
    for _ in range(number):
        topic, payload = chance.choice(OTHER_SEEDS)
        yield Message(topic, mutated(chance, payload), chance.random() < 0.1)


def check_other(message: Message, known: Known) -> Reading:
    """Read a message of any family, learn what it says of itself, and hold what came of it against what is promised."""
    said = sources.read(OTHERS, "zigbee2mqtt", message, received_at=NOW, known=known)
    for described in said.described:
        known.note(described)
        assert decode(encode(described)) == described
    hold(said)
    assert not (message.retained and any(event.origin is Origin.LIVE for event in said.events))
    return said


def test_thousands_of_mutated_messages_of_every_family_raise_nothing_and_leave_nothing_behind() -> None:
    known = Known()
    refused = understood = 0
    for message in other_messages(0, 2_000):
        check_other(message, known)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for message in other_messages(1, PAYLOADS):
            said = check_other(message, known)
            refused, understood = refused + bool(said.troubles), understood + bool(said.events)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH_MAX
    assert refused > PAYLOADS / 10
    assert understood > PAYLOADS / 50


def test_thousands_of_mutated_messages_raise_nothing_and_leave_nothing_behind() -> None:
    refused = understood = 0
    for message in messages(0, 2_000):  # caches and first imports
        check(message)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for message in messages(1, PAYLOADS):
            said = check(message)
            refused, understood = refused + bool(said.troubles), understood + bool(said.events)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < GROWTH_MAX
    assert refused > PAYLOADS / 10  # the mutations do break things,
    assert understood > PAYLOADS / 50  # and not everything


@given(
    payload=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["occupancy", "contact", "last_seen", "action", "state", "config", "advanced", "battery"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ).map(lambda said: json.dumps(said).encode()),
    name=st.sampled_from([*NAMES, *BRIDGE]) | st.text(max_size=250),
    retained=st.booleans(),
)
def test_no_json_and_no_bytes_stop_the_reading(payload: bytes, name: str, retained: bool) -> None:
    check(Message(f"zigbee2mqtt/{name}", payload, retained))


@pytest.mark.parametrize("last_seen", [10**400, -(10**400), 2**63, "x" * 60_000, "0001-01-01T00:00:00+14:00"])
def test_no_date_is_too_strange_to_be_refused_in_a_sentence(last_seen: int | str) -> None:
    said = f'"{last_seen}"' if isinstance(last_seen, str) else str(last_seen)
    reading = check(Message("zigbee2mqtt/12/bed", b'{"occupancy":true,"last_seen":' + said.encode() + b"}"))
    assert reading.troubles


def test_a_sentence_about_a_long_date_is_short() -> None:
    reading = check(Message("zigbee2mqtt/12/bed", b'{"occupancy":true,"last_seen":"' + b"x" * 60_000 + b'"}'))
    assert all(len(trouble.why) < KEPT_MAX for trouble in reading.troubles)


@pytest.mark.parametrize("payload", [b'"\xff"', b'{"state":"\xef"}'])
def test_a_state_of_the_bridge_that_is_no_utf8_is_no_state(payload: bytes) -> None:
    """Or the process ends, is started, is sent it again because it never acknowledged it, and ends again."""
    assert bridge_online("zigbee2mqtt", Message("zigbee2mqtt/bridge/state", payload)) is None
