"""The command `nachtwacht`: every command has help with an example, and bad input is a sentence."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from care import homes, journal
from care.records import Trouble, Unreadable
from nachtwacht import cli
from tests.conftest import free_port
from tests.stories import a_home, a_site, events, instant

README = (Path(__file__).parents[1] / "README.md").read_text()


def commands(app: typer.Typer, path: str = "") -> Iterator[tuple[str, str]]:
    for one in app.registered_commands:
        assert one.callback is not None
        name = one.name or one.callback.__name__
        yield f"{path}{name}", one.callback.__doc__ or ""
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{path}{group.name} ")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "160"})
    return done.exit_code, done.output


@pytest.mark.parametrize(("name", "text"), list(commands(cli)))
def test_a_command_has_help_with_an_example_and_the_readme_names_it(name: str, text: str) -> None:
    assert "Example: nachtwacht " in text
    assert f"{name}`" in README
    assert run(*name.split(), "--help")[0] == 0


def test_every_command_that_the_readme_names_is_there() -> None:
    there = {name for name, _ in commands(cli)}
    named = set(re.findall(r"^\| `nachtwacht ([a-z ]+)`", README, re.MULTILINE))
    assert named <= there


def test_a_plan_is_checked_line_by_line(tmp_path: Path) -> None:
    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(a_site()).replace('"badkamer"', '"badkmer"'))
    code, said = run("plan", "check", str(plan))
    assert code == 1
    assert 'room "badkmer" does not exist. Do you mean "badkamer"?' in said
    assert "Nothing was changed." in said
    plan.write_text(homes.write(a_site()))
    assert run("plan", "check", str(plan))[0] == 0


@pytest.mark.parametrize("command", [["plan", "check"], ["gateway", "run", "--journal", "x.db", "--plan"]])
def test_a_plan_that_is_not_there_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    code, said = run(*command, str(tmp_path / "none.toml"))
    assert code == 1
    assert said.strip().endswith("none.toml: cannot be read: No such file or directory.")


def test_a_broker_without_a_port_number_is_one_sentence(tmp_path: Path) -> None:
    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(a_site()))
    code, said = run("gateway", "run", "--plan", str(plan), "--journal", str(tmp_path / "x.db"), "--broker", "here:x")
    assert code == 2
    assert '"here:x" is no address. Write host:port' in said


def test_what_could_not_be_read_is_listed_for_the_installer(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    why = 'The plan has no sensor "14/bed".'
    trouble = Unreadable(at=instant("22:00"), topic="zigbee2mqtt/14/bed", trouble=Trouble.UNKNOWN_SENSOR, why=why)
    with contextlib.closing(journal.connect(file)) as db:
        journal.append(db, [trouble], recorded_at=instant("22:00"))
    code, said = run("gateway", "troubles", "--journal", str(file))
    assert code == 0
    assert why in said
    assert run("gateway", "troubles", "--journal", str(tmp_path / "none.db"))[0] == 1


def test_a_journal_is_looked_at_again_with_todays_detectors(tmp_path: Path) -> None:
    home = a_home()
    plan, file = tmp_path / "site.toml", tmp_path / "gateway.db"
    plan.write_text(homes.write(a_site(home)))
    night = ["22:40 bed in", "02:10 bed out", "06:30 bed in"]
    with contextlib.closing(journal.connect(file)) as db:
        for event in events(home, night):
            journal.append(db, [event], recorded_at=event.at)
    code, said = run("gateway", "findings", "--plan", str(plan), "--journal", str(file))
    assert code == 0
    assert "wilg/12  oob-unseen" in said


@pytest.mark.parametrize("command", ["replay", "rehearse"])
def test_without_a_broker_nothing_is_played_and_that_is_one_sentence(command: str, tmp_path: Path) -> None:
    arguments = [str(tmp_path)] if command == "replay" else []
    code, said = run(command, *arguments, "--broker", f"127.0.0.1:{free_port()}")
    assert code == 1
    assert "Traceback" not in said
