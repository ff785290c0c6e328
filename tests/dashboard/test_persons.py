"""Everything about a person can be given, and taken out: after that nothing in any file of the centre leads back."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import database, journal, link
from care.accounts import Erased
from care.alerts import alert_of
from care.asking import Consented
from care.board import Board
from care.database import Where
from care.erasing import Forgot
from care.ids import Asker, StaffId
from care.link import Batch
from care.records import Claimed, Corrected, HandedOver, How, Outcome, Plan, Record, Resolved, decode, encode
from dashboard import access_log, contacts, people, persons, wishes
from dashboard.access_log import Deed, Entry, Ground
from dashboard.commands import cli
from dashboard.persons import StillThere, stays
from detectors.findings import Finding, What
from detectors.homes import HomeId, ResidentId, RoomId, SensorId, SiteId
from tests.dashboard.conftest import HOME, NIGHT, WILG, plan
from tests.postgres import Postgres, new_postgres

HER, NEXT = ResidentId("r-0012"), ResidentId("r-0099")
BY = StaffId("s-1")


def lived(resident: ResidentId, at: datetime, *, home: HomeId = HOME) -> Plan:
    made = plan(WILG, home)
    return msgspec.structs.replace(made, at=at, homes=(msgspec.structs.replace(made.homes[0], resident=resident),))


def night(day: int) -> list[Record]:
    at = NIGHT + timedelta(days=day)
    found = Finding(
        at=at, home=HOME, what=What.BATH, since=at, episode=at, limit=20.0, room=RoomId("badkamer"),
        blind=(SensorId("12/bad"),),
    )  # fmt: skip
    about = alert_of(found)
    return [
        found,
        Claimed(at=at + timedelta(minutes=1), home=HOME, alert=about, by=BY),
        Resolved(at=at + timedelta(minutes=9), home=HOME, alert=about, by=BY, outcome=Outcome.HELPED, how=How.VIDEO),
    ]


class Centre:
    """A centre in a folder, or in a database."""

    def __init__(self, where: Where, name: str = "mevrouw Jansen", address: str = "+31 6 1234 5678") -> None:
        self.folder = where if isinstance(where, Path) else Path()
        self.at = (where / "centre.db", where / "people.db") if isinstance(where, Path) else (where, where)
        self.book = journal.at(self.at[0])
        self.people = people.at(self.at[1])
        self.looks = access_log.at(access_log.beside(self.at[1]))
        people.name_resident(self.people, HER, name)
        self.riet = contacts.add(self.people, HER, "Riet de Wit", contacts.Relation.NEIGHBOUR)
        contacts.set_address(self.people, self.riet, "phone", address)
        wishes.want(self.people, HER, wishes.First.VIDEO, "her tablet stands by the chair")
        hers = [record for day in range(3) for record in night(day)]
        theirs = [record for day in range(31, 33) for record in night(day)]
        self.records: list[Record] = [
            lived(HER, NIGHT - timedelta(days=30)),
            Consented(at=NIGHT, home=HOME, contact=self.riet, by=Asker(BY), tiers=(), until=NIGHT + timedelta(days=9)),
            *hers,
            HandedOver(at=NIGHT + timedelta(days=3), taken_by=BY, note=f"Bel {name} morgen."),
            Corrected(at=NIGHT + timedelta(days=3), by=BY, night=NIGHT.date(), about=HOME, line=1, text="Bij Riet."),
            lived(NEXT, NIGHT + timedelta(days=30)),
            *theirs,
        ]  # fmt: skip
        journal.write(self.book, ((record.at, record) for record in self.records))
        access_log.write(
            self.looks,
            Entry(at=NIGHT, by="staff:s-1", deed=Deed.READ, what="home", ground=Ground.CARE, resident=HER, home=HOME),
        )

    @property
    def options(self) -> tuple[str, ...]:
        """What a command is told of where it lies."""
        return ("--journal", str(self.at[0]), "--people", str(self.at[1]))

    def close(self) -> None:
        for db in (self.book, self.people, self.looks):
            db.close()

    def left(self) -> list[Record]:
        return [entry.record for entry in journal.read_after(self.book, 0)]

    def bytes_of(self, *names: str) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.folder.iterdir()) if file.name.startswith(names))


def board_of(records: list[Record]) -> Board:
    board = Board()
    for record in records:
        board.add(record, recorded_at=record.at)
    return board


@pytest.fixture(params=["file", "postgres"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path if request.param == "file" else request.getfixturevalue("postgres").new())
    yield made
    made.close()


NAMES = st.from_regex(r"[A-Z][a-z]{4,12} van der [A-Z][a-z]{4,12}", fullmatch=True)
NUMBERS = st.from_regex(r"\+31 6 [1-9][0-9]{7}", fullmatch=True)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, number=NUMBERS)
def test_after_it_no_byte_of_them_is_in_any_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, number: str
) -> None:
    centre = Centre(tmp_path_factory.mktemp("centre"), name, number)
    before = centre.bytes_of("centre.db", "people.db")
    private = [word.encode() for word in (name, number, "Riet", centre.riet, "tablet stands by", HER)]
    assert all(word in before for word in private if word not in {HER.encode(), centre.riet.encode()})
    persons.erase(centre.book, centre.people, HER, NIGHT + timedelta(days=33))
    centre.close()
    after = centre.bytes_of("centre.db", "people.db")
    assert [word for word in private if word in after] == []
    with closing(journal.connect(centre.folder / "centre.db")) as db:  # also where bodies are packed
        said = b"\n".join(msgspec.json.encode(entry.record) for entry in journal.read_after(db, 0))
    assert [word for word in private if word in said] == []
    log = centre.bytes_of("access-log.db")
    assert name.encode() not in log
    assert HER.encode() in log  # five years, as the law asks


def test_nor_in_any_file_of_a_server_but_its_log(tmp_path: Path) -> None:
    """Nor among what the server knows of its tables; what its log holds is its operator's to let go."""
    server = new_postgres(tmp_path)
    try:
        address = server.new()
        centre = Centre(address)
        with closing(psycopg.connect(address, autocommit=True)) as db:
            db.execute("ANALYZE")
        private = ["mevrouw Jansen", "Riet de Wit", "+31 6 1234 5678", centre.riet, "tablet stands by"]
        assert all(server.holding(word) for word in private)
        persons.erase(centre.book, centre.people, HER, NIGHT + timedelta(days=33))
        centre.close()
        assert [word for word in private if server.holding(word)] == []
        with closing(access_log.at(address)) as looks:
            assert looks.execute("SELECT count(*) FROM entry WHERE resident = ?", (HER,)).fetchone() == (1,)
    finally:
        server.stop()


