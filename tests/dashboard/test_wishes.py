"""What is agreed with a resident is kept as rows that can be changed, and nothing that cannot be dialled is."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care.database import Database, Where
from dashboard import contacts, people, wishes
from dashboard.commands import cli
from dashboard.contacts import Relation
from dashboard.typed import BadInput
from dashboard.wishes import PHONE, Called, First, Who, Wishes
from detectors.homes import ResidentId

JAN = ResidentId("r-0012")
FATIMA = Called(Who.FAMILY, "Fatima", "06 0000 0001")

pytestmark = pytest.mark.both_stores


@pytest.fixture
def db(place: Where) -> Iterator[Database]:
    with closing(people.at(place)) as made:
        yield made


def test_of_whom_nothing_is_known_nothing_is_agreed(db: Database) -> None:
    assert wishes.of(db, JAN) == Wishes()


def test_the_last_wish_is_the_one_that_counts(db: Database) -> None:
    wishes.want(db, JAN, First.WAIT)
    wishes.want(db, JAN, First.VIDEO, " the screen  hangs in the bedroom ")
    assert (wishes.of(db, JAN).first, wishes.of(db, JAN).note) == (First.VIDEO, "the screen hangs in the bedroom")


def test_the_home_is_called_first_then_contacts_in_the_order_they_came_then_the_night_team(
    db: Database,
) -> None:
    contacts.set_address(db, "night-team", PHONE, "085 000 02 00")
    riet, fatima = (
        contacts.add(db, JAN, name, relation)
        for name, relation in (("Riet", Relation.NEIGHBOUR), ("Fatima", Relation.FAMILY))
    )
    contacts.set_address(db, riet, PHONE, "085 000 02 13")
    contacts.set_address(db, fatima, PHONE, FATIMA.phone)
    contacts.set_address(db, JAN, PHONE, "085 000 02 12")
    team, home = Called(Who.NIGHT_TEAM, "", "085 000 02 00"), Called(Who.HOME, "", "085 000 02 12")
    assert wishes.of(db, JAN).called == (home, Called(Who.NEIGHBOUR, "Riet", "085 000 02 13"), FATIMA, team)
    assert wishes.of(db, ResidentId("r-0013")).called == (team,)
    contacts.remove(db, riet)
    assert wishes.of(db, JAN).called == (home, FATIMA, team)


def test_who_is_only_sent_messages_is_not_called(db: Database) -> None:
    contacts.set_address(db, contacts.add(db, JAN, "Fatima", Relation.FAMILY), "sms", "31600000001")
    assert wishes.of(db, JAN).called == ()


@pytest.mark.parametrize("phone", ["12", "javascript:1", "06 0000 0001;ext=1", "bel mij", "+", "1" * 40])
def test_what_cannot_be_dialled_is_not_kept(db: Database, phone: str) -> None:
    with pytest.raises(BadInput, match="phone number"):
        contacts.set_address(db, contacts.add(db, JAN, "Fatima", Relation.FAMILY), PHONE, phone)
    assert wishes.of(db, JAN).called == ()


def test_a_video_call_starts_at_the_organisations_own_address_with_the_resident_in_it(db: Database) -> None:
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
def test_an_address_that_is_none_is_not_kept(db: Database, link: str) -> None:
    with pytest.raises(match="address"):
        wishes.start_video_at(db, link)


def test_the_commands_keep_it_and_say_so_or_say_why_not(tmp_path: Path) -> None:
    file = tmp_path / "people.db"

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, [*words, "--people", str(file)])
        return result.exit_code, result.output

    assert run("resident", "first", JAN, "video", "--note", "in the bedroom")[0] == 0
    added, fatima = run("contact", "add", "Fatima", "--resident", JAN, "--relation", "family")
    assert added == 0
    assert run("contact", "address", fatima.strip(), "phone", FATIMA.phone)[0] == 0
    assert run("video", "https://video.example/{resident}")[0] == 0
    assert run("contact", "address", fatima.strip(), "phone", "bel mij")[0] == 1
    with closing(people.connect(file)) as db:
        assert wishes.of(db, JAN) == Wishes(
            first=First.VIDEO, note="in the bedroom", called=(FATIMA,), video="https://video.example/r-0012"
        )
