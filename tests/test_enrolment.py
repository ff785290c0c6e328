"""Who is let in at the centre, and who is not: mosquitto over TLS, the desk over https, the daemon, and a thief.

Every refusal here is looked up afterwards: in the broker's log, or in what the centre wrote down.
"""

import contextlib
import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from care import certificates, journal
from care.link import down_topic, up_topic
from care.records import CENTRE, Plan, Record
from dashboard import enrolment, people
from detectors.findings import Finding, What
from gateway.connection import leave
from gateway.identity import Papers
from tests.conftest import Mosquitto
from tests.enrolled import ENVIRONMENT, Town, eventually, real_now, run, visiting


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A centre with two buildings: De Wilg, and De Eik, which belongs to somebody else."""
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        made.open()
        made.enrol("wilg")
        made.enrol("eik")
        yield made
    finally:
        made.close()


def wilg(town: Town) -> Path:
    return town.folder / "identity-wilg"


def eik(town: Town) -> Path:
    return town.folder / "identity-eik"


def shut_out(town: Town, identity: Path) -> bool:
    with visiting(town, identity) as visitor:
        return not visitor.gets_in()


# A thief at the broker.


def test_a_gateway_with_its_certificate_comes_in_and_speaks_for_its_building(town: Town) -> None:
    with visiting(town, wilg(town)) as gateway:
        assert gateway.gets_in()
        gateway.client.subscribe(down_topic("wilg"), qos=1)
        eventually(lambda: gateway.granted)
    assert "u'wilg'" in town.log()


def test_without_a_certificate_nobody_comes_in(town: Town) -> None:
    with visiting(town, None) as thief:
        assert not thief.gets_in()
    assert "peer did not return a certificate" in town.log()


def test_plain_text_is_not_answered(town: Town) -> None:
    with visiting(town, None, tls=False) as thief:
        assert not thief.gets_in()
    eventually(lambda: any(word in town.log() for word in ("wrong version number", "http request", "unsupported")))


def test_a_certificate_of_another_authority_is_refused(town: Town, tmp_path: Path) -> None:
    other = certificates.new_authority("Nachtwacht", real_now())
    forged = town.forged(tmp_path / "forged", "wilg", now=real_now(), lives=timedelta(days=1), signs=other)
    with visiting(town, forged) as thief:
        assert not thief.gets_in()
    eventually(lambda: "certificate verify failed" in town.log())


@pytest.mark.parametrize("days", [-30, 30], ids=["run out", "not yet valid"])
def test_a_certificate_of_another_time_is_refused(town: Town, tmp_path: Path, days: int) -> None:
    at = real_now() + timedelta(days=days)
    before = town.log().count("certificate verify failed")
    with visiting(town, town.forged(tmp_path / "old", "wilg", now=at, lives=timedelta(days=1))) as thief:
        assert not thief.gets_in()
    eventually(lambda: town.log().count("certificate verify failed") > before)


def test_a_server_certificate_opens_no_door_as_a_client(town: Town, tmp_path: Path) -> None:
    key = certificates.new_key()
    signed = certificates.sign_server(town.signs, certificates.request(key, "wilg"), ["wilg"], real_now())
    (tmp_path / "gateway.pem").write_bytes(key + signed)
    with visiting(town, tmp_path) as thief:
        assert not thief.gets_in()


def test_a_gateway_hears_and_says_nothing_of_another_building(town: Town) -> None:
    with visiting(town, wilg(town)) as honest, visiting(town, eik(town), name="nachtwacht-wilg") as thief:
        assert honest.gets_in()
        assert thief.gets_in()
        honest.client.subscribe(down_topic("wilg"), qos=1)
        for topic in ("nachtwacht/+/up", up_topic("wilg"), down_topic("wilg"), "#", "$SYS/#", down_topic("eik")):
            thief.client.subscribe(topic, qos=1)
        eventually(lambda: len(thief.granted) == 6 and honest.granted)
        honest.client.publish(up_topic("wilg"), b"from wilg", qos=1).wait_for_publish(10)
        assert honest.is_in(), "taking its client id did not push it off"
        # What it says for another building goes nowhere, and it is thrown out for it.
        thief.client.publish(down_topic("wilg"), b"an order of a thief", qos=0)
        eventually(lambda: not thief.is_in())
        assert honest.heard == []
        assert thief.heard == []
    eventually(lambda: _thrown_out(town, "eik"))
    for topic in (up_topic("wilg"), "nachtwacht/eik/up/more", "anything"):
        with visiting(town, eik(town)) as thief:
            assert thief.gets_in()
            thief.client.publish(topic, b"a lie", qos=1)
            eventually(lambda thief=thief: not thief.is_in())  # type: ignore[misc]


def _thrown_out(town: Town, site: str) -> bool:
    """Whether the broker wrote down that somebody did what is not theirs to do (2.0.11 says no more of it)."""
    return f"Bad socket read/write on client {site}" in town.log() or f"Denied PUBLISH from {site}" in town.log()


def test_a_revoked_gateway_is_silent_at_once_and_cannot_come_back(town: Town) -> None:
    identity = town.enrol("beuk")
    with visiting(town, identity, name="watcher") as inside:
        assert inside.gets_in()
        kept = _session(town, identity)
        done = run("desk", "enrolment", "revoke", "beuk", "--people", town.people)
        assert done.exit_code == 0, done.output
        rights = town.authority / "broker" / "acl"
        eventually(lambda: "user beuk" not in rights.read_text())
        inside.client.subscribe(down_topic("beuk"), qos=1)

        def silenced() -> bool:
            inside.client.publish(up_topic("beuk"), b"still here", qos=1)
            return not inside.is_in()

        eventually(silenced)  # as soon as the broker has read its list again
    assert _thrown_out(town, "beuk")
    with visiting(town, identity) as thief:
        assert not thief.gets_in()
    eventually(lambda: "certificate revoked" in town.log() or "certificate verify failed" in town.log())
    assert not _comes_back(town, identity, kept), "a TLS session from before opens the door"
    refused = run("gateway", "renew", "--identity", identity, "--now")
    assert refused.exit_code == 1
    assert "took this certificate back" in refused.output
    said = run("desk", "enrolment", "log", "--people", town.people).output
    assert "revoked  beuk  command  taken back" in said
    assert "refused  beuk  127.0.0.1  revoked" in said
    assert "beuk  revoked" in run("desk", "enrolment", "list", "--people", town.people).output


def test_two_that_are_revoked_one_right_after_the_other_are_both_refused(town: Town) -> None:
    folders = [town.enrol(site) for site in ("els", "es")]
    for site, folder in zip(("els", "es"), folders, strict=True):
        assert run("desk", "enrolment", "revoke", site, "--people", town.people).exit_code == 0
        eventually(lambda folder=folder: shut_out(town, folder))  # type: ignore[misc]
    assert all(shut_out(town, folder) for folder in folders)
    with visiting(town, wilg(town)) as gateway:
        assert gateway.gets_in()


def test_a_spare_gateway_takes_the_place_of_a_stolen_one(town: Town) -> None:
    stolen = town.enrol("linde")
    spare = town.enrol("linde", town.folder / "spare")
    eventually(lambda: shut_out(town, stolen))
    with visiting(town, spare) as gateway:
        assert gateway.gets_in()
    assert "another gateway was enrolled" in run("desk", "enrolment", "log", "--people", town.people).output


def _session(town: Town, identity: Path) -> ssl.SSLSession | None:
    with _dialled(town, identity) as line:
        line.settimeout(0.5)
        with contextlib.suppress(OSError):
            line.recv(1)  # with TLS 1.3 a session comes after the handshake
        return line.session


def _comes_back(town: Town, identity: Path, session: ssl.SSLSession | None) -> bool:
    """Whether a client gets a CONNACK over a TLS session that it kept."""
    hello = bytes([0x10, 13, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 1]) + b"x"
    try:
        with _dialled(town, identity, session) as line:
            line.settimeout(3)
            line.sendall(hello)
            return line.recv(4)[:1] == b"\x20"
    except OSError:
        return False


_CONTEXTS: dict[Path, ssl.SSLContext] = {}  # a session belongs to the context that it came from


@contextlib.contextmanager
def _dialled(town: Town, identity: Path, session: ssl.SSLSession | None = None) -> Iterator[ssl.SSLSocket]:
    if identity not in _CONTEXTS:
        context = ssl.create_default_context(cafile=str(town.authority / "ca.pem"))
        context.load_cert_chain(identity / "gateway.pem")
        _CONTEXTS[identity] = context
    with (
        socket.create_connection(("127.0.0.1", town.mqtt_port), timeout=5) as plain,
        _CONTEXTS[identity].wrap_socket(plain, server_hostname="127.0.0.1", session=session) as line,
    ):
        yield line


# A gateway and its installer.


def test_a_key_is_for_its_owner_alone(town: Town) -> None:
    for file in wilg(town).iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((town.authority / "ca.key").stat().st_mode) == 0o600
    assert certificates.fits(*2 * [(wilg(town) / "gateway.pem").read_bytes()])


def test_a_code_is_worth_one_gateway(town: Town, tmp_path: Path) -> None:
    code, plan = town.code("olm"), town.plan("olm")

    def enroll(folder: Path, *, plan: Path = plan, code: str = code) -> tuple[int, str]:
        asked = ["gateway", "enroll", "--plan", plan, "--centre", town.url, "--code", code, "--identity", folder]
        done = run(*asked, "--yes")
        return done.exit_code, done.output

    assert enroll(tmp_path / "wrong", plan=town.plan("iep"))[0] == 1, "a code of another building"
    assert enroll(tmp_path / "first")[0] == 0
    for folder in ("second", "third"):
        exit_code, said = enroll(tmp_path / folder)
        assert exit_code == 1
        assert "The centre does not take this code." in said
        assert not (tmp_path / folder / "gateway.pem").exists()
    log = run("desk", "enrolment", "log", "--people", town.people).output
    assert "refused  olm  127.0.0.1  code" in log
    assert "refused  iep  127.0.0.1  code" in log


def test_a_centre_that_did_not_give_the_code_is_not_told_it(town: Town, tmp_path: Path) -> None:
    code = town.code("wilg")
    elsewhere = code[:-4] + ("0000" if code[-4:] != "0000" else "1111")
    before = len(run("desk", "enrolment", "log", "--people", town.people).output.splitlines())
    asked = ["gateway", "enroll", "--plan", town.plan("wilg"), "--centre", town.url, "--identity", tmp_path / "i"]
    done = run(*asked, "--code", elsewhere)
    assert done.exit_code == 1
    assert "is not the centre that gave this code" in done.output
    assert len(run("desk", "enrolment", "log", "--people", town.people).output.splitlines()) == before
    assert run(*asked, "--code", "abc").exit_code == 1
    done = run(*asked[:5], "http://192.0.2.1", *asked[6:], "--code", code)
    assert "is no https address" in done.output


def test_nothing_of_a_building_goes_over_a_network_in_plain_text(town: Town, tmp_path: Path) -> None:
    common = ["gateway", "run", "--plan", town.plan("wilg"), "--journal", tmp_path / "x.db"]
    done = run(*common, "--centre", "192.0.2.1:1883")
    assert done.exit_code == 1
    assert "in plain text" in done.output
    desk = ["desk", "run", "--journal", tmp_path / "c.db", "--people", tmp_path / "p.db"]
    done = run(*desk, "--broker", "192.0.2.1:1883")
    assert done.exit_code == 1
    assert "in plain text" in done.output


class Daemon:
    """The daemon of a building as a process of its own, heard where systemd would hear it."""

    def __init__(self, broker: Mosquitto, plan: Path, folder: Path) -> None:
        self.journal, self._folder = folder / "gateway.db", folder
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(folder / "notify"))
        self._line.settimeout(0)
        self.told: list[str] = []
        arguments = ["gateway", "run", "--plan", plan, "--journal", self.journal]
        arguments += ["--broker", f"127.0.0.1:{broker.port}", "--identity", folder / "identity"]
        with (folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nachtwacht", *map(str, arguments)],
                stdout=log,
                stderr=log,
                env={**ENVIRONMENT, "NOTIFY_SOCKET": str(folder / "notify")},
            )

    def says(self, words: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told.append(self._line.recv(4096).decode())
        return any(words in one for one in self.told)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self._line.close()


def of_centre(town: Town, site: str) -> list[Record]:
    with contextlib.closing(journal.connect(town.folder / "centre.db", read_only=True)) as db:
        return [entry.record for entry in journal.read_after(db, 0) if entry.origin == site]


HOMES = [str(number) for number in range(1, 10)]


def test_a_building_watches_before_it_is_enrolled_and_is_heard_after(
    town: Town, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """And its certificate is renewed while people ask for help and the centre's broker comes and goes."""
    plan = town.plan("es-2", *HOMES)
    daemon = Daemon(mosquitto, plan, tmp_path)
    hand = mqtt.Client(CallbackAPIVersion.VERSION2, "hand", protocol=mqtt.MQTTv311)
    hand.connect(mosquitto.host, mosquitto.port)
    hand.loop_start()
    try:
        eventually(lambda: daemon.says("READY=1"), 60)
        eventually(lambda: daemon.says("STATUS=Not enrolled"))
        _asks_for_help(hand, HOMES[0])
        assert of_centre(town, "es-2") == []
        code = town.code("es-2")
        enroll = ["gateway", "enroll", "--plan", plan, "--centre", town.url, "--identity", tmp_path / "identity"]
        assert run(*enroll, "--code", code).exit_code == 0
        eventually(lambda: any(isinstance(one, Plan) for one in of_centre(town, "es-2")), 40)
        eventually(lambda: daemon.says("STATUS=The centre lets this gateway in."))

        first = certificates.known((tmp_path / "identity" / "gateway.pem").read_bytes())
        assert "Not yet" in run("gateway", "renew", "--identity", tmp_path / "identity").output
        for before, after in zip(HOMES[1::2], HOMES[2::2], strict=True):
            _asks_for_help(hand, before)
            done = run("gateway", "renew", "--identity", tmp_path / "identity", "--now")
            assert done.exit_code == 0, done.output
            _break_the_centres_broker(town)
            _asks_for_help(hand, after)
        second = certificates.known((tmp_path / "identity" / "gateway.pem").read_bytes())
        assert second.serial != first.serial
        eventually(lambda: _asked_for_help(town, "es-2") == {f"es-2/{home}" for home in HOMES}, 60)
        eventually(lambda: len(of_centre(town, "es-2")) == len(_to_tell(daemon.journal)), 30)
    finally:
        leave(hand)
        daemon.stop()
    with contextlib.closing(people.connect(town.people)) as db:
        said = [line.what for line in enrolment.log(db) if line.site == "es-2"]
    assert said.count(enrolment.Did.RENEWED) == 4
    assert said.count(enrolment.Did.ENROLLED) == 1


