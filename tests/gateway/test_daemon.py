"""The daemon in the building, with a real broker: what is received is kept, and nothing that is sent stops it."""

import contextlib
import dataclasses
import json
import re
import socket
import sqlite3
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from care import journal, link, teaching
from care.agreements import agreed, with_values
from care.alerts import alert_of
from care.ids import BackTestId, StaffId
from care.link import Batch
from care.records import (
    BackTest,
    BackTested,
    Changed,
    FellBack,
    Ground,
    Plan,
    Ranked,
    Teaching,
    Trouble,
    Unreadable,
    encode,
)
from detectors.findings import Cleared, Finding, Sight, Status, What
from detectors.homes import Limits
from detectors.moments import Origin, SensorSight
from gateway import fallback
from gateway.building import DISK_EVERY_S, Gateway
from gateway.calls import PROOF_AGAIN_S, Calls
from gateway.channels import SIREN, Channels, Command, Switch
from gateway.ingest import Arrival
from gateway.sources import Message
from tests.conftest import Mosquitto, new_mosquitto
from tests.gateway.daemons import HOME, Building, Ear, FakeClock, a_gateway, events, ordered, seen
from tests.stories import a_home, a_site, brief, instant


def test_a_message_becomes_an_event_a_status_and_in_time_a_finding(building: Building) -> None:
    for at, name, values in [("22:40", "12/bed", {"occupancy": True}), ("02:10", "12/bed", {"occupancy": False})]:
        building.clock(instant(at))
        building.say(name, seen(at, **values))
    building.clock(instant("02:31"))
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["02:17 oob-unseen"]
    assert [one.presence for one in records if isinstance(one, Status)] == ["bed", "up"]


def test_what_a_bridge_says_at_qos_0_is_kept_and_the_connection_goes_on(building: Building) -> None:
    """Zigbee2MQTT says nearly everything so; there is nothing to acknowledge, and a broker drops who does."""
    building.clock(instant("22:50"))
    building.say("12/bed", seen("22:40", occupancy=False))  # from then on it listens: who does not, misses QoS 0
    for number in range(1, 6):
        building.until(lambda records, so_far=number: len(events(records)) == so_far)  # type: ignore[misc]
        building.say("12/bed", seen(f"22:4{number}", occupancy=number % 2 == 1), qos=0)
    building.until(lambda records: len(events(records)) == 6)


@pytest.mark.parametrize("home", [a_home(limits=Limits(bath=40, still=60))])
@pytest.mark.parametrize("restart", [False, True])
def test_what_the_centre_teaches_is_watched_by_also_after_a_restart(building: Building, restart: bool) -> None:
    pools = {name: Ranked(None) for name in teaching.pools_of("general")}
    taught = Teaching(at=instant("17:00"), site=building.settings.site.id, pools=pools)
    order = link.encode(Batch("journal-of-centre", 0, 1, (msgspec.Raw(encode(taught)),)))
    building.hand.publish(link.down_topic("wilg"), order, qos=1).wait_for_publish(10)
    building.until(lambda records: taught in records)
    if restart:
        building.stop()
        building.start()
    for at, name, value in [("22:40", "bed", True), ("02:09", "bed", False), ("02:10", "badkamer", True)]:
        building.clock(instant(at))
        building.say(f"12/{name}", seen(at, occupancy=value))
    building.clock(instant("02:52"))
    records = building.until(lambda records: any(isinstance(one, Finding) for one in records))
    # By what is shipped, so long a visit would be told after a quarter of an hour.
    assert [brief(one) for one in records if isinstance(one, Finding)] == ["02:50 bath"]


