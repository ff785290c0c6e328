"""How long it takes from a sensor's message to a person's screen, in milliseconds.

A bed sensor of one home after another says that somebody lies down or gets up. The message leaves as a sensor's bridge
would send it; it has arrived when the tile of that home has changed in the page of a real browser. Both moments are
stamped on one machine, by one clock: what the browser's differs from ours is measured and taken off.
"""

import os
import random
import shutil
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from math import ceil
from statistics import median
from typing import NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Error, Page, sync_playwright

from benchmarks.parts import PASSWORD, SIGN_IN, CannotMeasure, Parts, Told
from care.clock import SystemClock
from care.homes import Site
from detectors.homes import Home, Kind, Sensor
from detectors.moments import SensorEvent
from gateway import rehearsal, stage
from gateway.stage import Message

HOMES = 50
PAUSE_S = 0.05, 0.15  # between two messages, by chance: not in step with anything that beats
SEED = 1
ARRIVE_WITHIN_MS = 15_000
CLOCK_LOOKS = 21

_LOOKS = {True: "bed", False: "up"}  # the class of a tile that says where the resident is

# A stamp is taken in the observer's own turn: after the page has changed, before anything else of it runs.
_WATCH = """() => {
  const looks = new Map();
  window.arrivals = [];
  const look = () => {
    const at = performance.timeOrigin + performance.now();
    for (const tile of document.querySelectorAll("#board .tile")) {
      const path = tile.getAttribute("href");
      const now = tile.classList.contains("bed") ? "bed" : tile.classList.contains("up") ? "up" : "";
      if (looks.get(path) !== now) window.arrivals.push([path, now, at]);
      looks.set(path, now);
    }
  };
  look();
  window.arrivals = [];
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributeFilter: ["class"] });
}"""
_ENOUGH = "enough => window.arrivals.length >= enough"
_ALL_LOOK = "([look, homes]) => document.querySelectorAll(`#board .tile.${look}`).length === homes"


class Change(NamedTuple):
    """A tile took, or must take, this look."""

    path: str  # of the home's page, which the tile leads to
    look: str
    at_ms: float  # milliseconds since 1970


def latencies_ms(samples: int, told: Told) -> list[float]:
    """Return, for so many changes, how long each took from the message to the page."""
    site = rehearsal.site(HOMES)
    with Parts() as parts:
        desk = parts.desk()
        parts.gateway(site)
        try:
            with _Beds(site, parts.port) as beds, signed_in(desk.address) as page:
                return _measured(page, beds, samples, told)
        except Error as error:
            raise CannotMeasure(f"The page did not follow: {error.message.splitlines()[0]}") from error


def delays_ms(sent: Iterable[Change], arrived: Iterable[Change]) -> list[float]:
    """Return how long each change took, in the order of sending.

    Raises `CannotMeasure` if one never arrived, or before it was sent: then tiles changed for another reason.

    >>> delays_ms([Change("/homes/wilg/1", "up", 10.0)], [Change("/homes/wilg/1", "up", 15.5)])
    [5.5]
    """
    waiting: Mapping[tuple[str, str], deque[float]] = defaultdict(deque)
    for change in arrived:
        waiting[change.path, change.look].append(change.at_ms)
    delays = []
    for change in sent:
        came = waiting[change.path, change.look]
        if not came:
            raise CannotMeasure(f"The tile of {change.path} never looked {change.look}.")
        delays.append(came.popleft() - change.at_ms)
        if delays[-1] < 0:
            raise CannotMeasure(f"The tile of {change.path} looked {change.look} before anything said so.")
    return delays


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of them does not exceed.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    return sorted(values)[ceil(share * len(values)) - 1]


def _measured(page: Page, beds: "_Beds", samples: int, told: Told) -> list[float]:
    pauses = random.Random(SEED)
    # Warm: everybody lies down, then gets up, before anything counts.
    for look in (True, False):
        for home in beds.homes:
            beds.say(home, occupied=look)
        page.wait_for_function(_ALL_LOOK, arg=[_LOOKS[look], len(beds.homes)])
    page.evaluate(_WATCH)
    early_ms = _ahead_ms(page)
    sent: list[Change] = []
    turns = ((home, occupied) for occupied in cycle((True, False)) for home in beds.homes)
    for home, occupied in islice(turns, samples):
        sent.append(beds.say(home, occupied=occupied))
        told(len(sent) / samples)
        time.sleep(pauses.uniform(*PAUSE_S))
    page.wait_for_function(_ENOUGH, arg=samples)
    ahead_ms = median([early_ms, _ahead_ms(page)])
    arrivals = page.evaluate("window.arrivals")
    return delays_ms(sent, (Change(path, look, at_ms - ahead_ms) for path, look, at_ms in arrivals))


def _ahead_ms(page: Page) -> float:
    """Return how far the page's clock is ahead of ours, by the quickest of a few looks at both."""
    looks = []
    for _ in range(CLOCK_LOOKS):
        before_ms = _now_ms()
        there_ms: float = page.evaluate("performance.timeOrigin + performance.now()")
        after_ms = _now_ms()
        looks.append((after_ms - before_ms, there_ms - (before_ms + after_ms) / 2))
    return min(looks)[1]


def _now_ms() -> float:
    return time.time_ns() / 1e6


@contextmanager
def signed_in(address: str) -> Iterator[Page]:
    """Open the night desk in a browser, signed in and heard by the live connection."""
    found = shutil.which("chromium", path=os.environ.get("PATH", "") + ":/usr/bin")
    if found is None:
        raise CannotMeasure("chromium is not installed: run 'make setup', which installs it or names the command.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        try:
            page = browser.new_page()
            page.set_default_timeout(ARRIVE_WITHIN_MS)
            page.goto(address)
            page.locator("input[name=name]").fill(SIGN_IN)
            page.locator("input[name=password]").fill(PASSWORD)
            page.locator("main form button").first.click()
            page.wait_for_function("() => document.body?.dataset.number > 0")
            yield page
        finally:
            browser.close()


class _Beds:
    """The bed sensors of a site, one in each home, and the connection that their bridge speaks on."""

    def __init__(self, site: Site, port: int) -> None:
        self.homes = site.homes
        self._names = stage.names_of(site)
        self._beds = {home.id: _bed_of(home) for home in site.homes}
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-beds", protocol=mqtt.MQTTv311)
        self._client.on_connect = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        if not self._ready.wait(ARRIVE_WITHIN_MS / 1000):
            raise CannotMeasure("The broker does not take the bed sensors.")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, home: Home, *, occupied: bool) -> Change:
        """Publish that somebody lies in a bed now, or does not; return what its tile must look like, and from when."""
        bed = self._beds[home.id]
        event = SensorEvent(
            at=SystemClock().now(), home=home.id, sensor=bed.id, room=bed.room, kind=bed.kind, value=float(occupied)
        )
        message = stage.message_of(event, self._names)
        assert isinstance(message, Message)
        sent_ms = _now_ms()
        self._client.publish(message.topic, message.payload, qos=1)
        return Change(f"/homes/{home.id}", _LOOKS[occupied], sent_ms)


def _bed_of(home: Home) -> Sensor:
    return next(sensor for sensor in home.sensors if sensor.kind is Kind.BED)
