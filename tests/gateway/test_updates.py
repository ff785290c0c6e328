"""An update: tried out beside the version that runs, kept only if the building goes on watching, startable always."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from care import homes, journal
from gateway.installer import backups, updates
from gateway.installer.backups import Places
from gateway.installer.updates import ENDS_MAX, Health, NotUpdated, Seen, Step, Trial, Versions, next_step, try_out
from tests.conftest import part
from tests.stories import a_home, a_site, events, instant

PATIENCE_S = 180.0
TRIAL = Trial(came_from="0.1.0", goes_to="0.2.0", expects=Health.PROVEN)
BACK = msgspec.structs.replace(TRIAL, back=True)


def seen(
    current: str = "0.2.0",
    health: Health = Health.PROVEN,
    *,
    restarted: bool = True,
    ends: int = 0,
    waited_s: float = 1.0,
) -> Seen:
    return Seen(current, restarted, health, ends, waited_s)


@pytest.mark.parametrize(
    ("trial", "there", "step"),
    [
        (TRIAL, seen("0.1.0"), Step.SWITCH),
        (TRIAL, seen(restarted=False), Step.RESTART),
        (TRIAL, seen(health=Health.STARTING), Step.WAIT),
        (TRIAL, seen(health=Health.RUNNING, waited_s=179.0), Step.WAIT),
        (TRIAL, seen(health=Health.RUNNING, waited_s=180.0), Step.TURN_BACK),
        (TRIAL, seen(health=Health.AWAY, ends=ENDS_MAX), Step.TURN_BACK),
        (TRIAL, seen(), Step.KEEP),
        (BACK, seen("0.2.0"), Step.SWITCH),
        (BACK, seen("0.1.0", restarted=False), Step.RESTART),
        (BACK, seen("0.1.0"), Step.KEEP),
        (BACK, seen("0.1.0", Health.STARTING, waited_s=500.0), Step.GIVE_UP),
    ],
)
def test_what_is_done_next_follows_from_what_is_seen(trial: Trial, there: Seen, step: Step) -> None:
    assert next_step(trial, there, PATIENCE_S) is step


def test_a_building_whose_broker_was_away_before_is_not_asked_for_a_proof() -> None:
    trial = msgspec.structs.replace(TRIAL, expects=Health.RUNNING)
    assert next_step(trial, seen(health=Health.RUNNING), PATIENCE_S) is Step.KEEP


@given(
    st.sampled_from([TRIAL, BACK]), st.sampled_from(["0.1.0", "0.2.0"]), st.booleans(), st.sampled_from(Health),
    st.integers(0, 9), st.floats(0, 1000),
)  # fmt: skip
def test_a_version_is_never_kept_that_does_worse_than_the_one_before(
    trial: Trial, current: str, restarted: bool, health: Health, ends: int, waited_s: float
) -> None:
    step = next_step(trial, Seen(current, restarted, health, ends, waited_s), PATIENCE_S)
    if step is Step.KEEP:
        assert health is Health.PROVEN
        assert restarted
    if step is Step.TURN_BACK:
        assert not trial.back, "there is only one way back"
    if waited_s >= PATIENCE_S:
        assert step is not Step.WAIT


class Supervisor:
    """Stands in for systemd: it starts what `current` leads to as a real process, which says how it is in a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process: subprocess.Popen[bytes] | None = None
        self.ends = 0

    def restart(self) -> None:
        self.stop()
        self.ends = 0
        self._start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def health(self) -> tuple[Health, int]:
        assert self.process is not None
        if self.process.poll() is not None:
            self.ends += 1
            self._start()
            return Health.AWAY, self.ends
        said = self.root / "said"
        return (Health(said.read_text()) if said.exists() else Health.STARTING), self.ends

    def _start(self) -> None:
        (self.root / "said").unlink(missing_ok=True)
        self.process = subprocess.Popen([self.root / "current" / "venv" / "bin" / "nachtwacht"], cwd=self.root)


WELL = "printf proven >said.new; mv said.new said; exec sleep 600"
DEAF = "printf running >said.new; mv said.new said; exec sleep 600"
ENDS = "exit 1"


def a_version(folder: Path, does: str = WELL) -> None:
    """Write a version as a package brings it: it is made ready by its own script."""
    folder.mkdir(parents=True)
    (folder / "program").write_text(f"#!/bin/sh\n{does}\n")
    made = 'cd "$(dirname "$0")"\nmkdir -p venv/bin\ncp program venv/bin/nachtwacht\nchmod +x venv/bin/nachtwacht\n'
    (folder / "make-version").write_text(f"#!/bin/sh\nset -eu\n{made}: >ready\n")
    (folder / "make-version").chmod(0o755)