def test_what_is_asked_is_answered_and_what_is_agreed_is_watched_by_also_after_a_restart(building: Building) -> None:
    """The daemon looks back aside, and goes on meanwhile."""
    before = agreed(HOME)
    after = with_values(before, {"oob_unseen": 4})
    for at, value in [("22:40", True), ("02:00", False), ("02:20", True)]:
        building.clock(instant(at))
        building.say("12/bed", seen(at, occupancy=value))
    building.clock(instant("16:00") + timedelta(days=1))
    by, a_day = StaffId("s-1"), timedelta(days=1)
    asked = BackTest(
        at=instant("22:00"), home=HOME.id, id=BackTestId("b1"), by=by, before=before, proposed=after, nights=2
    )
    ordered(building, 1, asked)
    records = building.until(lambda records: any(isinstance(one, BackTested) for one in records))
    (answer,) = [one for one in records if isinstance(one, BackTested)]
    assert answer.found is not None
    came = [(one.was, one.would) for one in answer.found.pairs if one.was and one.was.what is What.OOB_UNSEEN]
    assert [would.at - was.at for was, would in came if was and would] == [timedelta(minutes=-3)]

    change = Changed(
        at=instant("16:00") + a_day,
        home=HOME.id,
        resident=HOME.resident,
        by=by,
        why=Ground.TOO_LATE,
        before=before,
        after=after,
        asked=asked.id,
    )
    ordered(building, 2, change)
    building.until(
        lambda records: [one for one in records if isinstance(one, Plan)][-1].homes[0].limits == after.limits
    )
    building.stop()
    building.start()
    for at, value in [("22:40", True), ("02:00", False)]:
        building.clock(instant(at) + a_day)
        building.say("12/bed", {"occupancy": value, "last_seen": (instant(at) + a_day).isoformat()})
    building.clock(instant("02:10") + a_day)
    records = building.until(lambda records: any(isinstance(one, Finding) and one.at > change.at for one in records))
    assert [brief(one) for one in records if isinstance(one, Finding) and one.at > change.at] == ["02:04 oob-unseen"]
    assert [type(one) for one in records if isinstance(one, BackTested)] == [BackTested]  # and not asked again


@pytest.mark.parametrize(
    ("name", "payload", "trouble"),
    [
        ("12/bed", b"{not json", Trouble.UNREADABLE),
        ("12/bed", b'{"occupancy": "perhaps"}', Trouble.UNREADABLE),
        ("14/bed", b'{"occupancy": true}', Trouble.UNKNOWN_SENSOR),
        ("12/bed", b'{"occupancy": true, "last_seen": "2026-03-03T02:00:00"}', Trouble.CLOCK),
        ("12/bed", b'{"occupancy": true, "last_seen": "2031-01-01T00:00:00Z"}', Trouble.CLOCK),
        ("12/bed", b"\x00" * 1_000_000, Trouble.TOO_LARGE),
    ],
    ids=["not-json", "wrong-type", "unknown-sensor", "naive-date", "future-date", "one-megabyte"],
)
def test_bad_input_stops_nothing_and_is_kept_for_the_installer(
    building: Building, name: str, payload: bytes, trouble: Trouble
) -> None:
    building.say(name, payload)
    building.clock(instant("23:00"))
    building.say("12/badkamer", seen("23:00", occupancy=True))
    records = building.until(lambda records: any(one.sensor == "12/badkamer" for one in events(records)))
    (kept,) = [one for one in records if isinstance(one, Unreadable)]
    assert kept.trouble is trouble
    assert kept.topic == f"{building.base}/{name}"
    assert kept.size == len(payload)


def test_an_old_message_that_the_broker_kept_starts_no_alarm(building: Building) -> None:
    building.stop()
    building.say("12/bed", seen("13:00", occupancy=False), retain=True)
    building.start()
    building.until(lambda records: any(one.origin is Origin.RETAINED for one in events(records)))
    building.clock(instant("06:00"))
    building.say("12/badkamer", seen("06:00", occupancy=True))
    records = building.until(lambda records: any(one.sensor == "12/badkamer" for one in events(records)))
    assert not any(isinstance(one, Finding) for one in records)
    building.say("12/bed", b"", retain=True)


def test_what_is_said_while_the_daemon_is_down_is_there_when_it_is_back(building: Building) -> None:
    building.stop()
    building.clock(instant("23:40"))
    for minute in range(10, 40):
        building.say("12/keuken", seen(f"23:{minute}", occupancy=minute % 2 == 0))
    building.start()
    records = building.until(lambda records: len(events(records)) == 30)
    assert [one.at for one in events(records)] == [instant(f"23:{minute}") for minute in range(10, 40)]


