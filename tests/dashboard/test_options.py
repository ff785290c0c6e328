"""Where a centre's stores lie: one setting for every command, and nothing secret in what a command says."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care import journal
from care.database import Address
from dashboard import hooks, organisations, people, programs, scraping, wishes
from dashboard.options import STORE
from detectors.homes import ResidentId
from nachtwacht import cli
from tests.postgres import Postgres

SECRET = "s3cret"


@pytest.fixture
def address(postgres: Postgres) -> Address:
    return postgres.new()


def run(*words: str, place: str | None = None, typed: str = "") -> tuple[int, str]:
    env = {"COLUMNS": "400"} if place is None else {"COLUMNS": "400", STORE: place}
    done = CliRunner().invoke(cli, ["desk", *words], env=env, input=typed)
    return done.exit_code, done.output


def test_one_address_in_the_settings_serves_every_command(address: Address) -> None:
    journal.at(address).close()  # as a desk that ran made it
    assert run("organisation", "add", "zon", "Zorggroep Zon", place=address)[0] == 0
    add = ("staff", "add", "sanne", "--first-name", "Sanne", "--initials", "SV", "--organisation", "zon")
    assert run(*add, "--password-from-stdin", place=address, typed="maan en sterren\n")[0] == 0
    assert run("hook", "add", "planning", "https://planning.example/", "--organisation", "zon", place=address)[0] == 0
    assert "sanne (care)" in run("organisation", "list", place=address)[1]
    assert run("program", "add", "ECD", "--scope", "record", place=address)[0] == 0
    assert "ECD" in run("program", "list", place=address)[1]
    assert "nothing was told yet" in run("hook", "list", place=address)[1]
    contact = run("contact", "add", "Fatima", "--resident", "r-1", "--relation", "neighbour", place=address)[1].strip()
    assert run("contact", "address", contact, "phone", "06 0000 0001", place=address)[0] == 0
    assert contact in run("contact", "list", place=address)[1]
    assert run("resident", "first", "r-1", "video", place=address)[0] == 0
    assert run("video", "https://video.example/{resident}", place=address)[0] == 0
    assert run("channel", "set", "push", "webpush:", place=address)[0] == 0
    assert run("enrolment", "list", place=address) == (0, "")
    token = run("metrics-token", place=address)[1].strip()
    with closing(people.at(address)) as db:
        assert organisations.name_of(db, "zon") == "Zorggroep Zon"
        assert people.name_of(db, people.staff_named(db, "Sanne")) == "sanne"
        assert [one.name for one in hooks.of(db)] == ["planning"]
        assert [one.name for one in wishes.of(db, ResidentId("r-1")).called] == ["Fatima"]
        assert scraping.may_read(db, f"Bearer {token}")
        assert not scraping.may_read(db, "Bearer another")
        (hook,), (program,) = hooks.of(db), programs.of(db)
    for ended in (("hook", "end", hook.id), ("program", "end", program.id), ("metrics-token", "--forget")):
        assert run(*ended, place=address)[0] == 0
    assert run("program", "end", program.id, place=address)[0] == 1
    assert run("contact", "remove", contact, place=address)[0] == 0
    assert run("contact", "list", place=address) == (0, "")


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
