"""The link: how a building's journal and the centre's keep each other informed over MQTT, through any outage.

Both ends do the same. Each sends the records that the other must have, in the order of its own journal's numbers,
and the other answers with the highest number it has on disk. After a break, whoever sends goes on from there; after
a restore from an older backup, from further back. Everything here is a function of the journal and of the messages
that came: the sockets are the business of `gateway.uplink` and `dashboard.intake`.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Annotated

import msgspec

from care import database, journal
from care.database import Database
from care.journal import Cursor, Entry
from care.records import CENTRE, Agreeing, Order, Plan, Record, Teaching, Told, Trouble, Unreadable, site_of
from care.upkeep import Used
from detectors.findings import BY_CENTRE, Cleared, Finding
from detectors.homes import Instant, SiteId

RECORDS_MAX = 200  # records in one batch
RESEND_AFTER_S = 3.0  # seconds without an answer before a batch is sent again; each time twice as long ...
RESEND_AT_MOST_S = 60.0  # ... up to this, until the other side says anything: a night without it is no night of repeats
ASK_EVERY_S = 60.0  # seconds between two questions what the other side has, while there is nothing to send
KEPT_MAX = 2_000  # bytes kept of a record that could not be taken
PORT_MAX = 65_535
BEAT_S = 5.0  # seconds between two signs of life of a building


Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # of a journal: what a disk can hold
JournalId = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]  # a text with a NUL in it PostgreSQL cannot hold


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Records that follow `after` in the sender's journal, up to `upto`. Empty, it asks what the other side has."""

    journal: JournalId
    after: Number
    upto: Number
    records: tuple[msgspec.Raw, ...] = ()


class Have(msgspec.Struct, frozen=True, tag="have"):
    """The answer: of your journal with this id I have everything up to this number on disk."""

    journal: JournalId
    number: Number


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A building is alive, and this is its time; with it what it cannot say in records, and when it was last proven."""

    at: Instant
    trouble: str = ""  # "disk": the building cannot write, so what it tells now is in no journal
    proof: Instant | None = None  # when its last synthetic event came through its sensors' way; None if it makes none


Message = Batch | Have | Beat

encode = msgspec.json.Encoder().encode
_messages: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_records: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class Garbled(Exception):
    """A message on the link that is none of ours, with the reason."""


def decode(payload: bytes) -> Message:
    """Read a message of the link. Raises `Garbled`."""
    try:
        return _messages.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second for a string in it that is no UTF-8
        raise Garbled(str(error)) from error


def up_topic(site: SiteId | str) -> str:
    """Where a building speaks to the centre ('+' for every building)."""
    return f"nachtwacht/{site}/up"


def down_topic(site: SiteId | str) -> str:
    """Where the centre speaks to a building."""
    return f"nachtwacht/{site}/down"


def broker_address(text: str) -> tuple[str, int]:
    """Return host and port of "host:port", where the port may be left out. Raises `ValueError` with a sentence.

    >>> broker_address("127.0.0.1:1884"), broker_address("broker.local")
    (('127.0.0.1', 1884), ('broker.local', 1883))
    """
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "1883")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= PORT_MAX:
        raise ValueError(f'"{text}" is no address. Write host:port, like 127.0.0.1:1883.')
    return host.strip("[]"), int(port)


def is_here(host: str) -> bool:
    """Whether a broker is on this very machine, so that nobody can listen on the way.

    >>> is_here("127.0.0.1"), is_here("localhost"), is_here("::1"), is_here("broker.local")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Outgoing:
    """What one peer still has to hear: at most one batch under way at a time, sent again until it is answered."""

    def __init__(self, db: Database, peer: str) -> None:
        self._db = db
        self._peer = peer
        self._journal = journal.identity(db)
        self._had: int | None = None  # the peer's last answer; None until it has said anything
        self._asked_s: float | None = None  # monotonic seconds of the last question, or of the first look
        self._sent: tuple[int, float] | None = None  # upto and monotonic seconds of the batch under way
        self._again_after_s = RESEND_AFTER_S  # without an answer

    def next(self, monotonic_s: float) -> Batch | None:
        """Return the batch to send now, if any."""
        if self._sent is not None:
            if monotonic_s - self._sent[1] < self._again_after_s:
                return None
            self._again_after_s = min(2 * self._again_after_s, RESEND_AT_MOST_S)
        if self._had is None:
            self._sent = (0, monotonic_s)
            return Batch(self._journal, 0, 0)
        rows = journal.to_send(self._db, self._peer, after=self._had, limit=RECORDS_MAX)
        if not rows:
            self._sent = None
            return self._question(monotonic_s)
        upto = rows[-1][0]
        self._sent = (upto, monotonic_s)
        return Batch(self._journal, self._had, upto, tuple(msgspec.Raw(body) for _, body in rows))

    def _question(self, monotonic_s: float) -> Batch | None:
        """Ask now and then what the peer has: it may have been put back from a backup without our noticing."""
        if self._asked_s is None or monotonic_s - self._asked_s < ASK_EVERY_S:
            self._asked_s = self._asked_s if self._asked_s is not None else monotonic_s
            return None
        self._asked_s = monotonic_s
        self._sent = (0, monotonic_s)
        return Batch(self._journal, 0, 0)

    def answered(self, have: Have) -> None:
        """Note what the peer says it has; what it says always wins, for only its own disk knows."""
        self._had = have.number if have.journal == self._journal else 0
        self._sent = None
        self.heard()

    def heard(self) -> None:
        """Note that the peer said something: it is there, and what it did not answer need not wait for long."""
        self._again_after_s = RESEND_AFTER_S

    def broken(self) -> None:
        """Note that the connection was lost: nothing is under way, and what the peer has must be asked again."""
        self._had = None
        self._sent = None
        self.heard()

    @property
    def idle(self) -> bool:
        """Whether no batch waits for its answer."""
        return self._sent is None