def a_package(folder: Path, version: str, does: str = WELL, name: str = "nachtwacht-gateway") -> Path:
    tree = folder / f"tree-{version}"
    a_version(tree / "opt" / "nachtwacht" / "versions" / version, does)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: us <us@here.invalid>\nDescription: it\n"
    )
    package = folder / f"{name}_{version}_all.deb"
    subprocess.run(
        [part("dpkg-deb"), "--build", "--root-owner-group", "-Znone", tree, package], check=True, capture_output=True
    )
    return package


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which 0.1.0 runs."""
    versions = Versions(tmp_path / "root")
    a_version(versions.folder("0.1.0"))
    versions.make("0.1.0")
    versions.link("current", "0.1.0")
    return versions.root


@pytest.fixture
def supervisor(root: Path) -> Iterator[Supervisor]:
    one = Supervisor(root)
    yield one
    one.stop()


def tried(root: Path, supervisor: Supervisor, trial: Trial = TRIAL, patience_s: float = 1.5) -> Trial:
    versions = Versions(root)
    versions.keep_trial(trial)
    return try_out(versions, supervisor, time.monotonic, lambda _: time.sleep(0.02), patience_s)


def test_a_version_that_watches_is_kept_and_the_one_before_stays(
    root: Path, supervisor: Supervisor, tmp_path: Path
) -> None:
    versions = Versions(root)
    assert versions.unpack(a_package(tmp_path, "0.2.0")) == "0.2.0"
    assert (versions.current, versions.ready()) == ("0.1.0", ["0.1.0", "0.2.0"]), "nothing changed for who watches"
    assert not tried(root, supervisor, patience_s=30).back
    assert (versions.current, versions.previous, versions.trial) == ("0.2.0", "0.1.0", None)
    a_version(versions.folder("0.3.0"))
    versions.make("0.3.0")
    trial = msgspec.structs.replace(TRIAL, came_from="0.2.0", goes_to="0.3.0")
    assert not tried(root, supervisor, trial, patience_s=30).back
    assert versions.ready() == ["0.2.0", "0.3.0"], "older ones leave"


@pytest.mark.parametrize("does", [ENDS, DEAF])
def test_a_version_that_does_not_watch_makes_place_by_itself(
    root: Path, supervisor: Supervisor, tmp_path: Path, does: str
) -> None:
    versions = Versions(root)
    versions.unpack(a_package(tmp_path, "0.2.0", does))
    assert tried(root, supervisor).back
    assert (versions.current, versions.trial) == ("0.1.0", None)
    assert supervisor.health()[0] in {Health.PROVEN, Health.STARTING}
    assert supervisor.process is not None
    assert supervisor.process.poll() is None


def test_a_version_that_cannot_be_made_ready_leaves_nothing(root: Path, tmp_path: Path) -> None:
    package = a_package(tmp_path, "0.2.0")
    tree = tmp_path / "tree-0.2.0" / "opt" / "nachtwacht" / "versions" / "0.2.0"
    (tree / "make-version").write_text("#!/bin/sh\necho 'no wheel for this machine' >&2\nexit 1\n")
    subprocess.run([part("dpkg-deb"), "--build", tmp_path / "tree-0.2.0", package], check=True, capture_output=True)
    with pytest.raises(NotUpdated, match="no wheel for this machine"):
        Versions(root).unpack(package)
    assert [one.name for one in (root / "versions").iterdir()] == ["0.1.0"]
    assert Versions(root).current == "0.1.0"


def cut_off_at(line: int, root: Path) -> None:
    """Let this process die at the so-manyth line that it runs of the module."""
    left = [line]

    def trace(frame: object, event: str, _: object) -> object:
        code = frame.f_code  # type: ignore[attr-defined]
        if code.co_filename != updates.__file__:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]


class Still:
    """A supervisor that starts nothing: only what lies on the disk is looked at."""

    def __init__(self, root: Path, ill: str) -> None:
        self._root, self._ill = root, ill

    def restart(self) -> None: ...

    def stop(self) -> None: ...

    def health(self) -> tuple[Health, int]:
        ill = (self._root / "current").readlink().name == self._ill
        return (Health.AWAY, ENDS_MAX) if ill else (Health.PROVEN, 0)


@pytest.mark.parametrize("ill", ["", "0.2.0"])
def test_wherever_the_power_goes_what_current_leads_to_can_be_started(tmp_path: Path, root: Path, ill: str) -> None:
    package = a_package(tmp_path, "0.2.0")
    line, ends_as = 0, set()
    while True:
        child = os.fork()
        if child == 0:
            cut_off_at(line, root)
            versions = Versions(root)
            if versions.trial is None:
                versions.unpack(package)
                versions.keep_trial(TRIAL)
            try_out(versions, Still(root, ill), lambda: 0.0, lambda _: None)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        versions = Versions(root)
        assert versions.current in versions.ready(), f"cut off at line {line}"
        assert os.access(root / "current" / "venv" / "bin" / "nachtwacht", os.X_OK)
        if versions.trial is not None:
            assert not versions.previous or versions.previous in versions.ready(), "it is the one that goes on"
            if versions.current == "0.2.0":
                assert versions.previous == "0.1.0", "who goes on after a start is there before it is needed"
            try_out(versions, Still(root, ill), lambda: 0.0, lambda _: None)
        ends_as.add(versions.current)
        if ended == 0:
            break
        assert ended == 9
        versions.link("current", "0.1.0")
        (root / "previous").unlink(missing_ok=True)
        versions.end_trial()
        line += 3
    assert line > 60
    assert versions.current == ("0.1.0" if ill else "0.2.0")
    assert ends_as == ({"0.1.0"} if ill else {"0.1.0", "0.2.0"})


def test_a_journal_that_the_newer_version_changed_is_put_back_with_the_older_one(tmp_path: Path, root: Path) -> None:
    home = a_home()
    site, db_file = a_site(home), tmp_path / "gateway.db"
    (tmp_path / "site.toml").write_text(homes.write(site))
    with closing(journal.connect(db_file)) as db:
        journal.append(db, events(home, ["22:40 bed in"]), recorded_at=instant("22:40"))
    places = Places(tmp_path / "site.toml", db_file, {})
    backups.back_up(places, tmp_path / "before.backup", datetime(2026, 3, 1, tzinfo=UTC))
    a_version(Versions(root).folder("0.2.0"))
    Versions(root).make("0.2.0")
    with closing(journal.connect(db_file)) as db:  # the newer one came so far
        db.execute(f"PRAGMA user_version={journal.VERSION + 1}")
    trial = msgspec.structs.replace(
        TRIAL, journal=str(db_file), make=journal.VERSION, copy=str(tmp_path / "before.backup")
    )
    versions = Versions(root)
    versions.keep_trial(trial)
    assert try_out(versions, Still(root, "0.2.0"), lambda: 0.0, lambda _: None).back
    with closing(journal.connect(db_file)) as db:
        assert journal.count(db) == 1
    assert updates.make_of(tmp_path / "gateway.db.of-0.2.0") == journal.VERSION + 1, "what it wrote is kept"


def test_only_a_package_of_ours_that_is_what_was_sent_out_is_unpacked(tmp_path: Path) -> None:
    package = a_package(tmp_path, "0.2.0")
    right = hashlib.sha256(package.read_bytes()).hexdigest()
    updates.expect_genuine(package, sha256=right.upper())
    with pytest.raises(NotUpdated, match="is not what was sent out"):
        updates.expect_genuine(package, sha256=right[::-1])
    with pytest.raises(NotUpdated, match="Nothing says that"):
        updates.expect_genuine(package)
    with pytest.raises(NotUpdated, match="another package"):
        updates.version_of(a_package(tmp_path / "other", "1.0", name="cowsay"))
    (tmp_path / "letter.deb").write_text("dear sir")
    with pytest.raises(NotUpdated, match="no Debian package"):
        updates.version_of(tmp_path / "letter.deb")


def test_a_signature_is_good_for_one_file_by_one_key(tmp_path: Path) -> None:
    package, key = a_package(tmp_path, "0.2.0"), tmp_path / "release.pub"
    ours, another = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signature = tmp_path / "it.sig"
    signature.write_bytes(ours.sign(package.read_bytes()))
    key.write_bytes(ours.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    updates.expect_genuine(package, signature=signature, key=key)
    right = hashlib.sha256(package.read_bytes()).hexdigest()
    signature.write_bytes(another.sign(package.read_bytes()))
    with pytest.raises(NotUpdated, match="not signed by the maker"):
        updates.expect_genuine(package, sha256=right, signature=signature, key=key)
    signature.write_bytes(base64.b64encode(b"short"))
    with pytest.raises(NotUpdated, match="not signed by the maker"):
        updates.expect_genuine(package, signature=signature, key=key)
    key.write_text("no key")
    with pytest.raises(NotUpdated, match="no public key"):
        updates.expect_genuine(package, signature=signature, key=key)


def test_two_updates_do_not_go_on_at_once(root: Path) -> None:
    with (
        Versions(root).alone(),
        pytest.raises(NotUpdated, match="Another update is going on"),
        Versions(root).alone(),
    ):
        pass


SYSTEMCTL = """#!{python}
import json, pathlib, sys
state = pathlib.Path({state!r})
said = json.loads(state.read_text())
said["asked"].append(sys.argv[1:])
if sys.argv[1] == "restart":
    said["InvocationID"] += "+"
    ill = pathlib.Path({current!r}).readlink().name == said["ill"]
    said["ActiveState"] = "failed" if ill else "active"
    said["NRestarts"] = 9 if ill else 0
