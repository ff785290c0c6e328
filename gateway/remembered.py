"""What a watch remembers between two starts: its snapshot in the journal, as bytes."""

import msgspec

from care.agreements import Standing
from care.devices import Described
from care.ids import AlertId, BackTestId
from care.measures import Measures
from care.records import BackTest, Plan, Teaching
from care.teaching import Fleet
from detectors.findings import Finding
from detectors.homes import HomeId, Instant, SensorId
from detectors.moments import SensorEvent
from detectors.remembered import Vigil
from gateway.erasing import Order
from gateway.fallback import Pending
from gateway.health import Health
from gateway.metering import Ledger
from gateway.pauses import Deafness
from gateway.walks import Walks


class Remembered(msgspec.Struct):
    """All that a watch holds beside the plan and the journal. Each field has a default that an older snapshot gets."""

    vigils: dict[HomeId, Vigil]
    plan: Plan | None
    clock: Instant | None
    fleet: Fleet = msgspec.field(default_factory=Fleet)
    taught: Teaching | None = None
    centre_at: Instant | None = None
    health: Health = Health()
    gaps: tuple[Finding, ...] = ()
    pending: dict[AlertId, Pending] = {}
    dated_to: Instant | None = None
    agreed: dict[HomeId, Standing] = {}
    back_tests: dict[BackTestId, BackTest] = {}
    deaf: Deafness = {}
    measures: Measures = msgspec.field(default_factory=Measures)
    described: dict[SensorId, Described] = {}
    packets: dict[SensorId, SensorEvent] = {}
    walks: Walks = {}
    forgets: tuple[Order, ...] = ()
    ledger: Ledger = Ledger()


_decoder = msgspec.json.Decoder(Remembered)


def read(body: bytes) -> Remembered:
    """Read a snapshot back. Raises `msgspec.DecodeError` if it is none."""
    return _decoder.decode(body)


def salvaged(body: bytes) -> bytes | None:
    """Return the snapshot of a journal that was damaged for use with a new one, or None if it is too."""
    try:
        saved = read(body)
    except msgspec.DecodeError:
        return None
    saved.plan, saved.pending, saved.forgets = None, {}, ()  # numbers and plan are of the journal that is gone
    return msgspec.json.encode(saved)
