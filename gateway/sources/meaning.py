"""What a property of a device means for the role that its sensor has in the plan.

Who knows best is asked first: the plan (`key`, `on`), then the table by model for which property it is (`models`), the
bridge for which values it has (`exposes`), and last what the words usually mean in that role.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from care.devices import Described, Property
from care.homes import Device, Family, Placed, Site, text_of
from detectors.homes import Kind, SensorId
from gateway.sources import models
from gateway.sources.messages import Puzzling, repr_of

TRUE, FALSE = ("true",), ("false",)
ONE, NULL = ("1", *TRUE), ("0", *FALSE)
SIGN_MAX = 2**63  # a number that is longer is none that a sensor means


class Means(NamedTuple):
    """A property, and the values of it that mean occupied, open, moved, used or pressed, and the contrary.

    Without `on` every value means so that is not `off`; without `off` every value means the contrary that is not `on`.
    """

    key: str
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


USUALLY: Mapping[Kind, tuple[Means, ...]] = {
    Kind.MOTION: (Means("occupancy", TRUE, FALSE), Means("presence", TRUE, FALSE)),
    Kind.DOOR: (Means("contact", FALSE, TRUE),),  # true is closed
    Kind.BED: (
        Means("occupancy", TRUE, FALSE),
        Means("presence", TRUE, FALSE),
        Means("contact", FALSE, TRUE),  # of a pad: open is pressed
    ),
    Kind.USE: (
        Means("occupancy", TRUE, FALSE),
        Means("presence", TRUE, FALSE),
        Means("vibration", TRUE, FALSE),
        Means("water_leak", TRUE, FALSE),
        Means("contact", FALSE, TRUE),
    ),
    Kind.BUTTON: (Means("action", (), ("", "null")), Means("sos", TRUE, FALSE)),  # any action; empty when it is over
}
"""What Zigbee2MQTT's words mean in each role, in the order in which they are asked for."""

OBSERVING = frozenset({"occupancy", "presence", "contact", "vibration", "water_leak", "smoke", "sos", "pressure_state"})
"""Words of which each speaks of some role: a message with one, and none for its own role, contradicts the plan."""


@dataclass
class Known:
    """What devices have said of themselves, and what follows for each sensor. Kept by whoever keeps the journal."""

    described: dict[SensorId, Described] = field(default_factory=dict)
    changes: int = 0  # how often that became another
    _named: dict[str, tuple[Placed, tuple[Means, ...]]] = field(default_factory=dict)

    def note(self, described: Described) -> None:
        """Take in what is behind a sensor."""
        self.described[described.sensor] = described
        self._named.clear()
        self.changes += 1

    def named(self, site: Site, name: str) -> tuple[Placed, tuple[Means, ...]] | None:
        """Return the sensor of the one site that this is of by its name at the bridge, and what it may say of its role.

        None if there is none, or it is of another family.
        """
        found = self._named.get(name)
        if found is not None:
            return found
        place = site.sensors.get(name)
        if place is None:
            return None
        home, sensor = place
        device = site.devices.get(sensor.id, Device())
        if device.family is not Family.ZIGBEE2MQTT:
            return None
        means = means_of(sensor.kind, device, self.described.get(sensor.id))
        found = self._named[name] = (Placed(home, sensor, device), means)
        return found


def means_of(kind: Kind, device: Device, described: Described | None = None) -> tuple[Means, ...]:
    """Return what a device behind Zigbee2MQTT may say of a role."""
    properties = () if described is None else described.properties
    known = models.find(device.family, device.model or (described.model if described else ""))
    of_table = tuple(Means(*use[1:]) for use in known.fills if use.role is kind) if known is not None else ()
    usually = (*of_table, *(one for one in USUALLY[kind] if one.key not in {other.key for other in of_table}))
    if device.key:
        like = next((one for one in usually if one.key == device.key), Means(device.key, TRUE, FALSE))
        usually = (like,)
    if device.on:
        usually = tuple(Means(one.key, device.on) for one in usually)
        return tuple(one for means in usually for one in _named(means, properties, polarity=False))
    return tuple(one for means in usually for one in _named(means, properties, polarity=True))


def _named(means: Means, properties: Sequence[Property], *, polarity: bool) -> tuple[Means, ...]:
    """Return a property by its name on this device; none if several of its endpoints have it, for then who can tell."""
    exact = [one for one in properties if one.name == means.key]
    found = exact or [one for one in properties if one.endpoint and one.name == f"{means.key}_{one.endpoint}"]
    if not found:
        return (means,)
    if len(found) > 1:
        return ()
    (one,) = found
    return (Means(one.name, one.on, one.off) if polarity and one.on and one.off else means._replace(key=one.name),)


def given(device: Device, usually: Means) -> Means:
    """Return what a property means, by the plan where it says so."""
    return Means(device.key or usually.key, device.on) if device.on else usually._replace(key=device.key or usually.key)


def asked(device: Device, usually: Sequence[Means]) -> list[Means]:
    """Return what a sensor is asked for: what the plan names, or else what such devices usually tell."""
    if device.key:
        named = next((one for one in usually if one.key == device.key), Means(device.key, ONE, NULL))
        return [given(device, named)]
    return [given(device, one) for one in usually]


def value(means: Sequence[Means], said: Mapping[str, Any]) -> float | None:
    """Return what a message says of a role, 1.0 or 0.0, or None if it does not speak of it. Raises `Puzzling`."""
    for one in means:
        found = said.get(one.key)
        if found is not None:
            return judged(one, found)
    return None


def judged(means: Means, said: Any) -> float:
    """Return what a value means, 1.0 or 0.0. Raises `Puzzling` with a sentence if it is none of those known."""
    text = text_in(said)
    if text is not None:
        if text in means.on:
            return 1.0
        if text in means.off:
            return 0.0
        if not means.on:
            return 1.0
        if not means.off:
            return 0.0
    known = " or ".join((*means.on, *means.off))
    name = f'"{means.key}"' if means.key else "The state"
    raise Puzzling(f"{name} is {repr_of(said)}, and not {known or 'a value'}.")


def text_in(said: Any) -> str | None:
    """Return a value as the text that it is compared by, None if it is none that a sensor would say."""
    if said is True or said is False:
        return "true" if said else "false"  # nearly always
    if not isinstance(said, str | int | float) or (isinstance(said, int) and abs(said) >= SIGN_MAX):
        return None
    return text_of(said)


def contradiction(placed: Placed, means: Sequence[Means], tells: Sequence[str], described: Described | None) -> str:
    """Return the sentence about a device that tells other things than its role in the plan asks for."""
    model = placed.device.model or (described.model if described else "")
    known = models.find(placed.device.family, model)
    role = placed.sensor.kind
    said = f"Nothing in it speaks of its role in the plan, {role}."
    if known is not None and known.fills and all(use.role is not role for use in known.fills):
        can = " or ".join(dict.fromkeys(str(use.role) for use in known.fills))
        return f"{said} {known.maker} {known.model} is {known.what}: its role would be {can}."
    asked = ", ".join(dict.fromkeys(one.key for one in means)) or f"one {USUALLY[role][0].key}, and it has several"
    tells = [one for one in tells if one not in _ASIDE]
    if not tells or placed.device.family is not Family.ZIGBEE2MQTT:
        return f"{said} Is the role right?"
    return f'{said} That would be {asked}; it tells {", ".join(tells[:8])}. Correct the role, or name the "key" for it.'


_ASIDE = frozenset({"battery", "battery_low", "voltage", "linkquality", "last_seen", "update", "update_available"})
