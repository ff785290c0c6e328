"""The two commands that bring nights to a building: a recorded one, or one that nobody ever lived."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.status import Status

from care import homes
from care.homes import Site
from detectors.moments import Moment
from gateway import recordings, rehearsal, stage
from gateway.stage import BrokerGone, Progress

Broker = Annotated[str, typer.Option(metavar="HOST:PORT", help="the broker of the building")]
Speed = Annotated[float, typer.Option(min=0, help="seconds of the night in a second; 0 is as fast as it goes")]
PlanOut = Annotated[Path | None, typer.Option(help="write the plan of the site here, and not to the screen")]


def replay(
    recording: Annotated[Path, typer.Argument(help="folder with events.csv.gz and sensors.csv")],
    *,
    broker: Broker = "127.0.0.1:1883",
    speed: Speed = 60,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="begin at noon of this date")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="stop after so many times from noon to noon")] = None,
    zone: Annotated[str, typer.Option(help="time zone of the recorded clock")] = recordings.ZONE,
    plan_out: PlanOut = None,
) -> None:
    """Publish a recorded home as if its sensors spoke now, for a gateway that takes its time from the rehearsal.

    Example: nachtwacht replay recordings/ordonez_A --from 2011-11-28 --days 1 --speed 600 --plan-out site.toml
    """
    with _one_sentence():
        site = recordings.plan_of(recording, zone=zone)
        for name in recordings.left_out(recording):
            typer.echo(f"Left out: {name}. Its kind is 'other', so nobody can say what it sees.", err=True)
        _show(site, plan_out)
        moments = recordings.events(recording, site, first=first.date() if first is not None else None, days=days)
        _publish(moments, site, broker, speed, pace=lambda _: 1.0)


def rehearse(
    *,
    broker: Broker = "127.0.0.1:1883",
    speed: Speed = 60,
    homes_count: Annotated[int, typer.Option("--homes", min=1, max=2000, help="how many homes; the demo has 8")] = 8,
    seed: Annotated[int, typer.Option(help="another seed, another night")] = 1,
    loop: Annotated[bool, typer.Option("--loop", help="go on after the morning, night after night")] = False,
    plan_out: PlanOut = None,
) -> None:
    """Publish the night of a building that does not exist: the demo's story, from 01:50 to 08:00.

    Example: nachtwacht rehearse --speed 60 --loop --plan-out site.toml
    """
    with _one_sentence():
        site = rehearsal.site(homes_count)
        _show(site, plan_out)
        moments = rehearsal.demo_night(seed, plan=site, loop=loop)
        _publish(moments, site, broker, speed, pace=rehearsal.pace)


def _show(site: Site, plan_out: Path | None) -> None:
    text = homes.write(site)
    if plan_out is None:
        typer.echo(text)
    else:
        plan_out.write_text(text, encoding="utf-8")
        typer.echo(f"{plan_out}: the plan of {site.name}, {len(site.friendly)} sensors.", err=True)


def _publish(
    moments: Iterator[Moment], site: Site, broker: str, speed: float, *, pace: Callable[[datetime], float]
) -> None:
    # Here and not above: those commands may register these.
    from gateway.installer.terminal import address

    host, port = address(broker)
    console = Console(stderr=True)
    zone = ZoneInfo(site.zone)
    with _told_to_stop() as stop, console.status("Waiting for the broker") as status:
        published = stage.play(
            moments,
            site,
            host=host,
            port=port,
            speed=speed,
            pace=pace,
            stop=stop,
            told=lambda progress: _tell(status, progress, zone),
        )
    console.print(f"{published:,} sensor messages published{', then told to stop' if stop.is_set() else ''}.")


def _tell(status: Status, progress: Progress, zone: ZoneInfo) -> None:
    if status.status != (line := f"{progress.at.astimezone(zone):%a %d %b %Y %H:%M}"):
        status.update(line)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Turn an interrupt or a request to end into an event, so that the bridge goes off line in good order."""
    stop = threading.Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _one_sentence() -> Iterator[None]:
    """End the command with the one sentence that says what is wrong."""
    try:
        yield
    except (recordings.BadRecording, BrokerGone, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
