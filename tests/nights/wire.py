"""The network between a building and its centre: it loses, repeats, delays and reorders, and may be cut."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from tests.nights.agenda import Agenda
from tests.nights.broker import Line


class Weather(NamedTuple):
    """How bad the network is, as chances of one message."""

    lost: float = 0.0
    repeated: float = 0.0
    delayed: float = 0.0  # by up to `delay_s`; what is said after it overtakes it
    delay_s: float = 20.0


class Wire:
    """Carries what the building says to the centre, and back."""

    def __init__(self, agenda: Agenda, weather: Weather, chance: random.Random) -> None:
        self._agenda = agenda
        self._weather = weather
        self._chance = chance
        self._line: Line | None = None
        self._down_topic = ""
        self._is_cut = False
        self.to_centre: Callable[[str, bytes], None] = lambda _topic, _payload: None

    def cut(self, *, noticed: bool) -> None:
        """Let nothing through. Not `noticed`, the building's end still believes in its connection."""
        self._is_cut = True
        if noticed and self._line is not None:
            self._line.up = False

    def mend(self) -> None:
        self._is_cut = False
        self._reconnect()

    def down(self, topic: str, payload: bytes) -> None:
        """Carry what the centre says. Its broker keeps nothing for a building that is not there."""
        line = self._line
        if line is not None and line.up and topic == self._down_topic:
            self._carry(lambda: line.hear(topic, payload, 0, retain=False))

    # As the building's line meets it.

    def joined(self, line: Line) -> None:
        self._line = line
        self._agenda.after(0.05, self._reconnect)

    def left(self, line: Line) -> None:
        if line is self._line:
            self._line = None

    def subscribed(self, line: Line, topics: list[str]) -> None:
        (self._down_topic,) = topics

    def acknowledged(self, line: Line, mid: int) -> None:
        """Nothing here is acknowledged by hand."""

    def said(self, line: Line, topic: str, payload: bytes, *, retain: bool) -> None:
        self.say(topic, payload)

    def say(self, topic: str, payload: bytes) -> None:
        """Carry what the building says."""
        self._carry(lambda: self.to_centre(topic, payload))

    def _reconnect(self) -> None:
        if self._line is not None and not self._line.up and not self._is_cut:
            self._line.connect()

    def _carry(self, arrive: Callable[[], None]) -> None:
        weather, chance = self._weather, self._chance
        if self._is_cut or chance.random() < weather.lost:
            return
        for _ in range(2 if chance.random() < weather.repeated else 1):
            late = chance.random() < weather.delayed
            seconds = 0.03 + (chance.random() * weather.delay_s if late else 0.0)
            self._agenda.at(self._agenda.now + timedelta(seconds=seconds), lambda: self._unless_cut(arrive))

    def _unless_cut(self, arrive: Callable[[], None]) -> None:
        if not self._is_cut:
            arrive()
