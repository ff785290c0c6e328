"""Empty journals for tests, in SQLite's memory or in PostgreSQL: what is a law of one is a law of the other."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from care import database, journal
from care.database import Database
from tests.postgres import Postgres


@dataclass
class Journals:
    """As many as a law tries: those in PostgreSQL are emptied after use, for a new database takes its time."""

    server: Postgres | None  # None: SQLite
    _free: list[Database] = field(default_factory=list)

    @contextmanager
    def new(self) -> Iterator[Database]:
        if self.server is None:
            with closing(journal.connect(":memory:")) as memory:
                yield memory
            return
        db = self._free.pop() if self._free else journal.at(self.server.new())
        try:
            yield db
            db.execute(f"TRUNCATE {', '.join(database.tables(db))} RESTART IDENTITY")
            db.execute("INSERT INTO identity VALUES (1, 'to be renewed')")
            journal.renew(db)
        except BaseException:
            db.close()
            raise
        self._free.append(db)

    def close(self) -> None:
        for db in self._free:
            db.close()
