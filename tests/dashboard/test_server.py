"""The whole centre, as it is started: in a process of its own, with a real broker, and by its commands."""

import asyncio
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import aiomqtt
import httpx
import pytest
from typer.testing import CliRunner

from care import journal, link
from dashboard import people
from dashboard.commands import cli
from tests.conftest import Mosquitto, free_port, wait_until_read
from tests.dashboard.conftest import (
    ALERT,
    HTMX,
    NIGHT,
    PASSWORD,
    WILG,
    batch,
    eventually,
    finding,
    plan,
)

pytestmark = pytest.mark.anyio


def run_command(*arguments: str, typed: str | None = None) -> str:
    """Give a command in this process; return what it says, which must be that it is done."""
    result = CliRunner().invoke(cli, arguments, input=typed)
    assert result.exit_code == 0, result.output
    return result.output


def run_in_vain(*arguments: str, typed: str | None = None) -> str:
    """Give a command that cannot be done; return the sentence that says why."""
    result = CliRunner().invoke(cli, arguments, input=typed)
    assert result.exit_code in {1, 2}, result.output
    assert "Traceback" not in result.output
    return result.output


class Running:
    """The centre in a process of its own."""

    def __init__(self, folder: Path, *more: str, broker_port: int, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        command = [sys.executable, "-c", "from dashboard.commands import cli; cli()", "run"]
        command += ["--journal", str(folder / "centre.db"), "--people", str(folder / "people.db")]
        command += ["--broker", f"127.0.0.1:{broker_port}", "--port", str(port), *more]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"NO_COLOR": "1"})

    def ended(self) -> tuple[int, str]:
        """Wait for its end, bounded; return how it ended and what it said."""
        code = self.process.wait(20)
        return code, self._log.read_text()


@contextmanager
def running(folder: Path, *more: str, broker_port: int, port: int | None = None) -> Iterator[Running]:
    made = Running(folder, *more, broker_port=broker_port, port=port or free_port())
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait(10)


