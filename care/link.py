"""The link: how a building's journal and the centre's keep each other informed over MQTT, through any outage.

Both ends do the same. Each sends the records that the other must have, in the order of its own journal's numbers,
and the other answers with the highest number it has on disk. After a break, whoever sends goes on from there; after
a restore from an older backup, from further back. Everything here is a function of the journal and of the messages
that came: the sockets are the business of `gateway.uplink` and `dashboard.intake`.
"""

import sqlite3
from datetime import datetime

import msgspec

from care import journal
from care.journal import Cursor, Entry
from care.records import Record
from detectors.homes import SiteId

RECORDS_MAX = 200  # records in one batch
RESEND_AFTER_S = 3.0  # seconds without an answer before a batch is sent again
BEAT_S = 5.0  # seconds between two signs of life of a building


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Records that follow `after` in the sender's journal, up to `upto`. Empty, it asks what the other side has."""

    journal: str
    after: int
    upto: int
    records: tuple[msgspec.Raw, ...] = ()


class Have(msgspec.Struct, frozen=True, tag="have"):
    """The answer: of your journal with this id I have everything up to this number on disk."""

    journal: str
    number: int


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A building is alive, and this is its time."""

    at: datetime


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
    except msgspec.DecodeError as error:
        raise Garbled(str(error)) from error


def up_topic(site: SiteId | str) -> str:
    """Where a building speaks to the centre ('+' for every building)."""
    return f"nachtwacht/{site}/up"


def down_topic(site: SiteId | str) -> str:
    """Where the centre speaks to a building."""
    return f"nachtwacht/{site}/down"


class Outgoing:
    """What one peer still has to hear: at most one batch under way at a time, sent again until it is answered."""

    def __init__(self, db: sqlite3.Connection, peer: str) -> None:
        self._db = db
        self._peer = peer
        self._journal = journal.identity(db)
        self._had: int | None = None  # the peer's last answer; None until it has said anything
        self._sent: tuple[int, float] | None = None  # upto and monotonic seconds of the batch under way

    def next(self, monotonic_s: float) -> Batch | None:
        """Return the batch to send now, if any."""
        if self._sent is not None and monotonic_s - self._sent[1] < RESEND_AFTER_S:
            return None
        if self._had is None:
            self._sent = (0, monotonic_s)
            return Batch(self._journal, 0, 0)
        rows = journal.to_send(self._db, self._peer, after=self._had, limit=RECORDS_MAX)
        if not rows:
            self._sent = None
            return None
        upto = rows[-1][0]
        self._sent = (upto, monotonic_s)
        return Batch(self._journal, self._had, upto, tuple(msgspec.Raw(body) for _, body in rows))

    def answered(self, have: Have) -> None:
        """Note what the peer says it has; what it says always wins, for only its own disk knows."""
        self._had = have.number if have.journal == self._journal else 0
        self._sent = None

    def broken(self) -> None:
        """Note that the connection was lost: nothing is under way, and what the peer has must be asked again."""
        self._had = None
        self._sent = None

    @property
    def idle(self) -> bool:
        """Whether no batch waits for its answer."""
        return self._sent is None


def take(db: sqlite3.Connection, peer: str, batch: Batch, *, recorded_at: datetime) -> tuple[Have, list[Entry]]:
    """Take in a peer's batch, if it follows on what is here; return the answer and the records that were new.

    Raises `Garbled` if a record in it cannot be read; nothing of the batch is then kept.
    """
    cursor = journal.cursor_of(db, peer)
    here = cursor.number if cursor is not None and cursor.journal == batch.journal else 0
    if batch.after > here or batch.upto <= here:
        return Have(batch.journal, here), []
    try:
        records = [_records.decode(raw) for raw in batch.records]
    except msgspec.DecodeError as error:
        raise Garbled(str(error)) from error
    entries = journal.append(
        db, records, recorded_at=recorded_at, origin=peer, cursor=Cursor(batch.journal, batch.upto)
    )
    return Have(batch.journal, batch.upto), entries
