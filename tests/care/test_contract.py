"""The contract for programs that are not ours, held against what buildings and centre really say."""

import json
import subprocess
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from typer.testing import CliRunner

from care import contract, link
from care.ids import StaffId
from care.link import Batch, Beat, Have
from care.records import Record, encode
from dashboard.commands import cli
from detectors.findings import Finding, What
from detectors.moments import SensorEvent
from gateway import rehearsal
from gateway.watch import Watch
from tests.care.test_alerts import a_finding, stories
from tests.conftest import part
from tests.dashboard.besieged import a_record
from tests.stories import instant

PARSER = Path(__file__).parents[1] / "asyncapi"
RECORDS = jsonschema_rs.validator_for(contract.records())


def link_message(body: bytes) -> list[str]:
    """Return what is wrong with a message of the link by its AsyncAPI document."""
    document = contract.asyncapi("1")
    told = json.loads(body)
    shape = next(one for one in ("Batch", "Have", "Beat") if one.lower() == told["type"])
    schema = {"$ref": f"#/components/schemas/{shape}", "components": document["components"]}
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(told)]


@given(story=stories())
def test_whatever_is_written_down_is_as_the_schema_says(story: list[Record]) -> None:
    for record in story:
        RECORDS.validate(json.loads(encode(record)))


def test_all_that_a_building_tells_of_a_night_is_as_the_schema_says() -> None:
    site = rehearsal.site()
    watch, told = Watch(site), list[Record]()
    for moment in rehearsal.demo_night(plan=site):
        if isinstance(moment, SensorEvent):
            told.append(moment)
            told += [record for _, record in watch.take(moment, moment.at)]
    assert len({type(one) for one in told}) > 3
    for record in told:
        RECORDS.validate(json.loads(encode(record)))


@pytest.mark.parametrize("kind", get_args(Record))
def test_every_kind_of_record_is_as_the_schema_says(kind: type[msgspec.Struct]) -> None:
    made = a_finding() if kind is Finding else a_record(kind, StaffId("s-1"))
    RECORDS.validate(json.loads(encode(made)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "claimed"},
        {"type": "never-heard-of"},
        json.loads(encode(a_finding())) | {"what": "boredom"},
        json.loads(encode(a_finding())) | {"at": 3},
    ],
)
def test_what_is_no_record_is_refused_by_the_schema_and_by_the_program(wrong: dict[str, Any]) -> None:
    assert not RECORDS.is_valid(wrong)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(json.dumps(wrong), type=Record)


def test_what_is_said_on_the_link_is_as_its_document_says() -> None:
    finding = msgspec.Raw(encode(a_finding(What.BATH)))
    for message in (
        Batch("j", 3, 4, (finding,)),
        Batch("j", 0, 0),
        Have("j", 7),
        Beat(instant("02:00"), proof=instant("01:59")),
    ):
        assert link_message(link.encode(message)) == []
    broken = Batch("j", 3, 4, (msgspec.Raw(b'{"type":"finding"}'),))
    assert link_message(link.encode(broken)) != []


def test_the_document_of_the_link_is_read_by_the_parser_of_asyncapi() -> None:
    assert (PARSER / "node_modules").is_dir(), "the parser is not installed: run 'make setup', which installs it."
    done = subprocess.run(
        [part("node"), "parse.mjs"],
        cwd=PARSER,
        input=json.dumps(contract.asyncapi("0.1.0")),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(done.stdout)
    assert [one["message"] for one in told["diagnostics"] if one["severity"] == 0] == []
    assert told["channels"] == [[link.up_topic("{site}"), 3], [link.down_topic("{site}"), 3]]


@pytest.mark.parametrize(("document", "key"), [("records", "$defs"), ("link", "asyncapi"), ("api", "openapi")])
def test_each_document_is_printed_by_command(document: str, key: str) -> None:
    done = CliRunner().invoke(cli, ["contract", document])
    assert done.exit_code == 0
    assert key in json.loads(done.stdout)
