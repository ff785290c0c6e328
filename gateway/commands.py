"""The commands of the building: run the daemon, look back and inside."""

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from care import agreements, forgetting, journal
from care.agreements import NotAgreed
from care.homes import BadPlan, Site, read
from care.link import is_here
from care.records import Agreed, Cannot, Comparison, Pair, Ranked, Unreadable
from care.teaching import Known
from detectors.homes import Home, HomeId, zone_of
from detectors.outlook import Expected
from gateway import backtest, channels, daemon, series_commands, trial, watch
from gateway.building import Settings
from gateway.channels import BadChannels, Channels
from gateway.connection import Login
from gateway.held import IN_FLIGHT
from gateway.installer import identities
from gateway.installer import passwords as logins
from gateway.installer.terminal import address
from gateway.watch import Inspected

cli = typer.Typer(no_args_is_help=True, help="The building: its daemon, and what its sensors say.")

ONE_IN_100 = 0.01  # of nights

Found = TypeVar("Found")

PlanFile = Annotated[Path, typer.Option("--plan", help="the plan of the site, site.toml")]
JournalFile = Annotated[Path, typer.Option("--journal", help="the journal of the building")]


@cli.command()
def run(
    plan: PlanFile,
    journal_file: JournalFile,
    broker: Annotated[str, typer.Option(help="the site's broker, where the sensors speak")] = "127.0.0.1:1883",
    centre: Annotated[str, typer.Option(help="the centre's broker; without it, as the identity says")] = "",
    base: Annotated[str, typer.Option(help="base topic of Zigbee2MQTT")] = "zigbee2mqtt",
    *,
    alarm: Annotated[Path | None, typer.Option(help="by what the building itself calls for help, alarm.toml")] = None,
    in_flight: Annotated[int, typer.Option(min=5, help="max_inflight_messages of the site's broker")] = IN_FLIGHT,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="take the time from a rehearsal")] = False,
    identity: Annotated[Path | None, typer.Option(help="the folder of who this gateway is (gateway enroll)")] = None,
    broker_login: Annotated[Path | None, typer.Option(help="the login at the site's broker, a file")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="plain text to a centre elsewhere")] = False,
    textfile: Annotated[Path | None, typer.Option(help="where its figures go, for node_exporter; NAME.prom")] = None,
) -> None:
    """Watch over the building until told to stop. A gateway that is not enrolled yet watches all the same.

    SIGHUP has it take over a plan that was changed.

    Example: nachtwacht gateway run --plan site.toml --journal gateway.db --identity /var/lib/nachtwacht/identity
    """
    settings = Settings(
        site=plan_of(plan),
        journal=journal_file,
        broker=address(broker),
        centre=_centre_of(centre, identity, insecure=insecure),
        base=base,
        rehearsal=rehearsal,
        in_flight=in_flight,
        textfile=textfile,
        channels=_channels_of(alarm) if alarm is not None else channels.NONE_SET,
        identity=identity,
        login=_login_of(broker_login),
    )
    try:
        daemon.run(settings, reread=lambda: read(plan.read_text(encoding="utf-8"), file=str(plan)))
    except (journal.NotOurs, journal.TooNew) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@cli.command("try-alarm")
def try_alarm(
    alarm: Annotated[Path, typer.Option(help="by what the building itself calls for help, alarm.toml")],
    broker: Annotated[str, typer.Option(help="the site's broker, where the sirens listen")] = "127.0.0.1:1883",
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="how long sirens sound")] = 5,
) -> None:
    """Let each siren sound for a moment and each command send a test, and say which took it. It is loud.

    Example: nachtwacht gateway try-alarm --alarm alarm.toml
    """
    ways, address_of_broker = _channels_of(alarm), address(broker)
    dead = False
    for name, why in trial.tried(ways, address_of_broker, sounds_s=seconds, login=_ours()):
        dead = dead or bool(why)
        typer.echo(f"{name}: {why or 'took it'}.", err=bool(why))
    if ways.switch and not dead:
        typer.echo("Whether a siren sounded or a lamp shone, only you can tell.")
    if dead:
        raise typer.Exit(1)


