"""The contract between building and centre, for programs that are not ours: made of the types themselves.

JSON Schema (2020-12) of every record, and an AsyncAPI (3.0.0) document of the link over MQTT. Nothing is written by
hand but which topic carries what, so the two cannot come apart.
"""

from typing import Any

import msgspec

from care import link
from care.records import Record

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SITE = "site"  # the parameter of a topic


def records() -> Json:
    """Return the JSON Schema of a record as it stands in a journal and on the link."""
    return {"$schema": DIALECT, "title": "Nachtwacht record", **msgspec.json.schema(Record)}


def asyncapi(version: str) -> Json:
    """Return the AsyncAPI document of the link. `version` is that of this program."""
    _, shapes = msgspec.json.schema_components(
        (*link.Message.__args__, Record), ref_template="#/components/schemas/{name}"
    )
    spoken = [{"$ref": f"#/channels/{{way}}/messages/{shape.__name__.lower()}"} for shape in link.Message.__args__]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Nachtwacht link",
            "version": version,
            "description": "How a building's journal and the centre's keep each other informed over MQTT, through any "
            "outage. Each sends the records that the other must have, in the order of its own journal's numbers; the "
            "other answers with the highest number it has on disk. QoS 1, never retained.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "up": _channel(link.up_topic(f"{{{SITE}}}"), "What a building tells the centre."),
            "down": _channel(link.down_topic(f"{{{SITE}}}"), "What the centre tells a building."),
        },
        "operations": {
            way + deed: {
                "action": action,
                "channel": {"$ref": f"#/channels/{way}"},
                "summary": said,
                "messages": [{"$ref": one["$ref"].format(way=way)} for one in spoken],
            }
            for way, deed, action, said in (
                ("up", "Received", "receive", "The centre takes in what a building tells."),
                ("down", "Sent", "send", "The centre tells a building."),
            )
        },
        "components": {
            "messages": {shape.__name__.lower(): _message(shape) for shape in link.Message.__args__},
            "schemas": _with_records(shapes),
        },
    }


def _channel(address: str, said: str) -> Json:
    messages = {
        shape.__name__.lower(): {"$ref": f"#/components/messages/{shape.__name__.lower()}"}
        for shape in link.Message.__args__
    }
    return {
        "address": address,
        "description": said,
        "parameters": {SITE: {"description": "the id of the building"}},
        "messages": messages,
        "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
    }


def _message(shape: type) -> Json:
    return {
        "name": shape.__name__.lower(),
        "contentType": "application/json",
        "summary": (shape.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{shape.__name__}"},
    }


def _with_records(shapes: Json) -> Json:
    """Say what stands in a batch: the link itself carries records as they are, and looks into them only on arrival."""
    batch = shapes["Batch"]
    properties = batch["properties"] | {"records": {"type": "array", "items": _any_record(), "default": []}}
    told: Json = _without_discriminators(shapes | {"Batch": batch | {"properties": properties}})
    return told


def _without_discriminators(schema: Any) -> Any:
    """Leave out what AsyncAPI means something else by: each kind says its type as a constant all the same."""
    if isinstance(schema, dict):
        return {key: _without_discriminators(one) for key, one in schema.items() if key != "discriminator"}
    return [_without_discriminators(one) for one in schema] if isinstance(schema, list) else schema


def _any_record() -> Json:
    [root], _ = msgspec.json.schema_components((Record,), ref_template="#/components/schemas/{name}")
    return dict(root)