def take(db: Database, peer: str, batch: Batch, *, recorded_at: datetime) -> tuple[Have, list[Entry]]:
    """Take in a peer's batch, if it follows on what is here; return the answer and the records that were new.

    A record that cannot be read, or that is not the peer's to send, is kept as `Unreadable` in its place: it stops
    neither the ones behind it nor the link.
    """
    return take_together(db, [(peer, batch)], recorded_at=recorded_at)[0]


def take_together(
    db: Database, batches: Sequence[tuple[str, Batch]], *, recorded_at: datetime
) -> list[tuple[Have, list[Entry]]]:
    """Take in batches of several peers as `take` does, with one write to disk: all of them, or none."""
    with database.transaction(db):
        cursors = journal.cursors_of(db, [peer for peer, _ in batches])
        moved: dict[str, Cursor] = {}
        told: list[tuple[datetime, str, Record]] = []
        answers: list[tuple[Have, int]] = []
        for peer, batch in batches:
            cursor = moved.get(peer) or cursors.get(peer)
            here = cursor.number if cursor is not None and cursor.journal == batch.journal else 0
            if batch.after > here or batch.upto <= here:
                answers.append((Have(batch.journal, here), 0))
                continue
            moved[peer] = Cursor(batch.journal, batch.upto)
            answers.append((Have(batch.journal, batch.upto), len(batch.records)))
            told += ((recorded_at, peer, _read(peer, bytes(raw), recorded_at)) for raw in batch.records)
        written = iter(journal.insert_from(db, told))
        if moved:
            journal.move_cursors(db, moved)
    return [(have, [entry for entry in islice(written, count) if entry is not None]) for have, count in answers]


def _read(peer: str, raw: bytes, at: datetime) -> Record:
    try:
        record = _records.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = f"Not a record that this version knows: {error}."
    else:
        if _may_send(peer, record):
            return record
        why = f"Not for {peer} to say."
    kept = raw[:KEPT_MAX]
    return Unreadable(at=at, topic=f"link {peer}", trouble=Trouble.UNREADABLE, why=why, payload=kept, size=len(raw))


def _may_send(peer: str, record: Record) -> bool:
    """Whether a record is a peer's to send: orders come from the centre, and a building speaks of its own homes."""
    if isinstance(record, Order | Agreeing | Teaching):
        return peer == CENTRE
    if isinstance(record, Plan):
        return record.site == peer and all(site_of(home.id) == peer for home in record.homes)
    if isinstance(record, Used):
        return record.site == peer != CENTRE
    if isinstance(record, Finding | Cleared) and record.what in BY_CENTRE:
        return False  # it is the centre that says so of a building
    return isinstance(record, Told) and site_of(record.home) == peer
