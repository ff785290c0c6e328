"""`nachtwacht desk`: the commands of the care centre."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from care.clock import SystemClock
from care.database import Database, Where, shown
from care.ids import ContactId
from care.link import broker_address, is_here
from dashboard import contract_commands, moving_commands, privacy_commands, program_commands, series_commands
from dashboard.options import Journal, People, failed
from dashboard.wishes import First
from detectors.homes import ResidentId, SiteId

# What these commands do is imported inside them: the building's commands share the program, and none of its weight.

cli = typer.Typer(
    no_args_is_help=True, help="The night desk of the care centre: run it, and say who works and lives there."
)
staff = typer.Typer(no_args_is_help=True, help="Who may sign in at the desk.")
organisation = typer.Typer(no_args_is_help=True, help="Whose buildings are whose; without any, all are your own.")
resident = typer.Typer(no_args_is_help=True, help="What residents like to be called.")
cli.add_typer(staff, name="staff")
cli.add_typer(organisation, name="organisation")
cli.add_typer(resident, name="resident")
contact = typer.Typer(no_args_is_help=True, help="Whom to ask about a resident, and where they are reached.")
channel = typer.Typer(no_args_is_help=True, help="By which ways people's phones are reached.")
cli.add_typer(contact, name="contact")
cli.add_typer(channel, name="channel")
enrolment = typer.Typer(no_args_is_help=True, help="Which gateways are let in.")
cli.add_typer(enrolment, name="enrolment")
cli.add_typer(privacy_commands.log, name="access-log")
cli.add_typer(privacy_commands.person, name="person")
cli.add_typer(program_commands.program, name="program")
cli.add_typer(program_commands.hook, name="hook")
cli.command("retention")(privacy_commands.retention)
cli.command("dpia")(privacy_commands.dpia)
cli.command("contract")(contract_commands.contract)
cli.command("series")(series_commands.series)
cli.command("move")(moving_commands.move)

Of = Annotated[str, typer.Option("--organisation", help="the organisation's id; 'own' runs the centre")]
As = Annotated[str, typer.Option("--role", help="desk, night-team, care, manager, installer, privacy or administrator")]
FromStdin = Annotated[
    bool, typer.Option("--password-from-stdin", help="read the password from the first line of standard input")
]


@cli.command()
def run(
    *,
    journal: Journal,
    people: People,
    broker: Annotated[str, typer.Option(help="HOST:PORT of the MQTT broker the buildings speak to")],
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="the port to listen on; 0 takes a free one")] = 8000,
    url: Annotated[str, typer.Option(help="under which people's phones reach this centre, for links in notices")] = "",
    phone: Annotated[str, typer.Option(help="the desk's telephone number, for notices")] = "",
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="take the time from a rehearsal")] = False,
    authority: Annotated[Path | None, typer.Option(help="the folder of 'desk authority': gateways may enrol")] = None,
    gateways: Annotated[str, typer.Option(help="HOST:PORT at which gateways reach the broker, if another")] = "",
    broker_pid: Annotated[Path | None, typer.Option(help="the broker's pid file, to tell it of changes")] = None,
    https: Annotated[Path | None, typer.Option(help="key and certificate of the pages, in one PEM file")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="plain text to a broker on another machine")] = False,
) -> None:
    """Run the night desk until it is told to stop. With --authority it speaks TLS to its broker.

    Stores that are not there are made.

    Example: nachtwacht desk run --journal centre.db --people people.db --broker 127.0.0.1:1883
    """
    from dashboard.server import CannotStart, Settings, run

    try:
        broker_host, broker_port = broker_address(broker)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--broker") from error
    if authority is None and not insecure and not is_here(broker_host):
        raise failed(
            f"{broker_host} is another machine, and without --authority everything would go there in plain text. "
            "Make an authority (desk authority), or say --insecure."
        )
    settings = Settings(
        journal=journal,
        people=people,
        broker_host=broker_host,
        broker_port=broker_port,
        host=host,
        port=port,
        url=url,
        phone=phone,
        rehearsal=rehearsal,
        authority=authority,
        gateways_broker=gateways,
        broker_pid=broker_pid,
        https=https,
    )
    try:
        run(settings)
    except CannotStart as error:
        raise failed(str(error)) from error


@staff.command("add")
def add_staff(
    name: Annotated[str, typer.Argument(help="the name to sign in with")],
    *,
    first_name: Annotated[str, typer.Option(help="what colleagues see")],
    initials: Annotated[str, typer.Option(help="at most 4 letters, shown where there is little room")],
    people: People,
    organisation: Of = "own",
    role: As = "care",
    password_from_stdin: FromStdin = False,
) -> None:
    """Let somebody sign in at the desk; asks for a password.

    Example: nachtwacht desk staff add sanne --first-name Sanne --initials SV --people people.db
    """
    from dashboard.organisations import role_of
    from dashboard.people import add_staff

    password = _password(password_from_stdin)
    with store(people) as db:
        add_staff(
            db,
            name,
            first_name=first_name,
            initials=initials,
            password=password,
            organisation=organisation,
            role=role_of(role),
        )
    typer.echo(f"{first_name} can sign in as {name}.")


@staff.command("appoint")
def appoint(
    name: Annotated[str, typer.Argument(help="the name somebody signs in with")],
    *,
    organisation: Of,
    role: As,
    people: People,
) -> None:
    """Let somebody work for an organisation too, in a role: they see its homes and alerts from now on.

    What each role may do stands in docs/security.md. The first administrator is appointed here; the rest, at the desk.

    Example: nachtwacht desk staff appoint sanne --organisation zon --role desk --people people.db
    """
    from dashboard.organisations import appoint, role_of
    from dashboard.people import staff_named

    with store(people) as db:
        appoint(db, staff_named(db, name), organisation, role_of(role))
    typer.echo(f"{name} works for {organisation} ({role}).")


@staff.command("dismiss")
def dismiss(
    name: Annotated[str, typer.Argument(help="the name somebody signs in with")], *, organisation: Of, people: People
) -> None:
    """Let somebody work for an organisation no more; its homes leave their screens within a second.

    Example: nachtwacht desk staff dismiss sanne --organisation zon --people people.db
    """
    from dashboard.organisations import dismiss
    from dashboard.people import staff_named

    with store(people) as db:
        dismiss(db, staff_named(db, name), organisation)
    typer.echo(f"{name} works for {organisation} no more.")


@staff.command("password")
def set_password(
    name: Annotated[str, typer.Argument(help="the name somebody signs in with")],
    *,
    people: People,
    password_from_stdin: FromStdin = False,
) -> None:
    """Give somebody another password, and end all their sessions.

    Example: nachtwacht desk staff password sanne --people people.db
    """
    from dashboard.people import set_password

    password = _password(password_from_stdin)
    with store(people) as db:
        set_password(db, name, password)
    typer.echo(f"{name} has another password, and must sign in again.")


@organisation.command("add")
def add_organisation(
    id: Annotated[str, typer.Argument(help="a short id, as in commands")],  # noqa: A002
    name: Annotated[str, typer.Argument(help="what people call it")],
    *,
    people: People,
) -> None:
    """Add an organisation, or give it another name.

    Example: nachtwacht desk organisation add zon "Zorggroep Zon" --people people.db
    """
    from dashboard.organisations import make

    with store(people) as db:
        make(db, id, name)
    typer.echo(f"{name} is known as {id}.")


@organisation.command("give")
def give_building(
    id: Annotated[str, typer.Argument(help="the organisation's id")],  # noqa: A002
    building: Annotated[str, typer.Argument(help="the id of the site, as its plan has it")],
    *,
    people: People,
) -> None:
    """Let a building belong to an organisation: from now on its people see it, and nobody else.

    Example: nachtwacht desk organisation give zon wilg --people people.db
    """
    from dashboard.organisations import give

    with store(people) as db:
        give(db, SiteId(building), id)
    typer.echo(f"{building} belongs to {id}.")


@organisation.command("list")
def list_organisations(*, people: People) -> None:
    """Print every organisation with its buildings and its people.

    Example: nachtwacht desk organisation list --people people.db
    """
    from dashboard.organisations import OWN, every

    with store(people) as db:
        for one in every(db):
            rest = "every other building" if one.id == OWN else "no building yet"
            typer.echo(f"{one.id}  {one.name}")
            typer.echo(f"  buildings: {', '.join([*one.sites, *([rest] if one.id == OWN or not one.sites else [])])}")
            who = [f"{name} ({', '.join(roles)})" for name, roles in one.staff]
            typer.echo(f"  people: {', '.join(who) or 'nobody yet'}")


@resident.command("name")
def name_resident(
    id: Annotated[str, typer.Argument(help="the resident's id in the plan of the site")],  # noqa: A002
    name: Annotated[str, typer.Argument(help="what the resident likes to be called")],
    *,
    people: People,
) -> None:
    """Say what a resident likes to be called; the desk shows it from the next page on.

    Example: nachtwacht desk resident name r-0012 "mevrouw Jansen" --people people.db
    """
    from dashboard.people import name_resident

    with store(people) as db:
        name_resident(db, ResidentId(id), name)
    typer.echo(f"{id} is called {name}.")


@contact.command("add")
def add_contact(
    name: Annotated[str, typer.Argument(help="what the contact is called; stays in the people store")],
    *,
    resident: Annotated[str, typer.Option(help="the resident's id in the plan of the site")],
    relation: Annotated[str, typer.Option(help="family, neighbour or other")],
    people: People,
) -> None:
    """Keep somebody who may be asked about a resident; prints the id by which they are known.

    They are asked only once the resident's consent is written down at the desk, under "Calling order".

    Example: nachtwacht desk contact add "Fatima" --resident r-0012 --relation neighbour --people people.db
    """
    from dashboard import contacts

    if relation not in set(contacts.Relation):
        raise typer.BadParameter("family, neighbour or other", param_hint="--relation")
    with store(people) as db:
        typer.echo(contacts.add(db, ResidentId(resident), name, contacts.Relation(relation)))


@contact.command("address")
def set_address(
    whose: Annotated[str, typer.Argument(help="a contact's id, a resident's id, night-team, back-up, night-team@SITE")],
    channel: Annotated[str, typer.Argument(help="the name of the channel")],
    address: Annotated[str, typer.Argument(help="the number or address there")],
    *,
    people: People,
) -> None:
    """Say where notices for somebody go by a channel; whoever has a number by phone, the desk calls with one click.

    Example: nachtwacht desk contact address c-1a2b3c4d phone "06 0000 0001" --people people.db
    """
    from dashboard import contacts

    with store(people) as db:
        contacts.set_address(db, whose, channel, address)
    typer.echo(f"{whose} is reached by {channel}.")


@contact.command("list")
def list_contacts(*, people: People) -> None:
    """Print who may be asked about whom.

    Example: nachtwacht desk contact list --people people.db
    """
    from dashboard import contacts

    with store(people) as db:
        for one in contacts.everyone(db):
            typer.echo(f"{one.resident}  {one.id}  {one.relation}  {one.name}")


@contact.command("remove")
def remove_contact(
    contact: Annotated[str, typer.Argument(help="the contact's id")],
    *,
    people: People,
) -> None:
    """Forget somebody with their addresses: they are not asked again.

    Example: nachtwacht desk contact remove c-1a2b3c4d --people people.db
    """
    from dashboard import contacts

    with store(people) as db:
        contacts.remove(db, ContactId(contact))
    typer.echo(f"{contact} is not asked again.")


@channel.command("set")
def set_channel(
    name: Annotated[str, typer.Argument(help="sms, phone, push, email or a name of your own")],
    url: Annotated[str, typer.Argument(help="webpush:, smtp://..., or a URL of Apprise with {address} in it")],
    *,
    test_to: Annotated[str, typer.Option(help="where its daily test goes; without it is not tested")] = "",
    people: People,
) -> None:
    """Set up a way to reach people's phones; see the services of Apprise for its URL.

    Example: nachtwacht desk channel set sms "twilio://SID:TOKEN@FROM/{address}" --people people.db
    """
    from dashboard import contacts

    with store(people) as db:
        contacts.set_channel(db, name, url, test_to=test_to)
    typer.echo(f"{name} is set up.")


@channel.command("try")
def try_channel(
    name: Annotated[str, typer.Argument(help="the name of the channel")],
    address: Annotated[str, typer.Argument(help="the number, the address, or by web push whose browsers")],
    *,
    people: People,
) -> None:
    """Send a test message by a channel now.

    Example: nachtwacht desk channel try sms 31612345678 --people people.db
    """
    from care import notices
    from care.letters import Letter, tag_of
    from dashboard import contacts
    from dashboard.carrying import Carrier

    with store(people) as db:
        known = contacts.channels(db).get(name)
        if known is None:
            raise failed(f"No channel is called {name}. Set it up first: nachtwacht desk channel set.")
        carrier, letter = Carrier(db, SystemClock()), Letter(notices.proof(), tag_of("proof", name))
        try:
            receipt = carrier.back(carrier.errand(known, address, letter)())
        except OSError as error:
            raise failed(f"{name} could not be spoken with: {error}.") from error
    if receipt.refusal is not None:
        raise failed(f"{name} did not take the message. Look at its URL, its credit and the network.")
    typer.echo(f"{name} took the message.")


@resident.command("first")
def want_first(
    id: Annotated[str, typer.Argument(help="the resident's id in the plan of the site")],  # noqa: A002
    first: Annotated[First, typer.Argument(help="what is done first when an alert comes")],
    *,
    people: People,
    note: Annotated[str, typer.Option(help="a few words beside it")] = "",
) -> None:
    """Say what a resident wants done first when an alert comes; the desk shows it beside every alert.

    Example: nachtwacht desk resident first r-0012 video --note "the screen hangs in the bedroom" --people people.db
    """
    from dashboard.wishes import want

    with store(people) as db:
        want(db, ResidentId(id), first, note)
    typer.echo(f"For {id} this comes first: {first.value}.")


@cli.command("video")
def video(
    link: Annotated[str, typer.Argument(help="where a video call starts: https://video.example/{resident}")],
    *,
    people: People,
) -> None:
    """Say where video calls with residents start; {resident} stands for the resident's id.

    Example: nachtwacht desk video "https://video.example/{resident}" --people people.db
    """
    from dashboard.wishes import start_video_at

    with store(people) as db:
        start_video_at(db, link)
    typer.echo("The desk starts video calls there.")


@cli.command("authority")
def make_authority(
    folder: Annotated[Path, typer.Argument(help="where it is made; only the centre may read it")],
    *,
    name: Annotated[
        list[str], typer.Option(help="a name or address under which the broker is reached; may be given more than once")
    ],
) -> None:
    """Make what signs the certificates of gateways, and the files of the centre's broker. Keep a copy of it safe.

    Example: nachtwacht desk authority /var/lib/nachtwacht/authority --name mqtt.centre.example --name 127.0.0.1
    """
    from dashboard.authority import Authority, BadAuthority, make

    try:
        make(folder, name, SystemClock().now())
        fingerprint = Authority(folder).fingerprint
    except BadAuthority as error:
        raise failed(str(error)) from error
    typer.echo(f"{folder}: made. Its fingerprint: {fingerprint}")
    typer.echo(f"The broker's files are in {folder / 'broker'}; let its user read broker.pem (deploy/centre).")


@enrolment.command("code")
def enrolment_code(
    site: Annotated[str, typer.Argument(help="the id of the site, as its plan has it")],
    *,
    people: People,
    authority: Annotated[Path, typer.Option(help="the folder of 'desk authority'")],
    organisation: Annotated[str | None, typer.Option(help="refuse, unless the building is this one's")] = None,
) -> None:
    """Print a code with which one gateway can enrol for a building, once, within 24 hours.

    A code that waited for the building is worth nothing any more.

    Example: nachtwacht desk enrolment code wilg --people people.db --authority /var/lib/nachtwacht/authority
    """
    from dashboard.authority import Authority, BadAuthority
    from dashboard.enrolment import make_code

    try:
        signs = Authority(authority)
    except BadAuthority as error:
        raise failed(str(error)) from error
    with store(people) as db:
        typer.echo(str(make_code(db, site, signs, SystemClock().now(), organisation)))
    typer.echo(
        "Good for 24 hours, for one gateway. Whoever has it can be this building: say it to nobody else.", err=True
    )


@enrolment.command("list")
def list_enrolled(*, people: People) -> None:
    """Print which gateways are enrolled, and which codes wait.

    Example: nachtwacht desk enrolment list --people people.db
    """
    from dashboard.enrolment import enrolled, waiting

    with store(people) as db:
        for one in enrolled(db):
            state = (
                f"until {one.valid_until:%Y-%m-%d}" if one.revoked_at is None else f"revoked {one.revoked_at:%Y-%m-%d}"
            )
            typer.echo(f"{one.site}  {state}  {one.fingerprint}")
        for code in waiting(db, SystemClock().now()):
            typer.echo(f"{code.site}  a code waits, until {code.until:%Y-%m-%d %H:%M} UTC")


@enrolment.command("log")
def enrolment_log(*, people: People, last: Annotated[int, typer.Option(min=1, max=1000, help="how many")] = 50) -> None:
    """Print what was enrolled, renewed, revoked and refused, the newest first.

    Example: nachtwacht desk enrolment log --people people.db
    """
    from dashboard.enrolment import log

    with store(people) as db:
        for one in log(db, last):
            said = (f"{one.at:%Y-%m-%d %H:%M:%S}", one.what, one.site or "-", one.who, one.why, one.fingerprint[:16])
            typer.echo("  ".join(filter(None, said)))


@enrolment.command("revoke")
def revoke(site: Annotated[str, typer.Argument(help="the id of the site")], *, people: People) -> None:
    """Take back what a building's gateway has: the centre hears it no more. A desk that runs does so within seconds.

    Example: nachtwacht desk enrolment revoke wilg --people people.db
    """
    from dashboard.enrolment import COMMAND, revoke

    with store(people) as db:
        count = revoke(db, SiteId(site), by=COMMAND, now=SystemClock().now())
    if not count:
        raise failed(f"No gateway of {site} is enrolled. Look at: nachtwacht desk enrolment list.")
    typer.echo(f"{site}: taken back ({count}). Its gateway needs a new code.")


@contextmanager
def store(place: Where) -> Iterator[Database]:
    """Open the people store; whatever cannot be kept there ends the command with one sentence."""
    from dashboard.organisations import NoOrganisation
    from dashboard.people import NameTaken, Unknown, at

    try:
        with closing(at(place)) as db:
            yield db
    except NameTaken as error:
        raise failed(f"Somebody signs in as {error} already. Choose another name.") from error
    except Unknown as error:
        raise failed(f"Nobody signs in as {error}.") from error
    except NoOrganisation as error:
        raise failed(f"There is no organisation {error}. Add it with 'organisation add'.") from error
    except ValueError as error:
        raise failed(str(error)) from error
    except sqlite3.Error as error:
        raise failed(f"Cannot use the people store {shown(place)}: {error}.") from error


def _password(from_stdin: bool) -> str:  # noqa: FBT001
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked
