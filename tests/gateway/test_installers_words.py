"""How the installer's commands speak: help and completion in their language, codes and answers for programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.installer.helps import groups_of, messages
from gateway.installer.terminal import Terminal
from nachtwacht import cli

GROUPS = ("site", "home", "sensor", "plan")


def helped(*words: str, language: str) -> str:
    environment = {"COLUMNS": "160", "NACHTWACHT_LANGUAGE": language}
    return CliRunner().invoke(cli, [*words, "--help"], env=environment).output


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_of_an_installer_helps_in_dutch_and_in_english(group: str) -> None:
    for name, command in groups_of(cli)[group].commands.items():
        english, dutch = (helped(group, name, language=language) for language in ("en", "nl"))
        (first, *_) = messages(command)
        assert first in english
        assert first not in dutch
        assert "Example: nachtwacht " in english
        assert "Voorbeeld: nachtwacht " in dutch
        assert "--json" in english


def test_after_dutch_the_next_caller_reads_english_again() -> None:
    assert "Opties" in helped("plan", "apply", language="nl")
    assert "Options" in helped("plan", "apply", language="en")


@pytest.mark.parametrize(
    ("shell", "first"),
    [("bash", "complete -o default -F _nachtwacht_completion nachtwacht"), ("zsh", "#compdef nachtwacht")],
)
def test_completion_is_generated_for_the_shell(shell: str, first: str, tmp_path: Path) -> None:
    run = "import sys; sys.argv[0] = 'nachtwacht'; from nachtwacht import cli; cli(prog_name='nachtwacht')"
    environment = {**os.environ, "_NACHTWACHT_COMPLETE": f"source_{shell}"}
    made = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=True)
    assert first in made.stdout
    words = {"COMP_WORDS": "nachtwacht plan ", "COMP_CWORD": "2", "_TYPER_COMPLETE_ARGS": "nachtwacht plan "}
    environment = {**os.environ, **words, "_NACHTWACHT_COMPLETE": f"complete_{shell}"}
    offered = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=True)
    assert all(word in offered.stdout for word in ("check", "diff", "apply"))


@pytest.mark.parametrize(("said", "agreed"), [("y\n", True), ("ja\n", True), ("J\n", True), ("\n", False), ("", False)])
def test_only_a_yes_is_a_yes(said: str, agreed: bool) -> None:
    app = typer.Typer()

    @app.command()
    def ask() -> None:
        Terminal().agreed("Go on?")

    assert CliRunner().invoke(app, [], input=said).exit_code == (0 if agreed else 3)


def test_a_program_is_told_what_is_wrong_and_is_never_asked(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "check", str(tmp_path / "none.toml"), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"].endswith("none.toml: cannot be read: No such file or directory.")
    assert CliRunner().invoke(cli, ["plan", "chek"]).exit_code == 2
