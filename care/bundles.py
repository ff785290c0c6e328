"""What FHIR resources travel in: bundles, documents, and what a server says it can do.

Functions of resources (`care.fhir` writes those) and moments. No clock, no name, nobody's choice of what is told.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from care.fhir import CHANGED, VERSION, Json, path_of

_MAKES_DOCUMENT = {
    "name": "document",
    "definition": "http://hl7.org/fhir/OperationDefinition/Composition-document",
}


def bundle(resources: Sequence[Json], at: datetime, *, base: str = "") -> Json:
    """Put resources together: a collection; with the address of a care record's endpoint, a batch that it puts away.

    In a batch each is put at its own id (`PUT`), so that sending again changes nothing. A batch and no transaction:
    one that is refused there shall not keep the others out.
    """
    if not base:
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": at.isoformat(),
            "entry": _entries(resources),
        }
    put = [
        {
            "fullUrl": f"{base}/{path_of(one)}",
            "resource": one,
            "request": {"method": "PUT", "url": path_of(one)},
        }
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "batch", "timestamp": at.isoformat(), "entry": put}


def search_set(resources: Sequence[Json], at: datetime, *, base: str, total: int, onward: str | None = None) -> Json:
    """Return what was found, as an answer to a search.

    Parameters
    ----------
    base : the address under which each of them is found.
    total : how many were found in all, where these are some of them.
    onward : the address of those after them.
    """
    links = [] if onward is None else [{"relation": "next", "url": onward}]
    entries = [{"fullUrl": f"{base}/{path_of(one)}", "resource": one, "search": {"mode": "match"}} for one in resources]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "timestamp": at.isoformat(),
        "total": total,
        **({"link": links} if links else {}),
        **({"entry": entries} if entries else {}),
    }


def capability(kinds: Mapping[str, Sequence[str]], *, name: str, version: str, since: datetime) -> Json:
    """Return what a server of these resources can do: which kinds it reads and searches, and by which parameters.

    Of each Composition it makes a document.
    """
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": since.isoformat(),
        "kind": "instance",
        "software": {"name": name, "version": version},
        "implementation": {"description": "What is found and done in homes, for a care record. Read only."},
        "fhirVersion": VERSION,
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A token of the organisation: Authorization: Bearer"},
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": one, "type": "date" if one == CHANGED else "token"} for one in by],
                        **({"operation": [_MAKES_DOCUMENT]} if kind == "Composition" else {}),
                    }
                    for kind, by in kinds.items()
                ],
            }
        ],
    }


def document(composition: Json, about: Sequence[Json], *, base: str) -> Json:
    """Return a report as a FHIR document: its Composition first, and behind it what that rests on.

    The same report at the same moment is the same document, by its identifier too; any other content is another one.

    Parameters
    ----------
    about : everything that the Composition refers to, directly or through another.
    base : the address under which each is found, by which references between them are resolved.
    """
    entries = [{"fullUrl": f"{base}/{path_of(one)}", "resource": one} for one in (composition, *about)]
    body = json.dumps(entries, sort_keys=True)
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{_uuid(body)}"},
        "timestamp": composition["date"],
        "entry": entries,
    }


def devices_of(resources: Iterable[Json], devices: Sequence[Json]) -> list[Json]:
    """Return the devices that resources refer to, and those that these belong to."""
    known = {path_of(one): one for one in devices}
    wanted = {one["device"]["reference"] for one in resources if "device" in one} & known.keys()
    wanted |= {known[one]["parent"]["reference"] for one in wanted if "parent" in known[one]}
    return [one for path, one in known.items() if path in wanted]


def _entries(resources: Sequence[Json]) -> list[Json]:
    return [{"fullUrl": f"urn:uuid:{_uuid(path_of(one))}", "resource": one} for one in resources]


def _uuid(name: str) -> str:
    """Return a UUID of a name (RFC 9562, version 8)."""
    digest = bytearray(hashlib.blake2b(name.encode(), digest_size=16).digest())
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
