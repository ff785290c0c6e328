"""What was received is kept: real processes and a real broker, killed and restarted while a building lives its days.

The same proof at its full size is `python -m benchmarks.reliability`.
"""

from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.reliability.kills import Proof, killed
from care import journal
from detectors.findings import Finding
from detectors.moments import SensorEvent
from gateway import rehearsal, stage
from gateway.building import Gateway, Settings
from gateway.ingest import Arrival
from gateway.sources import Message


@pytest.fixture(scope="module")
def proof() -> Proof:
    return killed(events=4_000, kills=4, brokers=1, centres=1, seed=3)


def test_kills_and_restarts_lose_and_double_no_event(proof: Proof) -> None:
    assert (proof.events, proof.kills) == (4_000, 4)
    assert (proof.lost, proof.doubled) == (0, 0)


def test_kills_and_restarts_keep_no_finding_from_the_centre(proof: Proof) -> None:
    assert proof.findings > 20  # or nothing would be shown by it
    assert proof.alerts_missed == 0


def test_kills_and_restarts_double_and_invent_no_finding(proof: Proof) -> None:
    assert proof.alerts_doubled == 0


def test_what_a_broker_sends_again_after_a_kill_is_no_news(tmp_path: Path) -> None:
    """What was on disk and not yet acknowledged comes again: a sensor's hour in one second is no storm."""
    site = rehearsal.site(1)
    settings = Settings(
        site=site, journal=tmp_path / "gateway.db", broker=("", 0), centre=("", 0), base=stage.BASE, rehearsal=True
    )
    day = rehearsal.night(site, seed=1, start=rehearsal.START + timedelta(hours=9), hours=24)
    arrivals = [arrival_of(one, stage.names_of(site)) for one in islice(day, 900) if isinstance(one, SensorEvent)]
    first = Gateway.opened(settings)
    first.take(arrivals)
    before = journal.last_number(first.db)
    first.db.close()  # killed between commit and acknowledgement
    again = Gateway.opened(settings)
    again.take(arrivals)
    again.take([clock(arrivals[-1].received_at + timedelta(minutes=5))])
    new = [entry.record for entry in journal.read_after(again.db, before)]
    again.db.close()
    assert [one for one in new if isinstance(one, Finding | SensorEvent)] == []


def arrival_of(event: SensorEvent, names: stage.Names) -> Arrival:
    said = stage.message_of(event, names)
    assert said is not None
    return Arrival(Message(said.topic, said.payload), event.at, 1, 1)


def clock(at: datetime) -> Arrival:
    told = stage.time_message(at)
    return Arrival(Message(told.topic, told.payload), at, 1, 1)
