"""Commands by which people sign in: an organisation's own sign-in, and a second step that is asked or lost."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care.database import Where
from dashboard import factors, openid, people
from dashboard.door_commands import SECRET
from nachtwacht import cli
from tests.dashboard.conftest import NIGHT, PASSWORD

SET = ["oidc", "set", "own", "--issuer", "https://login.example", "--client-id", "nachtwacht"]


pytestmark = pytest.mark.both_stores


def run(store: Where, *arguments: str, secret: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["desk", *arguments, "--people", str(store)], env={SECRET: secret})
    return done.exit_code, done.output


@pytest.fixture
def at_centre(place: Where) -> Where:
    with closing(people.at(place)) as db:
        people.add_staff(db, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)
    return place


def test_an_own_sign_in_is_set_with_a_secret_that_no_list_of_processes_shows(at_centre: Where, tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text("of the client\n")
    assert run(at_centre, *SET, "--secret-file", str(kept))[0] == 0
    with closing(people.at(at_centre)) as db:
        assert openid.of(db, "own") == ("own", "https://login.example", "nachtwacht", "of the client", openid.CLAIM)
    assert run(at_centre, *SET, "--claim", "email", secret="another")[0] == 0
    code, said = run(at_centre, "oidc", "link", "sanne", "s@zon.example", "--organisation", "own")
    assert (code, said) == (0, "sanne comes as s@zon.example.\n")
    assert run(at_centre, "oidc", "remove", "own")[0] == 0


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (SET, "The secret is empty"),
        ([*SET, "--secret-file", "/no/such/file"], "cannot be read"),
        (["oidc", "set", "maan", *SET[3:]], "There is no organisation maan"),
        (["oidc", "link", "sanne", "s", "--organisation", "own"], "has no sign-in of its own"),
        (["oidc", "remove", "own"], "has no sign-in of its own"),
        (["second-step", "ask", "maan"], "There is no organisation maan"),
        (["second-step", "forget", "noor"], "Nobody signs in as noor"),
    ],
)
def test_what_cannot_be_is_one_sentence(at_centre: Where, command: list[str], sentence: str) -> None:
    code, said = run(at_centre, *command)
    assert code == 1
    assert sentence in said


def test_a_second_step_is_asked_and_one_that_was_lost_is_set_up_anew(at_centre: Where) -> None:
    assert run(at_centre, "second-step", "ask", "own")[0] == 0
    with closing(people.at(at_centre)) as db:
        sanne = people.staff_named(db, "sanne")
        assert factors.must(db, sanne)
        row = (b"\x01", sanne, b"\x00", 0, "desk.example", "key", 0)
        db.execute("INSERT INTO passkey VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        people.start_session(db, sanne, NIGHT)
    assert run(at_centre, "second-step", "ask", "own", "--no-more")[0] == 0
    assert run(at_centre, "second-step", "forget", "sanne")[0] == 0
    with closing(people.at(at_centre)) as db:
        assert not factors.of(db, sanne)
        assert factors.must(db, sanne)
        assert people.sessions_of(db, sanne, NIGHT) == []
