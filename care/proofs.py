"""A walk test: somebody walks through a home, and every sensor in it is heard as the plan says. When that holds.

A proof is a record of the building, signed by its gateway, about one home as it stood in the plan. It ends when that
changes: another room or role, another device on the wall, a year. The centre computes it from the same records
(decision 0022). Device addresses stay in the building; what is told of them is a print.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

import msgspec

from detectors.homes import Home, HomeId, Instant, Kind, RoomId, RoomKind, SensorId, SiteId

InstallerId = NewType("InstallerId", str)  # who walked; an id, never a name

LASTS = timedelta(days=365)
WALK_MAX = timedelta(hours=2)  # that a home is at most being walked through before it is no longer
CHECKED_MAX = 20_000  # signatures of which it is remembered whether they are right
Print = str  # of a device: what a centre may know of its address, 12 characters; empty where the plan has none


class Walking(msgspec.Struct, frozen=True, kw_only=True, tag="walking"):
    """Somebody walks through a home until then at the latest. What is found there meanwhile may be them."""

    at: Instant
    home: HomeId
    until: Instant  # `at`, when it is over


class Verdict(StrEnum):
    """What came of one sensor in a walk."""

    ARRIVED = "arrived"
    LATE = "late"  # as it should be, but after its time
    REVERSED = "reversed"  # the wrong way round: it says empty when somebody lies down
    STUCK = "stuck"  # it said that somebody lies down, or that a door opens, and never that it is over
    SWAPPED = "swapped"  # another sensor answered in its place
    NOTHING = "nothing"  # nothing came


PASSED = frozenset({Verdict.ARRIVED, Verdict.LATE})


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What the plan says of a sensor, as far as a walk can prove it."""

    kind: Kind
    room: RoomId
    room_kind: RoomKind
    device: Print = ""


class WalkedSensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sensor in a walk: where it was by the plan, and what came of it."""

    sensor: SensorId
    place: Place
    verdict: Verdict
    at: Instant  # when it was heard, or when that was given up
    instead: SensorId | None = None  # which one answered in its place
    link: float | None = None  # LQI of what was heard, 0 to 255


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the test alert: the help button was pressed, and people at the desk did with it what they do."""

    alert: str  # its id
    pressed_at: Instant
    seen_at: Instant | None = None  # a screen of the desk showed it
    screen: str = ""
    answered_at: Instant | None = None  # somebody there claimed or closed it

    @property
    def done(self) -> bool:
        return self.seen_at is not None and self.answered_at is not None


class Walked(msgspec.Struct, frozen=True, kw_only=True, tag="walked", omit_defaults=True):
    """The result of a walk through one home. The newest of a home counts."""

    at: Instant
    home: HomeId
    plan: str  # `plan_of` the home when it was walked
    sensors: tuple[WalkedSensor, ...]
    by: InstallerId
    shown: Shown | None = None  # None: there is no help button here, or it was not pressed
    key: str = ""  # the gateway's public key, 32 bytes in hexadecimal
    signature: bytes = b""


class Unproven(StrEnum):
    """Why a home is not proven."""

    NONE = "none"  # nobody walked there
    FORGED = "forged"  # not what the gateway signed
    FAILED = "failed"  # a sensor did not do what it should
    CHANGED = "changed"  # a sensor has another room or role, is new, or is gone
    REPLACED = "replaced"  # there is another device for a sensor
    UNSEEN = "unseen"  # the desk has not seen and answered the test alert
    OLD = "old"  # too long ago


class Doubt(msgspec.Struct, frozen=True, array_like=True):
    """Why a home is not proven, and by which sensor, where it is by one."""

    why: Unproven
    sensor: SensorId | None = None


def print_of(family: str, address: str) -> Print:
    """Return what the centre is told of a device: enough to see that it is another one.

    >>> print_of("zigbee2mqtt", "0x00158D00AA") == print_of("zigbee2mqtt", "0x00158d00aa")
    True
    >>> print_of("zigbee2mqtt", "")
    ''
    """
    return hashlib.sha256(f"{family} {address.lower()}".encode()).hexdigest()[:12] if address else ""


def places(home: Home, devices: Mapping[SensorId, Print]) -> dict[SensorId, Place]:
    """Return what a walk through a home can prove: of each sensor its role, its room and its device."""
    return {one.id: Place(one.kind, one.room, home.kind_of(one.room), devices.get(one.id, "")) for one in home.sensors}


def plan_of(home: HomeId, of: Mapping[SensorId, Place]) -> str:
    """Return the SHA-256 of a home's part of the plan, in whatever order its sensors stand there."""
    return hashlib.sha256(msgspec.json.encode([home, sorted(of.items())], order="deterministic")).hexdigest()