@cli.command()
def troubles(
    journal_file: JournalFile, last: Annotated[int, typer.Option(min=1, max=1000, help="how many of the newest")] = 20
) -> None:
    """List the messages that could not be read or placed, counted by kind and topic. For the installer.

    Example: nachtwacht gateway troubles --journal gateway.db
    """
    found = [entry.record for entry in _entries(journal_file) if isinstance(entry.record, Unreadable)]
    counts = Counter((str(one.trouble), one.topic) for one in found)
    console = Console()
    table = Table(title=f"{len(found)} messages")
    for column in ("times", "trouble", "topic"):
        table.add_column(column)
    for (trouble, topic), times in counts.most_common(last):
        table.add_row(str(times), trouble, topic)
    console.print(table)
    for one in found[-last:]:
        console.print(f"{one.at:%Y-%m-%d %H:%M:%S}  {one.topic}: {one.why}", soft_wrap=True, markup=False)


@cli.command()
def findings(plan: PlanFile, journal_file: JournalFile) -> None:
    """Print what today's detectors find in a recorded journal. Changes nothing.

    Example: nachtwacht gateway findings --plan site.toml --journal gateway.db
    """
    site, entries = plan_of(plan), _entries(journal_file)
    with contextlib.closing(_readable(journal_file)) as db:
        begins_at = forgetting.begins_at(db)
    if begins_at is not None:
        since = f"{begins_at:%Y-%m-%d %H:%M}"
        typer.echo(
            f"{journal_file}: raw events are kept from {since} UTC on. What was learned before that is not in this.",
            err=True,
        )
    for finding in watch.findings(site, entries):
        typer.echo(f"{finding.at:%Y-%m-%d %H:%M}  {finding.home}  {finding.what}  since {finding.since:%H:%M}")


@cli.command()
def inspect(
    plan: PlanFile,
    journal_file: JournalFile,
    home: Annotated[str, typer.Option(help="the home, like wilg/12")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="print it for a program to read")] = False,
) -> None:
    """Print what a home has taught, from when on an alert follows, and what that rests on. Changes nothing.

    Example: nachtwacht gateway inspect --plan site.toml --journal gateway.db --home wilg/12
    """
    site = plan_of(plan)
    wanted = _home_of(site, plan, home)
    with contextlib.closing(_readable(journal_file)) as db:
        resumed, _ = watch.Watch.resumed(site, db)
    found = resumed.inspected(wanted)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    console = Console()
    console.print(_who_says(found), soft_wrap=True, markup=False, highlight=False)
    console.print(_lessons(found))
    for one in found.lessons:
        if one.out_of_reach:
            console.print(_out_of_reach(one), soft_wrap=True, markup=False, highlight=False)
        elif not one.reached:
            console.print(_not_known(one, found.budget), soft_wrap=True, markup=False, highlight=False)
    console.print(_pools(found))


