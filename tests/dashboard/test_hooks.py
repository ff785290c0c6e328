"""Programs that are told: what changed, signed, once it is written down, and again until they have taken it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import journal
from care.ids import StaffId
from care.records import Claimed
from dashboard import access_log, hooks, organisations, people
from dashboard.access_log import Asked, Deed
from dashboard.commands import cli
from dashboard.hooking import Hooking
from dashboard.hooks import LONGEST_PAUSE, Hook, Kind, pause
from dashboard.organisations import OWN
from dashboard.pages import Desk
from dashboard.typed import BadInput
from detectors.homes import HomeId, SiteId
from tests.care.test_fhir import checked
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, StoryClock, batch, finding, plan, status

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]

URL = "https://planning.example/hook"
Answers = Callable[[httpx.Request], httpx.Response]


class Receiver:
    """Stands in for a program elsewhere: keeps what it took, and answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.took: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []  # the next ones; else it takes all

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else self.takes(request)
        if isinstance(answer, Exception):
            raise answer
        if answer.is_success:
            self.took.append(request)
        return answer

    def takes(self, request: httpx.Request) -> httpx.Response:
        if "fhir" not in request.headers["Content-Type"]:
            return httpx.Response(204)
        entries = json.loads(request.content)["entry"]
        return batch_answer(*["200 OK"] * len(entries))

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(one.content) for one in self.took]


def batch_answer(*statuses: str) -> httpx.Response:
    entries = [{"response": {"status": one}} for one in statuses]
    return httpx.Response(200, json={"resourceType": "Bundle", "type": "batch-response", "entry": entries})


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def hooking(desk: Desk, receiver: Receiver) -> Hooking:
    await desk.centre.take(WILG, batch(plan()))
    return Hooking(desk, httpx.AsyncClient(transport=httpx.MockTransport(receiver)))


def a_hook(desk: Desk, kind: Kind = Kind.EVENTS, organisation: str = OWN, secret: str = "") -> Hook:
    return hooks.add(
        desk.people,
        organisation,
        "planning",
        kind,
        URL,
        now=desk.wall.now(),
        told=desk.centre.number,
        secret=secret,
    )


def known(desk: Desk) -> Hook:
    [hook] = hooks.of(desk.people)
    return hook


async def told(hooking: Hooking) -> None:
    for _ in range(5):  # what is told in one go may leave more
        hooking.look()
        await hooking.settle()


async def test_what_changed_is_told_signed_and_then_written_down(
    desk: Desk, hooking: Hooking, receiver: Receiver
) -> None:
    hook = a_hook(desk)
    await desk.centre.take(WILG, batch(status(), finding(), after=1))
    await told(hooking)
    [said] = receiver.said
    assert [one["id"] for one in said["data"]["alerts"]] == [ALERT]
    assert [one["home"] for one in said["data"]["homes"]] == [HOME]
    [request] = receiver.took
    message, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message}.{stamp}.".encode() + request.content, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert known(desk).told == desk.centre.number
    asked = Asked(since=NIGHT, until=desk.wall.now() + timedelta(days=1))
    [entry] = [one for _, one in access_log.found(desk.access_log, asked)]
    assert (entry.by, entry.home, entry.deed) == (f"program:{hook.id}", HOME, Deed.EXPORTED)


async def test_what_was_there_before_is_not_told_and_nothing_is_told_twice(
    desk: Desk, hooking: Hooking, receiver: Receiver
) -> None:
    await desk.centre.take(WILG, batch(finding(), after=1))
    a_hook(desk)
    await told(hooking)
    assert receiver.took == []
    await desk.centre.write(lambda _board, at: [Claimed(at=at, home=HOME, alert=ALERT, by=StaffId("s-1"))])
    await told(hooking)
    await told(hooking)
    [said] = receiver.said
    assert said["data"]["alerts"][0]["state"] == "claimed"


@pytest.mark.parametrize(
    "wrong",
    [
        httpx.Response(500),
        httpx.Response(401),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
        httpx.ConnectError("nobody there"),
        httpx.ReadTimeout("too slow"),
    ],
)
async def test_a_receiver_that_takes_nothing_is_told_again_under_the_same_id(
    desk: Desk, hooking: Hooking, receiver: Receiver, wall: StoryClock, wrong: httpx.Response | Exception
) -> None:
    a_hook(desk)
    await desk.centre.take(WILG, batch(finding(), after=1))
    receiver.answers = [wrong, wrong]
    await told(hooking)
    assert receiver.took == []
    assert known(desk).why
    for seconds in (2, 4):
        wall.wait(seconds=seconds)
        await told(hooking)
    assert len(receiver.took) == 1
    assert len({one.headers["webhook-id"] for one in receiver.asked}) == 1
    assert (known(desk).failing_since, known(desk).why) == (None, "")


async def test_a_receiver_that_asks_for_time_gets_it(
    desk: Desk, hooking: Hooking, receiver: Receiver, wall: StoryClock
) -> None:
    a_hook(desk)
    await desk.centre.take(WILG, batch(finding(), after=1))
    receiver.answers = [httpx.Response(429, headers={"Retry-After": "90"})]
    await told(hooking)
    wall.wait(seconds=89)
    await told(hooking)
    assert receiver.took == []
    wall.wait(seconds=1)
    await told(hooking)
    assert len(receiver.took) == 1


