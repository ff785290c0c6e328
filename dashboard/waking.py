"""What the centre's port answers while its journal is read: how far that is, to people and to whoever watches it.

The desk itself is served only once the board is whole. Meanwhile each building calls for help by its own ways.
"""

import asyncio
import contextlib
import html
import json
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from care.language import mark, words
from care.systemd import notify

AGAIN_S = 2  # a page that shows how far it is asks again
ASKED_MAX = 16_384  # bytes of a request that are read
WITHIN_S = 5.0  # that a request may take to be asked
MORE_TIME_S = 60  # that systemd is asked for with every step: reading a year takes longer than it waits

Whole = TypeVar("Whole")

TITLE = mark("The centre is starting")
HOW_FAR = mark("The centre reads its logbook: {percent}%.")
MEANWHILE = mark("Until then the buildings call for help by themselves. This page comes back by itself.")

_STYLE = (
    "body{margin:15vh auto;max-width:34rem;padding:0 1rem;background:#0d0c0b;color:#d4cab9;"
    "font:1.125rem/1.5 sans-serif}"
)


class GivenUp(Exception):
    """Nobody waits any more for what is being read."""


class Waking:
    """How far a centre has come with its journal."""

    def __init__(self) -> None:
        self.percent = 0
        self._given_up = False

    def read(self, number: int, last: int) -> None:
        """Note up to which record of how many it is read. Raises `GivenUp` once the centre is told to stop."""
        if self._given_up:
            raise GivenUp
        self.percent = min(99, 100 * number // max(1, last))
        notify(f"EXTEND_TIMEOUT_USEC={MORE_TIME_S * 1_000_000}")

    async def during(
        self, sock: socket.socket, reading: Callable[[], Whole], tls: ssl.SSLContext | None = None
    ) -> Whole:
        """Read in a thread, and answer on a listening socket until that is done; what it raises is raised here."""
        server = await asyncio.start_server(self._answer, sock=sock.dup(), ssl=tls)
        try:
            return await asyncio.to_thread(reading)
        finally:
            self._given_up = True
            server.close()
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(WITHIN_S):
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(asked, self.percent))
                await writer.drain()
        writer.close()


def answer(asked: bytes, percent: int) -> bytes:
    """Return the whole answer to a request: 503 until the desk is there, in a form that fits who asks.

    >>> answer(b"GET /healthz HTTP/1.1", 43).splitlines()[-1]
    b'{"reading": 43}'
    """
    if asked.startswith((b"GET /healthz ", b"GET /readyz ")):
        kind, body = "application/json", json.dumps({"reading": percent})
    else:
        kind, body = "text/html; charset=utf-8", page(percent)
    said = body.encode()
    head = (
        f"HTTP/1.1 {HTTPStatus.SERVICE_UNAVAILABLE.value} {HTTPStatus.SERVICE_UNAVAILABLE.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(said)}",
        f"Retry-After: {AGAIN_S}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + said


def page(percent: int) -> str:
    """Return what somebody reads who comes too soon, in both languages: nobody has chosen one yet."""
    parts = []
    for language in ("nl", "en"):
        say = words(language).gettext
        title, far, meanwhile = say(TITLE), say(HOW_FAR).format(percent=percent), say(MEANWHILE)
        said = f"<h1>{html.escape(title)}</h1><p>{html.escape(far)}</p><p>{html.escape(meanwhile)}</p>"
        parts.append(f'<section lang="{language}">{said}</section>')
    head = f'<meta charset="utf-8"><meta http-equiv="refresh" content="{AGAIN_S}"><title>Nachtwacht</title>'
    head += f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="nl"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>'