def test_counts_stay_true_and_who_lives_there_now_is_as_before(centre: Centre) -> None:
    before = board_of(centre.records)
    changed, rows = persons.erase(centre.book, centre.people, HER, NIGHT + timedelta(days=33))
    records = centre.left()
    after = board_of(records)
    assert changed == len(records) - 2 - len(night(0)) * 2 - 1  # all but account, order, the next plan and its alerts
    assert rows == 4  # name, contact, address, wish
    assert len(records) == len({msgspec.json.encode(one) for one in centre.records}) + 2
    assert len(after.alerts) == len(before.alerts) == 5
    assert {one.resolved is not None for one in after.alerts.values()} == {True}
    mine = [alert_of(one) for day in (31, 32) for one in night(day) if isinstance(one, Finding)]
    assert {one.id for one in after.alerts_of(HOME)} == set(mine)
    assert after.homes == before.homes
    (account,) = [one for one in records if isinstance(one, Erased)]
    assert (account.kind, account.count) == ("person", changed)
    moved = {one.home for one in records if isinstance(one, Finding)} - {HOME}
    assert len(moved) == 1
    assert moved.pop().startswith("wilg/x-")
    assert "12/bad" not in str([one for one in records if isinstance(one, Finding) and one.home != HOME])


def test_the_building_is_ordered_to_forget_and_what_came_of_it_is_told(centre: Centre) -> None:
    """The order goes down by the link when the desk runs, the answer comes up; who came next is not told of it."""
    at = NIGHT + timedelta(days=33)
    persons.erase(centre.book, centre.people, HER, at)
    (asked,) = persons.buildings(centre.book)
    assert (asked.order.home, asked.order.until, asked.answer) == (HOME, NIGHT + timedelta(days=30), None)
    (body,) = [body for _, body in journal.to_send(centre.book, WILG, after=0, limit=100) if b'"forget"' in body]
    assert decode(body) == asked.order
    assert HER.encode() not in body
    later = at + timedelta(days=1)
    assert [one.order for one in persons.ask_again(centre.book, later)] == [asked.order]
    done = Forgot(at=later, home=HOME, until=asked.order.until, asked=asked.order.at, count=41)
    batch = Batch("journal-of-wilg", 0, 1, (msgspec.Raw(encode(done)),))
    link.take(centre.book, WILG, batch, recorded_at=later)
    (told,) = persons.buildings(centre.book)
    assert (told.order.at, told.answer) == (later, done)
    assert persons.ask_again(centre.book, later) == []
    given_to_next = json.loads(msgspec.json.encode(persons.everything(centre.book, centre.people, centre.looks, NEXT)))
    assert not {"forget", "forgot"} & {one["record"]["type"] for one in given_to_next["journal"]}


