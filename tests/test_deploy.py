"""What is put on a machine: units, the package for a gateway, the containers of a centre; tried as far as can be."""

import importlib.metadata
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from care import homes, journal
from nachtwacht import cli
from tests.conftest import free_port, part, settings_for, wait_for_port
from tests.stories import a_site

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*/nachtwacht-*.service"))
OF_SYSTEMD_ALONE = {"nachtwacht-broker.service"}  # one command of systemd's own, in no folder of ours
TIMERS = sorted(DEPLOY.glob("*/nachtwacht-*.timer"))
EXPOSURE_MAX = 2.0  # of 10; systemd itself calls anything up to 4.5 OK
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
MINUTES = 60


@pytest.mark.parametrize("unit", [one for one in UNITS if one.name not in OF_SYSTEMD_ALONE], ids=lambda one: one.name)
def test_a_unit_may_do_no_more_than_it_has_to(unit: Path) -> None:
    done = subprocess.run(
        [part("systemd-analyze"), "security", "--offline=yes", "--no-pager", unit],
        capture_output=True, text=True, check=True, env={**os.environ, "SYSTEMD_COLORS": "0"},
    )  # fmt: skip
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= EXPOSURE_MAX, done.stdout


def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    """With programs in their places: systemd-analyze looks for them too."""
    for one in (*UNITS, *TIMERS, *DEPLOY.glob("*/*.path")):
        said = re.sub(r"(?m)^(Exec\w+=)\S+", rf"\1{shutil.which('true')}", one.read_text())
        (tmp_path / one.name).write_text(said)
    done = subprocess.run(
        [part("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "nachtwacht" in line]
    assert (done.returncode, ours) == (0, [])


def test_a_daemon_is_started_again_for_ever_and_when_it_hangs() -> None:
    for unit in (DEPLOY / "building" / "nachtwacht-gateway.service", DEPLOY / "centre" / "nachtwacht-desk.service"):
        said = unit.read_text()
        for line in ("Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=30", "Type=notify"):
            assert f"\n{line}\n" in said, unit.name
    assert "Restart=always" in (DEPLOY / "building" / "mosquitto-nachtwacht.conf").read_text()


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield what is said to `nachtwacht` in a unit or a script."""
    for line in text.replace("\\\n", " ").splitlines():
        found = re.search(r"/nachtwacht\"? (.*)", line)
        if found and not line.startswith("#"):
            yield shlex.split(found[1].partition(">")[0])


@pytest.mark.parametrize(
    "file",
    [*UNITS, DEPLOY / "building" / "run-gateway", DEPLOY / "debian" / "postinst", DEPLOY / "building" / "make-version"],
    ids=lambda one: one.name,
)
def test_what_a_unit_says_is_a_command_that_there_is(file: Path) -> None:
    for words in commands_in(file.read_text()):
        command: Any = typer.main.get_command(cli)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {name for one in command.params for name in one.opts}
        for word in words:
            if word.startswith("--") and word != "--help":
                assert word.partition("=")[0] in known, f"{file.name}: {word}"


def test_the_restored_machine_can_start_before_anything_else_is_there() -> None:
    said = (DEPLOY / "building" / "nachtwacht-gateway.service").read_text()
    assert "ConditionPathExists=/etc/nachtwacht/site.toml" in said, "a restore writes the plan last"
    assert "network-online" not in re.sub(r"(?m)^#.*", "", said), "a building without internet watches at once"


def test_no_password_comes_with_anything() -> None:
    for file in DEPLOY.rglob("*"):
        if not file.is_file():
            continue
        for line in file.read_text().splitlines():
            found = re.search(r"(?i)(password|passwd|secret|token)\s*[:=]\s*(\S+)", line)
            assert found is None or "!secret" in found[2], f"{file.name}: {line}"
    assert "allow_anonymous false" in (DEPLOY / "building" / "mosquitto.conf").read_text()
    assert "allow_anonymous false" in (DEPLOY / "centre" / "mosquitto.conf").read_text()


def test_zigbee2mqtt_is_set_as_care_needs_it() -> None:
    said = yaml.safe_load((DEPLOY / "building" / "zigbee2mqtt.yaml").read_text())
    assert said["advanced"]["last_seen"] == "ISO_8601"
    assert said["advanced"]["cache_state"] is False
    assert said["availability"]["enabled"] is True
    assert said["advanced"]["network_key"] == "GENERATE", "no two buildings have the same key"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "centre" / "compose.yaml").read_text())
    return found


def test_the_containers_of_a_centre_are_closed_and_come_back() -> None:
    said = compose()
    assert set(said) == {"name", "services", "volumes"}
    for name, service in said["services"].items():
        assert set(service) <= {
            "image", "build", "command", "restart", "ports", "volumes", "read_only", "tmpfs", "cap_drop", "cap_add",
            "security_opt", "logging", "depends_on", "healthcheck", "environment",
        }, name  # fmt: skip
        assert service["restart"] == "always"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        for mount in service["volumes"]:
            source = mount["source"] if isinstance(mount, dict) else mount.split(":")[0]
            assert source in said["volumes"] or (DEPLOY / "centre" / source).exists(), source
    assert said["services"]["broker"]["ports"] == ["8883:8883"], "nothing in plain text"
    assert "ports" not in said["services"]["desk"], "people come in by https"


def test_the_desk_of_the_containers_gets_arguments_that_it_knows() -> None:
    _, *words = compose()["services"]["desk"]["command"]
    assert words[:2] == ["desk", "run"]
    group: Any = typer.main.get_command(cli)
    known = {name for one in group.commands["desk"].commands["run"].params for name in one.opts}
    assert {word.partition("=")[0] for word in words[2:]} <= known


def test_the_image_copies_files_that_there_are() -> None:
    for line in (DEPLOY / "centre" / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from" not in line:
            sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
            assert all((ROOT / one).exists() for one in sources), line


def test_a_broker_in_a_container_reads_again_who_may_come_in(tmp_path: Path) -> None:
    """The script that stands in for systemd there, with a real mosquitto."""
    folder, port = tmp_path / "written-by-the-desk", free_port()
    folder.mkdir()
    tmp_path.chmod(0o777)
    (folder / "acl").write_text("topic read nothing\n")
    conf, heard = tmp_path / "mosquitto.conf", tmp_path / "heard"
    conf.write_text(settings_for(port, tmp_path).replace("log_type error", "log_type all"))
    with heard.open("wb") as log:
        script = subprocess.Popen(
            ["sh", DEPLOY / "centre" / "run-broker", conf, folder],
            stdout=log, stderr=log, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin", "LOOKS": "0.1"},
        )  # fmt: skip
    try:
        wait_for_port(port)
        assert "Reloading config" not in heard.read_text()
        (folder / "acl").write_text("topic read everything\n")
        end = time.monotonic() + 30
        while "Reloading config" not in heard.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        assert "Reloading config" in heard.read_text()
    finally:
        script.send_signal(signal.SIGTERM)
        assert script.wait(30) == 0, "a stop of the container is a stop of the broker"
    assert "terminating" in heard.read_text()


def uv() -> str:
    found = ROOT / ".tools" / "bin" / "uv"
    return str(found) if found.exists() else part("uv")


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_everything_a_gateway_needs_is_there_for_a_raspberry_pi(python: str, tmp_path: Path) -> None:
    """The registry's client is asked for wheels for arm64 of exactly what is pinned; nothing is downloaded."""
    done = subprocess.run(
        [
            uv(), "pip", "install", "--dry-run", "--target", tmp_path, "--python-version", python,
            "--python-platform", "aarch64-manylinux_2_28", "--only-binary", ":all:", "--no-deps", "--require-hashes",
            "-r", ROOT / "requirements" / "gateway.txt",
        ],
        capture_output=True, text=True, check=False, timeout=5 * MINUTES,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cryptography" in done.stderr
    assert "msgspec" in done.stderr


def test_the_gateway_is_pinned_with_all_it_asks_for_and_nothing_of_the_desk() -> None:
    pinned = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements" / "gateway.txt").read_text()))
    asked = importlib.metadata.requires("nachtwacht") or []
    of_gateway = {re.split(r"[ ;<>=\[]", one)[0] for one in asked if "extra ==" not in one or "installer" in one}
    assert of_gateway <= pinned
    assert not pinned & {"fastapi", "uvicorn", "numpy", "amqtt", "apprise"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, with wheels for this machine alone."""
    out = tmp_path_factory.mktemp("dist")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = {"OUT": str(out), "PYTHONS": python, "MACHINES": os.uname().machine, "UV": uv()}
    done = subprocess.run(
        ["sh", DEPLOY / "build-deb"],
        capture_output=True, text=True, check=False, env={**os.environ, **told}, timeout=10 * MINUTES,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / f"nachtwacht-gateway_{VERSION}_all.deb"


def dpkg(root: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Ask dpkg for something on a machine that is a folder, with nothing on it."""
    for folder in ("info", "updates", "triggers"):
        (root / "var" / "lib" / "dpkg" / folder).mkdir(parents=True, exist_ok=True)
    (root / "var" / "lib" / "dpkg" / "status").touch()
    asks = ["--force-script-chrootless", "--force-depends", "--force-not-root", "--log=/dev/null"]
    base = Path(sys.base_prefix) / "bin"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    return subprocess.run(
        [part("dpkg"), f"--root={root}", *asks, *words],
        capture_output=True, text=True, check=False, timeout=10 * MINUTES,
        env={**clean, "PATH": f"{base}:{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip


@pytest.mark.timeout(20 * MINUTES)
def test_the_package_is_built_installed_in_an_empty_folder_works_there_and_leaves(
    package: Path, tmp_path: Path
) -> None:
    root = tmp_path / "machine"
    done = dpkg(root, "--install", package)
    assert done.returncode == 0, done.stdout + done.stderr
    home = root / "opt" / "nachtwacht"
    assert (home / "current").readlink() == Path("versions") / VERSION
    assert (home / "current" / "ready").exists()
    assert (root / "usr" / "bin" / "nachtwacht").readlink() == Path("/opt/nachtwacht/current/venv/bin/nachtwacht")
    units = root / "usr" / "lib" / "systemd" / "system"
    assert {one.name for one in units.glob("nachtwacht-*")} == {one.name for one in (DEPLOY / "building").glob("n*.*")}

    installed = home / "current" / "venv" / "bin" / "nachtwacht"
    (tmp_path / "site.toml").write_text(homes.write(a_site()))
    journal.connect(tmp_path / "gateway.db").close()
    where = ["--plan", tmp_path / "site.toml", "--journal", tmp_path / "gateway.db"]
    for words in (
        ["gateway", "run", "--help"],
        ["gateway", "findings", *where],
        ["backup", "--out", tmp_path / "it.backup", *where],
        ["update", "--root", home],
    ):
        ran = subprocess.run(
            [installed, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{VERSION}: this one runs." in ran.stdout
    assert (home / "current" / "venv" / "bin" / "run-gateway").exists()

    (root / "etc" / "nachtwacht" / "site.toml").write_text("of the building")
    assert dpkg(root, "--purge", "nachtwacht-gateway").returncode == 0
    assert not home.exists()
    assert (root / "etc" / "nachtwacht" / "site.toml").exists(), "what is the building's stays"


def test_the_package_holds_nothing_that_only_root_could_have_made(package: Path) -> None:
    listed = subprocess.run(
        [part("dpkg-deb"), "--contents", package], capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    assert not [line for line in listed.splitlines() if "s" in line.split()[0]], "nothing runs as somebody else"
    fields = subprocess.run([part("dpkg-deb"), "--field", package], capture_output=True, text=True, check=True).stdout
    assert f"Version: {VERSION}" in fields
    assert "Architecture: all" in fields
