"""Nachtwacht, put together: one command for the building, the centre and the demo. It alone knows both sides."""

import contextlib
import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Annotated, NamedTuple, Self

try:
    import typer
    from rich.console import Console
    from rich.panel import Panel

    import dashboard.commands
    import dashboard.door_commands
    import dashboard.scraping_commands
    import gateway.commands
    import gateway.fleet.commands
    import gateway.installer.commands
    from care import homes, journal
    from care.asking import Agreement, Chain, ChainAgreed, Consented, Line, Step
    from care.chains import BACK_UP, DESK, LINES, NIGHT_TEAM, ORGANISATION, RESIDENT
    from care.clock import SystemClock
    from care.homes import Site
    from care.ids import Asker, ContactId, Place, StaffId
    from care.records import Record
    from care.sharing import Part, Shared
    from detectors.homes import Home, ResidentId
    from gateway import recordings, rehearsal
    from gateway.installer.helps import Speaking
    from gateway.replay import rehearse, replay
except ImportError as broken:
    sys.exit(f"The installation is not whole: {broken}. Make it again: make clean, then make demo or make setup.")

cli = typer.Typer(
    cls=Speaking, no_args_is_help=True, help="Nachtwacht watches over people who live on their own, through the night."
)
cli.add_typer(gateway.commands.cli, name="gateway")
cli.add_typer(gateway.fleet.commands.cli, name="fleet")
dashboard.commands.cli.add_typer(dashboard.door_commands.oidc, name="oidc")
dashboard.commands.cli.add_typer(dashboard.door_commands.second_step, name="second-step")
dashboard.commands.cli.command("metrics-token")(dashboard.scraping_commands.metrics_token)
cli.add_typer(dashboard.commands.cli, name="desk")
gateway.installer.commands.add_to(cli)
cli.command()(replay)
cli.command()(rehearse)

PATIENCE_S = 30.0  # how long a part of the demo may take to start
STOP_WITHIN_S = 10.0
MARK = "this-folder-is-a-demo-and-can-be-thrown-away"
SIGN_IN = "demo"
NAMES = {
    "1": "mevrouw Bakker",
    "2": "Dirk",
    "3": "mevrouw De Vries",
    "4": "Anneke",
    "7": "meneer Yilmaz",
    "8": "meneer Visser",
    "11": "Tom",
    "12": "mevrouw Jansen",
}
"""What the residents of the demo's homes like to be called. They do not exist."""
NEIGHBOURLY = "12"  # the home whose resident lets a neighbour be asked first
NEIGHBOUR = "Fatima"
DAUGHTER = "Eva"  # of the same resident, who shares with her how the nights are
LONG_AGO = datetime(2000, 1, 2, tzinfo=UTC)  # before any recording: a rehearsal's clock does not go back


@cli.command()
def demo(
    *,
    speed: Annotated[float, typer.Option(min=0.1, max=100_000, help="seconds of the night in a second")] = 60,
    state: Annotated[Path, typer.Option(help="folder for everything the demo writes; emptied at its start")] = Path(
        ".state/demo"
    ),
    recording: Annotated[Path | None, typer.Option(help="a recorded home, in place of the rehearsal")] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="where the desk's page is")] = 8000,
) -> None:
    """Run a broker, a building, a night desk and a night in simulated homes, until Ctrl-C.

    Example: nachtwacht demo --speed 60
    """
    console = Console()
    try:
        with _Demo(state, console) as parts:
            parts.run(speed=speed, recording=recording, port=port)
    except _CannotRun as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


class _CannotRun(Exception):
    """The demo cannot start, or go on: one sentence."""