def test_asked_again_there_is_nothing_left_to_do(centre: Centre) -> None:
    at = NIGHT + timedelta(days=33)
    persons.erase(centre.book, centre.people, HER, at)
    assert persons.erase(centre.book, centre.people, HER, at) == (0, 0)


def test_who_still_lives_there_is_not_erased(centre: Centre) -> None:
    with pytest.raises(StillThere, match="wilg/12"):
        persons.erase(centre.book, centre.people, NEXT, NIGHT)
    assert not [one for one in centre.left() if isinstance(one, Erased)]


def test_somebody_who_moved_lived_in_both_homes() -> None:
    seven = HomeId("wilg/7")
    plans = [
        lived(HER, NIGHT),
        lived(HER, NIGHT + timedelta(days=5), home=seven),
        msgspec.structs.replace(lived(NEXT, NIGHT + timedelta(days=9)), site=SiteId("wilg")),
    ]
    found = [(one.home, one.since - NIGHT, one.until and one.until - NIGHT) for one in stays(plans, HER)]
    assert found == [(HOME, timedelta(), timedelta(days=5)), (seven, timedelta(days=5), timedelta(days=9))]


def test_everything_about_somebody_is_given_and_nothing_about_who_came_after(centre: Centre) -> None:
    given_to_her = json.loads(msgspec.json.encode(persons.everything(centre.book, centre.people, centre.looks, HER)))
    assert given_to_her["people"]["resident"] == [{"id": HER, "name": "mevrouw Jansen"}]
    assert given_to_her["people"]["contact"][0]["name"] == "Riet de Wit"
    assert given_to_her["people"]["address"][0]["address"] == "+31 6 1234 5678"
    assert given_to_her["people"]["wish"][0]["first"] == "video"
    kinds = [one["record"]["type"] for one in given_to_her["journal"]]
    assert kinds.count("finding") == kinds.count("claimed") == kinds.count("resolved") == 3
    assert kinds.count("plan") == 1
    assert given_to_her["looked"][0]["by"] == "staff:s-1"
    assert NEXT not in json.dumps(given_to_her)


# Commands.


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments))
    return done.exit_code, done.output


def test_somebody_takes_their_data_along_and_is_forgotten(centre: Centre, tmp_path: Path) -> None:
    centre.close()
    stores, out = centre.options, tmp_path / "hers.zip"
    code, said = run("person", "export", HER, "--out", str(out), *stores)
    assert (code, "r-0012" in said) == (0, True)
    with zipfile.ZipFile(out) as file:
        assert sorted(file.namelist()) == ["gegevens.html", "gegevens.json"]
        page = file.read("gegevens.html").decode()
        assert "mevrouw Jansen" in page
        assert "Riet de Wit" in page
        assert "<script" not in page
    code, said = run("person", "erase", HER, "--why", "asked for by herself", *stores)
    assert code == 0, said
    assert "access log" in said
    assert ("write-ahead log" in said) == (not isinstance(centre.at[0], Path))
    code, said = run("person", "buildings", *stores[:2])
    assert code == 0
    assert f"{HOME}, up to 2026-" in said
    assert "not heard yet" in said
    assert run("person", "buildings", "--again", *stores[:2])[0] == 0
    with closing(access_log.at(access_log.beside(centre.at[1]))) as looks:
        rows = looks.execute("SELECT number, body, digest FROM entry ORDER BY number")
        deeds = [entry.deed for _, entry in access_log.check(rows)]
    assert deeds == [Deed.READ, Deed.EXPORTED, Deed.ERASED]
    assert run("person", "erase", NEXT, "--why", "no", *stores)[1].startswith("r-0099 still lives in wilg/12.")
    code, said = run("retention", *stores[:2])
    assert (code, " person by request" in said) == (0, True)
    code, said = run("access-log", "check", *stores)
    assert (code, said[:29]) == (0, "3 entries, as they were written"[:29])


def test_nobody_is_erased_while_the_desk_runs(centre: Centre) -> None:
    database.attend(centre.book)
    journal.count(centre.book)
    code, said = run("person", "erase", HER, "--why", "asked", *centre.options)
    assert code == 1
    assert "Stop it first" in said


def test_an_address_where_no_centre_is_does_not_become_one(postgres: Postgres) -> None:
    address = postgres.new().replace("nachtwacht@", "nachtwacht:geheim@")
    for words in (["retention"], ["person", "buildings"], ["person", "buildings", "--again"]):
        code, said = run(*words, "--journal", address)
        assert (code, "there is no journal in it" in said, "geheim" in said) == (1, True, False)
    code, said = run("retention", "--journal", "mysql://desk:geheim@db/centre")
    assert (code, "is no store's" in said, "geheim" in said) == (2, True, False)
