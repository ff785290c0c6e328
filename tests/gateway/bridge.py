"""Stands in for Zigbee2MQTT (2.12) on a real broker: its topics, requests, retained messages, and its ways to fail.

Written after its documentation ("MQTT topics and messages") and what its lib/extension/{bridge,availability,health}.ts
publish. Nothing happens by itself: devices are made to join and speak, and time passes, by command.

    with Zigbee2MQTT(mosquitto.host, mosquitto.port) as bridge:
        [pad] = a_box("TS0601_bed_presence_sensor")
        bridge.permit(60)                       # or by a request, as an installer's command does
        bridge.joins(pad)                       # joined, announced, interviewed
        bridge.says(pad.address, occupancy=True, battery=90)
        bridge.passes(61)                       # joining ends
"""

import base64
import io
import json
import random
import threading
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway.installer.passwords import Login
from tests.gateway.bridge_models import COORDINATOR, MODELS, Model

Json = dict[str, Any]

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OPEN_MAX_S = 254
WAIT_S = 10
NEEDS_RESTART = {"availability", "disabled", "retention", "channel", "pan_id", "cache_state", "output"}


@dataclass
class Thing:
    """A device in the installer's hand, or on a wall."""

    address: str
    model: Model
    name: str = ""
    install_code: str = ""  # it cannot join before the bridge knows this
    link: int = 140
    battery: int | None = 100
    network_address: int = 0
    interview: str = "PENDING"
    known: Json = field(default_factory=dict)  # what the bridge's cache holds

    @property
    def is_router(self) -> bool:
        return self.model.type == "Router"


def a_box(*models: str, seed: int = 0) -> list[Thing]:
    """Return new devices of these models; the same seed gives the same addresses."""
    dice = random.Random(seed)
    return [
        Thing(f"0x00158d{dice.getrandbits(40):010x}", MODELS[one], battery=100 if MODELS[one].battery else None)
        for one in models
    ]


