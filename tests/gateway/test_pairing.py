"""Pairing with a stand-in bridge on a real broker: open no longer than needed, and closed whatever happens."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.installer import pairing
from gateway.installer.bridge import Bridge, BridgeSaysNo, Heard
from gateway.installer.pairing import LINGER, SLICE, Ask, Session, Step, StillOpen
from tests.conftest import Mosquitto
from tests.gateway.bridge import MORNING, Thing, Zigbee2MQTT, a_box

SHORT_S = 0.3


@pytest.fixture
def bridge(mosquitto: Mosquitto, zigbee: Zigbee2MQTT) -> Iterator[Bridge]:
    with Bridge((mosquitto.host, mosquitto.port), patience_s=5) as one:
        yield one


def a_session(*expected: Thing, seconds: float = 120, via: str = "") -> Session:
    names = {one.address: f"12/{number}" for number, one in enumerate(expected)}
    return Session(until=MORNING + timedelta(seconds=seconds), via=via, expected=names)


def visit(bridge: Bridge, zigbee: Zigbee2MQTT, session: Session, *story: Callable[[], Any]) -> Session:
    """Pair while a story goes on, a line of it between two looks; then time passes, ten seconds a look."""
    lines = iter(story)

    def pause() -> None:
        line = next(lines, None)
        if line is None:
            zigbee.passes(10)
        else:
            line()
        bridge.ask("health_check")  # its answer comes behind all that was said before

    return pairing.pair(bridge, session, now=lambda: zigbee.now, pause=pause, show=lambda _: None)


def test_when_all_that_are_expected_are_in_the_network_is_closed(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    pad, door = a_box("TS0601_bed_presence_sensor", "MCCGQ11LM")
    done = visit(bridge, zigbee, a_session(pad, door), lambda: zigbee.joins(pad), lambda: zigbee.joins(door))
    assert done.complete
    assert {one.place: (one.step, one.model) for one in done.seen.values()} == {
        "12/0": (Step.READY, "TS0601_bed_presence_sensor"),
        "12/1": (Step.READY, "MCCGQ11LM"),
    }
    assert not zigbee.is_open
    assert not bridge.info().permit_join
    assert zigbee.now < MORNING + SLICE  # not the two minutes that were allowed
    assert done.reopened == ()


def test_it_is_opened_through_the_router_that_was_named_and_a_slice_at_a_time(
    bridge: Bridge, zigbee: Zigbee2MQTT
) -> None:
    [router] = a_box("SR-ZG9041A-R")
    zigbee.holds([router])
    bridge.ask("device/rename", {"from": router.address, "to": "gang"})
    done = visit(bridge, zigbee, a_session(seconds=130, via="gang"))
    asked = zigbee.requests("permit_join")
    assert asked[0] == {"time": 60, "device": "gang"}
    assert sum(one["time"] > 0 for one in asked) == 3  # of 60, 60 and what was left
    assert asked[-1] == {"time": 0}
    assert done.closed_at == MORNING + timedelta(seconds=130)


def test_a_router_that_is_not_there_is_told_and_nothing_is_opened(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    with pytest.raises(BridgeSaysNo, match="Device 'gang' does not exist"):
        visit(bridge, zigbee, a_session(via="gang"))
    assert not zigbee.is_open


def test_an_interview_that_fails_is_waited_for_until_it_succeeds(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    [pad] = a_box("SPM915")
    zigbee.interview_fails.add(pad.address)
    steps: list[Step] = []

    def again() -> None:
        zigbee.interview_fails.clear()
        bridge.ask("device/interview", {"id": pad.address})

    lines = iter([lambda: zigbee.joins(pad), lambda: None, again])

    def pause() -> None:
        next(lines, lambda: zigbee.passes(10))()
        bridge.ask("health_check")

    def show(session: Session) -> None:
        steps.extend(one.step for one in session.seen.values())

    done = pairing.pair(bridge, a_session(pad), now=lambda: zigbee.now, pause=pause, show=show)
    assert steps[0] is Step.FAILED
    assert done.complete


def test_a_new_router_that_opens_the_network_is_named_and_it_is_closed(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    router, pad = a_box("E1603/E1702/E1708", "SPM915")
    zigbee.reopens[router.address] = 254
    done = visit(bridge, zigbee, a_session(router, pad), lambda: zigbee.joins(router), lambda: zigbee.joins(pad))
    assert [one.by for one in done.reopened] == [(router.address,)]
    assert not zigbee.is_open
    assert not bridge.info().permit_join


def test_a_router_that_opens_the_network_after_it_was_closed_is_named_too(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    [router] = a_box("SR-ZG9041A-R")
    done = visit(
        bridge, zigbee, a_session(router), lambda: zigbee.joins(router), lambda: zigbee.passes(1), zigbee.reopen
    )
    assert [one.by for one in done.reopened] == [(router.address,)]
    assert not zigbee.is_open
    assert done.closed_at is not None
    assert done.closed_at > MORNING


def test_a_router_that_opens_it_unseen_by_the_bridge_is_closed_too(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    router, stranger = a_box("SR-ZG9041A-R", "SNZB-03")
    zigbee.hidden = True
    done = visit(
        bridge,
        zigbee,
        a_session(router),
        lambda: zigbee.joins(router),
        lambda: zigbee.passes(6),
        lambda: zigbee.reopen(),  # noqa: PLW0108  # later than now
        lambda: zigbee.joins(stranger),
    )
    assert [one.by for one in done.reopened] == [(router.address,)]
    assert done.seen[stranger.address].place == ""
    assert not zigbee.is_open


def test_without_routers_nothing_is_waited_for_after_closing(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    [pad] = a_box("SPM915")
    visit(bridge, zigbee, a_session(pad), lambda: zigbee.joins(pad))
    assert zigbee.now == MORNING


def test_ctrl_c_closes_the_network_and_keeps_what_was_seen(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    pad, door = a_box("SPM915", "MCCGQ11LM")

    def ctrl_c() -> None:
        raise KeyboardInterrupt

    done = visit(bridge, zigbee, a_session(pad, door), lambda: zigbee.joins(pad), ctrl_c)
    assert done.interrupted
    assert list(done.missing) == [door.address]
    assert not zigbee.is_open


def test_a_bridge_that_does_not_answer_the_closing_is_told_with_when_it_closes(
    zigbee: Zigbee2MQTT, mosquitto: Mosquitto
) -> None:
    def falls_silent() -> None:
        zigbee.silent.add("permit_join")
        raise KeyboardInterrupt

    with (
        Bridge((mosquitto.host, mosquitto.port), patience_s=SHORT_S) as bridge,
        pytest.raises(StillOpen, match=r"may still be open: .* closes by itself, by 08:01:00 UTC"),
    ):
        visit(bridge, zigbee, a_session(), falls_silent)


def test_a_bridge_that_is_restarted_is_opened_again(bridge: Bridge, zigbee: Zigbee2MQTT) -> None:
    [pad] = a_box("SPM915")

    def restarted() -> None:
        zigbee.permit(0)
        zigbee.stop()
        zigbee.start()

    done = visit(bridge, zigbee, a_session(pad), restarted, lambda: None, lambda: zigbee.joins(pad))
    assert done.complete


# Laws, without a bridge.

KINDS = st.sampled_from(["device_joined", "device_announce", "device_leave", "started", "failed", "successful"])
EVENTS = st.lists(st.tuples(KINDS, st.sampled_from(["0xa", "0xb", "0xc"]), st.integers(0, 40)), max_size=30)


def told(kind: str, address: str) -> Heard:
    said: dict[str, Any] = {"type": kind, "data": {"ieee_address": address, "friendly_name": address}}
    if kind in ("started", "failed", "successful"):
        said = {"type": "device_interview", "data": {**said["data"], "status": kind, "supported": True}}
    return Heard("bridge/event", said, retained=False)


@given(EVENTS, st.integers(10, 600))
def test_whatever_comes_in_the_network_is_never_open_beyond_what_was_allowed(
    events: list[tuple[str, str, int]], seconds: int
) -> None:
    session = Session(until=MORNING + timedelta(seconds=seconds), expected={"0xa": "12/bed"})
    now, open_until = MORNING, MORNING
    for kind, address, passes in [*events, *[("device_announce", "0xc", 9)] * 80]:
        ask = pairing.due(session, now)
        if ask is not None:
            session = pairing.asked(session, ask, now)
            open_until = now + timedelta(seconds=ask.seconds) if ask.seconds else MORNING
            assert ask.seconds <= SLICE.total_seconds()
        assert open_until <= session.until + timedelta(seconds=1)
        assert not (session.complete and now < open_until and pairing.due(session, now) is None)
        now += timedelta(seconds=passes)
        session = pairing.heard(session, told(kind, address), now)
    assert session.closed_at is not None
    assert pairing.over(session, now + LINGER)


@given(EVENTS)
def test_what_is_retained_changes_nothing(events: list[tuple[str, str, int]]) -> None:
    session = Session(until=MORNING + timedelta(seconds=60))
    for kind, address, _ in events:
        assert pairing.heard(session, told(kind, address)._replace(retained=True), MORNING) == session


def info(end_ms: float) -> Heard:
    return Heard("bridge/info", {"permit_join": True, "permit_join_end": end_ms}, retained=False)


ANSWER = Heard("bridge/response/permit_join", {"status": "ok", "data": {"time": 60}}, retained=False)


@given(st.integers(0, 10**12), st.booleans(), st.integers(2000, 254_000))
def test_what_we_opened_ourselves_is_not_called_opened_by_another(end: int, first: bool, later: int) -> None:
    """Whatever the bridge's clock says, and whether it tells the end before its answer or after it."""
    session = pairing.asked(Session(until=MORNING + timedelta(seconds=400)), Ask(60), MORNING)
    for message in (info(end), ANSWER) if first else (ANSWER, info(end)):
        session = pairing.heard(session, message, MORNING)
    assert session.reopened == ()
    session = pairing.heard(session, info(end), MORNING)
    assert session.reopened == ()
    session = pairing.heard(session, info(end + later), MORNING)
    assert len(session.reopened) == 1
    session = pairing.heard(session, info(end + later), MORNING)
    assert len(session.reopened) == 1
    session = pairing.asked(session, Ask(60), MORNING + timedelta(seconds=50))
    for message in (info(end + 60_000), ANSWER):
        session = pairing.heard(session, message, MORNING)
    assert len(session.reopened) == 1