async def test_one_that_takes_nothing_holds_up_no_other(desk: Desk, hooking: Hooking, receiver: Receiver) -> None:
    a_hook(desk)
    a_hook(desk)
    await desk.centre.take(WILG, batch(finding(), after=1))
    receiver.answers = [httpx.Response(503)]
    await told(hooking)
    assert len(receiver.took) == 1
    assert sorted(bool(one.why) for one in hooks.of(desk.people)) == [False, True]


async def test_what_it_says_is_wrong_is_left_out_counted_and_it_goes_on(
    desk: Desk, hooking: Hooking, receiver: Receiver
) -> None:
    a_hook(desk)
    await desk.centre.take(WILG, batch(finding(), after=1))
    receiver.answers = [httpx.Response(422)]
    await told(hooking)
    assert (known(desk).refused, known(desk).told) == (1, desk.centre.number)
    await desk.centre.write(lambda _board, at: [Claimed(at=at, home=HOME, alert=ALERT, by=StaffId("s-1"))])
    await told(hooking)
    assert len(receiver.took) == 1


async def test_homes_of_another_organisation_are_not_told(desk: Desk, hooking: Hooking, receiver: Receiver) -> None:
    organisations.make(desk.people, "zon", "Zorg zon")
    organisations.give(desk.people, SiteId("eik"), "zon")
    other = HomeId("eik/3")
    a_hook(desk, organisation="zon")
    await desk.centre.take(WILG, batch(finding(), after=1))
    await told(hooking)
    assert receiver.took == []
    assert known(desk).told == desk.centre.number
    await desk.centre.take(SiteId("eik"), batch(plan(SiteId("eik"), other), finding(other), of="journal-of-eik"))
    await told(hooking)
    assert [one["home"] for one in receiver.said[0]["data"]["alerts"]] == [other]


async def test_where_it_cannot_be_written_down_nothing_is_told(
    desk: Desk, hooking: Hooking, receiver: Receiver
) -> None:
    a_hook(desk)
    desk.access_log.execute("DROP TABLE entry")
    await desk.centre.take(WILG, batch(finding(), after=1))
    await told(hooking)
    assert receiver.took == []
    assert known(desk).why


async def test_a_care_record_gets_a_batch_in_which_each_resource_has_its_place(
    desk: Desk, hooking: Hooking, receiver: Receiver
) -> None:
    a_hook(desk, Kind.FHIR, secret="t0ken")
    await desk.centre.take(WILG, batch(finding(), after=1))
    await told(hooking)
    [request] = receiver.took
    assert request.headers["Authorization"] == "Bearer t0ken"
    bundle = checked(json.loads(request.content))
    assert bundle["type"] == "batch"
    assert {one["request"]["method"] for one in bundle["entry"]} == {"PUT"}
    assert f"Observation/alert-{ALERT}" in {one["request"]["url"] for one in bundle["entry"]}


async def test_a_care_record_that_refuses_one_resource_keeps_the_others_and_one_that_is_busy_gets_all_again(
    desk: Desk, hooking: Hooking, receiver: Receiver, wall: StoryClock
) -> None:
    a_hook(desk, Kind.FHIR)
    await desk.centre.take(WILG, batch(finding(), after=1))
    receiver.answers = [batch_answer("503 Service Unavailable", "201 Created", "201 Created"), httpx.Response(200)]
    await told(hooking)
    assert known(desk).why == "it could not take all of a batch"
    wall.wait(seconds=2)
    await told(hooking)
    assert known(desk).why == "it answers a batch with what is no JSON"
    receiver.answers = [batch_answer("422 Unprocessable Entity", "201 Created", "201 Created")]
    wall.wait(seconds=4)
    await told(hooking)
    assert (known(desk).refused, known(desk).told) == (1, desk.centre.number)


@given(tries=st.integers(1, 10_000), asked=st.none() | st.floats(-1e6, 1e6))
def test_a_pause_is_bounded_and_as_long_as_is_asked_within_an_hour(tries: int, asked: float | None) -> None:
    waits = pause(tries, asked)
    assert timedelta(seconds=2) <= waits <= timedelta(hours=1)
    if asked is not None and asked <= 3_600:
        assert waits >= timedelta(seconds=asked)
    if asked is None:
        assert waits <= LONGEST_PAUSE


@pytest.mark.parametrize(
    "url", ["http://planning.example/", "ftp://x.example", "https://", "https://a:b@x.example/", ""]
)
async def test_an_address_that_would_be_told_in_plain_text_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(BadInput):
        hooks.add(desk.people, OWN, "planning", Kind.EVENTS, url, now=desk.wall.now(), told=0)


def test_a_hook_is_added_listed_and_ended_by_command(tmp_path: Path) -> None:
    file, book = tmp_path / "people.db", tmp_path / "centre.db"
    people.connect(file).close()
    journal.connect(book).close()
    run, at = CliRunner(), ["--people", str(file)]
    done = run.invoke(cli, ["hook", "add", "planning", URL, "--journal", str(book), *at])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("whsec_")
    listed = run.invoke(cli, ["hook", "list", *at]).stdout
    assert "planning: nothing was told yet" in listed
    assert "whsec_" not in listed
    assert run.invoke(cli, ["hook", "end", listed.split()[0], *at]).exit_code == 0
    refused = run.invoke(cli, ["hook", "add", "planning", "http://x.example", "--journal", str(book), *at])
    assert refused.exit_code == 1
    assert "https://" in refused.stderr