def _asks_for_help(hand: mqtt.Client, home: str) -> None:
    body = json.dumps({"action": "single", "last_seen": real_now().isoformat()})
    hand.publish(f"zigbee2mqtt/{home}/button", body, qos=1).wait_for_publish(10)


def _asked_for_help(town: Town, site: str) -> set[str]:
    found = [one for one in of_centre(town, site) if isinstance(one, Finding) and one.what is What.BUTTON]
    assert len({one.home for one in found}) == len(found), "each of them once"
    return {str(one.home) for one in found}


def _to_tell(of_building: Path) -> list[int]:
    with contextlib.closing(journal.connect(of_building, read_only=True)) as db:
        return [number for number, _ in journal.to_send(db, CENTRE, after=0, limit=10_000)]


def _break_the_centres_broker(town: Town) -> None:
    assert town.broker is not None
    town.broker.kill()
    town.broker.wait(10)
    town.start_broker()


def test_a_gateway_whose_clock_is_wrong_says_so_in_a_sentence(town: Town) -> None:
    papers = Papers(wilg(town))
    about = papers.about()
    assert about is not None
    early = papers.trouble(about.valid_from - timedelta(days=300))
    assert early.startswith("The clock of this gateway says 20")
    assert "Set the clock: timedatectl" in early
    assert "ran out on" in papers.trouble(about.valid_until)
    assert papers.trouble(about.valid_from + timedelta(days=1)) == ""
    assert "could not prove" in papers.trouble(about.valid_from, "[SSL] certificate verify failed: self-signed")
    assert "taken this certificate back" in papers.trouble(about.valid_from, "ssl/tls alert certificate revoked")