def said(proof: Walked) -> bytes:
    """Return what is signed of a proof: all of it but the signature, as canonical JSON."""
    return msgspec.json.encode(msgspec.structs.replace(proof, signature=b""), order="sorted")


def doubt_of(
    home: Home, devices: Mapping[SensorId, Print], proof: Walked | None, now: datetime, *, genuine: bool
) -> Doubt | None:
    """Return why a home, as the plan has it now, is not proven, or None if it is.

    Parameters
    ----------
    devices : the print of each sensor's device, as the plan has it now.
    proof : the newest of this home; None if there is none.
    genuine : whether its signature is right.
    """
    if proof is None or proof.home != home.id:
        return Doubt(Unproven.NONE)
    walked = {one.sensor: one.place for one in proof.sensors}
    if not genuine or proof.plan != plan_of(proof.home, walked):
        return Doubt(Unproven.FORGED)
    found = _changed(walked, places(home, devices)) or _failed(proof, home)
    if found is not None:
        return found
    return Doubt(Unproven.OLD) if now - proof.at > LASTS else None


def _changed(walked: Mapping[SensorId, Place], standing: Mapping[SensorId, Place]) -> Doubt | None:
    for sensor, place in standing.items():
        was = walked.get(sensor)
        if was == place:
            continue
        replaced = was is not None and msgspec.structs.replace(was, device=place.device) == place
        return Doubt(Unproven.REPLACED if replaced else Unproven.CHANGED, sensor)
    gone = next((sensor for sensor in walked if sensor not in standing), None)
    return Doubt(Unproven.CHANGED, gone) if gone is not None else None


def _failed(proof: Walked, home: Home) -> Doubt | None:
    failed = next((one.sensor for one in proof.sensors if one.verdict not in PASSED), None)
    if failed is not None:
        return Doubt(Unproven.FAILED, failed)
    buttons = any(one.kind is Kind.BUTTON for one in home.sensors)
    return Doubt(Unproven.UNSEEN) if buttons and (proof.shown is None or not proof.shown.done) else None


class Proofs:
    """The newest proof of every home, and who walks where, as the records say. Changed only by `add`."""

    def __init__(self) -> None:
        self._of: dict[HomeId, Walked] = {}
        self._walking: dict[HomeId, Walking] = {}
        self._sites: set[SiteId] = set()
        self._genuine: dict[tuple[HomeId, bytes], bool] = {}
        self._known: dict[HomeId, tuple[Home, Mapping[SensorId, Print], Walked, Doubt | None]] = {}

    def add(self, record: object) -> bool:
        """Take in one record of the journal; return whether it is about a walk."""
        match record:
            case Walked():
                known = self._of.get(record.home)
                if known is None or known.at <= record.at:
                    self._of[record.home] = record
                self._sites.add(_site(record.home))
            case Walking():
                self._walking[record.home] = record
            case _:
                return False
        return True

    def told(self, site: SiteId) -> bool:
        """Whether a building has told of any walk: one that never did is new, or of an older make."""
        return site in self._sites

    def of(self, home: HomeId) -> Walked | None:
        return self._of.get(home)

    def walked_now(self, home: HomeId, now: datetime) -> bool:
        """Whether somebody walks through a home now."""
        walking = self._walking.get(home)
        return walking is not None and walking.at <= now < min(walking.until, walking.at + WALK_MAX)

    def doubt(self, home: Home, devices: Mapping[SensorId, Print], now: datetime) -> Doubt | None:
        """Return why a home is not proven, or None if it is. Kept as long as home, devices and proof are the same."""
        proof = self._of.get(home.id)
        if proof is None:
            return Doubt(Unproven.NONE)
        known = self._known.get(home.id)
        if known is None or known[0] is not home or known[1] is not devices or known[2] is not proof:
            found = doubt_of(home, devices, proof, proof.at, genuine=self._signed(proof))
            known = self._known[home.id] = (home, devices, proof, found)
        return known[3] or (Doubt(Unproven.OLD) if now - proof.at > LASTS else None)

    def _signed(self, proof: Walked) -> bool:
        from care.signatures import genuine  # not at the top: the daemon knows these records, and checks no signature

        at = (proof.home, proof.signature)
        if at not in self._genuine:
            if len(self._genuine) >= CHECKED_MAX:
                self._genuine.clear()
            self._genuine[at] = genuine(proof.key, said(proof), proof.signature)
        return self._genuine[at]


def _site(home: HomeId) -> SiteId:
    return SiteId(home.partition("/")[0])