@asynccontextmanager
async def signed_in_at(url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as made:
        answer = await made.post("/sign-in", data={"name": "sanne", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield made


async def until(lines: AsyncIterator[str], found: str) -> None:
    async with asyncio.timeout(15):
        async for line in lines:
            if found in line:
                return
    pytest.fail(f"{found!r} never came")


async def test_an_alert_of_a_building_is_on_the_screen_and_the_claim_is_in_the_building(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    store = str(tmp_path / "people.db")
    run_command(
        *("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", "--people", store),
        "--password-from-stdin",
        typed=PASSWORD + "\n",
    )
    run_command("resident", "name", "r-0012", "mevrouw Jansen", "--people", store)
    with running(tmp_path, broker_port=mosquitto.port) as centre:
        await asyncio.to_thread(wait_until_read, centre.url)
        async with (
            signed_in_at(centre.url) as page,
            aiomqtt.Client(mosquitto.host, mosquitto.port, identifier="building-whole") as building,
            page.stream("GET", "/live") as screen,
        ):
            lines = screen.aiter_lines()
            await until(lines, "event: beat")
            await building.subscribe(link.down_topic(WILG), qos=1)
            await building.publish(link.up_topic(WILG), link.encode(link.Beat(NIGHT)), qos=1)
            told = batch(plan(), finding(), of="whole")
            await building.publish(link.up_topic(WILG), link.encode(told), qos=1)
            await until(lines, ALERT)
            assert "mevrouw Jansen" in (await page.get("/")).text
            assert (await page.get(f"/alerts/{ALERT}")).status_code == 200
            claimed = await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
            assert (claimed.status_code, "Sanne" in claimed.text) == (200, True)
            assert await order_in(building) == "claimed"

            centre.process.send_signal(signal.SIGTERM)  # with a screen still open
            code, said = await asyncio.to_thread(centre.ended)
        assert code == 0, said
        assert "Traceback" not in said
        assert "anne" not in said
        assert "Jansen" not in said


async def order_in(building: aiomqtt.Client) -> str:
    """Answer the centre as a building does, until an order comes."""
    async with asyncio.timeout(15):
        async for message in building.messages:
            assert isinstance(message.payload, bytes)
            said = link.decode(message.payload)
            if isinstance(said, link.Batch) and said.records:
                return str(re.findall(r'"type":"([a-z]+)"', bytes(said.records[0]).decode())[0])
            if isinstance(said, link.Batch):
                have = link.encode(link.Have(said.journal, 0))
                await building.publish(link.up_topic(WILG), have, qos=1)
    raise AssertionError("no order came")


async def test_without_a_broker_the_desk_is_open_and_says_that_it_hears_nothing(tmp_path: Path) -> None:
    with running(tmp_path, broker_port=free_port()) as centre:
        await asyncio.to_thread(wait_until_read, centre.url)
        async with httpx.AsyncClient() as watchdog:
            assert (await watchdog.get(f"{centre.url}/healthz")).json()["broker"] is False
        centre.process.send_signal(signal.SIGINT)
        code, said = await asyncio.to_thread(centre.ended)
    assert code == 0, said
    assert "no connection" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path, broker_port=free_port()) as first:
        wait_until_read(first.url)
        folder = tmp_path / "second"
        folder.mkdir()
        with running(folder, broker_port=free_port(), port=first.port) as second:
            code, said = second.ended()
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"Cannot listen on 127.0.0.1:{first.port}: Address already in use.")


def test_a_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    with closing(journal.connect(tmp_path / "centre.db")) as db:
        db.execute("INSERT INTO journal (recorded_at, origin, body) VALUES (0, '', ?)", (b'{"type": "dream"}',))
    with running(tmp_path, broker_port=free_port()) as centre:
        code, said = centre.ended()
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"Cannot read the journal {tmp_path / 'centre.db'}: ")


def test_what_is_no_journal_or_people_store_is_one_sentence(tmp_path: Path) -> None:
    nonsense = "this is no database, but long enough to look like one to whoever reads its first hundred bytes"
    (tmp_path / "centre.db").write_text(nonsense)
    (tmp_path / "people.db").write_text(nonsense)
    port, broker = str(free_port()), "127.0.0.1:1883"
    for journal_file, store, said in (
        ("centre.db", "new.db", "Cannot read the journal"),
        ("new.db", "people.db", "Cannot open the people store"),
        ("no/such/folder.db", "new.db", "Cannot read the journal"),
    ):
        files = ["--journal", str(tmp_path / journal_file), "--people", str(tmp_path / store)]
        assert said in run_in_vain("run", *files, "--broker", broker, "--port", port)


@pytest.mark.parametrize("broker", ["", "host:", ":1883", "host:port", "host:0", "host:65536", "host:\u0661"])
def test_a_broker_without_a_proper_address_is_one_sentence(tmp_path: Path, broker: str) -> None:
    files = ["--journal", str(tmp_path / "centre.db"), "--people", str(tmp_path / "people.db")]
    assert "no address" in run_in_vain("run", *files, "--broker", broker)


def test_staff_are_added_once_and_given_another_password(tmp_path: Path) -> None:
    store = ("--people", str(tmp_path / "people.db"), "--password-from-stdin")
    sanne = ("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", *store)
    assert "can sign in as Sanne" in run_command(*sanne, typed=PASSWORD + "\n")
    assert "Choose another name" in run_in_vain(*sanne, typed=PASSWORD + "\n")
    assert "at least 10 characters" in run_in_vain("staff", "password", "sanne", *store, typed="kort\n")
    assert "Nobody signs in as noor" in run_in_vain("staff", "password", "noor", *store, typed=PASSWORD + "\n")
    assert "must sign in again" in run_command("staff", "password", "sanne", *store, typed="zon en wolken\n")
    with closing(people.connect(tmp_path / "people.db")) as db:
        assert people.verify(people.credentials(db, "sanne"), "zon en wolken") is not None


def test_a_contact_is_kept_reached_listed_and_forgotten(tmp_path: Path) -> None:
    store = ("--people", str(tmp_path / "people.db"))
    add = ("contact", "add", "Fatima", "--resident", "r-0012", *store)
    fatima = run_command(*add, "--relation", "neighbour").strip()
    assert fatima.startswith("c-")
    assert "family, neighbour or other" in run_in_vain(*add, "--relation", "boss")
    assert "is reached by sms" in run_command("contact", "address", fatima, "sms", "31612345678", *store)
    assert "small letters" in run_in_vain("contact", "address", fatima, "S M S", "31612345678", *store)
    assert run_command("contact", "list", *store).split() == ["r-0012", fatima, "neighbour", "Fatima"]
    assert "is not asked again" in run_command("contact", "remove", fatima, *store)
    assert "Nobody who may be asked" in run_in_vain("contact", "remove", fatima, *store)
    assert run_command("contact", "list", *store) == ""


def test_a_channel_is_set_up_and_tried(tmp_path: Path) -> None:
    store = ("--people", str(tmp_path / "people.db"))
    nobody = f"json://127.0.0.1:{free_port()}/{{address}}"
    assert "a URL that Apprise knows" in run_in_vain("channel", "set", "sms", "nonsense", *store)
    assert "Set it up first" in run_in_vain("channel", "try", "sms", "31612345678", *store)
    assert "sms is set up" in run_command("channel", "set", "sms", nobody, *store)
    assert "did not take the message" in run_in_vain("channel", "try", "sms", "31612345678", *store)
    with phone_company() as (url, got):
        run_command("channel", "set", "sms", url, *store)
        assert "took the message" in run_command("channel", "try", "sms", "31612345678", *store)
    assert [to for to, _ in got] == ["31612345678"]


async def test_an_alert_that_nobody_answers_reaches_a_phone_and_the_answer_reaches_the_desk(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """From a building's word to a gateway for text messages, and from the tap on a phone to the page of the desk."""
    store = ("--people", str(tmp_path / "people.db"))
    sanne = ("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", "--password-from-stdin", *store)
    await asyncio.to_thread(run_command, *sanne, typed=PASSWORD + "\n")
    port = free_port()
    with (
        phone_company() as (url, got),
        running(tmp_path, "--url", f"http://127.0.0.1:{port}", broker_port=mosquitto.port, port=port) as centre,
    ):
        await asyncio.to_thread(run_command, "channel", "set", "sms", url, *store)
        await asyncio.to_thread(run_command, "contact", "address", "night-team", "sms", "31612345678", *store)
        await asyncio.to_thread(wait_until_read, centre.url)
        async with (
            signed_in_at(centre.url) as page,
            aiomqtt.Client(mosquitto.host, mosquitto.port, identifier="building-called") as building,
        ):
            order = {
                "c0-since": "00:00",
                "c0-until": "00:00",
                "acute": "10",
                "soon": "30",
                "why": "begin",
                "do": "save",
            }
            order |= {"c0s0-who": "night-team", "c0s0-by0": "sms", "c0s0-minutes": "3"}
            order |= {"c0s1-who": "desk", "c0s1-minutes": "3"}
            assert (await page.post("/calling-order", data=order)).status_code == 303
            await building.publish(link.up_topic(WILG), link.encode(link.Beat(NIGHT)), qos=1)
            told = batch(plan(), finding(), of="called")
            await building.publish(link.up_topic(WILG), link.encode(told), qos=1)
            await eventually(lambda: bool(got), within_s=20)
            [(to, text)] = got
            assert to == "31612345678"
            answer = text.partition("Antwoord: ")[2]
            assert answer.startswith(centre.url)
            async with httpx.AsyncClient(headers={"Sec-Fetch-Site": "same-origin"}) as phone:
                assert "Er is een vraag" in (await phone.get(answer)).text
                await phone.post(f"{answer}/open")
                assert "Lang in de badkamer" in (await phone.get(answer)).text
                assert (await phone.post(answer, data={"answer": "going"})).status_code == 303
            assert "de nachtdienst: “Ik ga erheen”" in (await page.get(f"/alerts/{ALERT}")).text.replace("De ", "de ")
        centre.process.send_signal(signal.SIGTERM)
        code, said = await asyncio.to_thread(centre.ended)
    assert code == 0, said
    assert "Traceback" not in said
    assert "31612345678" not in said


@contextmanager
def phone_company() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A gateway for text messages on this machine; yields the URL of its channel, and what it was given."""
    got: list[tuple[str, str]] = []

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path.strip("/"), said["message"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}/{{address}}", got
        server.shutdown()