class Zigbee2MQTT:
    """The bridge of a building. Its faults: `refuses`, `silent`, `interview_fails`, `reopens`, `hidden`."""

    def __init__(
        self, host: str, port: int, *, base: str = "zigbee2mqtt", now: datetime = MORNING, login: Login | None = None
    ) -> None:
        self.base, self.now = base, now
        self.refuses: dict[str, str] = {}  # request, to what it says of why not
        self.silent: set[str] = set()  # requests that are heard and never answered
        self.interview_fails: set[str] = set()  # addresses
        self.reopens: dict[str, int] = {}  # address of a router that opens joining when it has come in, for seconds
        self.hidden = False  # what a router opens by itself is not seen in bridge/info
        self.asked: list[tuple[str, Any]] = []
        self.sent: list[tuple[str, Any]] = []  # to devices: name, what was set
        self.install_codes: set[str] = set()
        self.things: dict[str, Thing] = {}  # by address: those in the network
        self.config: Json = {
            "availability": {"enabled": False, "active": {"timeout": 10}, "passive": {"timeout": 1500}},
            "advanced": {
                "cache_state": True,
                "cache_state_persistent": True,
                "cache_state_send_on_startup": True,
                "last_seen": "disable",
                "output": "json",
                "channel": 11,
            },
            "mqtt": {"base_topic": base, "force_disable_retain": False, "maximum_packet_size": 1048576},
            "device_options": {},
            "devices": {},
        }
        self.restart_required = False
        self._open_until: datetime | None = None
        self._open_via: str | None = None  # name of the router
        self._hidden_until: datetime | None = None
        self._dice = random.Random(1)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{base}-stand-in", protocol=mqtt.MQTTv311)
        if login is not None:
            self._client.username_pw_set(login.name, login.password)
        self._client.will_set(f"{base}/bridge/state", '{"state":"offline"}', qos=1, retain=True)
        self._client.on_connect = lambda client, *_: client.subscribe([(f"{base}/bridge/request/#", 0), *self._sets()])
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self._heard(message)
        self._client.connect(host, port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        assert self._ready.wait(WAIT_S), "the stand-in bridge did not reach its broker"
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_message = self._client.on_subscribe = None

    # Its own coming and going.

    def start(self) -> None:
        """Come on line: state, info and devices are published, retained."""
        with self._lock:
            self._publish("bridge/state", {"state": "online"}, qos=1, retain=True)
            self._info()
            self._devices()
            for thing in self.things.values():
                self._available(thing, online=True)
                if self._advanced["cache_state"] and self._advanced["cache_state_send_on_startup"] and thing.known:
                    self._publish(thing.name, thing.known)

    def stop(self) -> None:
        """Go off line, with a word that its broker has when this returns."""
        self._gone().wait_for_publish(WAIT_S)

    def _gone(self) -> mqtt.MQTTMessageInfo:
        payload = json.dumps({"state": "offline"})
        return self._client.publish(f"{self.base}/bridge/state", payload, qos=1, retain=True)

    def settled(self) -> None:
        """Wait until the broker has whatever was said so far: it takes what comes on one connection in order."""
        self._client.publish(f"{self.base}/settled", qos=1).wait_for_publish(WAIT_S)

    def passes(self, seconds: float) -> None:
        """Let time pass; joining ends when it is over."""
        with self._lock:
            self.now += timedelta(seconds=seconds)
            if self._open_until is not None and self.now >= self._open_until:
                self._open_until = self._open_via = None
                self._info()

    # What people and devices do.

    @property
    def is_open(self) -> bool:
        """Whether a device can come in, whatever bridge/info says."""
        hidden = self._hidden_until is not None and self.now < self._hidden_until
        return hidden or (self._open_until is not None and self.now < self._open_until)

    def permit(self, seconds: int, via: str | None = None) -> None:
        """Open joining, as somebody at the bridge's own page may; 0 closes."""
        with self._lock:
            self._hidden_until = None
            self._open_until = self.now + timedelta(seconds=seconds) if seconds else None
            self._open_via = via if seconds else None
            self._info()

    def joins(self, thing: Thing, *, near: str | None = None) -> bool:
        """Hold a new device near a router (by name; None for one that reaches any) and press its button.

        Returns whether it came in. A device that is in the network already announces itself again.
        """
        with self._lock:
            if thing.address in self.things:
                self._event("device_announce", thing)
                return True
            refused = near is not None and self._open_via is not None and near != self._open_via
            if not self.is_open or refused or (thing.install_code and thing.install_code not in self.install_codes):
                return False
            thing.name, thing.network_address = thing.address, self._dice.randrange(1, 65528)
            self.things[thing.address] = thing
            self.config["devices"].setdefault(thing.address, {"friendly_name": thing.address})
            thing.interview = "PENDING"
            self._event("device_joined", thing)
            self._event("device_announce", thing)
            self._interview(thing)
            if thing.address in self.reopens:
                self.reopen(self.reopens[thing.address])
            return True

    def reopen(self, seconds: int = OPEN_MAX_S) -> None:
        """Let a router open the network by itself."""
        with self._lock:
            if self.hidden:
                self._hidden_until = self.now + timedelta(seconds=seconds)
            else:
                self._open_until, self._open_via = self.now + timedelta(seconds=seconds), None
                self._info()

    def holds(self, things: Iterable[Thing]) -> None:
        """Have these in the network from long ago; those without a name are named by their address."""
        with self._lock:
            for thing in things:
                thing.name = thing.name or thing.address
                thing.interview = "SUCCESSFUL"
                thing.network_address = self._dice.randrange(1, 65528)
                self.things[thing.address] = thing
                self.config["devices"].setdefault(thing.address, {"friendly_name": thing.name})
            self._info()
            self._devices()

    def leaves(self, thing: Thing) -> None:
        """Take a device out of the network by its own button."""
        with self._lock:
            del self.things[thing.address]
            self._devices()
            self._publish("bridge/event", {"type": "device_leave", "data": _who(thing)})

    def says(self, address: str, **values: Any) -> None:
        """Publish what a device says: with what the settings add to it, and with the cache where that is on."""
        with self._lock:
            thing = self.things[address]
            said: Json = {"linkquality": thing.link, **values}
            if thing.battery is not None:
                said.setdefault("battery", thing.battery)
            match self._advanced["last_seen"]:
                case "ISO_8601":
                    said["last_seen"] = self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                case "epoch":
                    said["last_seen"] = int(self.now.timestamp() * 1000)
            if self._advanced["cache_state"]:
                said = {**thing.known, **said}
            thing.known = {**thing.known, **{key: value for key, value in said.items() if key != "action"}}
            options = self.config["devices"][address]
            self._publish(thing.name, said, retain=bool(options.get("retain", False)))

    def available(self, address: str, *, online: bool) -> None:
        """Publish that a device is there, or is not, where availability is on."""
        self._available(self.things[address], online=online)

    def health(self) -> None:
        """Publish bridge/health, as the bridge does every ten minutes."""
        counted = {"messages": 100, "messages_per_sec": 0.01, "leave_count": 0, "network_address_changes": 0}
        said = {
            "response_time": int(self.now.timestamp() * 1000),
            "os": {"load_average": [0.1, 0.1, 0.1], "memory_used_mb": 400, "memory_percent": 20},
            "process": {"uptime_sec": 3600, "memory_used_mb": 120, "memory_percent": 6},
            "mqtt": {"connected": True, "queued": 0, "published": 1000, "received": 100},
            "devices": {address: dict(counted) for address in self.things},
        }
        self._publish("bridge/health", said, qos=1, retain=True)

    def until(self, holds: Callable[[], bool], seconds: float = WAIT_S) -> None:
        """Wait until something holds of what was asked here. Bounded."""
        with self._changed:
            assert self._changed.wait_for(holds, seconds), f"not asked so far: {self.asked}"

    def requests(self, what: str) -> list[Any]:
        """Return what was asked by this name, oldest first, without the transactions."""
        return [{k: v for k, v in one.items() if k != "transaction"} for name, one in self.asked if name == what]

    # Requests.

    def _heard(self, message: mqtt.MQTTMessage) -> None:
        name = message.topic.removeprefix(f"{self.base}/")
        said = _parsed(message.payload)
        with self._changed:
            if name.endswith("/set"):
                self.sent.append((name.removesuffix("/set"), said))
            elif name.startswith("bridge/request/"):
                self._request(name.removeprefix("bridge/request/"), said if isinstance(said, dict) else {"value": said})
            self._changed.notify_all()

    def _request(self, what: str, said: Json) -> None:
        self.asked.append((what, said))
        answer = getattr(self, "_on_" + what.replace("/", "_"), None)
        if what in self.silent or answer is None:
            return
        data, error = {}, self.refuses.get(what)
        if error is None:
            try:
                data = answer(said)
            except _No as no:
                error = str(no)
        reply: Json = {"data": data, "status": "ok" if error is None else "error"}
        if error is not None:
            reply["error"] = error
        if "transaction" in said:
            reply["transaction"] = said["transaction"]
        self._publish(f"bridge/response/{what}", reply)
        if what == "restart" and error is None:
            self._gone()
            self.restart_required = False
            self.start()

    def _on_permit_join(self, said: Json) -> Json:
        time = said.get("time")
        if time is None and isinstance(said.get("value"), int | str) and str(said["value"]).isdigit():
            time = int(said["value"])
        if not isinstance(time, int) or isinstance(time, bool):
            raise _No("Invalid payload")
        if time > OPEN_MAX_S:
            raise _No(f"Cannot permit join for more than {OPEN_MAX_S} seconds.")
        via = said.get("device")
        if via is not None:
            via = self._named(via).name if via != "Coordinator" else via
        self.permit(time, via)
        return {"time": time} | ({"device": said["device"]} if via is not None else {})

    def _on_device_rename(self, said: Json) -> Json:
        if "to" not in said or not ("from" in said or said.get("last")):
            raise _No("Invalid payload")
        thing, to = self._named(said.get("from", "")), str(said["to"])
        if any(one.name == to for one in self.things.values()):
            raise _No(f"friendly_name '{to}' is already in use")
        was, thing.name = thing.name, to
        self.config["devices"][thing.address]["friendly_name"] = to
        if self.config["availability"]["enabled"]:
            self._publish(f"{was}/availability", None, qos=1, retain=True)
        self._available(thing, online=True)
        self._devices()
        self._info()
        return {"from": was, "to": to, "homeassistant_rename": bool(said.get("homeassistant_rename", False))}

    def _on_device_remove(self, said: Json) -> Json:
        thing = self._named(said.get("id", ""))
        del self.things[thing.address], self.config["devices"][thing.address]
        self._publish(f"{thing.name}/availability", None, qos=1, retain=True)
        self._devices()
        self._info()
        return {"id": said["id"], "block": bool(said.get("block", False)), "force": bool(said.get("force", False))}

    def _on_device_options(self, said: Json) -> Json:
        if "id" not in said or not isinstance(said.get("options"), dict):
            raise _No("Invalid payload")
        thing = self._named(said["id"])
        was = json.loads(json.dumps(self.config["devices"][thing.address]))
        _merge(self.config["devices"][thing.address], said["options"])
        self.restart_required |= not NEEDS_RESTART.isdisjoint(said["options"])
        self._info()
        now = self.config["devices"][thing.address]
        return {"from": was, "to": now, "id": said["id"], "restart_required": self.restart_required}

    def _on_device_interview(self, said: Json) -> Json:
        thing = self._named(said.get("id", ""))
        if not self._interview(thing):
            raise _No(f"interview of '{thing.name}' ({thing.address}) failed: Error: timeout")
        return {"id": said["id"]}

    def _on_options(self, said: Json) -> Json:
        if not isinstance(said.get("options"), dict):
            raise _No("Invalid payload")
        _merge(self.config, said["options"])
        asked = {*said["options"], *said["options"].get("advanced", {})}
        self.restart_required |= not NEEDS_RESTART.isdisjoint(asked)
        self._info()
        return {"restart_required": self.restart_required}

    def _on_install_code_add(self, said: Json) -> Json:
        if not isinstance(said.get("value"), str):
            raise _No("Invalid payload")
        self.install_codes.add(said["value"])
        return {"value": said["value"]}

    def _on_health_check(self, _said: Json) -> Json:
        return {"healthy": True}

    def _on_coordinator_check(self, _said: Json) -> Json:
        return {"missing_routers": []}

    def _on_restart(self, _said: Json) -> Json:
        return {}

    def _on_backup(self, _said: Json) -> Json:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("configuration.yaml", json.dumps(self.config))
            archive.writestr("coordinator_backup.json", json.dumps({"network_key": {"key": "0" * 32}}))
        return {"zip": base64.b64encode(packed.getvalue()).decode()}

    def _on_networkmap(self, said: Json) -> Json:
        nodes = [{"ieeeAddr": COORDINATOR, "friendlyName": "Coordinator", "type": "Coordinator", "networkAddress": 0}]
        links = []
        parent = next((one for one in self.things.values() if one.is_router), None)
        for thing in self.things.values():
            node = {"ieeeAddr": thing.address, "friendlyName": thing.name, "type": thing.model.type}
            nodes.append(node | {"networkAddress": thing.network_address})
            target = COORDINATOR if thing.is_router or parent is None else parent.address
            ends = {"source": {"ieeeAddr": thing.address}, "target": {"ieeeAddr": target}}
            links.append(ends | {"linkquality": thing.link, "lqi": thing.link, "depth": 1, "relationship": 1})
        value = {"nodes": nodes, "links": links}
        return {"type": "raw", "routes": bool(said.get("routes", False)), "value": value}

    # What it publishes.

    @property
    def _advanced(self) -> Json:
        advanced: Json = self.config["advanced"]
        return advanced

    def _named(self, name: Any) -> Thing:
        for thing in self.things.values():
            if name in (thing.name, thing.address):
                return thing
        raise _No(f"Device '{name}' does not exist")

    def _interview(self, thing: Thing) -> bool:
        thing.interview = "IN_PROGRESS"
        self._event("device_interview", thing, status="started")
        fails = thing.address in self.interview_fails
        thing.interview = "FAILED" if fails else "SUCCESSFUL"
        if fails:
            self._event("device_interview", thing, status="failed")
            return False
        model = thing.model
        self._event(
            "device_interview", thing, status="successful", supported=model.supported, definition=model.definition
        )
        self._available(thing, online=True)
        return True

    def _event(self, type_: str, thing: Thing, **more: Any) -> None:
        self._devices()
        self._publish("bridge/event", {"type": type_, "data": {**_who(thing), **more}})

    def _available(self, thing: Thing, *, online: bool) -> None:
        if self.config["availability"]["enabled"]:
            state = {"state": "online" if online else "offline"}
            self._publish(f"{thing.name}/availability", state, qos=1, retain=True)

    def _devices(self) -> None:
        first: Json = {
            "ieee_address": COORDINATOR,
            "type": "Coordinator",
            "network_address": 0,
            "supported": True,
            "friendly_name": "Coordinator",
            "disabled": False,
            "definition": None,
            "interview_state": "SUCCESSFUL",
            "endpoints": {},
        }
        self._publish("bridge/devices", [first, *map(_described, self.things.values())], retain=True)

    def _info(self) -> None:
        is_open = self._open_until is not None and self.now < self._open_until
        said: Json = {
            "version": "2.12.1",
            "commit": "unknown",
            "zigbee_herdsman_converters": {"version": "26.99.0"},
            "zigbee_herdsman": {"version": "9.0.0"},
            "coordinator": {"ieee_address": COORDINATOR, "type": "EmberZNet", "meta": {"revision": "7.4.4"}},
            "network": {
                "pan_id": 6754,
                "extended_pan_id": "0x00158d00deadbeef",
                "channel": self._advanced["channel"],
            },
            "log_level": "info",
            "permit_join": is_open,
            "restart_required": self.restart_required,
            "config": self.config,
        }
        if is_open and self._open_until is not None:
            said["permit_join_end"] = int(self._open_until.timestamp() * 1000)
        self._publish("bridge/info", said, retain=True)

    def _publish(self, name: str, said: Any, *, qos: int = 0, retain: bool = False) -> None:
        payload = None if said is None else json.dumps(said)
        self._client.publish(f"{self.base}/{name}", payload, qos=qos, retain=retain)

    def _sets(self) -> list[tuple[str, int]]:
        """Return the topics on which devices are told something; a name may hold slashes."""
        return [(f"{self.base}/{'+/' * depth}set", 0) for depth in range(1, 5)]


class _No(Exception):
    """What the bridge says when it does not do what was asked."""


def _who(thing: Thing) -> Json:
    return {"friendly_name": thing.name, "ieee_address": thing.address}


def _described(thing: Thing) -> Json:
    done = thing.interview == "SUCCESSFUL"
    model = thing.model
    return {
        "ieee_address": thing.address,
        "type": model.type if done else "Unknown",
        "network_address": thing.network_address,
        "supported": model.supported and done,
        "friendly_name": thing.name,
        "disabled": False,
        "description": None,
        "definition": model.definition if done else None,
        "power_source": model.power_source if done else None,
        "model_id": model.model_id if done else None,
        "manufacturer": model.manufacturer if done else None,
        "date_code": "20240101",
        "software_build_id": "1.0",
        "interviewing": thing.interview == "IN_PROGRESS",
        "interview_completed": done,
        "interview_state": thing.interview,
        "endpoints": {"1": {"bindings": [], "configured_reportings": [], "clusters": {"input": [], "output": []}}},
    }


def _parsed(payload: bytes | bytearray) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


def _merge(into: Json, options: Json) -> None:
    """Merge settings deeply; a null takes a key out."""
    for key, value in options.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif value is None:
            into.pop(key, None)
        else:
            into[key] = value
