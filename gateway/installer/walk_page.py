"""The page for the phone of whoever walks: what to do now, large, and what came of the sensors so far.

Served on the building's network while the command runs, under an address that nobody can guess and that ends with it.
It asks nothing, changes nothing, holds no name, and needs no script: it comes again each second.
"""

import html
import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from care.language import mark
from gateway.installer.survey import Advice
from gateway.installer.terminal import language, said_in
from gateway.installer.walk_view import View

AGAIN_S = 1
QUIET_S = 10.0  # of a phone that does not finish what it asks
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MARKS = {"good": "✓", "bad": "✗", "now": "→", "later": "·"}


class WalkPage:
    """A page as long as it is entered: `with WalkPage((host, port), view) as page`. Raises `OSError`.

    `view` is asked, from other threads, for what there is to see.
    """

    def __init__(self, address: tuple[str, int], view: Callable[[], View]) -> None:
        self._token = secrets.token_urlsafe(16)
        self._server = _Server(address, self._token, view)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        shown = _own_address() if host in ("0.0.0.0", "::") else str(host)  # noqa: S104  # compared, not bound
        return f"http://{shown}:{port}/{self._token}/"


def drawn(view: View, to: str) -> str:
    """Return the page in a language."""

    def say(one: Advice) -> str:
        return html.escape(said_in(to, one.message, **one.values))

    title = said_in(to, mark("Walk test of home {number}"), number=view.number)
    left = "" if view.left_s is None else f"<p class=left>{view.left_s} s</p>"
    lines = "".join(
        f'<li class="{one.look}"><span aria-hidden=true>{_MARKS[one.look]}</span><b>{html.escape(one.sensor)}</b>'
        f"<i>{html.escape(one.room)}</i><em>{html.escape(said_in(to, one.said) if one.said else '')}</em></li>"
        for one in view.lines
    )
    told = "".join(f"<p>{say(one)}</p>" for one in view.alert)
    todo = "".join(f"<li>{say(one)}</li>" for one in view.advice)
    again = "" if view.over else f'<meta http-equiv="refresh" content="{AGAIN_S}">'
    return (
        f'<!doctype html><html lang="{to}"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="dark">'
        f'<title>{html.escape(title)}</title><link rel="stylesheet" href="style.css"></head><body><main>'
        f"<h1>{html.escape(title)}</h1><section class=do aria-live=polite><p>{say(view.do)}</p>{left}</section>"
        f"<section class=alert>{told}</section><ul class=sensors>{lines}</ul><ul class=todo>{todo}</ul>"
        "</main></body></html>"
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], token: str, view: Callable[[], View]) -> None:
        self.token, self.view = token, view
        super().__init__(address, _Request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a phone go that left in the middle: its trace would stand between the lines of the command."""


class _Request(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "Nachtwacht", ""
    timeout = QUIET_S

    def do_GET(self) -> None:
        """Answer with the page, its style, or that there is nothing here."""
        token, _, name = self.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()) or name not in ("", "style.css"):
            self._answer(404, "text/plain", b"")
        elif name:
            self._answer(200, "text/css", _STYLE.encode())
        else:
            self._answer(200, "text/html", drawn(self.server.view(), self._language()).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
        """Say nothing: there is a table on the terminal, and an address that nobody else is to know."""

    def _language(self) -> str:
        wanted = self.headers.get("Accept-Language", "")[:2].lower()
        return wanted if wanted in ("nl", "en") else language()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _own_address() -> str:
    """Return by which address a phone on the same network probably finds this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the way out (RFC 5737: nobody's address)
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


_STYLE = """
:root { color-scheme: dark }
body { margin: 0; background: #0d1014; color: #e6e9ed; font: 1.15rem/1.4 system-ui, sans-serif }
main { max-width: 40rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.1rem; font-weight: 600; color: #aeb6c0 }
.do { border: 2px solid #7fb2ff; border-radius: .6rem; padding: 1rem; font-size: 1.7rem; line-height: 1.25 }
.do p { margin: 0; overflow-wrap: anywhere }
.do .left { margin-top: .5rem; font-size: 1.2rem; color: #aeb6c0; font-variant-numeric: tabular-nums }
.alert p { margin: .6rem 0 0 }
ul { list-style: none; padding: 0 }
.sensors li { display: grid; grid-template-columns: 1.6rem 1fr auto; gap: 0 .5rem; padding: .55rem 0;
  border-top: 1px solid #2a3038 }
.sensors b { overflow-wrap: anywhere }
.sensors i { grid-column: 2; font-style: normal; font-size: .95rem; color: #aeb6c0 }
.sensors em { grid-row: 1; grid-column: 3; font-style: normal }
.good span, .good em { color: #8fd6a4 }
.bad span, .bad em { color: #ffb27a; font-weight: 700 }
.now b, .now span { color: #7fb2ff }
.later { color: #aeb6c0 }
.todo li { border-left: 3px solid #ffb27a; padding: .3rem .8rem; margin: .6rem 0 }
"""
