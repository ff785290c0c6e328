"""Passwords at the building's broker, with a real mosquitto and the settings of deploy/building."""

import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.connection import leave
from gateway.installer import passwords
from gateway.installer.passwords import Login
from tests.conftest import free_port, part, wait_for_port
from tests.enrolled import eventually, run
from tests.stories import a_home, a_site

SITE = a_site(a_home("12"), a_home("14"))
SETTINGS = Path(__file__).parents[2] / "deploy" / "building" / "mosquitto.conf"


class Broker:
    """The building's broker, where everybody has a password."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        passwords.make(folder / "broker", SITE, per_home=True, base="zigbee2mqtt")
        said = SETTINGS.read_text().replace("listener 1883", f"user root\nlistener {self.port}")
        said = said.replace("/etc/nachtwacht/broker", str(folder / "broker"))
        (folder / "mosquitto.conf").write_text(said.replace("/var/lib/mosquitto", str(folder)))
        with (folder / "log").open("wb") as log:
            command = [part(), "-c", str(folder / "mosquitto.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(self.port)

    def login(self, user: str) -> Login:
        found = passwords.read(self.folder / "broker" / f"{user}.login")
        assert found is not None
        return found

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("broker"))
    yield made
    made.process.terminate()
    made.process.wait(10)


class Client:
    """Somebody at the building's broker."""

    def __init__(self, broker: Broker, login: Login | None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.reasons: list[str] = []
        self.granted = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if login is not None:
            self.client.username_pw_set(login.name, login.password)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self.reasons.append(str(reason))
        self.client.on_message = lambda _c, _u, message: self.heard.append((message.topic, bytes(message.payload)))
        self.client.on_subscribe = self._on_subscribe
        self.client.reconnect_delay_set(30, 30)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        end = time.monotonic() + 10
        while not self.reasons:
            assert time.monotonic() < end
            time.sleep(0.01)

    def _on_subscribe(self, *_: object) -> None:
        self.granted += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        leave(self.client)

    def hear(self, topic: str) -> None:
        before = self.granted
        self.client.subscribe(topic, qos=1)
        eventually(lambda: self.granted > before)


@pytest.mark.parametrize("password", ["", "gateway", "mosquitto", "nachtwacht", "admin", "0" * 22])
def test_a_guessed_password_is_refused_and_written_down(broker: Broker, password: str) -> None:
    before = broker.log().count("not authorised")
    with Client(broker, Login("gateway", password)) as thief:
        assert thief.reasons == ["Not authorized"]
    eventually(lambda: broker.log().count("not authorised") > before)


def test_nobody_comes_in_without_a_name(broker: Broker) -> None:
    with Client(broker, None) as thief:
        assert thief.reasons == ["Not authorized"]
    eventually(lambda: "not authorised" in broker.log())


def test_a_homes_own_sensors_speak_of_that_home_only(broker: Broker) -> None:
    with Client(broker, broker.login("gateway")) as gateway:
        assert gateway.reasons == ["Success"]
        gateway.hear("#")
        for topic in ("esphome/14/bed", "zigbee2mqtt/14/bed", "nachtwacht/wilg/alarm", "zigbee2mqtt/bridge/state", "x"):
            with Client(broker, broker.login("home-12")) as sensor:
                sensor.client.publish(topic, b"a lie", qos=1)
                eventually(lambda sensor=sensor: not sensor.client.is_connected())  # type: ignore[misc]
        with Client(broker, broker.login("home-12")) as sensor:
            sensor.hear("#")
            sensor.hear("zigbee2mqtt/14/#")
            gateway.client.publish("zigbee2mqtt/14/bed", b"somebody else's night", qos=1).wait_for_publish(10)
            sensor.client.publish("esphome/12/bed", b"ON", qos=1)
            eventually(lambda: ("esphome/12/bed", b"ON") in gateway.heard)
            assert all(topic.split("/")[1:2] == ["12"] for topic, _ in sensor.heard)
        assert b"a lie" not in {payload for _, payload in gateway.heard}


def test_the_bridge_speaks_below_its_own_topic_only(broker: Broker) -> None:
    with Client(broker, broker.login("gateway")) as gateway, Client(broker, broker.login("bridge")) as bridge:
        gateway.hear("#")
        bridge.client.publish("zigbee2mqtt/12/bed", b"{}", qos=1)
        eventually(lambda: ("zigbee2mqtt/12/bed", b"{}") in gateway.heard)
        bridge.client.publish("nachtwacht/wilg/alarm", b"off", qos=1)
        eventually(lambda: not bridge.client.is_connected())
        assert "nachtwacht/wilg/alarm" not in {topic for topic, _ in gateway.heard}


def test_our_hash_is_that_of_mosquittos_own_command(tmp_path: Path) -> None:
    """What `mosquitto_passwd` makes of a password is what we make of it, with its salt."""
    import base64

    file = tmp_path / "passwords"
    subprocess.run([part("mosquitto_passwd"), "-b", "-c", str(file), "gateway", "geheim"], check=True)
    name, hashed = file.read_text().strip().split(":")
    assert name == "gateway"
    assert passwords.hashed("geheim", base64.b64decode(hashed.split("$")[3])) == hashed


def test_passwords_are_random_stay_when_made_again_and_are_for_their_owner(tmp_path: Path) -> None:
    assert passwords.make(tmp_path / "a", SITE, per_home=False, base="zigbee2mqtt") == ["gateway", "bridge"]
    first = passwords.read(tmp_path / "a" / "gateway.login")
    assert first is not None
    assert len(first.password) >= 22
    kept = (tmp_path / "a" / "passwords").read_text()
    assert passwords.make(tmp_path / "a", SITE, per_home=False, base="zigbee2mqtt") == []
    assert (tmp_path / "a" / "passwords").read_text() == kept
    assert passwords.make(tmp_path / "a", SITE, per_home=True, base="zigbee2mqtt") == ["home-12", "home-14"]
    assert passwords.read(tmp_path / "a" / "gateway.login") == first
    passwords.make(tmp_path / "a", SITE, per_home=False, base="zigbee2mqtt", anew=True)
    assert passwords.read(tmp_path / "a" / "gateway.login") != first
    for name in ("gateway.login", "bridge.login", "secret.yaml"):
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600
    assert first.password not in (tmp_path / "a" / "passwords").read_text()


def test_the_command_asks_before_everybody_is_shut_out(tmp_path: Path) -> None:
    from care import homes

    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(SITE))
    asked = ["gateway", "passwords", "--plan", plan, "--folder", tmp_path / "b"]
    assert run(*asked).exit_code == 0
    before = (tmp_path / "b" / "passwords").read_text()
    assert "Everybody has a password already" in run(*asked).output
    assert run(*asked, "--anew").exit_code in {1, 3}
    assert (tmp_path / "b" / "passwords").read_text() == before
    assert run(*asked, "--anew", "--yes").exit_code == 0
    assert (tmp_path / "b" / "passwords").read_text() != before
    (tmp_path / "bad.toml").write_text("x")
    assert run("gateway", "passwords", "--plan", tmp_path / "bad.toml", "--folder", tmp_path / "c").exit_code == 1
