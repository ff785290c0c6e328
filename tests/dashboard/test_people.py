"""The people store: signing in, being held back, being called by one's name."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import database
from care.database import Address, Database, Rows, Values, Where
from care.ids import StaffId
from dashboard import access_log, contacts, organisations, people, wishes
from dashboard.organisations import OWN
from dashboard.people import Names
from dashboard.rows import TooNew
from dashboard.typed import BadInput
from detectors.homes import ResidentId
from tests.postgres import Postgres

NOW = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
PASSWORD = "maan en sterren"

pytestmark = pytest.mark.both_stores


@pytest.fixture
def db(place: Where) -> Iterator[Database]:
    with closing(people.at(place)) as made:
        yield made


@pytest.fixture
def sanne(db: Database) -> StaffId:
    return people.add_staff(db, "Sanne", first_name="Sanne", initials="SV", password=PASSWORD)


def test_the_right_name_and_password_say_who_it_is(db: Database, sanne: StaffId) -> None:
    assert people.verify(people.credentials(db, " SANNE "), PASSWORD) == sanne
    assert people.verify(people.credentials(db, "sanne"), PASSWORD + "!") is None


def test_a_name_nobody_has_is_held_against_a_password_of_the_same_cost(db: Database, sanne: StaffId) -> None:
    known, unknown = people.credentials(db, "sanne"), people.credentials(db, "nobody")
    assert people.verify(unknown, PASSWORD) is None
    assert known.password.split("$")[:4] == unknown.password.split("$")[:4]  # kind, version and cost of argon2


def test_a_name_with_a_sign_that_no_keyboard_has_is_nobodys(db: Database, sanne: StaffId) -> None:
    assert people.credentials(db, "san\x00ne").staff is None
    assert people.attempt(db, "san\x00ne", "\x00", NOW) is None


def test_two_people_cannot_sign_in_by_one_name(db: Database, sanne: StaffId) -> None:
    with pytest.raises(people.NameTaken):
        people.add_staff(db, "sanne", first_name="Sanne", initials="SB", password=PASSWORD)


@pytest.mark.parametrize(
    ("name", "first_name", "initials", "password"),
    [
        ("", "Noor", "N", PASSWORD),
        ("noor", " ", "N", PASSWORD),
        ("noor", "No\x00or", "N", PASSWORD),
        ("noor", "Noor", "N" * 5, PASSWORD),
        ("noor", "N" * 61, "N", PASSWORD),
        ("noor", "Noor", "N", "kort"),
    ],
)
def test_what_cannot_be_shown_or_is_easily_guessed_is_not_kept(
    db: Database, name: str, first_name: str, initials: str, password: str
) -> None:
    with pytest.raises(BadInput):
        people.add_staff(db, name, first_name=first_name, initials=initials, password=password)
    assert db.execute("SELECT count(*) FROM staff").fetchone() == (0,)


def test_a_session_lasts_a_shift_and_no_longer(db: Database, sanne: StaffId) -> None:
    token = people.start_session(db, sanne, NOW)
    for hour in range(1, 14):
        assert people.session(db, token, NOW + timedelta(hours=hour)) is not None
    found = people.session(db, token, NOW + people.SESSION - timedelta(seconds=1))
    assert found is not None
    assert (found.staff, found.first_name, found.initials) == (sanne, "Sanne", "SV")
    assert found.until == NOW + people.SESSION
    assert people.session(db, token, NOW + people.SESSION) is None


def test_who_signs_out_is_out_and_a_colleague_is_not(db: Database, sanne: StaffId) -> None:
    mine, other = people.start_session(db, sanne, NOW), people.start_session(db, sanne, NOW)
    people.end_session(db, mine)
    assert people.session(db, mine, NOW) is None
    assert people.session(db, other, NOW) is not None


def test_the_file_does_not_hold_what_opens_a_session(tmp_path: Path) -> None:
    with closing(people.connect(tmp_path / "people.db")) as db:
        sanne = people.add_staff(db, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)
        token = people.start_session(db, sanne, NOW)
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Sanne" in stored
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_nobody_else_on_the_machine_reads_the_file(tmp_path: Path) -> None:
    with closing(people.connect(tmp_path / "people.db")) as db:
        people.name_resident(db, ResidentId("r-0012"), "mevrouw Jansen")
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_when_somebody_was_last_here_is_noted_but_not_at_every_page(db: Database, sanne: StaffId) -> None:
    token = people.start_session(db, sanne, NOW)
    people.session(db, token, NOW + timedelta(seconds=30))
    assert db.execute("SELECT used_at FROM session").fetchone() == (NOW.timestamp(),)
    later = NOW + timedelta(hours=1)
    people.session(db, token, later)
    assert db.execute("SELECT used_at FROM session").fetchone() == (later.timestamp(),)


def test_nobody_gathers_sessions_without_end(db: Database, sanne: StaffId) -> None:
    tokens = [people.start_session(db, sanne, NOW + timedelta(seconds=n)) for n in range(people.SESSIONS_MAX + 3)]
    later = NOW + timedelta(minutes=1)
    assert [people.session(db, token, later) is not None for token in tokens] == [False] * 3 + [
        True
    ] * people.SESSIONS_MAX


def test_another_password_ends_every_session(db: Database, sanne: StaffId) -> None:
    token = people.start_session(db, sanne, NOW)
    people.set_password(db, "Sanne", "zon en wolken")
    assert people.session(db, token, NOW) is None
    assert people.verify(people.credentials(db, "sanne"), "zon en wolken") == sanne
    with pytest.raises(people.Unknown):
        people.set_password(db, "nobody", "zon en wolken")


def test_who_guesses_at_one_name_must_wait_from_wherever_they_knock(db: Database) -> None:
    for n in range(people.TRIES_PER_NAME):
        assert people.attempt(db, "sanne", f"10.0.0.{n}", NOW + timedelta(seconds=n)) is None
    wait = people.attempt(db, "SANNE", "10.0.0.99", NOW + timedelta(minutes=1))
    assert wait == people.WINDOW - timedelta(minutes=1)
    assert people.attempt(db, "noor", "10.0.0.99", NOW + timedelta(minutes=1)) is None


def test_who_guesses_at_many_names_must_wait_too(db: Database) -> None:
    for n in range(people.TRIES_PER_CLIENT):
        assert people.attempt(db, f"name {n}", "10.0.0.1", NOW) is None
    assert people.attempt(db, "a further name", "10.0.0.1", NOW) == people.WINDOW
    assert people.attempt(db, "a further name", "10.0.0.2", NOW) is None


def test_who_waited_may_try_again(db: Database) -> None:
    for _ in range(people.TRIES_PER_NAME):
        people.attempt(db, "sanne", "10.0.0.1", NOW)
    wait = people.attempt(db, "sanne", "10.0.0.1", NOW)
    assert wait is not None
    assert people.attempt(db, "sanne", "10.0.0.1", NOW + wait) is None


def test_a_tired_colleague_who_got_it_right_starts_afresh(db: Database, sanne: StaffId) -> None:
    for _ in range(people.TRIES_PER_NAME - 1):
        people.attempt(db, "sanne", "10.0.0.1", NOW)
    people.start_session(db, sanne, NOW)
    assert people.attempt(db, "sanne", "10.0.0.1", NOW) is None


@given(
    gaps=st.lists(st.integers(0, 600), max_size=60),
    names=st.lists(st.sampled_from(["a", "b"]), min_size=60, max_size=60),
)
def test_in_no_window_do_more_tries_pass_than_are_allowed(gaps: list[int], names: list[str]) -> None:
    """However somebody spreads their guesses."""
    with closing(people.connect(":memory:")) as db:
        passed: dict[str, list[datetime]] = {"a": [], "b": []}
        now = NOW
        for gap, name in zip(gaps, names, strict=False):
            now += timedelta(seconds=gap)
            if people.attempt(db, name, "10.0.0.1", now) is None:
                passed[name].append(now)
    for times, most in (
        *((times, people.TRIES_PER_NAME) for times in passed.values()),
        (sorted(passed["a"] + passed["b"]), people.TRIES_PER_CLIENT),
    ):
        assert all(last - first >= people.WINDOW for first, last in zip(times, times[most:], strict=False))


@pytest.mark.usefixtures("people_file")  # in a store of several it shows within a second
def test_a_resident_is_called_what_they_like_from_the_next_look_on(db: Database) -> None:
    names, jansen = Names(db), ResidentId("r-0012")
    assert names.resident(jansen) is None
    people.name_resident(db, jansen, "mevrouw Jansen")
    assert names.resident(jansen) == "mevrouw Jansen"
    people.name_resident(db, jansen, "  Riet   Jansen ")
    assert names.resident(jansen) == "Riet Jansen"


def test_names_in_a_store_of_several_are_asked_for_together_and_at_most_a_second_old(one_database: Address) -> None:
    with closing(people.at(one_database)) as db:
        asked, moment = _Counted(db), [0.0]
        names = Names(asked, monotonic=lambda: moment[0])
        residents = [ResidentId(f"r-{number}") for number in range(3)]
        for resident in residents[:2]:
            people.name_resident(db, resident, f"mevrouw {resident}")
        expected = ["mevrouw r-0", "mevrouw r-1", None]
        assert [names.resident(one) for one in residents * 2] == expected * 2
        assert asked.times == 3
        people.name_resident(db, residents[2], "Riet")
        moment[0] += 1.0
        assert [names.resident(one) for one in residents] == [*expected[:2], "Riet"]
        assert asked.times == 4
        moment[0] += 1.0
        assert names.resident(residents[0]) == "mevrouw r-0"
        moment[0] += 1.0
        people.name_resident(db, residents[1], "Truus")
        assert names.resident(residents[0]) == "mevrouw r-0"
        assert names.resident(residents[1]) == "Truus"
        assert asked.times == 7  # who was not asked for any more is not asked for along with the others


class _Counted:
    """A connection to a store in PostgreSQL that counts what it is asked."""

    def __init__(self, db: Database) -> None:
        self.db, self.times = db, 0

    def execute(self, sql: str, values: Values = (), /) -> Rows:
        self.times += 1
        return self.db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        return self.db.executemany(sql, rows)

    def close(self) -> None:
        self.db.close()


def test_a_colleague_who_left_keeps_an_id_and_no_name(db: Database, sanne: StaffId) -> None:
    assert Names(db).staff(sanne) == "Sanne"
    db.execute("DELETE FROM staff")
    assert Names(db).staff(sanne) == sanne


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "people.db"
    file.write_text("this is no database, but long enough to look like one to whoever reads its first hundred bytes")
    with pytest.raises(sqlite3.DatabaseError):
        people.connect(file)


# Older and newer makes.


def test_a_file_of_version_2_keeps_the_order_in_which_contacts_were_named(tmp_path: Path) -> None:
    file, jan = tmp_path / "people.db", ResidentId("r-0012")
    with closing(people.connect(file)) as db:
        for name in ("Zeynep", "Ad", "Mo"):
            whom = contacts.add(db, jan, name, contacts.Relation.FAMILY)
            contacts.set_address(db, whom, "phone", "06 0000 0001")
        db.execute("ALTER TABLE contact DROP COLUMN number")
        db.execute("PRAGMA user_version=2")
    with closing(people.connect(file)) as db:
        contacts.set_address(db, contacts.add(db, jan, "Bo", contacts.Relation.FAMILY), "phone", "06 0000 0001")
        assert [one.name for one in wishes.of(db, jan).called] == ["Zeynep", "Ad", "Mo", "Bo"]


def test_a_store_in_postgresql_that_a_newer_version_wrote_is_left_alone(postgres: Postgres) -> None:
    address = postgres.new()
    for open_, version in ((people.at, people.VERSION), (access_log.at, access_log.VERSION)):
        with closing(open_(address)) as db:
            assert database.version(db) == version
            database.note_version(db, version + 1)
        with pytest.raises(TooNew, match=r"nachtwacht@127.* newer version"):
            open_(address)


def test_several_processes_may_begin_at_once_in_an_empty_database(postgres: Postgres) -> None:
    address = postgres.new()

    def begin(_: int) -> str:
        with closing(people.at(address)) as db, closing(access_log.at(address)) as looks:
            assert access_log.last(looks) == (0, b"")
            return organisations.name_of(db, OWN)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(begin, range(4))) == {"Eigen organisatie"}
