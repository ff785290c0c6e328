"""Devices join: through which router, for how long, and is the network closed when they are in.

`Session` is what is known of one visit to the pairing: a pure fold of what the bridge says (`heard`, `looked`) and of
time (`due`). `pair` runs it with a bridge. The network is opened in short slices, so that it closes by itself soon
after a command that was killed. New routers may open it on their own (Koenkk/zigbee2mqtt.io#5067): they are named, and
it is closed again.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from care.language import mark
from gateway.installer.bridge import Bridge, BridgeTrouble, Heard, Info

SLICE = timedelta(seconds=60)  # the network is opened for so long at a time
RENEW = timedelta(seconds=10)  # before a slice ends, the next one is asked for
SAME_MS = 1000.0  # an end that differs by no more is the one that we asked for
LATER = timedelta(seconds=5)  # after closing, one that was just coming in may still come
LINGER = timedelta(seconds=15)  # after closing: routers that came in are watched so long, for they may open it again
CLOSED_WITHIN_S = 5.0
REOPENED_MAX = 5  # times that it is closed again


class Step(StrEnum):
    """How far a device has come."""

    JOINED = "joined"
    INTERVIEW = "interview"
    READY = "ready"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    LEFT = "left"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A device that came by."""

    address: str
    step: Step
    at: datetime  # of that step
    model: str = ""
    vendor: str = ""
    place: str = ""  # the name that the plan has for it; "" for one that the plan does not know

    @property
    def arrived(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.step in (Step.READY, Step.UNSUPPORTED)


class Reopened(msgspec.Struct, frozen=True):
    """The network was open and nobody here had opened it."""

    at: datetime
    by: tuple[str, ...]  # addresses of the routers that came in here; empty if it is none of them


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A visit to the pairing: what was asked, and what was seen until now."""

    until: datetime
    via: str = ""  # the router to join through, by its name; "" for any
    expected: dict[str, str] = {}  # address, to the name in the plan; when all are in, it is over
    routers: frozenset[str] = frozenset()  # addresses of all routers in the network
    seen: dict[str, Seen] = {}
    open_until: datetime | None = None  # as we asked; None while we want it closed
    end_ms: float | None = None  # of that, as the bridge says by its own clock; None if it has not said
    asking: bool = False  # it was asked to open, and has not answered: an end that it tells now is ours
    closed_at: datetime | None = None  # when we closed it for good
    reopened: tuple[Reopened, ...] = ()
    closed_again: int = 0  # how many of those we have closed
    lost: bool = False  # the bridge went off line
    interrupted: bool = False  # somebody ended it

    @property
    def new_routers(self) -> frozenset[str]:
        """The addresses of routers that came in here: they may open the network on their own."""
        return self.routers & self.seen.keys()

    @property
    def missing(self) -> dict[str, str]:
        """Those expected that have not arrived: address, to name."""
        return {
            address: name
            for address, name in self.expected.items()
            if address not in self.seen or not self.seen[address].arrived
        }

    @property
    def complete(self) -> bool:
        """Whether all that were expected are in, and no other device is still being interviewed."""
        busy = any(one.step in (Step.JOINED, Step.INTERVIEW) for one in self.seen.values())
        return bool(self.expected) and not self.missing and not busy


class Ask(msgspec.Struct, frozen=True):
    """Open the network for so many seconds; 0 closes it."""

    seconds: int


def due(session: Session, now: datetime) -> Ask | None:
    """Return what to ask of the bridge at this instant, if anything."""
    if session.closed_at is not None:
        return Ask(0) if len(session.reopened) > session.closed_again else None
    if session.complete or now >= session.until:
        return Ask(0)
    if session.lost:
        return None
    if session.open_until is None or (session.open_until - now <= RENEW and session.open_until < session.until):
        return Ask(max(1, round(min(SLICE, session.until - now).total_seconds())))
    return None


def asked(session: Session, ask: Ask, now: datetime) -> Session:
    """Take in that the bridge is being asked to open the network, or has closed it."""
    if ask.seconds:
        return _with(session, open_until=now + timedelta(seconds=ask.seconds), end_ms=None, asking=True)
    return _with(session, open_until=None, closed_at=now, closed_again=len(session.reopened))


def over(session: Session, now: datetime) -> bool:
    """Whether the visit is over: closed, and watched for as long as a router that came in may open it again."""
    if session.closed_at is None:
        return False
    return not session.new_routers or now >= session.closed_at + LINGER


def heard(session: Session, message: Heard, now: datetime) -> Session:
    """Take in what the bridge said. What it repeats of before is nothing new."""
    if message.retained or not isinstance(message.said, dict):
        return session
    match message.name, message.said:
        case "bridge/state", {"state": str(state)}:
            online = state == "online"  # a bridge that was restarted has closed the network
            return _with(session, lost=not online, open_until=session.open_until if online else None)
        case "bridge/info", {"permit_join": True, "permit_join_end": int() | float() as end}:
            return _opened(session, float(end), now)
        case "bridge/response/permit_join", {"status": "ok"}:
            return _with(session, asking=False)
        case "bridge/event", {"type": str(kind), "data": {"ieee_address": str(address)} as data}:
            return _event(session, kind, address, data, now)
    return session


def looked(session: Session, info: Info, now: datetime) -> Session:
    """Take in whether the bridge says that the network is open though it was closed."""
    return _reopened(session, now) if info.permit_join and session.closed_at is not None else session


def _opened(session: Session, end_ms: float, now: datetime) -> Session:
    """Take in until when the network is open: by us, or else somebody else opened it."""
    if session.open_until is None:
        return session
    if session.asking or session.end_ms is None:
        return _with(session, end_ms=end_ms)
    if abs(end_ms - session.end_ms) <= SAME_MS:
        return session
    return _with(_reopened(session, now), end_ms=end_ms)


def _event(session: Session, kind: str, address: str, data: dict[str, Any], now: datetime) -> Session:
    known = session.seen.get(address)
    match kind, data.get("status"):
        case "device_joined", _:
            if session.closed_at is not None and now > session.closed_at + LATER:
                session = _reopened(session, now)  # whatever bridge/info says, it was let in
            step = Step.JOINED
        case "device_announce", _ if known is None and address in session.expected:
            step = Step.READY  # it was in the network before, and is there
        case "device_interview", "started":
            step = Step.INTERVIEW
        case "device_interview", "failed":
            step = Step.FAILED
        case "device_interview", "successful":
            step = Step.READY if data.get("supported", True) else Step.UNSUPPORTED
        case "device_leave", _ if known is not None:
            step = Step.LEFT
        case _:
            return session
    definition = data.get("definition") or {}
    seen = Seen(
        address=address,
        step=step,
        at=now,
        model=str(definition.get("model") or (known.model if known else "")),
        vendor=str(definition.get("vendor") or (known.vendor if known else "")),
        place=session.expected.get(address, ""),
    )
    return _with(session, seen={**session.seen, address: seen})


def _reopened(session: Session, now: datetime) -> Session:
    return _with(session, reopened=(*session.reopened, Reopened(now, tuple(sorted(session.new_routers)))))


def pair(
    bridge: Bridge,
    session: Session,
    *,
    now: Callable[[], datetime],
    pause: Callable[[], None],
    show: Callable[[Session], None],
) -> Session:
    """Open the network, follow what comes in, close it when all are in or time is over, and see that it stays closed.

    Whatever ends this, the network is closed on the way out. Ctrl-C ends it too, and what was seen is returned.

    Parameters
    ----------
    session : a new one.
    now : the clock of this visit.
    pause : lets a moment pass between two looks.
    show : called with the session after each look.

    Raises
    ------
    BridgeTrouble
        If the bridge does not open the network; `StillOpen` if it cannot be closed, or does not stay closed.
    """
    queue = deque[Heard]()
    end_watch = bridge.watch(queue.append)
    try:
        while not over(session := _asked(bridge, session, queue, now()), now()):
            show(session)
            pause()
            session = _taken_in(bridge, session, queue, now())
    except KeyboardInterrupt:
        session = _with(session, interrupted=True)
    finally:
        try:
            close(bridge, now())  # and for a second time where routers came in: not all of them are seen to open it
        finally:
            end_watch()
    session = _taken_in(bridge, session, queue, now())
    show(session)
    return session


class StillOpen(BridgeTrouble):
    """The network could not be closed, or was not seen to be."""


def close(bridge: Bridge, now: datetime) -> None:
    """Close the network, and see in bridge/info that it is. Raises `StillOpen` with until when it may be open."""
    by_itself = f"{now + SLICE:%H:%M:%S} UTC"
    try:
        bridge.ask("permit_join", {"time": 0})
    except BridgeTrouble as error:
        line = mark("The network may still be open: {why} It closes by itself, by {until} if we opened it.")
        raise StillOpen(line, why=str(error), until=by_itself) from error
    if not bridge.until(lambda one: not one.info().permit_join, patience_s=CLOSED_WITHIN_S):
        line = mark(
            "The bridge says that the network is still open. Close it at the bridge, and look which router opens it."
        )
        raise StillOpen(line)


def _asked(bridge: Bridge, session: Session, queue: deque[Heard], now: datetime) -> Session:
    ask = due(session, now)
    if ask is None:
        return session
    session = _heard(session, queue, now)  # is about the network as it was before
    if ask.seconds:
        session = asked(session, ask, now)
        via = {"device": session.via} if session.via else {}
        bridge.ask("permit_join", {"time": ask.seconds, **via})
        return session
    if len(session.reopened) > REOPENED_MAX:
        raise StillOpen(mark("The network is opened again and again. Take the newest router off the mains."))
    close(bridge, now)
    return asked(_heard(session, queue, now), ask, now)


def _heard(session: Session, queue: deque[Heard], now: datetime) -> Session:
    while queue:
        session = heard(session, queue.popleft(), now)
    return session


def _taken_in(bridge: Bridge, session: Session, queue: deque[Heard], now: datetime) -> Session:
    """Take in all that was heard since the last look, and what the bridge says of itself now."""
    routers = frozenset(one.ieee_address for one in bridge.devices() if one.is_router)
    return looked(_heard(_with(session, routers=routers), queue, now), bridge.info(), now)


_with = msgspec.structs.replace
