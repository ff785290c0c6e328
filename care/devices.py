"""What devices say of themselves: which properties they tell, and by which values. Kept in the journal, once a change.

A message can only be read with it. So it is a record, as what was read is: after a restart it is known before the
first message comes, whatever the broker sends first (`docs/decisions/0020`).
"""

import msgspec

from detectors.homes import HomeId, Instant, SensorId


class Property(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a device tells of, and which of its values mean what. Values are texts, as JSON writes them."""

    name: str  # the key in its messages, "contact_left"; "" where the whole message is the value
    on: tuple[str, ...] = ()  # that mean it is so: open, seen, pressed. None: what it is, is not said
    off: tuple[str, ...] = ()
    endpoint: str = ""  # of a device with several of the same, "left"


class Described(msgspec.Struct, frozen=True, kw_only=True, tag="described", omit_defaults=True):
    """What is behind a sensor of the plan, by the word of its bridge or of itself."""

    at: Instant  # when that was heard
    home: HomeId
    sensor: SensorId
    model: str = ""
    properties: tuple[Property, ...] = ()
    availability: str = ""  # the topic that says whether it is there, where the family lets each choose one
    refused: str = ""  # why nothing that it says can be read, in a sentence


def same(one: Described | None, other: Described) -> bool:
    """Whether a description says nothing new."""
    return one is not None and msgspec.structs.replace(one, at=other.at) == other
