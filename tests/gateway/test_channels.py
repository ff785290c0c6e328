"""By what a building calls for help itself: read strictly, told without health or names, and never waited for."""

import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from care.ids import AlertId
from gateway import channels, commands
from gateway.calls import AGAIN_S, PROOF_AGAIN_S, Calls, Outcome
from gateway.channels import TEST, BadChannels, Command
from tests.conftest import Mosquitto
from tests.gateway.daemons import Ear

ALERT = AlertId("0a1b2c3d4e")
TEXT = "Woning 12: hulp gevraagd."


def a_modem(folder: Path, *, exits: int = 0, sleeps: bool = False, name: str = "sms", within_s: float = 30) -> Command:
    """Return a real program that keeps what it is told, as a modem's spool would."""
    script = folder / f"{name}.py"
    waits = "import time; time.sleep(60)" if sleeps else ""
    kept = folder / f"{name}.txt"
    hears = f"import sys\nopen({str(kept)!r}, 'a').write(sys.stdin.read() + '|'.join(sys.argv[1:]))"
    script.write_text(f"{hears}\n{waits}\nsys.exit({exits})\n")
    return Command(name=name, run=(sys.executable, str(script), "06 123; echo $HOME"), within_s=within_s)


def until(calls: Calls, asked: dict[str, dict[AlertId, str]], at_s: float) -> list[Outcome]:
    """Look, as the daemon does, until a call has ended. Bounded; the moment that is told stands still."""
    end = time.monotonic() + 20
    while not (outcomes := calls.look(asked, at_s)):
        assert time.monotonic() < end
        time.sleep(0.01)
    return outcomes


def test_a_command_gets_the_text_on_its_input_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    calls = Calls([a_modem(tmp_path)])
    assert until(calls, {"sms": {ALERT: TEXT}}, 0.0) == [Outcome("sms", ALERT, took=True)]
    assert (tmp_path / "sms.txt").read_text() == f"{TEXT}\n06 123; echo $HOME"
    assert calls.look({"sms": {}}, 1.0) == []
    assert calls.dead == ()


def test_what_was_not_taken_is_tried_again_and_is_told_as_dead(tmp_path: Path) -> None:
    calls = Calls([a_modem(tmp_path, exits=3)])
    asked = {"sms": {ALERT: TEXT}}
    assert until(calls, asked, 0.0) == [Outcome("sms", ALERT, took=False)]
    assert list(calls.dead) == ["sms"]
    assert calls.look(asked, AGAIN_S[0] - 0.1) == []
    assert until(calls, asked, AGAIN_S[0]) == [Outcome("sms", ALERT, took=False)]
    a_modem(tmp_path)  # somebody has put the modem right
    assert until(calls, asked, AGAIN_S[0] + AGAIN_S[1]) == [Outcome("sms", ALERT, took=True)]
    assert list(calls.dead) == []


def test_a_command_that_hangs_is_ended_and_holds_up_no_other(tmp_path: Path) -> None:
    calls = Calls([a_modem(tmp_path, sleeps=True, name="hangs", within_s=5), a_modem(tmp_path)])
    asked = {"hangs": {ALERT: TEXT}, "sms": {ALERT: TEXT}}
    began_s = time.monotonic()
    assert until(calls, asked, 0.0) == [Outcome("sms", ALERT, took=True)]
    assert calls.look({"hangs": {ALERT: TEXT}}, 4.9) == []
    assert calls.look({"hangs": {ALERT: TEXT}}, 5.0) == [Outcome("hangs", ALERT, took=False)]
    assert calls.dead == ("hangs",)
    assert time.monotonic() - began_s < 30  # nobody waited for its minute
    calls.end()


def test_a_command_that_is_not_there_is_dead_and_stops_nothing() -> None:
    calls = Calls([Command(name="sms", run=("/nowhere/gammu",))])
    assert calls.look({"sms": {ALERT: TEXT}}, 0.0) == [Outcome("sms", ALERT, took=False)]


def test_a_dead_command_is_known_by_its_test_and_tested_until_it_is_back(tmp_path: Path) -> None:
    calls = Calls([a_modem(tmp_path, exits=1)])
    calls.prove()
    assert until(calls, {}, 0.0) == [Outcome("sms", None, took=False)]
    assert (tmp_path / "sms.txt").read_text().startswith(TEST)
    assert calls.look({}, PROOF_AGAIN_S - 1) == []
    a_modem(tmp_path)
    assert until(calls, {}, PROOF_AGAIN_S) == [Outcome("sms", None, took=True)]
    assert calls.look({}, 10 * PROOF_AGAIN_S) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("switch = 3", "A [[switch]] has name, topic, on, off"),
        ('[[command]]\nname = "sms"\nrun = []', "runs nothing"),
        ('[[command]]\nname = "sms"\nrun = ["x"]\nwithin_s = 900', "from 1 to 120"),
        ('[[command]]\nname = "SMS!"\nrun = ["x"]', "at most 20 of a-z"),
        ('[[switch]]\nname = "siren"\ntopic = "a"\non = "1"\noff = "0"', "taken already"),
        ('[[switch]]\nname = "lamp"\ntopic = "a/#"\non = "1"\noff = "0"', "is no topic to publish at"),
        ('[[command]]\nname = "sms"\nrun = ["x"]\nshell = true', "unknown field"),
        ("[[", "not TOML"),
    ],
)
def test_channels_that_cannot_be_used_are_refused_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(BadChannels, match=r"alarm\.toml") as refused:
        channels.read(text)
    assert said in str(refused.value)


def test_the_installer_tries_everything_at_once_and_hears_what_is_dead(mosquitto: Mosquitto, tmp_path: Path) -> None:
    dead = a_modem(tmp_path, exits=4, name="mail")
    alive = a_modem(tmp_path)
    runs = "\n".join(f"[[command]]\nname = {one.name!r}\nrun = {list(one.run)!r}" for one in (dead, alive))
    siren = "[[switch]]\nname = 'hall'\ntopic = 'try/siren/set'\non = '{\"warning\": 1}'\noff = '{\"warning\": 0}'"
    file = tmp_path / "alarm.toml"
    file.write_text(f"{siren}\n{runs}")
    ear = Ear(mosquitto, "try/siren/set")
    where = f"{mosquitto.host}:{mosquitto.port}"
    asked = ["try-alarm", "--alarm", str(file), "--broker", where, "--seconds", "0.1"]
    ran = CliRunner().invoke(commands.cli, asked)
    assert ran.exit_code == 1
    assert "mail: ended with 4, and not with 0." in ran.output
    assert "sms: took it." in ran.output
    assert "hall: took it." in ran.output
    ear.until(lambda heard: [payload for _, payload in heard] == [b'{"warning": 1}', b'{"warning": 0}'])
    ear.close()
