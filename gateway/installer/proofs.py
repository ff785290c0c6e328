"""Proofs of walk tests as files: signed by the gateway's own key, read back and held against their signature.

The JSON is canonical: keys in order, nothing between them. The PDF says the same to people and proves nothing by
itself. The key is made at its first use, and stays in the folder of who this gateway is.
"""

import contextlib
import html
import os
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from care.alerts import alert_of
from care.homes import Site
from care.journal import Entry
from care.language import mark
from care.proofs import Doubt, Shown, Unproven, Walked, doubt_of, plan_of, said
from care.records import Claimed, Delivered, Resolved
from care.signatures import genuine, key_of, signed
from detectors.findings import Finding, What
from detectors.homes import HomeId, zone_of
from gateway.installer.plans import save
from gateway.installer.terminal import say
from gateway.installer.walk import SAID
from gateway.walks import prints

KEY = "proof.key"
KEY_BYTES = 32
FILE_MAX = 256 * 1024  # bytes


class NotProof(Exception):
    """A file that proves nothing: a message with its values, to be translated."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message, self.values = message, values


class Kept(NamedTuple):
    """Where a proof is kept."""

    json: Path
    pdf: Path


WHY: dict[Unproven, str] = {
    Unproven.NONE: mark("there was no walk test"),
    Unproven.FORGED: mark("it is not what the gateway signed"),
    Unproven.FAILED: mark("sensor {sensor} did not do as it should"),
    Unproven.CHANGED: mark("sensor {sensor} was changed in the plan since"),
    Unproven.REPLACED: mark("sensor {sensor} was replaced since"),
    Unproven.UNSEEN: mark("the desk has not seen and answered the test alert yet"),
    Unproven.OLD: mark("it is longer ago than a year"),
}
"""Why a home is not proven."""


def key(folder: Path) -> bytes:
    """Return the gateway's private key, 32 bytes; made, for its owner alone, if it has none yet.

    Raises `OSError`, or `NotProof` if what is there is no key.
    """
    file = folder / KEY
    with contextlib.suppress(FileNotFoundError):
        return _key(file)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f"{KEY}.{secrets.token_hex(4)}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
        to.write(secrets.token_bytes(KEY_BYTES))
        to.flush()
        os.fsync(to.fileno())
    try:
        with contextlib.suppress(FileExistsError):  # two commands at once: the first one's key it is
            file.hardlink_to(fresh)
    finally:
        fresh.unlink()
    return _key(file)


def sign(proof: Walked, private: bytes) -> Walked:
    """Return a proof with key and signature of this gateway."""
    unsigned = msgspec.structs.replace(proof, key=key_of(private), signature=b"")
    return msgspec.structs.replace(unsigned, signature=signed(private, said(unsigned)))


def encoded(proof: Walked) -> bytes:
    """Return a proof as it stands in its file."""
    return msgspec.json.encode(proof, order="sorted") + b"\n"


def verify(file: Path) -> Walked:
    """Return what a file proves. Raises `OSError`, or `NotProof` if one byte of it is not as the gateway signed it.

    That it was *this* gateway its `key` says; whether it still holds, `doubt`.
    """
    with file.open("rb") as read:
        body = read.read(FILE_MAX + 1)
    try:
        proof = msgspec.json.decode(body, type=Walked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotProof(mark("{file}: no proof of a walk test."), file=file) from error
    if not genuine(proof.key, said(proof), proof.signature) or encoded(proof) != body:
        raise NotProof(mark("{file}: was changed after it was signed. Walk through the home again."), file=file)
    if proof.plan != plan_of(proof.home, {one.sensor: one.place for one in proof.sensors}):
        raise NotProof(mark("{file}: plan and sensors in it do not fit."), file=file)
    return proof


def doubt(proof: Walked, site: Site, now: datetime) -> Doubt | None:
    """Return why a proof with a right signature does not hold under a plan, or None if it does."""
    home = site.by_id.get(proof.home)
    return Doubt(Unproven.NONE) if home is None else doubt_of(home, prints(site), proof, now, genuine=True)


def why(found: Doubt) -> str:
    """Return in words why a home is not proven."""
    return say(WHY[found.why], sensor=found.sensor or "")


def shown(entries: Iterable[Entry], home: HomeId, known: Shown | None = None) -> Shown | None:
    """Return what became of the test alert, by more entries of the building's journal: the last press in them counts.

    What people at the centre did comes back to the building as orders.
    """
    for entry in entries:
        match entry.record:
            case Finding(what=What.BUTTON) if entry.record.home == home:
                alert = alert_of(entry.record)
                if known is None or known.alert != alert:
                    known = Shown(alert=str(alert), pressed_at=entry.record.at)
            case Delivered() if known is not None and entry.record.alert == known.alert and known.seen_at is None:
                known = msgspec.structs.replace(known, seen_at=entry.record.at, screen=entry.record.screen)
            case Claimed() | Resolved() if (
                known is not None and entry.record.alert == known.alert and known.answered_at is None
            ):
                known = msgspec.structs.replace(known, answered_at=entry.record.at)
            case _:
                pass
    return known


def keep(proof: Walked, site: Site, folder: Path) -> Kept:
    """Write a proof as JSON and as PDF, in place of the one before. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    to = place(proof.home, folder)
    kept = Kept(to, to.with_suffix(".pdf"))
    save(kept.json, encoded(proof).decode())
    whole = kept.pdf.with_suffix(".part")
    whole.write_bytes(paper(proof, site))
    whole.replace(kept.pdf)
    return kept


