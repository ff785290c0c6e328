"""Talking with Zigbee2MQTT through a real broker: an answer, a refusal, silence, and nobody there."""

import threading

import pytest

from gateway.installer.bridge import Bridge, BridgeAway, BridgeSaysNo, BridgeSilent, Heard
from tests.conftest import Mosquitto, free_port
from tests.gateway.bridge import Thing, Zigbee2MQTT, a_box
from tests.gateway.bridge_models import MODELS

SHORT_S = 0.3  # of real time, where nobody answers


def test_a_bridge_tells_of_itself_and_its_devices(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    assert bridge.online
    assert bridge.info().network.channel == 11
    pad, router = a_box("TS0601_bed_presence_sensor", "E1603/E1702/E1708")
    zigbee.permit(60)
    assert bridge.until(lambda one: one.info().permit_join)
    assert zigbee.joins(pad)
    assert zigbee.joins(router)
    assert bridge.until(lambda one: [two.interview_state for two in one.devices()] == ["SUCCESSFUL"] * 2)
    first, second = bridge.devices()
    assert (first.ieee_address, first.model, first.is_router) == (pad.address, "TS0601_bed_presence_sensor", False)
    assert second.is_router


def test_whoever_comes_in_has_heard_all_that_was_retained_of_a_large_building(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT
) -> None:
    zigbee.config["availability"]["enabled"] = True
    pads = a_box(*["SPM915"] * 200)  # far more than a broker has on its way to one client at a time
    zigbee.holds(pads)
    for pad in pads:
        zigbee.available(pad.address, online=False)
    zigbee.settled()
    with Bridge((mosquitto.host, mosquitto.port)) as bridge:
        assert {str(bridge.last(f"{pad.name}/availability")) for pad in pads} == {"{'state': 'offline'}"}


def test_a_device_that_the_bridge_does_not_know_is_told_as_it_names_itself(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    zigbee.holds(a_box("UNKNOWN"))
    assert bridge.until(lambda one: bool(one.devices()))
    assert (bridge.devices()[0].model, bridge.devices()[0].supported) == ("XYZ-1", False)


def test_what_is_asked_is_done_and_answered(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    [pad] = a_box("SPM915")
    zigbee.holds([pad])
    assert bridge.ask("permit_join", {"time": 60}) == {"time": 60}
    assert bridge.ask("device/rename", {"from": pad.address, "to": "wilg/12/bed"})["to"] == "wilg/12/bed"
    assert bridge.until(lambda one: [two.friendly_name for two in one.devices()] == ["wilg/12/bed"])
    said = bridge.ask("device/options", {"id": "wilg/12/bed", "options": {"availability": {"timeout": 180}}})
    assert said["restart_required"]
    assert bridge.until(lambda one: one.info().restart_required)
    bridge.ask("restart")
    assert bridge.until(lambda one: one.online and not one.info().restart_required)


def test_a_refusal_says_why(bridge: Bridge) -> None:
    with pytest.raises(BridgeSaysNo, match=r"refused permit_join: Device 'gang' does not exist\.$"):
        bridge.ask("permit_join", {"time": 60, "device": "gang"})
    with pytest.raises(BridgeSaysNo, match="Invalid payload"):
        bridge.ask("permit_join", {"value": True})


def test_silence_is_told_after_the_patience_is_over(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    zigbee.silent.add("device/interview")
    with pytest.raises(BridgeSilent, match=r"did not answer device/interview within 0\.3 seconds"):
        bridge.ask("device/interview", {"id": "x"}, patience_s=SHORT_S)


def test_answers_to_two_questions_at_once_are_not_mixed_up(bridge: Bridge) -> None:
    answers: dict[int, object] = {}

    def ask(seconds: int) -> None:
        answers[seconds] = bridge.ask("permit_join", {"time": seconds})["time"]

    threads = [threading.Thread(target=ask, args=(seconds,)) for seconds in range(10, 30)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == {seconds: seconds for seconds in range(10, 30)}


def test_who_watches_hears_what_devices_say(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    heard: list[Heard] = []
    came = threading.Event()

    def hear(one: Heard) -> None:
        heard.append(one)
        if one.name.startswith("0x"):
            came.set()

    end = bridge.watch(hear)
    zigbee.holds([thing := Thing("0x01", MODELS["SNZB-03"])])
    zigbee.says(thing.address, occupancy=True)
    assert came.wait(10)
    assert heard[-1].name == "0x01"
    assert heard[-1].said["occupancy"] is True
    end()


def test_nobody_there_is_told_in_one_sentence(mosquitto: Mosquitto) -> None:
    port = free_port()
    with (
        pytest.raises(BridgeAway, match=f"No broker answers at 127.0.0.1:{port}"),
        Bridge(("127.0.0.1", port), patience_s=SHORT_S),
    ):
        pass
    here = (mosquitto.host, mosquitto.port)
    with pytest.raises(BridgeAway, match='Nothing speaks below "z2m"'), Bridge(here, "z2m", patience_s=SHORT_S):
        pass
    with Zigbee2MQTT(*here) as zigbee:
        zigbee.stop()
        with pytest.raises(BridgeAway, match="Zigbee2MQTT is off line"), Bridge(here, patience_s=SHORT_S):
            pass


def test_a_broker_that_goes_away_is_told(bridge: Bridge, mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    assert bridge.until(lambda one: not one.online)
    with pytest.raises(BridgeAway, match="No broker answers"):
        bridge.ask("health_check", patience_s=SHORT_S)
    mosquitto.start()


@pytest.mark.parametrize("model", MODELS)
def test_the_stand_in_describes_each_model_as_the_bridge_does(model: str) -> None:
    definition = MODELS[model].definition
    assert (definition is None) == (not MODELS[model].supported)
    for expose in (definition or {"exposes": ()})["exposes"]:
        assert expose["type"] in {"binary", "numeric", "enum", "switch"}
        assert "features" in expose or {"name", "property", "access"} <= expose.keys()


def test_the_stand_in_repeats_what_it_knew_while_its_cache_is_on(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    heard: list[Heard] = []
    bridge.watch(heard.append)
    zigbee.holds([thing := Thing("0x01", MODELS["SNZB-03"])])
    zigbee.says(thing.address, occupancy=True)
    zigbee.says(thing.address)
    bridge.ask("options", {"options": {"advanced": {"cache_state": False, "last_seen": "ISO_8601"}}})
    zigbee.says(thing.address)
    bridge.ask("health_check")
    said = [one.said for one in heard if one.name == "0x01"]
    assert [one.get("occupancy") for one in said] == [True, True, None]
    assert said[-1]["last_seen"] == "2026-03-02T08:00:00.000Z"


def test_the_network_closes_when_its_time_is_over(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    bridge.ask("permit_join", {"time": 60})
    assert zigbee.is_open
    zigbee.passes(60)
    assert bridge.until(lambda one: not one.info().permit_join)
    assert not zigbee.joins(a_box("SNZB-03")[0])


def test_a_network_opened_through_a_router_lets_in_only_what_stands_near_it(
    bridge: Bridge, zigbee: Zigbee2MQTT
) -> None:
    router, one, other = a_box("SR-ZG9041A-R", "SNZB-03", "SNZB-03")
    zigbee.holds([router])
    bridge.ask("device/rename", {"from": router.address, "to": "gang"})
    bridge.ask("permit_join", {"time": 60, "device": "gang"})
    assert not zigbee.joins(one, near="kelder")
    assert zigbee.joins(other, near="gang")
