"""A connection to a broker that speaks for many: MQTT 3.1.1 straight on a socket, some microseconds a message.

A client library costs tens of them, and here one process is as many buildings as a country has.
"""

import asyncio
from collections.abc import Callable, Sequence

from benchmarks.parts import CannotMeasure

_CONNECT, _SUBSCRIBE, _PUBLISH, _PUBACK = 0x10, 0x82, 0x30, 0x40
_CONNACK, _SUBACK = 0x20, 0x90
_TOPICS_AT_ONCE = 500
_ANSWER_WITHIN_S = 30.0

Heard = Callable[[bytes, bytes], None]  # a topic and what was said there


class Line(asyncio.Protocol):
    """One connection: a clean session, no keepalive; what it says goes at QoS 0, as a gateway's does."""

    def __init__(self, name: str, heard: Heard) -> None:
        self._name = name.encode()
        self._heard = heard
        self._waiting = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answers: asyncio.Queue[int] = asyncio.Queue()
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(packet(_CONNECT, b"\x00\x04MQTT\x04\x02\x00\x00" + _text(self._name)))

    def connection_lost(self, _: Exception | None) -> None:
        self.over = True

    async def open(self, topics: Sequence[str]) -> None:
        """Wait until the broker has taken us, and listen at these topics."""
        await self._answered(_CONNACK)
        for first in range(0, len(topics), _TOPICS_AT_ONCE):
            asked = b"".join(_text(one.encode()) + b"\x01" for one in topics[first : first + _TOPICS_AT_ONCE])
            self._write(packet(_SUBSCRIBE, (first // _TOPICS_AT_ONCE + 1).to_bytes(2, "big") + asked))
            await self._answered(_SUBACK)

    def say(self, topic: bytes, payload: bytes) -> None:
        """Publish something."""
        self._write(packet(_PUBLISH, _text(topic) + payload))

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        at = 0
        while (whole := _whole(self._waiting, at)) is not None:
            begins, ends = whole
            self._take(self._waiting[at], bytes(self._waiting[begins:ends]))
            at = ends
        del self._waiting[:at]

    def _take(self, kind: int, body: bytes) -> None:
        if kind & 0xF0 != _PUBLISH:
            self._answers.put_nowait(kind)
            return
        ends = 2 + int.from_bytes(body[:2], "big")
        topic, payload = body[2:ends], body[ends:]
        if kind & 0x06:
            self._write(packet(_PUBACK, payload[:2]))
            payload = payload[2:]
        self._heard(topic, payload)

    def _write(self, said: bytes) -> None:
        if self._transport is None or self.over:
            raise CannotMeasure("The broker has let the fleet go.")
        self._transport.write(said)

    async def _answered(self, kind: int) -> None:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            while await self._answers.get() != kind:
                pass


def packet(kind: int, body: bytes) -> bytes:
    r"""Encode a packet.

    >>> packet(0x40, b"\x00\x01"), packet(0x30, bytes(200))[:3]
    (b'@\x02\x00\x01', b'0\xc8\x01')
    """
    length, left = [], len(body)
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    return bytes((kind, *length, left)) + body


def _whole(data: bytearray, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at a place begins and ends, if all of it is there."""
    length, shift, begins = 0, 0, at + 1
    while begins < len(data):
        byte = data[begins]
        length |= (byte & 127) << shift
        begins += 1
        if byte < 128:
            return (begins, begins + length) if begins + length <= len(data) else None
        shift += 7
    return None


def _text(words: bytes) -> bytes:
    return len(words).to_bytes(2, "big") + words