def place(home: HomeId, folder: Path) -> Path:
    """Return where the proof of a home is kept."""
    return folder / f"{home.replace('/', '-')}.json"


def paper(proof: Walked, site: Site) -> bytes:
    """Return a proof as a page for people, in PDF."""
    from weasyprint import HTML  # a second to load; only this needs it
    from weasyprint.urls import URLFetcher

    nothing = URLFetcher(allowed_protocols=())
    page: bytes = HTML(string=page_of(proof, site), url_fetcher=nothing).write_pdf(pdf_tags=True)
    return page


def page_of(proof: Walked, site: Site) -> str:
    """Return that page as HTML: one A4 for a home of up to thirty sensors."""
    zone = zone_of(site.zone)

    def time(at: datetime) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

    def row(cells: Iterable[str], cell: str = "td") -> str:
        return "<tr>" + "".join(f"<{cell}>{html.escape(one)}</{cell}>" for one in cells) + "</tr>"

    found = doubt(proof, site, proof.at)
    head = row((say("sensor"), say("room"), say("role"), say("verdict"), say("time")), "th")
    rows = "".join(
        row((str(one.sensor), str(one.place.room), str(one.place.kind), say(SAID[one.verdict]), time(one.at)))
        for one in proof.sensors
    )
    verdict = say("Proven.") if found is None else say("Not proven: {why}.", why=why(found))
    facts = [
        (say("Walked by"), proof.by),
        (say("Time"), time(proof.at)),
        *_alert(proof.shown, time),
        (say("Plan (SHA-256)"), proof.plan),
        (say("Key of the gateway"), proof.key),
        (say("Signature (Ed25519)"), proof.signature.hex()),
    ]
    number = proof.home.partition("/")[2]
    title = say("Walk test of home {number}, {site}", number=number, site=site.name)
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    return (
        f"<!doctype html><html><head><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"</head><body><h1>{html.escape(title)}</h1><p class=verdict>{html.escape(verdict)}</p>"
        f"<table>{head}{rows}</table><dl>{listed}</dl></body></html>"
    )


def _alert(known: Shown | None, time: Callable[[datetime], str]) -> list[tuple[str, str]]:
    if known is None:
        return [(say("Test alert"), say("none"))]
    said_of = [(say("Test alert"), say("help button pressed at {time}", time=time(known.pressed_at)))]
    if known.seen_at is not None:
        seen = say("at {time}, on {screen}", time=time(known.seen_at), screen=known.screen)
        said_of.append((say("Seen at the desk"), seen))
    if known.answered_at is not None:
        said_of.append((say("Answered"), time(known.answered_at)))
    return said_of


def _key(file: Path) -> bytes:
    found = file.read_bytes()
    if len(found) != KEY_BYTES:
        raise NotProof(mark("{file}: no key of a gateway. Put it away, and a new one is made."), file=file)
    return found


_STYLE = """
@page { size: A4; margin: 16mm }
body { font: 9.5pt sans-serif; color: #111 }
h1 { font-size: 16pt; margin: 0 0 3mm }
.verdict { font-size: 12pt; border: 0.4mm solid #111; padding: 2mm 3mm }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; border-bottom: 0.2mm solid #999; padding: 0.8mm 2mm 0.8mm 0 }
dl { display: grid; grid-template-columns: 42mm 1fr; gap: 1mm 3mm }
dt { color: #444 }
dd { margin: 0; overflow-wrap: anywhere }
"""
