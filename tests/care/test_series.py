"""A journal written on into a time series, whatever the server says and whenever the process dies."""

import contextlib
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care import journal, series
from care.clock import SystemClock
from care.database import Address
from care.influx import CannotStart, Exit, Influx, Settings, checked, command, run, state, token_of
from care.points import line, points
from care.records import Record
from care.series import ALL_REFUSED, IDLE_S, RETRY_AFTER_MAX_S, Refused, Series, Server, Unreachable, alone, read
from dashboard import authority
from detectors.findings import Presence, Status
from detectors.homes import HomeId, SiteId
from tests.conftest import free_port
from tests.influx import TOKEN, Answer, StandIn, said

AT = datetime(2026, 3, 3, 1, tzinfo=UTC)
NEVER = timedelta(days=9)


@dataclass
class StoryClock:
    at: datetime = AT

    def now(self) -> datetime:
        return self.at


def statuses(n: int, home: str = "wilg/12", after: int = 0) -> list[Record]:
    return [
        Status(at=AT + timedelta(seconds=after + i), home=HomeId(home), presence=list(Presence)[i % 4])
        for i in range(n)
    ]


def lines_of(records: Sequence[Record]) -> set[str]:
    return {line(one) for record in records for one in points(record, AT)}


@dataclass
class Building:
    """A journal with its series: made anew as often as a story kills it."""

    folder: Path
    stand_in: StandIn = field(default_factory=StandIn)
    clock: StoryClock = field(default_factory=StoryClock)
    url: str = ""
    told: list[str] = field(default_factory=list)
    sees: Callable[[], Callable[[SiteId], bool]] = lambda: lambda _: True
    since: datetime | None = None
    address: Address | None = None  # of a journal in PostgreSQL, in place of a file

    def write(self, *records: Record) -> None:
        with contextlib.closing(journal.at(self.address or self.file)) as db:
            journal.append(db, records, recorded_at=self.clock.at)

    @property
    def file(self) -> Path:
        return self.folder / "centre.db"

    @property
    def progress(self) -> Path:
        return self.folder / "series.json"

    def series(self, server: Server | None = None) -> Series:
        return Series(
            self.address or self.file,
            self.progress,
            server or Influx(self.url, "zorg", "nachten", lambda: TOKEN, None),
            target="here",
            clock=self.clock,
            sees=self.sees,
            since=self.since,
            tell=self.told.append,
        )


@pytest.fixture
def building(tmp_path: Path) -> Iterator[Building]:
    made = Building(tmp_path)
    with made.stand_in.served() as made.url:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, building: Building) -> Building:
    """A journal in a file, and one in PostgreSQL."""
    if request.param == "postgres":
        building.address = request.getfixturevalue("postgres").new()
    return building


def test_what_is_in_the_journal_is_written_once_and_then_what_is_new(anywhere: Building) -> None:
    building = anywhere
    building.write(*statuses(3))
    made = building.series()
    assert made.turn() == IDLE_S
    assert building.stand_in.lines == lines_of(statuses(3))
    assert made.turn() == IDLE_S
    assert len(building.stand_in.requests) == 1, "there was nothing to write"
    building.write(*statuses(2, after=100))
    made.turn()
    assert building.stand_in.taken == 5
    kept = read(building.progress)
    assert kept is not None
    assert (kept.number, kept.points, kept.behind, kept.trouble, kept.written_at) == (5, 5, 0, "", AT)


def test_a_request_is_what_the_second_api_asks_for_to_the_byte(building: Building) -> None:
    building.write(*statuses(2))
    building.series().turn()
    (request,) = building.stand_in.requests
    assert request.path == "/api/v2/write"
    assert request.query == {"org": ["zorg"], "bucket": ["nachten"], "precision": ["ns"]}
    assert request.headers["Authorization"] == f"Token {TOKEN}"
    assert request.headers["Content-Type"] == "text/plain"
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.body == (
        b"nachtwacht_state,home=wilg/12,site=wilg blind=0.0,paused=0.0,presence=0.0,sight=3.0 1772499600000000000\n"
        b"nachtwacht_state,home=wilg/12,site=wilg blind=0.0,paused=0.0,presence=1.0,sight=3.0 1772499601000000000"
    )