def test_the_broker_may_go_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    broker = new_mosquitto(folder)
    building = Building(broker, tmp_path, "z2m")
    building.start()
    try:
        while not building.records():
            building.clock(instant("22:00"))
            time.sleep(0.05)
        building.say("12/keuken", seen("22:01", occupancy=True))
        building.until(lambda records: len(events(records)) == 1)
        broker.stop()
        broker.start()
        end = time.monotonic() + 20
        while not building.hand.is_connected():
            assert time.monotonic() < end
            time.sleep(0.05)
        building.say("12/keuken", seen("22:02", occupancy=False))
        building.until(lambda records: len(events(records)) == 2)
    finally:
        building.close()
        broker.stop()


# What the broker sends again after a restart.


def stands(gateway: Gateway, state: str, packet: int, *, again: bool = True, retained: bool = False) -> Arrival:
    message = Message("zigbee2mqtt/12/bed/availability", json.dumps({"state": state}).encode(), retained)
    return Arrival(message, instant("23:00"), packet, 1, again=again)


def sights(gateway: Gateway) -> list[bool]:
    records = [entry.record for entry in journal.read_after(gateway.db, 0)]
    return [one.seen for one in records if isinstance(one, SensorSight)]


def test_a_sensor_that_is_away_does_not_come_back_by_what_the_broker_sends_again(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    gateway.take([stands(gateway, "offline", 1, again=False)])
    assert sights(gateway) == [False]
    gateway.take([stands(gateway, state, number) for number, state in enumerate(("online", "offline"), 2)])
    assert sights(gateway) == [False]
    assert {one.packet for one in gateway.on_disk} == {1, 2}  # the last is not acknowledged before it counts
    gateway.take([])
    assert sights(gateway) == [False]
    assert {one.packet for one in gateway.on_disk} == {1, 2, 3}
    gateway.db.close()


@pytest.mark.parametrize("what_follows", ["nothing", "news", "what is kept"])
def test_of_what_is_sent_again_the_last_counts(tmp_path: Path, what_follows: str) -> None:
    gateway = a_gateway(tmp_path)
    gateway.take([stands(gateway, "online", 1), stands(gateway, "offline", 2)])
    assert sights(gateway) == []
    if what_follows == "what is kept":  # and was said after all of those
        gateway.take([stands(gateway, "online", 3, again=False, retained=True)])
        gateway.take([])
        assert False not in sights(gateway)
    else:
        news = Arrival(Message("zigbee2mqtt/12/button", b"{}"), instant("23:01"), 3, 1)
        gateway.take([news] if what_follows == "news" else [])
        assert sights(gateway) == [False]
    gateway.db.close()


def test_what_is_sent_again_long_after_one_another_counts_each(tmp_path: Path) -> None:
    """In a rehearsal hours may lie between them: the sensor was away, and came back."""
    gateway = a_gateway(tmp_path)
    for number, (state, at) in enumerate([("offline", "23:00"), ("online", "23:20")], 1):
        gateway.take([stands(gateway, state, number)._replace(received_at=instant(at))])
    gateway.take([])
    gateway.flush()
    assert sights(gateway) == [False, True]
    gateway.db.close()


# What the building says besides its records.


def test_a_building_proves_itself_by_the_way_of_its_sensors(ear: Ear, building: Building) -> None:
    ear.until(lambda _: any(one.proof is not None for one in ear.beats()))
    assert building.records() != []
    assert not any(isinstance(one, Unreadable) for one in building.records())


def test_a_proof_that_somebody_else_sent_or_an_old_one_proves_nothing(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    topic = gateway.proof_topic
    asked = gateway.proof(0.0)
    assert asked is not None
    gateway.take([Arrival(Message(topic, b"2026-03-03T01:00:00+00:00"), instant("23:00"), 1, 1)])
    assert gateway.proven_at is None
    gateway.take([Arrival(Message(topic, asked), instant("23:01"), 2, 1)])
    assert gateway.proven_at == instant("23:01")
    assert gateway.proof(59.0) is None
    gateway.db.execute("PRAGMA query_only = ON")
    asked = gateway.proof(60.0)
    assert asked is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        gateway.take([Arrival(Message(topic, asked), instant("23:02"), 3, 1)])
    assert gateway.proven_at == instant("23:01")
    gateway.db.close()


def test_what_the_centre_does_not_confirm_sounds_in_the_building_until_it_does(
    ear: Ear, building: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fallback, "WITHIN_S", 0.3)
    building.say("12/button", seen("22:00", action="single"))
    records = building.until(lambda records: any(isinstance(one, FellBack) for one in records))
    (fell,) = [one for one in records if isinstance(one, FellBack)]
    (found,) = [one for one in records if isinstance(one, Finding)]
    assert fell.alert == alert_of(found)
    sounds = fallback.said((HOME.id,))
    ear.until(lambda heard: (fallback.topic(a_site(HOME)), sounds) in heard)
    with contextlib.closing(journal.connect(building.file, read_only=True)) as db:
        have = link.encode(link.Have(journal.identity(db), journal.last_number(db)))
    building.hand.publish(link.down_topic("wilg"), have, qos=1).wait_for_publish(10)
    ear.until(lambda heard: [payload for topic, payload in heard if topic.endswith("/alarm")][-1] == fallback.said(()))


def test_an_alarm_that_sounds_goes_on_sounding_through_a_restart(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    press = {"action": "single", "last_seen": instant("22:00").isoformat()}
    message = Message("zigbee2mqtt/12/button", json.dumps(press).encode())
    gateway.take([Arrival(message, instant("22:00"), 1, 1)])
    assert gateway.fall_back(0, 10.0) == ()
    assert gateway.fall_back(0, 10.0 + fallback.WITHIN_S) == (HOME.id,)
    gateway.db.close()
    again = Gateway.opened(gateway.settings)
    assert again.fall_back(0, 1000.0) == (HOME.id,)
    assert again.fall_back(journal.last_number(again.db), 1001.0) == ()
    again.db.close()


def test_an_alarm_goes_out_by_sirens_and_by_commands_until_the_centre_has_it(
    ear: Ear, building: Building, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real siren's topic, a real program for a text message, and one that is dead and stops neither."""
    monkeypatch.setattr(fallback, "WITHIN_S", 0.3)
    building.stop()
    spool = tmp_path / "spool"
    siren = Switch(name="hall", topic=fallback.topic(a_site(HOME)) + "/hall", on="ON", off="OFF")
    sends = Command(name="sms", run=(sys.executable, "-c", f"import sys; open({str(spool)!r}, 'w').write(input())"))
    dead = Command(name="push", run=("/nowhere/apprise",))
    building.settings = dataclasses.replace(
        building.settings, channels=Channels(switch=(siren,), command=(dead, sends))
    )
    hall = Ear(building.broker, siren.topic)
    building.start()
    building.say("12/button", seen("22:00", action="single"))
    records = building.until(
        lambda records: {one.channel for one in records if isinstance(one, FellBack)} >= {"sms", "push"}
    )
    assert {(one.channel, one.took) for one in records if isinstance(one, FellBack)} == {
        (SIREN, None),
        ("hall", None),
        ("sms", True),
        ("push", False),
    }
    assert spool.read_text() == "Woning 12: hulp gevraagd."
    hall.until(lambda heard: [payload for _, payload in heard][-1:] == [b"ON"])
    with contextlib.closing(journal.connect(building.file, read_only=True)) as db:
        have = link.encode(link.Have(journal.identity(db), journal.last_number(db)))
    building.hand.publish(link.down_topic("wilg"), have, qos=1).wait_for_publish(10)
    hall.until(lambda heard: [payload for _, payload in heard][-1] == b"OFF")
    hall.close()


def test_a_command_is_tested_once_a_day_by_day_and_a_dead_one_is_told_until_it_works(
    tmp_path: Path,
) -> None:
    gateway, clock = a_gateway(tmp_path), FakeClock(instant("22:00"))
    works = tmp_path / "works"
    command = Command(name="sms", run=("/bin/sh", "-c", f"test -e {works}"))
    gateway.settings = dataclasses.replace(gateway.settings, channels=Channels(command=(command,)))
    gateway.calls, gateway.clock = Calls([command]), clock

    def told(what: type[Finding] | type[Cleared], monotonic_s: float) -> list[Finding | Cleared]:
        end = time.monotonic() + 20
        while True:
            gateway.call(monotonic_s)
            gateway.tick()
            records = [entry.record for entry in journal.read_after(gateway.db, 0)]
            found = [one for one in records if isinstance(one, what) and one.what is What.CHANNEL]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)

    for _ in range(3):
        gateway.call(0.0)
        clock.at += timedelta(hours=3)
    assert gateway.calls.dead == ()  # at night no test goes out
    clock.at += timedelta(hours=3)
    (found,) = told(Finding, 1.0)
    assert isinstance(found, Finding)
    assert (found.channel, found.home) == ("sms", "wilg/*")
    works.touch()
    (over,) = told(Cleared, 1.0 + PROOF_AGAIN_S)
    assert over.since == found.since
    gateway.db.close()


def test_a_broker_that_goes_away_is_told_to_the_centre(tmp_path: Path) -> None:
    gateway = a_gateway(tmp_path)
    clock = FakeClock(instant("22:00"))
    gateway.clock, gateway.broker_up = clock, False
    for _ in range(60):
        clock.at += timedelta(seconds=1)
        gateway.tick()
    findings = [entry.record for entry in journal.read_after(gateway.db, 0) if isinstance(entry.record, Finding)]
    assert [(one.what, one.home) for one in findings] == [(What.BROKER_LOST, "wilg/*")]
    statuses = [entry.record for entry in journal.read_after(gateway.db, 0) if isinstance(entry.record, Status)]
    assert statuses[-1].sight is Sight.BLIND
    gateway.db.close()


def test_a_nearly_full_disk_is_told_and_a_full_one_also_where_no_journal_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = a_gateway(tmp_path)
    for free, trouble in [(10**10, ""), (10**8, ""), (10**6, ""), (10**6, "disk")]:
        monkeypatch.setattr("shutil.disk_usage", lambda _folder, free=free: SimpleNamespace(free=free, total=10**10))
        gateway.disk_at_s = -DISK_EVERY_S
        gateway.tick()
        assert gateway.trouble == trouble
    findings = [entry.record for entry in journal.read_after(gateway.db, 0) if isinstance(entry.record, Finding)]
    assert [(one.what, one.value) for one in findings] == [(What.DISK, 100)]
    gateway.db.close()


# Systemd.


def test_systemd_hears_that_the_daemon_is_ready_that_it_takes_its_turns_and_when_it_was_proven(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "notify"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as line:
        line.bind(str(where))
        line.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(where))
        monkeypatch.setenv("WATCHDOG_USEC", "900000")
        building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}")
        building.start()
        try:
            said: list[bytes] = []
            while said.count(b"WATCHDOG=1") < 3 or not any(one.startswith(b"STATUS=") for one in said):
                said.append(line.recv(200))
        finally:
            building.close()
    assert said.count(b"READY=1") == 1
    assert any(re.fullmatch(rb"STATUS=Proven \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", one) for one in said), (
        "an update waits for it"
    )


def test_the_clock_of_a_rehearsal_is_not_obeyed_at_work(mosquitto: Mosquitto, tmp_path: Path) -> None:
    building = Building(mosquitto, tmp_path, f"z2m-{tmp_path.name}", rehearsal=False)
    building.start()
    try:
        building.until(lambda records: any(isinstance(one, Plan) for one in records))
        building.clock(datetime.fromisoformat("2099-01-01T00:00:00+00:00"))
        end = time.monotonic() + 20
        while not events(building.records()):
            building.say("12/keuken", {"occupancy": True})
            assert time.monotonic() < end
        assert all(one.at.year < 2099 for one in events(building.records()))
    finally:
        building.close()
