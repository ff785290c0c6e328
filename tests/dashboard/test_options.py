"""Where a centre's stores lie: one setting for every command, and nothing secret in what a command says."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import journal
from care.database import Address
from dashboard import hooks, organisations, people
from dashboard.commands import cli
from dashboard.options import STORE
from tests.postgres import Postgres

SECRET = "s3cret"


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return postgres.new()


def run(*words: str, place: str | None = None, typed: str = "") -> tuple[int, str]:
    env = {"COLUMNS": "400"} if place is None else {"COLUMNS": "400", STORE: place}
    done = CliRunner().invoke(cli, list(words), env=env, input=typed)
    return done.exit_code, done.output


def test_one_address_in_the_settings_serves_every_command(address: Address) -> None:
    journal.at(address).close()  # as a desk that ran made it
    assert run("organisation", "add", "zon", "Zorggroep Zon", place=address)[0] == 0
    add = ("staff", "add", "sanne", "--first-name", "Sanne", "--initials", "SV", "--organisation", "zon")
    assert run(*add, "--password-from-stdin", place=address, typed="maan en sterren\n")[0] == 0
    assert run("hook", "add", "planning", "https://planning.example/", "--organisation", "zon", place=address)[0] == 0
    assert "sanne (care)" in run("organisation", "list", place=address)[1]
    with closing(people.at(address)) as db:
        assert organisations.name_of(db, "zon") == "Zorggroep Zon"
        assert people.name_of(db, people.staff_named(db, "Sanne")) == "sanne"
        assert [one.name for one in hooks.of(db)] == ["planning"]


def test_an_address_can_be_given_as_a_file_is_and_goes_before_the_settings(address: Address, tmp_path: Path) -> None:
    assert run("organisation", "add", "zon", "Zon", "--people", str(address))[0] == 0
    assert run("organisation", "add", "maan", "Maan", "--people", str(tmp_path / "people.db"), place=address)[0] == 0
    with closing(people.at(address)) as db:
        assert [one.id for one in organisations.every(db)] == ["own", "zon"]


def test_what_cannot_be_used_is_one_sentence_without_what_is_secret(tmp_path: Path) -> None:
    for place, said in (
        (f"postgresql://desk:{SECRET}@127.0.0.1:1/nachtwacht", "Cannot use the people store postgresql://desk@127"),
        (f"mysql://desk:{SECRET}@127.0.0.1/nachtwacht", "An address that begins with mysql:// is no store's"),
        (f"postgresql://desk:{SECRET}/@127.0.0.1/nachtwacht", "In the password of an address, write @ as %40"),
        (f"postgresql://desk:@{SECRET}@127.0.0.1/nachtwacht", "In the password of an address, write @ as %40"),
        (str(tmp_path / "people.db"), f"{STORE} is for the address of a PostgreSQL database"),
    ):
        code, told = run("organisation", "list", place=place)
        assert code != 0
        assert said in told
        assert SECRET not in told
    assert not (tmp_path / "people.db").exists()
