"""What the tests of a building share: a daemon in it, an ear, a stand-in bridge on a real broker, a client of that."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from care import link
from care.records import (
    Plan,
)
from detectors.homes import Home
from gateway import fallback
from gateway.installer.bridge import Bridge
from tests.conftest import Mosquitto
from tests.gateway.bridge import Zigbee2MQTT
from tests.gateway.daemons import HOME, Building, Ear
from tests.stories import a_site, instant


@pytest.fixture
def zigbee(mosquitto: Mosquitto) -> Iterator[Zigbee2MQTT]:
    with Zigbee2MQTT(mosquitto.host, mosquitto.port) as one:
        yield one


@pytest.fixture
def bridge(mosquitto: Mosquitto, zigbee: Zigbee2MQTT) -> Iterator[Bridge]:
    with Bridge((mosquitto.host, mosquitto.port)) as one:
        yield one


@pytest.fixture
def home() -> Home:
    return HOME


@pytest.fixture
def building(mosquitto: Mosquitto, tmp_path: Path, home: Home) -> Iterator[Building]:
    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", home=home)
    building.start()
    # The subscription is there when a clock message arrives: the plan is then told.
    end = time.monotonic() + 20
    while not any(isinstance(one, Plan) for one in building.records()):
        building.clock(instant("22:00"))
        assert time.monotonic() < end
        time.sleep(0.05)
    yield building
    building.close()


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Ear]:
    ear = Ear(mosquitto, link.up_topic("wilg"), fallback.topic(a_site(HOME)))
    yield ear
    ear.close()