def test_a_series_that_was_killed_goes_on_where_it_was(building: Building) -> None:
    building.write(*statuses(3))
    building.series().turn()
    building.write(*statuses(1, after=9))
    building.series().turn()
    assert building.stand_in.taken == 4
    assert len(building.stand_in.requests) == 2


def test_a_server_that_is_down_costs_time_only(building: Building, tmp_path: Path) -> None:
    building.write(*statuses(3))
    there, building.url = building.url, f"http://127.0.0.1:{free_port()}"
    made = building.series()
    assert [made.turn() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    kept = read(building.progress)
    assert kept is not None
    assert "does not answer" in kept.trouble
    assert (kept.number, kept.behind, kept.trouble_since) == (0, 3, AT)
    assert kept.again_at == AT + timedelta(seconds=60)
    assert len(building.told) <= 2, "the same trouble is told once"
    building.url = there
    again = building.series()
    again.turn()
    assert (building.stand_in.lines, again.progress.trouble) == (lines_of(statuses(3)), "")


def test_a_server_that_asks_for_patience_gets_it(building: Building) -> None:
    building.write(*statuses(1))
    later = (AT + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    for header in ("7", later, "999999", "whenever"):
        building.stand_in.next.append(Answer(429, {"Retry-After": header}, said("too many requests")))
    building.stand_in.next.append(Answer(503, {"Retry-After": "120"}, said("unavailable")))
    made = building.series()
    assert [made.turn() for _ in range(5)] == [7, 90, RETRY_AFTER_MAX_S, 1, 120]
    assert building.stand_in.taken == 0
    assert made.turn() == IDLE_S
    assert building.stand_in.lines == lines_of(statuses(1))


def test_a_wrong_token_is_told_and_the_right_one_counts_at_once(building: Building) -> None:
    building.write(*statuses(1))
    token = ["wrong"]
    made = building.series(Influx(building.url, "zorg", "nachten", lambda: token[0], None))
    assert made.turn() == 60
    assert "answered 401: unauthorized access" in made.progress.trouble
    assert "wrong" not in "".join(building.told)
    token[0] = TOKEN
    made.turn()
    assert building.stand_in.lines == lines_of(statuses(1))
    assert building.told[-1] == "It is written again."


def test_one_bad_point_is_set_aside_and_everything_else_goes_on(building: Building) -> None:
    building.write(*statuses(100))
    bad = line(points(statuses(100)[41], AT)[0])
    conflict = Answer(400, body=said("partial write: field type conflict dropped=1"))
    building.stand_in.refuses = lambda lines: conflict if bad in lines else None
    made = building.series()
    assert made.turn() == IDLE_S
    assert building.stand_in.lines == lines_of(statuses(100)) - {bad}
    kept = read(building.progress)
    assert kept is not None
    assert (kept.number, kept.points, kept.aside, kept.trouble) == (100, 99, 1, "")
    assert (kept.last_aside[0].line, kept.last_aside[0].status) == (bad, 400)
    assert "field type conflict" in kept.last_aside[0].why
    assert any("set aside" in one for one in building.told)
    building.write(*statuses(3, after=500))
    made.turn()
    assert (made.progress.number, made.progress.aside) == (103, 1)
    assert len(building.stand_in.requests) < 20


def test_a_request_that_is_too_large_is_halved_until_it_is_not(building: Building) -> None:
    building.write(*statuses(100))
    building.stand_in.refuses = lambda lines: Answer(413, body=said("too large")) if len(lines) > 30 else None
    building.series().turn()
    assert building.stand_in.lines == lines_of(statuses(100))


def test_a_server_that_refuses_whatever_it_is_sent_holds_and_loses_nothing(building: Building) -> None:
    """A bucket of the wrong kind, or of a shorter memory than what is written into it: not a matter of points."""
    building.write(*statuses(500))
    building.stand_in.refuses = lambda _: Answer(422, body=said("points beyond retention policy"))
    made = building.series()
    made.turn()
    assert f"so of each of {ALL_REFUSED} points" in made.progress.trouble
    assert (made.progress.number, made.progress.aside) == (0, 0)
    building.stand_in.refuses = lambda _: None
    made.turn()
    assert building.stand_in.lines == lines_of(statuses(500))


def test_a_single_bad_point_in_a_quiet_home_does_not_hold_the_next(building: Building) -> None:
    building.stand_in.refuses = lambda lines: Answer(400, body=b"no JSON") if len(lines) == 1 else None
    building.write(*statuses(1))
    made = building.series()
    made.turn()
    assert (made.progress.aside, made.progress.trouble) == (1, "")


def test_another_journal_is_written_from_its_beginning(anywhere: Building) -> None:
    building = anywhere
    building.write(*statuses(3))
    building.series().turn()
    with contextlib.closing(journal.at(building.address or building.file)) as db:
        journal.renew(db)  # as a copy is that was put back
    made = building.series()
    made.turn()
    assert building.stand_in.taken == 6
    assert building.stand_in.lines == lines_of(statuses(3)), "the same points: nothing is there twice"
    assert "from its beginning" in building.told[0]


def test_an_older_copy_of_a_journal_that_was_put_back_is_noticed(building: Building, tmp_path: Path) -> None:
    building.write(*statuses(3))
    with contextlib.closing(journal.connect(building.file)) as db:
        journal.copy_to(db, tmp_path / "copy.db")
    building.write(*statuses(3, after=50))
    building.series().turn()
    for suffix in ("-wal", "-shm"):
        building.file.with_name(f"{building.file.name}{suffix}").unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(building.file)
    building.write(*statuses(2, after=90))
    building.series().turn()
    assert building.stand_in.lines == lines_of([*statuses(3), *statuses(3, after=50), *statuses(2, after=90)])


def test_a_record_that_cannot_be_read_is_counted_and_passed(building: Building) -> None:
    building.write(*statuses(5))
    with contextlib.closing(sqlite3.connect(building.file)) as db, db:
        db.execute(
            "UPDATE journal SET body = ? WHERE number = 2", (b'{"type":"of-next-year","at":"2027-01-01T00:00:00Z"}',)
        )
        db.execute("UPDATE journal SET body = ? WHERE number = 4", (b"\x01damaged",))
    made = building.series()
    made.turn()
    assert (made.progress.number, made.progress.unreadable) == (5, 2)
    assert building.stand_in.taken == 3


def test_a_journal_that_is_not_there_yet_is_waited_for(building: Building) -> None:
    made = building.series()
    assert made.turn() == 1
    assert "cannot be read" in made.progress.trouble
    building.write(*statuses(1))
    assert made.turn() == IDLE_S
    assert building.stand_in.taken == 1


def test_records_that_left_the_journal_unread_are_told_of(building: Building) -> None:
    building.write(*statuses(4))
    building.series().turn()
    building.write(*statuses(6, after=50))
    with contextlib.closing(sqlite3.connect(building.file)) as db, db:
        db.execute("DELETE FROM journal WHERE number BETWEEN 5 AND 8")
        db.execute("INSERT INTO forgotten VALUES ('states', 8, 0)")
    made = building.series()
    made.turn()
    assert (made.progress.number, made.progress.gap_upto) == (10, 8)
    assert "may have left unread" in series.told(made.progress)
    assert sum("may have left" in one for one in building.told) == 1
    made.turn()
    assert sum("may have left" in one for one in building.told) == 1


def test_only_an_organisations_own_buildings_are_written(building: Building) -> None:
    building.write(*statuses(2), *statuses(2, home="eik/7"))
    building.sees = lambda: lambda site: site == "eik"
    building.series().turn()
    assert building.stand_in.lines == lines_of(statuses(2, home="eik/7"))


def test_what_is_older_than_wished_is_left_out(building: Building) -> None:
    building.write(*statuses(2))
    building.clock.at += timedelta(days=2)
    building.write(*statuses(2, after=200_000))
    building.since = AT + timedelta(days=1)
    building.series().turn()
    assert building.stand_in.lines == lines_of(statuses(2, after=200_000))


def test_the_journal_is_not_held_open_between_two_turns(building: Building) -> None:
    """Whoever takes somebody out of it, or upgrades it, must be alone with it."""
    building.write(*statuses(2))
    made = building.series()
    made.turn()
    with contextlib.closing(sqlite3.connect(building.file, timeout=0)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        assert made.turn() >= 1
        assert "cannot be read" in made.progress.trouble
        db.execute("COMMIT")
    made.turn()
    assert made.progress.trouble == ""


def test_the_progress_is_for_its_owner_and_says_nothing_secret(building: Building) -> None:
    building.write(*statuses(2))
    building.series().turn()
    assert stat.S_IMODE(building.progress.stat().st_mode) == 0o600
    assert TOKEN not in building.progress.read_text()
    said_by_docs = (Path(__file__).parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    for name in msgspec.structs.fields(series.Progress):
        assert f"| `{name.name}` |" in said_by_docs


def test_the_progress_is_noted_every_minute_though_nothing_happens(building: Building) -> None:
    building.write(*statuses(1))
    made = building.series()
    made.turn()
    for seconds, noted in ((30, AT), (60, AT + timedelta(seconds=60)), (61, AT + timedelta(seconds=60))):
        building.clock.at = AT + timedelta(seconds=seconds)
        made.turn()
        kept = read(building.progress)
        assert kept is not None
        assert kept.at == noted


class Killed(BaseException):
    """The process is gone, whatever it was doing."""


@dataclass
class Fates:
    """A server of which each request has a fate of its own; takes points by series and time."""

    fates: Iterator[str]
    store: set[str] = field(default_factory=set)
    bad: frozenset[str] = frozenset()

    def write(self, lines: Sequence[str]) -> None:
        fate = next(self.fates, "taken")
        if fate == "down":
            raise Unreachable("down")
        if fate == "busy":
            raise Refused(503, "busy", "1")
        if fate == "killed-before":
            raise Killed
        if self.bad & set(lines):
            raise Refused(400, "bad")
        self.store |= set(lines)
        if fate == "killed-after":  # taken, and nobody heard it
            raise Killed
        if fate == "lost":
            raise Unreachable("the answer did not come")


FATES = st.lists(st.sampled_from(["taken", "down", "busy", "killed-before", "killed-after", "lost"]), max_size=25)


@given(FATES, st.integers(0, 60), st.sets(st.integers(0, 59), max_size=3))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fails_and_whenever_it_is_killed_everything_is_there_in_the_end_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, fates: list[str], n: int, bad: set[int]
) -> None:
    monkeypatch.setattr(series, "BATCH", 17)
    monkeypatch.setattr(series, "REQUEST", 5)
    building, records = Building(tmp_path_factory.mktemp("series")), statuses(n)
    building.write(*records)
    by_number = [lines_of([one]).pop() for one in records]
    server = Fates(iter(fates), bad=frozenset(by_number[i] for i in bad if i < n))
    made = building.series(server)
    for _ in range(200):
        try:
            made.turn()
        except Killed:
            made = building.series(server)
        if made.caught_up and next(iter([made.progress.number]), 0) == n:
            break
    assert server.store == set(by_number) - server.bad
    assert (made.progress.number, made.progress.aside) == (n, len(server.bad))


def test_two_processes_never_write_from_one_cursor(tmp_path: Path) -> None:
    settings = Settings(journal=tmp_path / "centre.db", url="http://127.0.0.1:1")
    with alone(settings.file), pytest.raises(CannotStart, match="another process writes from it already"):
        run_once(settings, [])


def test_without_a_file_to_lie_beside_it_asks_where_the_cursor_is_kept() -> None:
    told: list[str] = []
    settings = Settings(journal=Address("postgresql://desk:secret@db/nachtwacht"), url="http://127.0.0.1:1")
    for status in (False, True):
        assert command(settings, once=True, status=status, say=told.append) is Exit.CANNOT_START
    assert [("--progress" in said, "secret" in said) for said in told] == [(True, False)] * 2


def run_once(settings: Settings, told: list[str]) -> Exit:
    import threading

    return run(settings, threading.Event(), once=True, tell=told.append)


def test_once_ends_as_it_went(building: Building, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACHTWACHT_INFLUX_TOKEN", TOKEN)
    settings = Settings(journal=building.file, url=building.url)
    assert state(settings)[1] is Exit.BEHIND
    assert run_once(settings, building.told) is Exit.BEHIND, "there is no journal"
    building.write(*statuses(4))
    assert run_once(settings, building.told) is Exit.WRITTEN
    building.stand_in.next.append(Answer(503))
    building.write(*statuses(4, after=50))
    assert run_once(settings, building.told) is Exit.BEHIND
    assert "answered 503" in state(settings)[0]
    bad = line(points(statuses(4, after=50)[1], AT)[0])
    building.stand_in.refuses = lambda lines: Answer(400) if bad in lines else None
    assert run_once(settings, building.told) is Exit.ASIDE
    assert run_once(settings, building.told) is Exit.WRITTEN, "nothing new was set aside"
    told, code = state(settings)
    assert (code, "1 set aside" in told) == (Exit.ASIDE, True)
    assert building.stand_in.taken == 7


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("influx.example:8086", "is no address of a server"),
        ("ftp://influx.example", "is no address of a server"),
        ("https://influx.example:port", "is no address of a server"),
        ("https://influx.example?token=x", "is no address of a server"),
        ("https://jan:secret@influx.example", "holds a name or a password"),
        ("http://influx.example", "in plain text"),
    ],
)
def test_an_address_that_would_not_do_is_one_sentence(url: str, why: str) -> None:
    with pytest.raises(CannotStart, match=why) as caught:
        checked(url, insecure=False)
    assert "secret" not in str(caught.value)


def test_plain_text_to_another_machine_must_be_asked_for() -> None:
    assert checked("http://influx.example", insecure=True) == "http://influx.example"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("", 0o600, "holds no token"),
        ("a b", 0o600, "holds no token"),
        ("é", 0o600, "no token can be read"),
        ("abc", 0o644, "everybody on this machine"),
    ],
)
def test_a_token_comes_from_a_file_that_is_nobody_elses(tmp_path: Path, text: str, mode: int, why: str) -> None:
    file = tmp_path / "influx"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(CannotStart, match=why):
        token_of(file)
    file.write_text("  abc\n")
    file.chmod(0o640)
    assert token_of(file) == "abc"
    with pytest.raises(CannotStart, match="no token can be read"):
        token_of(tmp_path / "none")
    assert token_of(None, {"NACHTWACHT_INFLUX_TOKEN": " xyz "}) == "xyz"
    assert token_of(None, {}) == ""


