"""`nachtwacht desk contract`: what programs that are not ours must know, as documents for programs."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class Document(StrEnum):
    """Which one."""

    RECORDS = "records"  # JSON Schema of every record
    LINK = "link"  # AsyncAPI of what building and centre say over MQTT
    API = "api"  # OpenAPI of what programs may ask


def contract(document: Annotated[Document, typer.Argument(help="records, link or api")]) -> None:
    """Print a contract, made of the program itself: of records, of the link over MQTT, or of what programs may ask.

    Example: nachtwacht desk contract link > link.asyncapi.json
    """
    from care.contract import asyncapi, records
    from care.version import version
    from dashboard.api import described

    match document:
        case Document.RECORDS:
            told: object = records()
        case Document.LINK:
            told = asyncapi(version())
        case Document.API:
            told = described()
    typer.echo(json.dumps(told, indent=2))
