"""What is agreed with a resident is kept as rows that can be changed, and nothing that cannot be dialled is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard import people, wishes
from dashboard.commands import cli
from dashboard.wishes import CALLED_MAX, EVERYBODY, Called, First, NotKept, Who, Wishes
from detectors.homes import ResidentId

JAN = ResidentId("r-0012")
FATIMA = Called(Who.FAMILY, "Fatima", "06 0000 0001")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(people.connect(tmp_path / "people.db")) as made:
        yield made


def test_of_whom_nothing_is_known_nothing_is_agreed(db: sqlite3.Connection) -> None:
    assert wishes.of(db, JAN) == Wishes()


def test_the_last_wish_is_the_one_that_counts(db: sqlite3.Connection) -> None:
    wishes.want(db, JAN, First.WAIT)
    wishes.want(db, JAN, First.VIDEO, " the screen  hangs in the bedroom ")
    assert (wishes.of(db, JAN).first, wishes.of(db, JAN).note) == (First.VIDEO, "the screen hangs in the bedroom")


def test_numbers_keep_their_order_and_those_for_everybody_come_last(db: sqlite3.Connection) -> None:
    team = Called(Who.NIGHT_TEAM, "De Wilg", "085 000 02 00")
    neighbour = Called(Who.NEIGHBOUR, "Riet", "085 000 02 13")
    wishes.call(db, EVERYBODY, team)
    wishes.call(db, JAN, neighbour)
    wishes.call(db, JAN, FATIMA)
    assert wishes.of(db, JAN).called == (neighbour, FATIMA, team)
    assert wishes.of(db, ResidentId("r-0013")).called == (team,)
    assert wishes.uncall(db, JAN, neighbour.phone)
    assert not wishes.uncall(db, JAN, neighbour.phone)
    assert wishes.of(db, JAN).called == (FATIMA, team)


def test_a_number_is_kept_once_however_often_it_is_told(db: sqlite3.Connection) -> None:
    wishes.call(db, JAN, FATIMA)
    wishes.call(db, JAN, Called(Who.NEIGHBOUR, "Fatima B.", FATIMA.phone))
    assert wishes.of(db, JAN).called == (Called(Who.NEIGHBOUR, "Fatima B.", FATIMA.phone),)


def test_more_numbers_than_there_are_keys_are_not_kept(db: sqlite3.Connection) -> None:
    for n in range(CALLED_MAX):
        wishes.call(db, JAN, Called(Who.FAMILY, "Fatima", f"06 0000 000{n}"))
    with pytest.raises(NotKept):
        wishes.call(db, JAN, Called(Who.FAMILY, "Fatima", "06 0000 0009"))


@pytest.mark.parametrize("phone", ["", "12", "javascript:1", "06 0000 0001;ext=1", "bel mij", "+", "1" * 40])
def test_what_cannot_be_dialled_is_not_kept(db: sqlite3.Connection, phone: str) -> None:
    with pytest.raises(NotKept, match="phone number"):
        wishes.call(db, JAN, Called(Who.FAMILY, "Fatima", phone))
    assert wishes.of(db, JAN).called == ()


def test_a_video_call_starts_at_the_organisations_own_address_with_the_resident_in_it(db: sqlite3.Connection) -> None:
    wishes.start_video_at(db, "https://video.example/room/{resident}?from=desk")
    assert wishes.of(db, ResidentId("r/1 2")).video == "https://video.example/room/r%2F1%202?from=desk"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://video.example/{resident}",
        "javascript:alert({resident})",
        "https://video.example/",
        "https:///{resident}",
    ],
)
def test_an_address_that_is_none_is_not_kept(db: sqlite3.Connection, link: str) -> None:
    with pytest.raises(NotKept, match="address"):
        wishes.start_video_at(db, link)


def test_the_commands_keep_it_and_say_so_or_say_why_not(tmp_path: Path) -> None:
    file = tmp_path / "people.db"

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, [*words, "--people", str(file)])
        return result.exit_code, result.output

    assert run("resident", "first", JAN, "video", "--note", "in the bedroom")[0] == 0
    assert run("resident", "call", JAN, "family", "Fatima", FATIMA.phone)[0] == 0
    assert run("video", "https://video.example/{resident}")[0] == 0
    assert run("resident", "call", JAN, "family", "Fatima", "bel mij")[0] == 1
    with closing(people.connect(file)) as db:
        assert wishes.of(db, JAN) == Wishes(
            first=First.VIDEO, note="in the bedroom", called=(FATIMA,), video="https://video.example/r-0012"
        )
    assert "taken out" in run("resident", "call", JAN, "family", "Fatima", FATIMA.phone, "--remove")[1]
