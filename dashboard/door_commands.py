"""`nachtwacht desk oidc` and `desk second-step`: by what people sign in, where a page will not do."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands import store
from dashboard.options import People, failed

oidc = typer.Typer(no_args_is_help=True, help="An organisation's own sign-in, by OpenID Connect.")
second_step = typer.Typer(no_args_is_help=True, help="What people sign in with besides a password.")

SECRET = "NACHTWACHT_OIDC_SECRET"  # noqa: S105  # the name of the variable

Organisation = Annotated[str, typer.Argument(help="the organisation's id")]
Name = Annotated[str, typer.Argument(help="the name somebody signs in with")]


@oidc.command("set")
def settle(
    organisation: Organisation,
    *,
    issuer: Annotated[str, typer.Option(help="the provider's address, exactly as it calls itself")],
    client_id: Annotated[str, typer.Option(help="what the provider calls this centre")],
    people: People,
    secret_file: Annotated[
        Path | None, typer.Option(help=f"a file with the client's secret; without it, {SECRET} of the environment")
    ] = None,
    claim: Annotated[str, typer.Option(help="which claim is the name that identities are linked by")] = (
        "preferred_username"
    ),
) -> None:
    """Let an organisation's people sign in by its own provider. At the provider, allow the address URL/sign-in/with.

    Example: nachtwacht desk oidc set zon --issuer https://login.zon.example --client-id nachtwacht --people people.db
    """
    from dashboard import openid

    try:
        secret = os.environ.get(SECRET, "") if secret_file is None else secret_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise failed(f"{secret_file}: cannot be read.") from error
    with store(people) as db:
        openid.settle(db, organisation, issuer=issuer, client_id=client_id, secret=secret.strip(), claim=claim)
    typer.echo(f"{organisation} signs in at {issuer}. Link its people: nachtwacht desk oidc link, or invite them.")


@oidc.command("link")
def link(
    name: Name,
    identity: Annotated[str, typer.Argument(help="what the provider's claim says of them")],
    *,
    organisation: Annotated[str, typer.Option(help="the organisation's id")],
    people: People,
) -> None:
    """Let somebody come by an identity of their organisation's own sign-in.

    Example: nachtwacht desk oidc link sanne s.visser@zon.example --organisation zon --people people.db
    """
    from dashboard import openid
    from dashboard.people import staff_named

    with store(people) as db:
        if openid.of(db, organisation) is None:
            raise failed(f"{organisation} has no sign-in of its own. Set it up first: nachtwacht desk oidc set.")
        openid.link(db, organisation, staff_named(db, name), identity)
    typer.echo(f"{name} comes as {identity}.")


@oidc.command("remove")
def remove(organisation: Organisation, *, people: People) -> None:
    """Let nobody come by an organisation's own sign-in any more; who came by it is signed out.

    Example: nachtwacht desk oidc remove zon --people people.db
    """
    from dashboard import openid

    with store(people) as db:
        if not openid.remove(db, organisation):
            raise failed(f"{organisation} has no sign-in of its own.")
    typer.echo(f"{organisation} has no sign-in of its own any more.")


@second_step.command("ask")
def ask(
    organisation: Organisation,
    *,
    people: People,
    no_more: Annotated[bool, typer.Option("--no-more", help="ask it of everybody no more")] = False,
) -> None:
    """Ask a second step of everybody who works for an organisation: they set it up at their next sign-in.

    Example: nachtwacht desk second-step ask zon --people people.db
    """
    from dashboard import factors
    from dashboard.organisations import name_of

    with store(people) as db:
        name_of(db, organisation)
        factors.demand(db, organisation, wanted=not no_more)
    typer.echo(f"{organisation} asks a second step{' no more' if no_more else ''}.")


@second_step.command("forget")
def forget(name: Name, *, people: People) -> None:
    """Take every second step from somebody who has lost them all, and end their sessions. Be sure who asks.

    Example: nachtwacht desk second-step forget sanne --people people.db
    """
    from dashboard import factors
    from dashboard.people import end_sessions, staff_named

    with store(people) as db:
        staff = staff_named(db, name)
        factors.forget(db, staff)
        factors.demand(db, staff)
        end_sessions(db, staff)
    typer.echo(f"{name} sets up a second step at the next sign-in.")
