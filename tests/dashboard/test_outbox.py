"""The outbox: what a record asks for goes out, once; what refuses is said, and holds up nothing else."""

import asyncio
import http.server
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest

from care import journal
from care.asking import Agreement, CalledOff, Chain, ChainAgreed, Line, Noticed, Passed, Proven, Refusal, Step
from care.chains import DESK, NIGHT_TEAM, ORGANISATION
from care.database import Database
from care.deeds import claim, resolve
from care.escalation import due
from care.ids import ContactId, StaffId
from care.messages import Carried, Kind, ToTell, message_of
from care.records import How, Outcome
from dashboard import contacts
from dashboard.centre import Centre
from dashboard.outbox import Outbox
from dashboard.typed import BadInput
from detectors.homes import HomeId, ResidentId
from tests.carriers import Gateway, running
from tests.dashboard.conftest import ALERT, HOME, WILG, StoryClock, batch, eventually, finding, home, plan

pytestmark = pytest.mark.anyio


class Phones:
    """Stands in for every gateway there is: takes what it is told to take."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str]] = []
        self.dead: set[str] = set()  # refuse
        self.broken: set[str] = set()  # raise
        self.hangs: set[str] = set()
        self.hang = threading.Event()

    def __call__(self, url: str, address: str, body: str) -> bool:
        channel = url.partition("//")[2].partition("/")[0]
        if channel in self.hangs:
            self.hang.wait(5)
            return True
        if channel in self.broken:
            raise OSError("connection refused")
        if channel in self.dead:
            return False
        self.got.append((channel, address, body))
        return True


@pytest.fixture
def phones() -> Iterator[Phones]:
    made = Phones()
    yield made
    made.hang.set()


@pytest.fixture
def people_store(store: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    for name in ("sms", "push", "phone"):
        contacts.set_channel(store, name, f"json://{name}/{{address}}")
    contacts.set_address(store, "night-team", "sms", "31611111111")
    contacts.set_address(store, "night-team", "push", "team")
    return store


def agreed(*channels: str) -> ChainAgreed:
    steps = (
        Step(line=Line.TWO, who=NIGHT_TEAM, channels=channels or ("push", "sms"), minutes=5.0),
        Step(line=Line.ONE, who=DESK, minutes=3.0),
    )
    after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=steps),))
    return ChainAgreed(at=finding().at, place=ORGANISATION, by=StaffId("s-1"), why="begin", before=None, after=after)


@pytest.fixture
async def asked(centre: Centre) -> Centre:
    """A centre in which the night team has just been asked."""
    await centre.write(lambda board, at: [agreed()])
    await centre.take(WILG, batch(plan(), finding()))
    await centre.write(due)
    return centre


def outbox(centre: Centre, store: Database, wall: StoryClock, phones: Phones, **more: Any) -> Outbox:
    return Outbox(centre, store, wall, post=phones, url="https://desk.example/", phone="0201234567", **more)


async def turn(box: Outbox) -> None:
    box.look()
    await box.settle()


def noticed(centre: Centre, kind: type[Noticed | CalledOff] = Noticed) -> list[tuple[str, str, Refusal | None]]:
    told = [one for one in centre.board.alerts[ALERT].passing if isinstance(one, kind)]
    return [(one.to, one.channel, one.refusal) for one in told]


@pytest.mark.both_stores
async def test_what_is_asked_goes_out_once_and_stands_in_the_journal(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    box = outbox(asked, people_store, wall, phones)
    for _ in range(3):
        await turn(box)
    [(channel, address, body)] = phones.got
    assert (channel, address) == ("push", "team")
    assert noticed(asked) == [(NIGHT_TEAM, "push", None)]
    token = body.rpartition("/")[2]
    assert "https://desk.example/answer/" in body
    assert contacts.follow_link(people_store, token, wall.now()) == (ALERT, NIGHT_TEAM)
    wall.wait(hours=13)
    assert contacts.follow_link(people_store, token, wall.now()) is None


async def test_a_channel_that_refuses_gives_way_to_the_next_and_then_to_the_next_step(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    phones.dead, phones.broken = {"push"}, {"sms"}
    box = outbox(asked, people_store, wall, phones)
    await turn(box)
    await turn(box)
    assert noticed(asked) == [(NIGHT_TEAM, "push", Refusal.REFUSED), (NIGHT_TEAM, "sms", Refusal.REFUSED)]
    await asked.write(due)
    passed = [(one.to, one.why) for one in asked.board.alerts[ALERT].passing if isinstance(one, Passed)]
    assert passed == [(NIGHT_TEAM, "first"), (DESK, "unreached")]
    assert list(asked.board.channels.dead) == ["push", "sms"]


async def test_a_channel_that_hangs_holds_up_no_other_and_is_refused_after_its_time(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    phones.hangs = {"push"}
    box = outbox(asked, people_store, wall, phones, within_s=0.05)
    await turn(box)
    await turn(box)
    assert noticed(asked) == [(NIGHT_TEAM, "push", Refusal.NO_ANSWER), (NIGHT_TEAM, "sms", None)]


async def test_a_channel_that_has_just_refused_comes_last_for_the_next_alert(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    await asked.write(lambda board, at: [Proven(at=at, channel="push", refusal=Refusal.NO_ANSWER)])
    await turn(outbox(asked, people_store, wall, phones))
    assert [channel for channel, _, _ in phones.got] == ["sms"]


async def test_who_has_no_address_is_passed_by_and_no_channel_is_blamed(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    people_store.execute("DELETE FROM address")
    box = outbox(asked, people_store, wall, phones)
    await turn(box)
    await turn(box)
    assert [why for _, _, why in noticed(asked)] == [Refusal.NO_ADDRESS, Refusal.NO_ADDRESS]
    assert asked.board.channels.dead == {}


async def test_a_channel_that_is_not_set_up_refuses(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    people_store.execute("DELETE FROM channel")
    await turn(outbox(asked, people_store, wall, phones))
    assert noticed(asked) == [(NIGHT_TEAM, "push", Refusal.NO_CHANNEL)]


async def closed(centre: Centre) -> None:
    sanne = StaffId("s-1")
    await centre.write(lambda board, at: claim(board.alerts[ALERT], sanne, at))
    await centre.write(lambda board, at: resolve(board.alerts[ALERT], sanne, at, Outcome.HELPED, How.PHONE))


def called_off(centre: Centre) -> list[tuple[str, str, Refusal | None]]:
    return noticed(centre, CalledOff)


async def test_who_was_asked_hears_once_that_help_is_not_needed_and_nothing_of_anybody(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    box = outbox(asked, people_store, wall, phones)
    await turn(box)
    await closed(asked)
    for _ in range(3):
        await turn(box)
    assert phones.got[1:] == [("push", "team", "Nachtwacht: hulp is niet meer nodig. Dank je wel.")]
    assert called_off(asked) == [(NIGHT_TEAM, "push", None)]


async def test_that_help_is_not_needed_is_told_after_a_restart_and_by_a_dead_channel_not_for_ever(
    tmp_path: Path,
    asked: Centre,
    people_store: Database,
    clock: StoryClock,
    wall: StoryClock,
    phones: Phones,
) -> None:
    await turn(outbox(asked, people_store, wall, phones))
    await closed(asked)
    asked.close()
    clock.wait(minutes=-5)  # and its clock was set back meanwhile
    again = Centre(journal.connect(tmp_path / "centre.db"), clock)
    phones.hangs = {"push"}
    box = outbox(again, people_store, wall, phones, within_s=0.05)
    for _ in range(3):
        await turn(box)
    assert called_off(again) == [(NIGHT_TEAM, "push", Refusal.NO_ANSWER)]
    again.close()


async def test_a_centre_that_died_before_it_sent_sends_after_its_start(
    tmp_path: Path,
    asked: Centre,
    people_store: Database,
    clock: StoryClock,
    wall: StoryClock,
    phones: Phones,
) -> None:
    asked.close()
    again = Centre(journal.connect(tmp_path / "centre.db"), clock)
    await turn(outbox(again, people_store, wall, phones))
    assert noticed(again) == [(NIGHT_TEAM, "push", None)]
    again.close()


async def test_a_disk_that_refuses_makes_nobody_get_it_twice(
    asked: Centre,
    people_store: Database,
    wall: StoryClock,
    phones: Phones,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dashboard.outbox.AGAIN_S", 0.0)
    box, append, tries = outbox(asked, people_store, wall, phones), journal.append, [0]

    def full(*args: Any, **more: Any) -> Any:
        tries[0] += 1
        if tries[0] < 4:
            raise sqlite3.OperationalError("database or disk is full")
        return append(*args, **more)

    monkeypatch.setattr(journal, "append", full)
    box.look()
    box.look()
    await box.settle()
    assert len(phones.got) == 1
    assert noticed(asked) == [(NIGHT_TEAM, "push", None)]


async def test_a_channel_with_a_test_address_is_tried_once_a_day(
    centre: Centre, people_store: Database, clock: StoryClock, wall: StoryClock, phones: Phones
) -> None:
    contacts.set_channel(people_store, "sms", "json://sms/{address}", test_to="31699999999")
    box = outbox(centre, people_store, wall, phones)
    await turn(box)
    await turn(box)
    assert [(channel, address) for channel, address, _ in phones.got] == [("sms", "31699999999")]
    clock.wait(hours=24)
    phones.dead = {"sms"}
    await turn(box)
    assert list(centre.board.channels.dead) == ["sms"]


async def test_a_people_store_that_would_not_is_asked_again(
    asked: Centre,
    people_store: Database,
    wall: StoryClock,
    phones: Phones,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, tries = contacts.address, [0]

    def locked(*args: Any) -> Any:
        tries[0] += 1
        if tries[0] == 1:
            raise sqlite3.OperationalError("database is locked")
        return address(*args)

    monkeypatch.setattr(contacts, "address", locked)
    box = outbox(asked, people_store, wall, phones)
    await turn(box)
    assert noticed(asked) == []
    await turn(box)
    assert noticed(asked) == [(NIGHT_TEAM, "push", None)]


async def test_it_goes_on_until_it_is_called_off(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones
) -> None:
    running = asyncio.create_task(outbox(asked, people_store, wall, phones).run())
    await eventually(lambda: noticed(asked) != [])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_apprise_posts_to_a_real_server_of_this_machine(
    asked: Centre, people_store: Database, wall: StoryClock
) -> None:
    posted: list[tuple[str, dict[str, str]]] = []

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append((self.path, said))
            self.send_response(200 if "31611111111" in self.path else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("push", "sms"):
            contacts.set_channel(people_store, name, f"json://127.0.0.1:{server.server_port}/{name}/{{address}}")
        box = Outbox(asked, people_store, wall, url="https://desk.example")
        await turn(box)
        await turn(box)
        box.close()
        server.shutdown()
    assert [path for path, _ in posted] == ["/push/team", "/sms/31611111111"]
    assert posted[1][1]["message"].startswith("Nachtwacht: dringende melding ")
    assert "De Wilg" not in json.dumps(posted)
    assert noticed(asked) == [(NIGHT_TEAM, "push", Refusal.REFUSED), (NIGHT_TEAM, "sms", None)]


# A gateway that takes a text message, and says so when our patience is over.


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    made.answers.clear()
    with running(made):
        yield made
        made.answers.set()


def slow_one(centre: Centre, store: Database, wall: StoryClock, gateway: Gateway, more: str = "") -> Outbox:
    contacts.set_channel(store, "sms", f"json://127.0.0.1:{gateway.port}/{{address}}{more}")
    return Outbox(centre, store, wall, url="https://desk.example", within_s=0.3)


@pytest.mark.parametrize(("more", "texts"), [("", 2), ("?+Idempotency-Key={once}", 1)])
async def test_what_is_acute_is_given_to_a_slow_gateway_twice_and_a_gateway_that_knows_its_key_sends_it_once(
    centre: Centre,
    people_store: Database,
    clock: StoryClock,
    wall: StoryClock,
    gateway: Gateway,
    more: str,
    texts: int,
) -> None:
    await centre.write(lambda board, at: [agreed("sms")])
    await centre.take(WILG, batch(plan(), finding()))
    await centre.write(due)
    box = slow_one(centre, people_store, wall, gateway, more)
    await turn(box)
    assert noticed(centre) == [(NIGHT_TEAM, "sms", Refusal.NO_ANSWER)]
    await centre.write(due)
    assert [one.to for one in centre.board.alerts[ALERT].passing if isinstance(one, Passed)] == [NIGHT_TEAM, DESK]
    clock.wait(seconds=30)
    await turn(box)
    assert len(gateway.asked) == 2
    assert len(gateway.got) == texts
    assert len(set(gateway.got)) == 1  # the same words and the same place to answer
    gateway.answers.set()
    await eventually(lambda: (NIGHT_TEAM, "sms", None) in noticed(centre))
    box.close()


async def test_an_answer_that_comes_late_is_believed_and_it_is_not_sent_again(
    asked: Centre, people_store: Database, clock: StoryClock, wall: StoryClock, gateway: Gateway
) -> None:
    contacts.set_channel(people_store, "push", f"json://127.0.0.1:{gateway.port}/{{address}}")
    contacts.set_address(people_store, "night-team", "sms", "31611111111")
    box = slow_one(asked, people_store, wall, gateway)
    await turn(box)
    gateway.answers.set()
    await eventually(lambda: noticed(asked)[1:] == [(NIGHT_TEAM, "push", None)])
    clock.wait(seconds=30)
    await turn(box)
    assert [path for path, _ in gateway.got] == ["/team"]
    box.close()


async def test_news_that_may_have_arrived_goes_another_way_and_by_no_way_twice(
    centre: Centre, people_store: Database, clock: StoryClock, wall: StoryClock, gateway: Gateway
) -> None:
    await centre.take(WILG, batch(plan()))
    told = ToTell(at=clock.now(), to=ContactId("night-team"), kind=Kind.LOOKED, channels=("sms", "push"), home=HOME)
    await centre.write(lambda board, at: [told])
    contacts.set_channel(people_store, "push", "json://127.0.0.1:1/{address}")
    box = slow_one(centre, people_store, wall, gateway)
    for _ in range(4):
        await turn(box)
        clock.wait(seconds=30)
    way = centre.board.messages.way(message_of(told))
    assert [(one.channel, one.refusal) for one in way if isinstance(one, Carried)] == [
        ("sms", Refusal.NO_ANSWER),
        ("push", Refusal.REFUSED),
        ("push", Refusal.REFUSED),
    ]
    assert len(gateway.got) == 1
    gateway.answers.set()
    await eventually(lambda: not centre.board.messages.lost(message_of(told), clock.now()))
    box.close()


async def test_what_a_busy_channel_was_never_given_has_surely_not_arrived(
    asked: Centre, people_store: Database, wall: StoryClock, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.outbox.AT_ONCE", 1)
    phones.hangs = {"push"}
    contacts.set_channel(people_store, "push", "json://push/{address}", test_to="team")
    box = outbox(asked, people_store, wall, phones, within_s=0.05)
    await turn(box)  # the question and the daily test want the same way, and the question has it
    assert noticed(asked) == [(NIGHT_TEAM, "push", Refusal.NO_ANSWER)]
    proofs = [one.record for one in await asked.ask(lambda db: journal.read_after(db, 0))]
    assert [one.refusal for one in proofs if isinstance(one, Proven)] == [Refusal.REFUSED]
    box.close()


# Contacts, and where they are reached.


async def test_the_night_team_of_a_site_has_an_address_of_its_own(people_store: Database) -> None:
    contacts.set_address(people_store, "night-team@eik", "sms", "31622222222")

    def where(to: str, at: str) -> str | None:
        return contacts.address(people_store, ContactId(to), "sms", HomeId(at), home(HOME))

    assert where("night-team", "wilg/12") == "31611111111"
    assert where("night-team", "eik/3") == "31622222222"
    assert where("resident", "wilg/12") is None
    contacts.set_address(people_store, "r-0012", "sms", "31633333333")
    assert where("resident", "wilg/12") == "31633333333"


@pytest.mark.both_stores
async def test_a_contact_who_is_removed_is_not_reached_again(store: Database, wall: StoryClock) -> None:
    fatima = contacts.add(store, ResidentId("r-0012"), " Fatima ", contacts.Relation.NEIGHBOUR)
    contacts.set_address(store, fatima, "sms", "31644444444")
    token = contacts.make_link(store, ALERT, fatima, wall.now())
    assert [one.name for one in contacts.of(store, ResidentId("r-0012"))] == ["Fatima"]
    contacts.remove(store, fatima)
    assert contacts.known(store, fatima) is None
    assert contacts.address(store, fatima, "sms", HOME, home(HOME)) is None
    assert contacts.follow_link(store, token, wall.now()) is None
    with pytest.raises(BadInput):
        contacts.remove(store, fatima)


@pytest.mark.both_stores
async def test_a_link_that_nobody_was_given_leads_nowhere(store: Database, wall: StoryClock) -> None:
    token = contacts.make_link(store, ALERT, NIGHT_TEAM, wall.now())
    assert contacts.follow_link(store, token[:-1], wall.now()) is None
    assert contacts.follow_link(store, "\ud800", wall.now()) is None
    assert token not in str(store.execute("SELECT * FROM link").fetchall())
    wall.wait(hours=13)
    contacts.make_link(store, ALERT, NIGHT_TEAM, wall.now() + timedelta(0))
    assert store.execute("SELECT count(*) FROM link").fetchone() == (1,)


@pytest.mark.parametrize("name", ["", "SMS", "a b", "-x", "x" * 21])
async def test_a_channel_has_a_plain_name(store: Database, name: str) -> None:
    with pytest.raises(BadInput):
        contacts.set_channel(store, name, "json://127.0.0.1/{address}")
