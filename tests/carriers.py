"""Carriers on this machine: a push service, a mail server and a gateway for text messages, as real as need be.

Each takes what it takes, refuses what a story or a seed says, and keeps what it got. The push service holds the
centre's word against its key (RFC 8292), and opens what it got with the key of the browser (RFC 8291): no real one can.
"""

import base64
import http.server
import json
import os
import random
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

Fate = Callable[[str], int]
"""Given what something is about, the status that is answered instead of taking it; 0 takes it."""


def kindly(_: str) -> int:
    return 0


@dataclass
class Browser:
    """One browser that wants messages."""

    endpoint: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def says(self) -> str:
        """What it gives to who asked it to subscribe."""
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return json.dumps({"endpoint": self.endpoint, "keys": {"p256dh": _text(point), "auth": _text(self.auth)}})

    def opens(self, body: bytes) -> dict[str, str]:
        said: dict[str, str] = json.loads(
            http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        )
        return said


class _Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Carrier:
    """What all of them keep."""

    def __init__(self) -> None:
        self.fate: Fate = kindly
        self.port = 0
        self.asked: list[str] = []  # about what, refused or not
        self._lock = threading.Lock()

    def comes(self, about: str) -> int:
        with self._lock:
            self.asked.append(about)
            return self.fate(about)


class PushService(Carrier):
    """Takes what a centre sends for its browsers."""

    def __init__(self) -> None:
        super().__init__()
        self.browsers: dict[str, Browser] = {}  # by path
        self.got: list[tuple[str, dict[str, str], dict[str, str]]] = []  # path, headers, what the browser read
        self.key = ""  # by which the centre is known here; another is refused
        self.retry_after = ""

    def browser(self, name: str) -> Browser:
        made = Browser(f"http://127.0.0.1:{self.port}/push/{name}")
        self.browsers[f"/push/{name}"] = made
        return made

    def serves(self) -> type[_Quiet]:
        service = self

        class Handler(_Quiet):
            def do_POST(self) -> None:
                body, path = self.body(), self.path
                status = service.comes(path)
                if not _vouched(self.headers["Authorization"], service.key, f"http://127.0.0.1:{service.port}"):
                    status = 403
                if status:
                    self.answer(status, **({"Retry_After": service.retry_after} if service.retry_after else {}))
                    return
                read = service.browsers[path].opens(body)
                service.got.append((path, dict(self.headers.items()), read))
                self.answer(201)

        return Handler


class Gateway(Carrier):
    """Takes text messages as JSON, as Apprise posts them to `json://`; one that it knows by its key it sends once."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, str]] = []  # path, text
        self.keys: set[str] = set()
        self.answers = threading.Event()  # cleared: it takes what comes, and says so when this is set
        self.answers.set()

    def serves(self) -> type[_Quiet]:
        gateway = self

        class Handler(_Quiet):
            def do_POST(self) -> None:
                body = self.body()
                status, key = gateway.comes(self.path), self.headers["Idempotency-Key"]
                if not status and (key is None or key not in gateway.keys):
                    gateway.got.append((self.path, json.loads(body)["message"]))
                    gateway.keys |= {key} - {None}
                gateway.answers.wait(10)
                self.answer(status or 200)

        return Handler


class MailServer(Carrier):
    """Takes mail, speaking as much of RFC 5321 as is needed."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[str, Message]] = []  # for whom, what

    def serves(self) -> type[socketserver.StreamRequestHandler]:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def says(self, line: str) -> None:
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self) -> None:
                to = ""
                self.says("220 mail.example")
                for line in self.rfile:
                    word = line[:4].upper()
                    if word == b"RCPT":
                        to = line.decode().partition("<")[2].partition(">")[0]
                        status = server.comes(to)
                        self.says(f"{status} no" if status else "250 yes")
                    elif word == b"DATA":
                        self.says("354 go on")
                        lines = []
                        while (one := self.rfile.readline()) not in {b".\r\n", b""}:
                            lines.append(one)
                        server.got.append((to, message_from_bytes(b"".join(lines))))
                        self.says("250 taken")
                    elif word == b"QUIT":
                        self.says("221 bye")
                        return
                    else:
                        self.says("250 yes")

        return Handler


class _Mail(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


@contextmanager
def running(*carriers: PushService | Gateway | MailServer) -> Iterator[None]:
    """Let them all serve, on free ports of this machine."""
    servers: list[Any] = []
    try:
        for one in carriers:
            kind = _Mail if isinstance(one, MailServer) else _Server
            server = kind(("127.0.0.1", 0), one.serves())
            one.port = server.server_address[1]
            servers.append(server)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def failing(seed: int, share: float, *statuses: int) -> Fate:
    """Return a fate by which a share of all that comes is refused, at random."""
    chance = random.Random(seed)
    return lambda _: chance.choice(statuses) if chance.random() < share else 0


def _vouched(authorization: str, key: str, audience: str) -> bool:
    """Whether the centre that says it sends this is the one with that key, and means this very service."""
    scheme, _, rest = authorization.partition(" ")
    values = dict(one.strip().split("=", 1) for one in rest.split(","))
    head, claims, signature = values["t"].split(".")
    raw = _bytes(signature)
    signed = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(values["k"]))
    try:
        public.verify(signed, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    said = json.loads(_bytes(claims))
    right = said["aud"] == audience and said["sub"].partition(":")[0] in {"mailto", "https"}
    return scheme == "vapid" and values["k"].rstrip("=") == key and right


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
