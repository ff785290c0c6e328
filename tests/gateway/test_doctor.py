"""What `doctor` says of a building: nothing of a healthy one, and of each broken part what, why and what to do."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import certificates, homes, journal
from care.clock import SystemClock
from care.enrolment import Identity
from care.records import Trouble, Unreadable
from detectors.homes import SensorId, SiteId
from gateway.customs import Custom
from gateway.installer import doctor, examination, passwords
from gateway.installer.doctor import (
    Bridge,
    Broker,
    Centre,
    Clock,
    Disk,
    Facts,
    Journal,
    Papers,
    Trust,
    Urgency,
    diagnosed,
)
from gateway.installer.survey import Advice
from nachtwacht import cli
from tests.conftest import Mosquitto, free_port, part, wait_for_port
from tests.gateway.bridge import Zigbee2MQTT, a_box
from tests.stories import a_home, a_site

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SITE = a_site()
HEARD = Custom(NOW - timedelta(minutes=20), 1000.0, 0.0, battery=(90.0,), link=120.0)
DAY = timedelta(days=1)


def healthy(**parts: Any) -> Facts:
    """Return what is seen of a building in which nothing is wrong, but for the parts given."""
    well = Facts(
        site=SITE,
        plan="site.toml",
        unit="active",
        broker=Broker(address="127.0.0.1:1883", strangers=False, handed_over=doctor.PROBE),
        papers=Papers(folder="identity", enrolled=True, site="wilg", valid_from=NOW - DAY, valid_until=NOW + 360 * DAY),
        centre=Centre(address="centre:8883"),
        clock=Clock(of_centre_s=0.4, synchronised=True, keeps_time=True),
        disk=Disk(folder="/var", free=10**10, total=10**11, worn=0.1),
        journal=Journal(
            file="gateway.db",
            written_at=NOW - timedelta(seconds=50),
            snapshot_at=NOW - timedelta(minutes=20),
            customs=dict.fromkeys(SITE.friendly, HEARD),
        ),
        bridge=Bridge(channel=15),
        unproven={},
    )
    return msgspec.structs.replace(well, **parts)


def with_journal(**values: Any) -> Facts:
    known = healthy().journal
    assert known is not None
    return healthy(journal=msgspec.structs.replace(known, **values))


def with_papers(**values: Any) -> Facts:
    known = healthy().papers
    assert known is not None
    return healthy(papers=msgspec.structs.replace(known, **values))


def told(facts: Facts) -> list[str]:
    return [f"{one.check} {one.urgency}: {one.what.sentence}" for one in diagnosed(facts, NOW)]


def test_of_a_building_in_which_nothing_is_wrong_nothing_is_said() -> None:
    assert diagnosed(healthy(), NOW) == ()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (healthy(unit="failed"), "gateway now: The gateway does not run: systemd says failed."),
        (
            healthy(broker=Broker(address="b:1", fault="Connection refused")),
            "broker now: No broker answers at b:1: Connection refused.",
        ),
        (
            healthy(broker=Broker(address="b:1", refused="Not authorized")),
            "broker now: The broker at b:1 does not let the gateway in: Not authorized.",
        ),
        (
            healthy(clock=Clock(of_centre_s=-3600)),
            "clock now: The clock here is -3600 seconds from that of the centre.",
        ),
        (
            healthy(bridge=Bridge(channel=15, said_at=NOW + timedelta(minutes=5))),
            "clock now: The clock here is -300 seconds from that of Zigbee2MQTT.",
        ),
        (
            healthy(clock=Clock(synchronised=False)),
            "clock today: Nothing has set the clock of this machine since it started.",
        ),
        (
            healthy(clock=Clock(keeps_time=False)),
            "clock later: This machine has no clock that runs on without power.",
        ),
        (
            healthy(disk=Disk(folder="/var", free=10**8, total=10**10)),
            "disk now: The disk with /var is nearly full: 100 MB are free.",
        ),
        (
            healthy(disk=Disk(folder="/var", free=10**10, total=10**11, worn=0.95)),
            "disk later: The memory of this machine is worn: 95 % of its life.",
        ),
        (
            healthy(centre=Centre(address="c:8883", trust=Trust.AWAY, fault="timed out")),
            "centre now: The broker of the centre at c:8883 does not answer: timed out.",
        ),
        (
            healthy(centre=Centre(address="c:8883", trust=Trust.REVOKED)),
            "centre now: The centre has taken this certificate back.",
        ),
        (with_papers(enrolled=False), "certificate now: This gateway is not enrolled at a centre."),
        (
            with_papers(valid_until=NOW - DAY),
            "certificate now: The certificate ran out on 2026-03-01 12:00 UTC, by a clock that says 2026",
        ),
        (
            with_papers(valid_from=NOW + DAY),
            "certificate now: The clock here says 2026-03-02 12:00 UTC, and the certificate is good",
        ),
        (
            with_papers(valid_until=NOW + 20 * DAY),
            "certificate today: The certificate ends on 2026-03-22 12:00 UTC, and was not renewed.",
        ),
        (with_papers(site="eik"), "certificate now: The certificate is of eik, and the plan of wilg."),
        (
            with_papers(open_to_others=("identity/gateway.pem",)),
            "certificate today: Others on this machine can read the key of this gateway.",
        ),
        (
            with_journal(written_at=NOW - timedelta(minutes=9)),
            "gateway now: The gateway has written nothing for 9 minutes.",
        ),
        (
            with_journal(snapshot_at=NOW - timedelta(hours=5)),
            "gateway later: What the gateway remembers was last kept 300 minutes ago.",
        ),
        (
            with_journal(waits_since=NOW - timedelta(hours=3, minutes=20), waiting=12),
            "centre now: Records that the centre is not known to have: 12, the oldest of 2026-03-02 08:40 UTC.",
        ),
        (
            with_journal(watches_otherwise=2),
            "plan now: The gateway does not watch by this plan yet. Differences: 2.",
        ),
        (
            with_journal(troubles=(("z2m/12/bed", "no JSON"),) * 3),
            "sensors today: Messages of the last day that were not understood: 3.",
        ),
        (with_journal(unseen={"12/bed": "check-in"}), "sensors now: Sensors that are silent now: 1."),
        (
            with_journal(customs={name: HEARD for name in SITE.friendly if name != "12/bed"}),
            "sensors today: Sensors that the gateway never heard: 1.",
        ),
        (healthy(bridge=Bridge(channel=11)), "zigbee later: Zigbee channel 11 shares the air with Wi-Fi channel 1."),
        (
            healthy(bridge=Bridge(channel=15, gone=frozenset({"12/bed"}))),
            "sensors now: Sensors that are silent now: 1.",
        ),
        (
            healthy(unproven={"wilg/12": "there was no walk test"}),
            "proofs today: Homes that are not proven by a walk test: 1.",
        ),
    ],
    ids=lambda one: one.split(":")[0] if isinstance(one, str) else "",
)
def test_each_thing_that_is_wrong_is_said(facts: Facts, said: str) -> None:
    (found,) = [one for one in told(facts) if one.split(":")[0] == said.split(":", maxsplit=1)[0]]
    assert found.startswith(said)
    (complaint, *_) = diagnosed(facts, NOW)
    assert all(part.sentence for part in (complaint.why, complaint.do))


def test_batteries_and_reach_are_verdicts_with_the_sensors_named() -> None:
    weeks = (70.0, 60.0, 50.0, 40.0)
    dying = Custom(NOW, 1000.0, 0.0, battery=(38.0,), weeks=weeks, lowest=30.0, link=120.0)
    faint = Custom(NOW, 1000.0, 0.0, battery=(90.0,), link=12.0)
    facts = with_journal(customs={**dict.fromkeys(SITE.friendly, HEARD), "12/bed": dying, "12/door": faint})
    found = {one.what.message: one for one in diagnosed(facts, NOW)}
    (battery,) = [one for message, one in found.items() if "atteries" in message]
    assert [one.sentence for one in battery.more] == ["12/bed, slaapkamer"]
    (reach,) = [one for message, one in found.items() if "received" in message]
    assert "12/door" in reach.more[0].sentence


def test_a_sensor_that_is_paused_is_not_called_silent() -> None:
    assert told(with_journal(unseen={"12/bed": "paused"})) == []


def test_hundreds_of_sensors_are_counted_and_some_of_them_named() -> None:
    site = a_site(*(a_home(str(number)) for number in range(1, 25)))
    facts = healthy(site=site)
    (never,) = [one for one in diagnosed(facts, NOW) if one.check == "sensors"]
    assert never.what.values == {"count": "184"}
    assert len(never.more) == doctor.NAMED_MAX + 1
    assert never.more[-1].sentence == "and 176 more"


wrong = st.fixed_dictionaries(
    {},
    optional={
        "unit": st.sampled_from(["", "active", "failed", "inactive"]),
        "clock": st.builds(
            Clock,
            of_centre_s=st.none() | st.floats(-1e6, 1e6),
            synchronised=st.none() | st.booleans(),
            keeps_time=st.none() | st.booleans(),
        ),
        "centre": st.none() | st.builds(Centre, address=st.just("c:1"), trust=st.none() | st.sampled_from(Trust)),
        "bridge": st.none()
        | st.builds(Bridge, channel=st.integers(0, 30), fault=st.none() | st.just(Advice("Zigbee2MQTT is off line."))),
        "disk": st.none()
        | st.builds(
            Disk,
            folder=st.just("/"),
            free=st.integers(0, 10**12),
            total=st.just(10**12),
            refuses=st.sampled_from(["", "x"]),
        ),
        "broker": st.none()
        | st.builds(
            Broker, address=st.just("b:1"), fault=st.sampled_from(["", "x"]), strangers=st.none() | st.booleans()
        ),
        "journal": st.none() | st.just(Journal(file="x", fault="x")),
    },
)


@given(wrong)
def test_whatever_is_wrong_the_worst_comes_first_and_each_says_what_to_do(parts: dict[str, Any]) -> None:
    found = diagnosed(healthy(**parts), NOW)
    ranks = [list(Urgency).index(one.urgency) for one in found]
    assert ranks == sorted(ranks)
    for one in found:
        for part_ in (one.what, one.why, one.do, *one.more):
            assert "{" not in part_.sentence


# Looking at real parts.


def test_a_broker_that_is_stopped_is_said(mosquitto: Mosquitto) -> None:
    well = examination.broker((mosquitto.host, mosquitto.port))
    assert (well.fault, well.refused, well.handed_over) == ("", "", doctor.PROBE)
    assert well.strangers  # a broker without passwords
    mosquitto.stop()
    assert "refused" in examination.broker((mosquitto.host, mosquitto.port)).fault
    mosquitto.start()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A mosquitto that lets in by password only, and runs by its own settings otherwise."""
    folder = tmp_path_factory.mktemp("broker")
    passwords.make(folder, SITE, per_home=False, base="zigbee2mqtt")
    port = free_port()
    conf = folder / "mosquitto.conf"
    said = f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\n"
    conf.write_text(said + f"acl_file {folder}/acl\n")
    process = subprocess.Popen([part(), "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_port(port)
    yield port, folder
    process.terminate()
    process.wait(10)


def test_a_wrong_password_and_a_brokers_own_settings_are_found_by_trying(
    own: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, folder = own
    monkeypatch.setenv("NACHTWACHT_BROKER_LOGIN", str(folder / "gateway.login"))
    found = examination.broker(("127.0.0.1", port))
    assert (found.refused, found.strangers, found.handed_over) == ("", False, 20)
    assert ["its own settings" in one for one in told(healthy(broker=found))] == [True]
    guessed = folder / "guessed.login"
    guessed.write_bytes(msgspec.json.encode(passwords.Login("gateway", "guess")))
    monkeypatch.setenv("NACHTWACHT_BROKER_LOGIN", str(guessed))
    found = examination.broker(("127.0.0.1", port))
    assert "uthor" in found.refused
    assert found.strangers is False


def an_identity(folder: Path, *, made_at: datetime, lives: timedelta, other: bool = False) -> Path:
    folder.mkdir()
    authority = certificates.new_authority("Nachtwacht", made_at)
    key = certificates.new_key()
    signed = certificates.sign_gateway(authority, certificates.request(key, "wilg"), "wilg", made_at, lives)
    (folder / "gateway.pem").write_bytes(key + signed)
    (folder / "gateway.pem").chmod(0o600)
    beside = certificates.new_authority("Nachtwacht", made_at) if other else authority
    (folder / "ca.pem").write_bytes(beside.certificate)
    return folder


def test_a_certificate_that_ran_out_is_read_and_said(tmp_path: Path) -> None:
    folder = an_identity(tmp_path / "identity", made_at=NOW - 400 * DAY, lives=365 * DAY)
    facts = healthy(papers=examination.papers_in(folder))
    assert [one for one in told(facts) if "ran out on" in one] == told(facts)
    (complaint,) = diagnosed(facts, NOW)
    assert complaint.do.sentence.endswith("nachtwacht gateway enroll --plan site.toml --centre https://...")


def test_a_key_that_others_can_read_and_an_authority_that_did_not_sign_are_said(tmp_path: Path) -> None:
    folder = an_identity(tmp_path / "identity", made_at=NOW - DAY, lives=365 * DAY, other=True)
    (folder / "gateway.pem").chmod(0o640)
    papers = examination.papers_in(folder)
    assert [one.split(": ")[0] for one in told(healthy(papers=papers))] == ["certificate now", "certificate today"]
    (folder / "gateway.pem").write_text("no key")
    assert told(healthy(papers=examination.papers_in(folder)))[0].startswith("certificate now: The certificate cannot")
    assert told(healthy(papers=examination.papers_in(tmp_path / "none"))) == [
        "certificate now: This gateway is not enrolled at a centre."
    ]


def test_a_centre_that_is_away_is_said(tmp_path: Path) -> None:
    folder = an_identity(tmp_path / "identity", made_at=NOW - DAY, lives=365 * DAY)
    about = Identity(
        site=SiteId("wilg"),
        centre="https://127.0.0.1:1",
        broker=f"127.0.0.1:{free_port()}",
        valid_from=NOW,
        valid_until=NOW + DAY,
    )
    found = examination.centre(about, folder)
    assert found.trust is Trust.AWAY
    assert "does not answer" in told(healthy(centre=found))[0]


def test_a_folder_in_which_nothing_can_be_written_is_said() -> None:
    found = examination.disk(Path("/proc"), examination.Looks())
    assert found.refuses
    assert told(healthy(disk=found))[0].startswith("disk now: Nothing can be written in /proc")
    assert examination.disk(Path("/none"), examination.Looks()).refuses == "No such file or directory"


def test_a_journal_says_when_it_was_written_and_what_was_not_understood(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    assert "No such file" in examination.journal_of(file, SITE, NOW).fault
    with closing(journal.connect(file)) as db:
        for days in (3, 0):
            at = NOW - timedelta(days=days, minutes=5)
            lost = Unreadable(at=at, topic="z2m/12/bed", trouble=Trouble.UNREADABLE, why=f"{days} days ago")
            journal.append(db, [lost], recorded_at=at)
        journal.touch(db, NOW - timedelta(seconds=40))
    found = examination.journal_of(file, SITE, NOW)
    assert found.troubles == (("z2m/12/bed", "0 days ago"),)
    assert found.written_at == NOW - timedelta(seconds=40)
    assert found.watches_otherwise  # it never told a plan
    file.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert examination.journal_of(file, SITE, NOW).fault


def run(*arguments: object, language: str = "en") -> tuple[int, str]:
    env = {"COLUMNS": "200", "NACHTWACHT_LANGUAGE": language}
    done = CliRunner().invoke(cli, [str(one) for one in arguments], env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_command_tells_a_new_building_what_is_missing_worst_first(mosquitto: Mosquitto, tmp_path: Path) -> None:
    plan = tmp_path / "site.toml"
    [pad] = a_box("TS0601_bed_presence_sensor")
    devices = {SensorId("12/bed"): homes.Device(address=pad.address)}
    plan.write_text(homes.write(msgspec.structs.replace(SITE, devices=devices)))
    pad.name = "12/bed"
    broker = f"{mosquitto.host}:{mosquitto.port}"
    words = ["doctor", "--plan", plan, "--journal", tmp_path / "gateway.db", "--identity", tmp_path / "none"]
    words += ["--proofs", tmp_path / "proofs", "--broker", broker]
    with Zigbee2MQTT(mosquitto.host, mosquitto.port, now=SystemClock().now()) as zigbee:
        zigbee.holds([pad])
        code, said = run(*words, "--json")
        answer = json.loads(said.splitlines()[-1])
        _, dutch = run(*words, language="nl")
        code_, english = run(*words)
    assert (code, code_) == (1, 1)
    checks = [one["check"] for one in answer["complaints"]]
    assert {"gateway", "certificate", "broker", "plan", "proofs"} <= set(checks)
    (differs,) = [one for one in answer["complaints"] if "not set as care needs it" in one["what"]]
    assert any("cache_state is true" in one for one in differs["more"])
    assert english.index("Now: ") < english.index("Today: ")
    assert "Nu: " in dutch
    assert "Niet te bekijken: " in dutch
    assert "alles in orde" not in dutch.lower()


def test_a_bridge_that_is_not_there_is_a_complaint_and_is_not_waited_for_long(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "WITHIN_S", 1.0)
    plan = tmp_path / "site.toml"
    plan.write_text(homes.write(SITE))
    broker = f"{mosquitto.host}:{mosquitto.port}"
    _, said = run("doctor", "--plan", plan, "--journal", tmp_path / "x.db", "--broker", broker, "--json")
    answer = json.loads(said.splitlines()[-1])
    (away,) = [one for one in answer["complaints"] if one["check"] == "zigbee"]
    assert away["what"].startswith('Nothing speaks below "zigbee2mqtt"')
