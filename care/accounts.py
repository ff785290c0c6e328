"""What a centre accounts for: that nobody rewrote who looked at whom, and what was kept long enough and left.

Records of the centre alone. They hold nobody's id, stay for good, and are all that is left of what has gone.
"""

from datetime import date

import msgspec

from detectors.homes import Instant


class LogAnchored(msgspec.Struct, frozen=True, kw_only=True, tag="log-anchored"):
    """On this day the access log came to this: whoever rewrites it must rewrite the journal as well."""

    at: Instant
    day: date  # by the real clock, UTC
    number: int  # of the last entry; 0: there was none
    digest: str  # of it and all before it, in hexadecimal


class Erased(msgspec.Struct, frozen=True, kw_only=True, tag="erased"):
    """So many of a kind were taken out. About whom they were is not said: nothing may lead back."""

    at: Instant
    kind: str  # of what: the tag of a record, a table, or "person"
    count: int
    before: Instant | None = None  # what was written before this; None: by request, whatever its date
    upto: int = 0  # number of the last record that was looked at: no two turns of a day say the same


Account = LogAnchored | Erased

RUNS_MAX = 400  # accounts of what was taken out that are kept at hand, the newest


class Accounts:
    """What was accounted for so far. Changed only by `add`."""

    def __init__(self) -> None:
        self.anchor: LogAnchored | None = None  # the newest
        self.erased: list[Erased] = []  # oldest first

    def add(self, record: object) -> None:
        """Take in one record of the journal."""
        if isinstance(record, LogAnchored):
            self.anchor = record
        elif isinstance(record, Erased):
            self.erased.append(record)
            del self.erased[:-RUNS_MAX]