@cli.command("backtest")
def back_test(
    plan: PlanFile,
    journal_file: JournalFile,
    home: Annotated[str, typer.Option(help="the home, like wilg/12")],
    change: Annotated[list[str], typer.Option(help="what to change, like bath=20, budget=0.5, off:shift=no")],
    nights: Annotated[int, typer.Option(min=1, max=60, help="how many nights to look back over")] = agreements.NIGHTS,
    *,
    until: Annotated[str, typer.Option(help="count the nights that were over by then; else by the newest record")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print it for a program to read")] = False,
) -> None:
    """Print what the last nights of a home would have given under other agreements, beside what they give.

    Changes nothing.

    Both ways begin with what is known of the home today. Steps aside for whatever else the machine has to do.

    Example: nachtwacht gateway backtest --plan site.toml --journal gateway.db --home wilg/12 --change bath=20
    """
    os.nice(_ASIDE)
    site = plan_of(plan)
    wanted = _home_of(site, plan, home)
    with contextlib.closing(_readable(journal_file)) as db:
        resumed, _ = watch.Watch.resumed(site, db)
        now, known = resumed.known_of(wanted.id, nights)
        proposed = _proposed(agreements.agreed(now), change)
        end = _instant(until) if until else journal.last_date(db)
        found: Comparison | Cannot = Cannot.NO_EVENTS
        if end is not None:
            found = backtest.back_test(now, known, proposed, _each(db), until=end, nights=nights)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    if isinstance(found, Cannot):
        typer.echo(f"{journal_file}: nothing was heard of {home} in those nights.", err=True)
        raise typer.Exit(1)
    _show(found, now)


identities.add_to(cli)
cli.command("series")(series_commands.series)


def plan_of(file: Path) -> Site:
    """Read a plan, or end the command with what is wrong with it, line by line."""
    return _what_stands_in(file, lambda text: read(text, file=str(file)))


def _channels_of(file: Path) -> Channels:
    return _what_stands_in(file, lambda text: channels.read(text, file=str(file)))


def _what_stands_in(file: Path, read_it: Callable[[str], Found]) -> Found:
    try:
        return read_it(file.read_text(encoding="utf-8"))
    except OSError as error:
        typer.echo(f"{file}: cannot be read: {error.strerror}.", err=True)
    except UnicodeDecodeError:
        typer.echo(f"{file}: not UTF-8 text.", err=True)
    except (BadPlan, BadChannels) as error:
        typer.echo(str(error), err=True)
    raise typer.Exit(1)


def _centre_of(centre: str, identity: Path | None, *, insecure: bool) -> tuple[str, int] | None:
    """Return where the link goes, or end the command: nothing of a building goes over a network in plain text."""
    if identity is not None:
        return address(centre) if centre else None
    there = address(centre or "127.0.0.1:1883")
    if insecure or is_here(there[0]):
        return there
    typer.echo(
        f"{there[0]} is another machine, and without --identity everything would go there in plain text. "
        "Enrol this gateway (gateway enroll), or say --insecure.",
        err=True,
    )
    raise typer.Exit(1)


def _ours() -> Login | None:
    known = logins.ours()
    return None if known is None else Login(known.name, known.password)


def _login_of(file: Path | None) -> Login | None:
    if file is None:
        return None
    known = logins.read(file)
    if known is None:
        typer.echo(f"{file}: no login can be read there. Make one: nachtwacht gateway passwords.", err=True)
        raise typer.Exit(1)
    return Login(known.name, known.password)


_ASIDE = 15  # of 19: whatever else runs goes first


def _home_of(site: Site, plan: Path, home: str) -> Home:
    wanted = site.by_id.get(HomeId(home))
    if wanted is None:
        typer.echo(f"{plan}: there is no home {home}. There are: {', '.join(sorted(site.by_id))}.", err=True)
        raise typer.Exit(1)
    return wanted


def _proposed(now: Agreed, changes: list[str]) -> Agreed:
    said: agreements.Values = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            said[name] = {"yes": True, "no": False}[value] if value in {"yes", "no"} else float(value)
        except ValueError as error:
            raise typer.BadParameter(f'"{change}" changes nothing. Write name=minutes, or name=yes or =no.') from error
    try:
        return agreements.with_values(now, said)
    except NotAgreed as error:
        raise typer.BadParameter(str(error)) from error


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f'"{text}" is no date. Write it like 2026-03-03T12:00:00Z.') from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _show(found: Comparison, home: Home) -> None:
    console = Console()
    table = Table(title=f"{found.nights} nights from {found.first}: {found.would} alerts instead of {found.was}")
    for column in ("kind", "as it is", "as proposed", "difference"):
        table.add_column(column)
    zone = zone_of(home.night.zone)
    for pair in found.pairs:
        times = [f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" if one else "" for one in (pair.was, pair.would)]
        kind = next(str(one.what) for one in (pair.was, pair.would) if one)
        table.add_row(kind, *times, _difference(pair))
    console.print(table)
    if found.since is not None:
        console.print(f"Raw events are there from {found.since.astimezone(zone):%Y-%m-%d %H:%M} on only.")
    if found.unheard:
        console.print(f"Nothing was heard of the home in {len(found.unheard)} of these nights.")
    for what, (was, would) in (found.expected or {}).items():
        console.print(f"{what}: mostly told {_mostly(would)}, instead of {_mostly(was)}.", highlight=False)


def _mostly(one: Expected) -> str:
    by = " (the limit)" if one.capped else "" if one.reached else " (too few nights are known for this budget)"
    return f"after {one.minutes:.1f} minutes{by}"


def _difference(pair: Pair) -> str:
    needed = " (help was given)" if pair.needed else ""
    if pair.was is None or pair.would is None:
        return ("new" if pair.was is None else "gone") + needed
    minutes = (pair.would.at - pair.was.at).total_seconds() / 60
    return f"{minutes:+.0f} min{needed}" if minutes else needed.strip()


def _each(db: sqlite3.Connection) -> Iterator[journal.Entry]:
    number = 0
    while batch := journal.read_after(db, number):
        yield from batch
        number = batch[-1].number


def _who_says(found: Inspected) -> str:
    says = {
        "shipped": "as shipped, for nobody has taught this building yet",
        "centre": "as the centre taught",
        "itself": "as the building, which hears of no centre, taught itself",
    }[found.by]
    when = "" if found.taught_at is None else f" on {found.taught_at:%Y-%m-%d}"
    return (
        f"{found.home}: watched for {found.nights} nights (pool {found.maturity}). "
        f"Thresholds {says}{when}. Budgets are multiplied by {found.factor:.2f}, "
        f"and for this home by {found.budget:g}; {found.waiting} home-nights of the site wait to be counted."
    )


def _lessons(found: Inspected) -> Table:
    table = Table(title="What this home has taught (minutes)")
    for column in ("lesson", "usually", "nights", "alert after", "because of", "cap", "threshold", "from"):
        table.add_column(column)
    for one in found.lessons:
        threshold = "none" if one.threshold is None else f"{one.threshold:.2f}"
        after = (f"{one.minutes:.1f}", str(one.why), f"{one.cap:.1f}")
        table.add_row(one.lesson, f"{one.median:.1f}", str(one.nights), *after, threshold, _source(one.ranked))
    return table


def _out_of_reach(one: Known) -> str:
    learned = "never" if one.learned is None else f"after {one.learned:.0f} minutes"
    return (
        f"{one.lesson}: budget not reachable for this client. By what is usual here an alert would follow {learned}; "
        f"the care plan says {one.cap:.0f}, and that holds."
    )


def _not_known(one: Known, budget: float) -> str:
    return (
        f"{one.lesson}: {budget:g} times the budget of all is not reachable yet: too few nights like these are known. "
        f"Told from {'no score' if one.threshold is None else f'{one.threshold:.2f}'} on, as far as they show."
    )


def _pools(found: Inspected) -> Table:
    table = Table(title="What homes like this one have taught")
    for column in ("pool", "threshold", "from", "higher in 1 of 100 nights", "tells at worst in 1 of", "of this site"):
        table.add_column(column)
    for name in dict.fromkeys([*found.pools, *found.own]):
        one = found.pools.get(name)
        threshold = "" if one is None else "none" if one.threshold is None else f"{one.threshold:.2f}"
        rare = {} if one is None else dict(one.ranks)
        in_hundred = f"{rare[ONE_IN_100]:.2f}" if ONE_IN_100 in rare else ""
        at_worst = f"{1 / one.at_worst:.0f} nights" if one is not None and one.at_worst else ""
        table.add_row(name, threshold, _source(one), in_hundred, at_worst, str(found.own.get(name, 0)))
    return table


def _source(one: Ranked | None) -> str:
    if one is None:
        return "shipped"
    return f"shipped: only {one.nights} nights here" if one.kept else f"{one.nights} nights"


def _entries(file: Path) -> list[journal.Entry]:
    with contextlib.closing(_readable(file)) as db:
        return list(_each(db))


def _readable(file: Path) -> sqlite3.Connection:
    if not file.exists():
        typer.echo(f"{file}: there is no such journal.", err=True)
        raise typer.Exit(1)
    return journal.connect(file, read_only=True)
