"""`nachtwacht desk access-log`, `desk retention`: what a privacy officer asks, on the machine of the centre."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from care import database
from care.clock import SystemClock
from care.database import Database, Where, shown
from dashboard.options import Journal, People, failed
from detectors.homes import ResidentId

# What these commands do is imported inside them: the building's commands share the program, and none of its weight.

log = typer.Typer(no_args_is_help=True, help="Who looked at whose data: whether the log is whole, and the log itself.")

person = typer.Typer(no_args_is_help=True, help="Everything about one resident: given to them, or taken out.")

Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="from this day on; else the last 30 days")]


@log.command("check")
def check(*, journal: Journal, people: People) -> None:
    """Say whether the access log is as it was written, held against what the journal says it came to each day.

    Example: nachtwacht desk access-log check --journal centre.db --people people.db
    """
    from care.accounts import LogAnchored
    from care.forgetting import accounts
    from dashboard.access_log import Broken, verify

    with stores(journal, people) as (book, looks):
        anchors = [one for one in accounts(book) if isinstance(one, LogAnchored)]
        try:
            count, good = verify(looks, anchors)
        except Broken as error:
            raise failed(f"{error} Keep both files as they are, and put a copy of yesterday's beside them.") from error
    typer.echo(f"{count} entries, as they were written; the journal stands for those up to number {good}.")


@log.command("export")
def export(
    *,
    people: People,
    out: Annotated[Path, typer.Option(help="the file to write: .csv, or .jsonl for JSON lines")],
    since: Since = None,
    resident: Annotated[str | None, typer.Option(help="only what is about this resident")] = None,
) -> None:
    """Write the access log to a file; that is itself an entry.

    Example: nachtwacht desk access-log export --people people.db --resident r-0012 --out looked.csv
    """
    from dashboard import access_log
    from dashboard.access_log import Asked, Deed, Entry, Ground
    from dashboard.oversight import as_csv, as_lines

    if out.suffix not in {".csv", ".jsonl"}:
        raise failed(f"{out}: write a name that ends in .csv or .jsonl.")
    now, subject = SystemClock().now(), None if resident is None else ResidentId(resident)
    asked = Asked(
        since=since.astimezone() if since else now - timedelta(days=30),
        until=now,
        residents=None if subject is None else frozenset({subject}),
    )
    with _looks(people) as looks:
        rows = access_log.found(looks, asked, limit=sys.maxsize)
        number, digest = access_log.last(looks)
        made = as_csv(rows) if out.suffix == ".csv" else as_lines(rows, number, digest)
        access_log.write(
            looks,
            Entry(
                at=now, by="system", deed=Deed.EXPORTED, what="access-log", resident=subject, ground=Ground.OVERSIGHT
            ),
        )
    try:
        out.touch(mode=0o600)
        out.write_text(made, encoding="utf-8")
    except OSError as error:
        raise failed(f"Cannot write {out}: {error.strerror}.") from error
    typer.echo(
        f"{out}: {len(rows)} entries. Whoever has this file knows who looked at whom; delete it when it is read."
    )


def retention(*, journal: Journal) -> None:
    """Print how long what is kept and why, and what was taken out lately.

    Example: nachtwacht desk retention --journal centre.db
    """
    from care.accounts import Erased
    from care.forgetting import accounts
    from dashboard.retention import TABLE

    for kept in TABLE:
        span = "-" if kept.days is None else f"{kept.days} d"
        typer.echo(f"{kept.name:<15} {kept.where:<11} {span:>6}  {kept.why}")
    with _book(journal) as db:
        runs = [one for one in accounts(db) if isinstance(one, Erased)][-20:]
    typer.echo("\nTaken out, the newest last:" if runs else "\nNothing was taken out yet.")
    for one in runs:
        before = "by request" if one.before is None else f"of before {one.before:%Y-%m-%d}"
        typer.echo(f"{one.at:%Y-%m-%d %H:%M}  {one.count:>7} {one.kind} {before}")


@person.command("export")
def export_person(
    resident: Annotated[str, typer.Argument(help="the resident's id in the plan of the site")],
    *,
    out: Annotated[Path, typer.Option(help="the file to write, a .zip")],
    journal: Journal,
    people: People,
) -> None:
    """Write all that is kept about a resident to a file: JSON for a program, and a page in Dutch to read.

    Example: nachtwacht desk person export r-0012 --out r-0012.zip --journal centre.db --people people.db
    """
    from dashboard import access_log, persons
    from dashboard.access_log import Deed, Entry, Ground
    from dashboard.people import at
    from dashboard.portrait import packed

    now, id_ = SystemClock().now(), ResidentId(resident)
    with stores(journal, people) as (book, looks), closing(at(people)) as db:
        found = persons.everything(book, db, looks, id_)
        if not (found["people"] or found["journal"]):
            raise failed(f"Nothing is kept about {resident}. Ids are in the plan of the site, like r-0012.")
        entry = Entry(at=now, by="system", deed=Deed.EXPORTED, what="persons", resident=id_, ground=Ground.OVERSIGHT)
        access_log.write(looks, entry)
    try:
        out.touch(mode=0o600)
        out.write_bytes(packed(found, now))
    except OSError as error:
        raise failed(f"Cannot write {out}: {error.strerror}.") from error
    typer.echo(f"{out}: {len(found['journal'])} records about {resident}. Give it to nobody else, and delete it then.")


@person.command("erase")
def erase_person(
    resident: Annotated[str, typer.Argument(help="the resident's id, of one who lives there no more")],
    *,
    why: Annotated[str, typer.Option(help="in a few words, without names; it stands in the access log")],
    journal: Journal,
    people: People,
) -> None:
    """Take a resident out of the centre for good. The desk must not run; make no copy that you keep.

    Example: nachtwacht desk person erase r-0012 --why "asked for" --journal centre.db --people people.db
    """
    from dashboard import access_log, persons
    from dashboard.access_log import Deed, Entry, Ground
    from dashboard.people import at
    from dashboard.typed import tidy

    now, id_ = SystemClock().now(), ResidentId(resident)
    try:
        reason = tidy(why)
        with _book(journal, alone=True) as book, _looks(people) as looks, closing(at(people)) as db:
            records, rows = persons.erase(book, db, id_, now)
            entry = Entry(
                at=now,
                by="system",
                deed=Deed.ERASED,
                what="persons",
                resident=id_,
                ground=Ground.OVERSIGHT,
                about=reason,
            )
            access_log.write(looks, entry)
    except (persons.StillThere, ValueError) as error:
        raise failed(str(error)) from error
    except sqlite3.Error as error:
        raise failed(f"Cannot use {shown(journal)} or {shown(people)}: {error}.") from error
    typer.echo(f"{resident}: taken out of {records} records and {rows} rows.")
    typer.echo("The access log keeps the id for five years, as the law asks, and no name.")
    typer.echo("Their building is told to forget them when the desk runs: nachtwacht desk person buildings says so.")
    typer.echo("Copies are not changed: delete those, and what the care record holds is its own.")
    if not isinstance(journal, Path):
        typer.echo("The server's write-ahead log and its archive hold it until they are overwritten or deleted.")


@person.command("buildings")
def forgotten_in_buildings(
    *, journal: Journal, again: Annotated[bool, typer.Option(help="ask those anew that have not answered")] = False
) -> None:
    """Say of each home that was erased whether its building has forgotten it too.

    Example: nachtwacht desk person buildings --journal centre.db
    """
    from dashboard import persons

    with _book(journal, alone=again) as book:
        if again:
            persons.ask_again(book, SystemClock().now())
        found = persons.buildings(book)
    if not found:
        typer.echo("No building was asked to forget anybody.")
    for one in found:
        order, answer = one.order, one.answer
        said = "not heard yet" if answer is None else f"done {answer.at:%Y-%m-%d %H:%M}, {answer.count} records"
        typer.echo(f"{order.home}, up to {order.until:%Y-%m-%d %H:%M}: asked {order.at:%Y-%m-%d %H:%M}, {said}.")
    if any(one.answer is None for one in found):
        typer.echo("A building that is not heard may be silent, or too old to know this. Its data go after 90 days.")


def dpia(*, out: Annotated[Path, typer.Option(help="the file to write, a .html")]) -> None:
    """Write the data sheet of a DPIA: what this program stores, of whom, what for, on what ground, how long.

    Example: nachtwacht desk dpia --out dpia.html
    """
    from dashboard.datasheet import sheet

    try:
        out.write_text(sheet(SystemClock().now()), encoding="utf-8")
    except OSError as error:
        raise failed(f"Cannot write {out}: {error.strerror}.") from error
    typer.echo(f"{out}: written.")


@contextmanager
def stores(journal: Where, people: Where) -> Iterator[tuple[Database, Database]]:
    """Open the journal to read, and the access log; whatever is wrong with them ends the command with one sentence."""
    with _book(journal) as book, _looks(people) as looks:
        yield book, looks


@contextmanager
def _book(place: Where, *, alone: bool = False) -> Iterator[Database]:
    """Open a journal that is there, to read, or to be alone with it and change it; else end with one sentence."""
    from care.journal import at

    if isinstance(place, Path) and not place.exists():
        raise failed(f"There is no journal {place}. Name the one that the desk runs with.")
    try:
        with closing(at(place, read_only=True)) as there:  # or an address would become a centre by being asked
            if not alone:
                yield there
                return
        with closing(at(place)) as db:
            _alone(db, place)
            yield db
    except sqlite3.Error as error:
        raise failed(f"Cannot use the journal {shown(place)}: {error}.") from error


def _alone(db: Database, place: Where) -> None:
    try:
        database.alone(db)
    except sqlite3.OperationalError as error:
        raise failed(f"The desk runs, or something else uses {shown(place)} ({error}). Stop it first.") from error


@contextmanager
def _looks(people: Where) -> Iterator[Database]:
    from dashboard.access_log import at, beside

    place = beside(people)
    if isinstance(place, Path) and not place.exists():
        raise failed(f"There is no access log {place}. Name the people store that the desk runs with.")
    try:
        with closing(at(place)) as db:
            yield db
    except sqlite3.Error as error:
        raise failed(f"Cannot use the access log {shown(place)}: {error}.") from error