def test_what_is_no_progress_is_begun_anew(building: Building) -> None:
    building.write(*statuses(2))
    building.progress.write_text("half a fi")
    building.series().turn()
    assert building.stand_in.lines == lines_of(statuses(2))


def test_another_place_gets_everything(building: Building) -> None:
    building.write(*statuses(2))
    building.series().turn()
    other = Series(
        building.file,
        building.progress,
        Influx(building.url, "zorg", "another", lambda: TOKEN, None),
        target="there",
        clock=building.clock,
    )
    other.turn()
    assert building.stand_in.taken == 4


def test_a_server_is_known_by_its_certificate_or_gets_nothing(building: Building, tmp_path: Path) -> None:
    authority.make(tmp_path / "authority", ["127.0.0.1"], SystemClock().now())
    building.write(*statuses(1))
    stand_in = StandIn()
    with stand_in.served(tmp_path / "authority" / "broker" / "broker.pem") as url:
        made = building.series(Influx(url, "", "", lambda: TOKEN, None))
        made.turn()
        assert f"{url} " in made.progress.trouble
        assert stand_in.requests == []
        building.series(Influx(url, "", "", lambda: TOKEN, tmp_path / "authority" / "ca.pem")).turn()
    assert stand_in.lines == lines_of(statuses(1))


def test_a_redirect_is_not_followed_with_the_token(building: Building) -> None:
    other = StandIn()
    with other.served() as elsewhere:
        building.stand_in.next.append(Answer(307, {"Location": f"{elsewhere}/api/v2/write"}))
        building.write(*statuses(1))
        made = building.series()
        made.turn()
    assert "307" in made.progress.trouble
    assert other.requests == []