def test_an_impostor_of_the_centres_broker_hears_nothing(town: Town, tmp_path: Path) -> None:
    """Whoever answers at the address of the centre, with a certificate of an authority of its own."""
    other = certificates.new_authority("Nachtwacht", real_now())
    key = certificates.new_key()
    signed = certificates.sign_server(other, certificates.request(key, "x"), ["127.0.0.1"], real_now())
    (tmp_path / "server.pem").write_bytes(key + signed)
    answering = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    answering.load_cert_chain(tmp_path / "server.pem")
    context = Papers(wilg(town)).context()
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(context, answering, "127.0.0.1")
    # The right broker, under another name, is not the one that was asked for either.
    answering.load_cert_chain(town.authority / "broker" / "broker.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(context, answering, "elsewhere.example")
    _shake_hands(context, answering, "localhost")


def _shake_hands(calling: ssl.SSLContext, answering: ssl.SSLContext, name: str) -> None:
    there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = calling.wrap_bio(here, there, server_hostname=name)
    server = answering.wrap_bio(there, here, server_side=True)
    for _ in range(4):
        for end in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()


def test_a_renewed_certificate_is_used_from_the_next_connection_on(town: Town, tmp_path: Path) -> None:
    town.enrol("den", tmp_path / "den")
    papers = Papers(tmp_path / "den")
    context = papers.context()
    first = certificates.known((tmp_path / "den" / "gateway.pem").read_bytes())
    assert run("gateway", "renew", "--identity", tmp_path / "den", "--now").exit_code == 0
    with contextlib.closing(people.connect(town.people)) as db:
        db.execute("UPDATE gateway SET revoked_at = 1 WHERE serial = ?", (str(first.serial),))
    eventually(lambda: str(first.serial) in (town.authority / "broker" / "crl.of").read_text())
    eventually(lambda: _certificate_refused(town, context))
    papers.refresh()
    assert not _certificate_refused(town, context)


def _certificate_refused(town: Town, context: ssl.SSLContext) -> bool:
    hello = bytes([0x10, 13, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 1]) + b"x"
    try:
        with (
            socket.create_connection(("127.0.0.1", town.mqtt_port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
        ):
            line.sendall(hello)
            return line.recv(4)[:1] != b"\x20"
    except OSError:
        return True