state.write_text(json.dumps(said))
if sys.argv[1] == "show":
    for name in ("ActiveState", "StatusText", "NRestarts", "InvocationID"):
        print(f"{{name}}={{said[name]}}")
"""


@pytest.fixture
def systemctl(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for systemd's command; what it is to say and what it was asked lies in the file."""
    state, program = tmp_path / "systemd.json", tmp_path / "bin" / "systemctl"
    said = {"ActiveState": "active", "StatusText": "Proven 2026-03-01 02:00 UTC", "NRestarts": 0, "InvocationID": "a"}
    state.write_text(json.dumps({**said, "ill": "", "asked": []}))
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(python=sys.executable, state=str(state), current=str(root / "current")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return state


def run(root: Path, *arguments: str | Path) -> tuple[int, str]:
    from typer.testing import CliRunner

    from nachtwacht import cli

    where = ["--root", root, "--plan", root.parent / "site.toml", "--journal", root.parent / "gateway.db"]
    command = ["update", *arguments, *where, "--backups", root.parent / "backups"]
    done = CliRunner().invoke(cli, list(map(str, command)), input="n\n", env={"COLUMNS": "160", "LANG": "C"})
    return done.exit_code, done.output


def a_building(folder: Path) -> None:
    (folder / "site.toml").write_text(homes.write(a_site()))
    journal.connect(folder / "gateway.db").close()


def test_the_command_backs_up_switches_and_says_what_is_there(tmp_path: Path, root: Path, systemctl: Path) -> None:
    a_building(tmp_path)
    package = a_package(tmp_path, "0.2.0")
    right = hashlib.sha256(package.read_bytes()).hexdigest()
    assert run(root, package)[0] == 1, "nothing says that it is genuine"
    assert run(root, package, "--sha256", right)[0] == 3, "nobody agreed"
    assert run(root, package, "--sha256", right, "--dry-run")[0] == 0
    assert Versions(root).ready() == ["0.1.0"]
    code, said = run(root, package, "--sha256", right, "--yes")
    assert code == 0, said
    assert "Version 0.2.0 runs. The one before stays: 0.1.0." in said
    assert backups.examine(tmp_path / "backups" / "before-0.2.0.backup").site.id == "wilg"
    code, said = run(root)
    assert "0.2.0: this one runs." in said
    assert "0.1.0: the one before. Back to it: nachtwacht update --to 0.1.0." in said
    assert run(root, "--to", "0.1.0", "--yes")[0] == 0
    assert (Versions(root).current, Versions(root).previous) == ("0.1.0", "0.2.0")


def test_the_command_goes_back_by_itself_and_says_so(tmp_path: Path, root: Path, systemctl: Path) -> None:
    a_building(tmp_path)
    systemctl.write_text(json.dumps({**json.loads(systemctl.read_text()), "ill": "0.2.0"}))
    package = a_package(tmp_path, "0.2.0")
    code, said = run(root, package, "--sha256", hashlib.sha256(package.read_bytes()).hexdigest(), "--yes")
    assert code == 1
    assert "Version 0.2.0 did not watch as 0.1.0 did. 0.1.0 runs again" in said
    assert Versions(root).current == "0.1.0"
    asked = json.loads(systemctl.read_text())["asked"]
    assert [one for one in asked if one[0] == "restart"] == [
        ["restart", "--no-block", "nachtwacht-gateway.service"]
    ] * 2


def test_after_a_power_cut_the_version_before_goes_on(root: Path, systemctl: Path) -> None:
    versions = Versions(root)
    a_version(versions.folder("0.2.0"))
    versions.make("0.2.0")
    versions.keep_trial(TRIAL)
    versions.link("previous", "0.1.0")
    versions.link("current", "0.2.0")
    assert "It was cut off" in run(root)[1]
    assert run(root, "--to", "0.1.0")[0] == 1
    assert run(root, "--go-on", "--yes")[0] == 0
    assert (versions.current, versions.trial) == ("0.2.0", None)