class _Demo:
    """The parts of a demo: processes of their own, which end together."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        _empty(self._folder)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stop.set())
        return self

    def __exit__(self, *_: object) -> None:
        """End the parts, the last one started first."""
        for process in reversed(self._parts.values()):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def run(self, *, speed: float, recording: Path | None, port: int) -> None:
        _free(port)
        broker = f"127.0.0.1:{_any_port()}"
        plan, people, centre = (self._folder / name for name in ("site.toml", "people.db", "centre.db"))
        with _Phones(self._folder / "phones.log") as phones:
            who = self._furnish(plan, people, centre, recording, phones)
            self._play(speed=speed, recording=recording, port=port, broker=broker, who=who)

    def _play(self, *, speed: float, recording: Path | None, port: int, broker: str, who: "_Guests") -> None:
        plan, people, centre = (self._folder / name for name in ("site.toml", "people.db", "centre.db"))
        address = f"http://127.0.0.1:{port}"
        with self._console.status("The broker starts"):
            self._start("broker", ["-m", "gateway.embedded_broker", "--port", broker.rpartition(":")[2]])
            self._until("broker", lambda: _listens(broker))
        with self._console.status("The building starts"), _Ready(self._folder / "ready") as ready:
            command: list[str | Path] = ["gateway", "run", "--plan", plan, "--journal", self._folder / "gateway.db"]
            command += ["--broker", broker, "--centre", broker, "--rehearsal"]
            self._start("gateway", ["-m", "nachtwacht", *command], NOTIFY_SOCKET=str(ready.where))
            self._until("gateway", ready.told)
        with self._console.status("The desk starts"):
            command = ["desk", "run", "--journal", centre, "--people", people, "--broker", broker]
            command += ["--port", str(port), "--url", address, "--phone", "085 000 00 00", "--rehearsal"]
            self._start("desk", ["-m", "nachtwacht", *command])
            self._until("desk", lambda: _hears(address))
        what = ["rehearse", "--loop"] if recording is None else ["replay", recording]
        night = [*what, "--broker", broker, "--speed", str(speed), "--plan-out", self._folder / "played.toml"]
        self._start("night", ["-m", "nachtwacht", *night])
        self._welcome(address, who, recording, speed)
        self._watch()

    def _furnish(self, plan: Path, people: Path, centre: Path, recording: Path | None, phones: "_Phones") -> "_Guests":
        """Write the plan, who works and lives there and who is asked when; return how to be let in as each."""
        from dashboard import contacts, housekeys
        from dashboard.people import add_staff, connect, name_resident

        try:
            site = rehearsal.site() if recording is None else recordings.plan_of(recording)
        except (recordings.BadRecording, OSError) as error:
            raise _CannotRun(str(error)) from error
        plan.write_text(homes.write(site), encoding="utf-8")
        password = secrets.token_hex(5)
        with closing(connect(people)) as store:
            sanne = add_staff(store, SIGN_IN, first_name="Sanne", initials="SK", password=password)
            for home in site.homes if recording is None else ():
                name = NAMES.get(home.id.partition("/")[2])
                if name is not None:
                    name_resident(store, ResidentId(home.resident), name)
            for name in ("sms", "phone"):
                contacts.set_channel(store, name, phones.channel(name))
            contacts.set_address(store, NIGHT_TEAM, "sms", "06 00000001")
            contacts.set_address(store, BACK_UP, "phone", "06 00000002")
            fatima = eva = None
            codes: tuple[str, ...] = ()
            asking = next((one for one in site.homes if recording is None and one.id.endswith(f"/{NEIGHBOURLY}")), None)
            if asking is not None:
                fatima = contacts.add(store, asking.resident, NEIGHBOUR, contacts.Relation.NEIGHBOUR)
                contacts.set_address(store, fatima, "sms", "06 00000003")
                eva = contacts.add(store, asking.resident, DAUGHTER, contacts.Relation.FAMILY)
                now = SystemClock().now()
                codes = tuple(housekeys.invite(store, asking.resident, whose, now) for whose in (None, eva))
        begun = LONG_AGO if recording is not None else rehearsal.START - timedelta(days=1)
        with closing(journal.connect(centre)) as db:
            journal.append(db, _agreed(site, fatima, sanne, begun), recorded_at=begun)
            if asking is not None and eva is not None:
                journal.append(db, [_shared(asking, eva, begun)], recorded_at=begun)
        return _Guests(password, codes)

    def _start(self, name: str, arguments: list[str | Path], **environment: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._parts[name] = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for us, who end the parts in their order
            )

    def _until(self, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if self._parts[name].poll() is not None:
                raise _CannotRun(self._last_words(name))
            if self._stop.is_set():
                raise _CannotRun("Stopped before it had started.")
            if time.monotonic() > end:
                raise _CannotRun(f"The {name} did not start within {PATIENCE_S:.0f} s. Its log: {self._log(name)}")
            self._stop.wait(0.05)

    def _watch(self) -> None:
        """Wait for Ctrl-C, or for a part that ended though nobody asked it to."""
        while not self._stop.wait(0.5):
            for name, process in self._parts.items():
                code = process.poll()
                if code is None:
                    continue
                if name == "night" and code == 0:
                    self._console.print("The night is over. The desk stays open until Ctrl-C.")
                    del self._parts[name]
                    break
                raise _CannotRun(self._last_words(name))
        self._console.print("Stopping.")

    def _welcome(self, address: str, who: "_Guests", recording: Path | None, speed: float) -> None:
        what = "eight simulated homes" if recording is None else f"the recording {recording.name}"
        text = (
            f"The night desk:  [bold]{address}[/bold]\n"
            f"Sign in as [bold]{SIGN_IN}[/bold] with [bold]{who.password}[/bold]\n\n"
            f"{_own_pages(address, who.codes)}"
            f"{_pace(speed)}\n"
            f"An alert that nobody answers goes on to others. What their phones say:\n{self._folder}/phones.log\n\n"
            f"It watches {what}. Everything it writes is in {self._folder}. Ctrl-C stops all of it."
        )
        self._console.print(Panel(text, title="Nachtwacht", expand=False))

    def _last_words(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").strip().splitlines()
        return f"The {name} stopped: {lines[-1] if lines else 'it said nothing'}. Its log: {self._log(name)}"

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _pace(speed: float) -> str:
    """Say how long a visitor has for what the night desk has minutes for: the desk keeps the time of the night."""
    if speed == 1:
        return "The night is as long as a night."
    return f"The night runs {speed:g} times as fast, for you too: its 10 minutes to follow up are {600 / speed:.3g} s."


class _Guests(NamedTuple):
    """How a visitor of the demo is let in: to the desk, and to pages of residents and family."""

    password: str
    codes: tuple[str, ...]  # of the resident's own page and of her daughter's; none where nobody lives there


def _own_pages(address: str, codes: tuple[str, ...]) -> str:
    """Say where a visitor sees what a resident and her daughter see; each link is good once."""
    if not codes:
        return ""
    own, daughter = (f"{address}/let-in/{code}" for code in codes)
    return f"A resident's own page, {NAMES[NEIGHBOURLY]}:  {own}\nHer daughter {DAUGHTER}'s:  {daughter}\n\n"


def _shared(home: Home, contact: ContactId, at: datetime) -> Record:
    return Shared(
        at=at,
        home=home.id,
        resident=home.resident,
        contact=contact,
        parts=(Part.NIGHT, Part.CONTACT),
        until=at + timedelta(days=180),
        by=Asker(RESIDENT),
    )


def _agreed(site: Site, neighbour: ContactId | None, by: StaffId, at: datetime) -> list[Record]:
    """Return who is asked, one after another: everywhere the desk and who is behind it, in one home a neighbour too."""
    desk = Step(line=Line.ONE, who=DESK, minutes=3.0)
    behind = tuple(
        Step(line=LINES[who], who=who, channels=(way,), minutes=3.0)
        for who, way in ((NIGHT_TEAM, "sms"), (BACK_UP, "phone"))
    )
    said: list[Record] = [_agreement(ORGANISATION, (desk, *behind), by, at)]
    if neighbour is not None:
        home = next(one.id for one in site.homes if one.id.endswith(f"/{NEIGHBOURLY}"))
        first = Step(line=Line.ZERO, who=neighbour, channels=("sms",), minutes=3.0)
        said.append(_agreement(Place(home), (first, desk, *behind), by, at))
        until = at + timedelta(days=180)
        said.append(Consented(at=at, home=home, contact=neighbour, by=Asker(by), tiers=("acute", "soon"), until=until))
    return said


def _agreement(place: Place, steps: tuple[Step, ...], by: StaffId, at: datetime) -> Record:
    after = Agreement(chains=(Chain(since=clock_time(0), until=clock_time(0), steps=steps),))
    return ChainAgreed(at=at, place=place, by=by, why="voor de demo", before=None, after=after)


class _Phones:
    """Stands in for every phone there is: what they would say is written into a file."""

    def __init__(self, file: Path) -> None:
        class Gateway(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                way, _, to = urllib.parse.unquote(self.path).strip("/").partition("/")
                with file.open("a", encoding="utf-8") as log:
                    log.write(f"{way} to {to}: {said['message']}\n")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass  # the file says it all

        file.touch()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def channel(self, name: str) -> str:
        """Return the URL of a channel, as Apprise takes it."""
        return f"json://127.0.0.1:{self._server.server_port}/{name}/{{address}}"


class _Ready:
    """Hears from a process that it is ready (sd_notify's protocol)."""

    def __init__(self, where: Path) -> None:
        self.where = where.resolve()
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        try:
            self._line.bind(str(self.where))
        except OSError as error:
            self._line.close()
            raise _CannotRun(f"Cannot use {self.where.parent}: {error}. Choose a shorter --state.") from error
        self._line.settimeout(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self.where.unlink(missing_ok=True)

    def told(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            return self._line.recv(64) == b"READY=1"
        return False


def _empty(folder: Path) -> None:
    """Make an empty folder, throwing away only what an earlier demo left."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise _CannotRun(f"{folder} holds something else than an earlier demo. Choose another with --state.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise _CannotRun(f"Port {port} is taken. Choose another: nachtwacht demo --port {port + 1}") from error


def _any_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def _hears(address: str) -> bool:
    """Whether the desk answers, and has reached its broker."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:  # noqa: S310  # our own desk
            said: Mapping[str, object] = json.load(answer)
    except (OSError, ValueError):
        return False
    return said.get("broker") is True


if __name__ == "__main__":
    cli()
