"""Where time series go, for tests: a small stand-in for `/api/v2/write`, and the two real servers that Debian ships."""

import contextlib
import gzip
import json
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import free_port, part, wait_for_port

TOKEN = "a-token-of-a-test"
MEASURING_S = 30.0  # that a server may take to be there, or to show what it was sent


class Answer(NamedTuple):
    """What a server says."""

    status: int = 204
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Request(NamedTuple):
    """What a server was sent, unpacked."""

    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def lines(self) -> list[str]:
        return self.body.decode().split("\n")


def said(message: str, code: str = "invalid") -> bytes:
    """Return a body in which such a server says what is wrong."""
    return json.dumps({"code": code, "message": message}).encode()


@dataclass
class StandIn:
    """Takes points as an InfluxDB does: by series and time, the last one counts. Says what a test tells it to say."""

    next: deque[Answer] = field(default_factory=deque)  # said first, and nothing of those requests is kept
    refuses: Callable[[list[str]], Answer | None] = lambda _: None
    requests: list[Request] = field(default_factory=list)
    store: dict[tuple[str, str], str] = field(default_factory=dict)  # (series, time): fields
    taken: int = 0  # lines, however often
    token: str = TOKEN
    heard: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        self.heard.set()
        if request.path != "/api/v2/write":
            return Answer(404, body=said("path not found", "not found"))
        if request.headers.get("Authorization") != f"Token {self.token}":
            return Answer(401, body=said("unauthorized access", "unauthorized"))
        if self.next:
            return self.next.popleft()
        refusal = self.refuses(request.lines)
        if refusal is not None:
            return refusal
        for one in request.lines:
            series, _, rest = one.partition(" ")
            fields, _, at = rest.rpartition(" ")
            self.store[series, at] = fields
            self.taken += 1
        return Answer()

    @property
    def lines(self) -> set[str]:
        """Everything that is there, as it was sent."""
        return {f"{series} {fields} {at}" for (series, at), fields in self.store.items()}

    @contextmanager
    def served(self, pem: Path | None = None) -> Iterator[str]:
        """Yield the address; with key and certificate in a file it is one of TLS."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                parts = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
                answer = stand_in.answer(Request(parts.path, query, dict(self.headers), body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def handle(self) -> None:
                with contextlib.suppress(ssl.SSLError, ConnectionError):  # who does not know us hangs up
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http{'s' if pem else ''}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)


def asked(url: str, **query: str) -> Any:
    """Return the JSON that a server answers. Raises `HTTPError`."""
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=MEASURING_S) as answer:
        return json.loads(answer.read() or b"null")


@dataclass(frozen=True)
class Victoria:
    """A real VictoriaMetrics."""

    url: str

    def flush(self) -> None:
        """Let what was written be there for whoever asks."""
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=MEASURING_S).close()

    def exported(self, match: str = '{__name__=~"nachtwacht_.*"}') -> list[dict[str, Any]]:
        """Return every series with all its values."""
        query = urllib.parse.urlencode({"match[]": match})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=MEASURING_S) as answer:
            return [json.loads(one) for one in answer.read().splitlines()]

    def at(self, query: str, at_s: float) -> list[dict[str, Any]]:
        """Return what an instant query finds."""
        found: list[dict[str, Any]] = self._asked("query", query=query, time=f"{at_s:.3f}")
        return found

    def between(self, query: str, start_s: float, end_s: float, step: str) -> list[dict[str, Any]]:
        """Return what a range query finds."""
        times = {"start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": step}
        found: list[dict[str, Any]] = self._asked("query_range", query=query, **times)
        return found

    def _asked(self, what: str, **query: str) -> Any:
        try:
            return asked(f"{self.url}/api/v1/{what}", nocache="1", **query)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query['query']}: {error.read().decode()}") from error


@contextmanager
def victoria() -> Iterator[Victoria]:
    """Run a VictoriaMetrics with nothing in it. Its cache and its delay for what is new are off."""
    port = free_port()
    with _running(
        lambda folder: [
            part("victoria-metrics"), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y", "-search.latencyOffset=0s", "-search.disableCache", "-memory.allowedBytes=64MB",
        ],
        port,
    ):  # fmt: skip
        yield Victoria(f"http://127.0.0.1:{port}")


@contextmanager
def influxd() -> Iterator[str]:
    """Run the InfluxDB 1.6 that Debian ships, which has `/write` and no `/api/v2/write`; yield its address."""
    port, rpc = free_port(), free_port()

    def command(folder: Path) -> list[str]:
        conf = folder / "influxdb.conf"
        conf.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n'
        )
        return [part("influxd"), "run", "-config", str(conf)]

    with _running(command, port):
        url = f"http://127.0.0.1:{port}"
        post(f"{url}/query", b"q=CREATE+DATABASE+nachtwacht")
        yield url


def post(url: str, body: bytes) -> bytes:
    """Send a form or lines. Raises `HTTPError`."""
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=MEASURING_S) as answer:
        read: bytes = answer.read()
        return read


def influxql(url: str, query: str, database: str = "nachtwacht") -> list[dict[str, Any]]:
    """Return the series that a query finds."""
    found = asked(f"{url}/query", db=database, q=query, epoch="ns")["results"][0]
    assert "error" not in found, f"{query}: {found}"
    series: list[dict[str, Any]] = found.get("series", [])
    return series


@contextmanager
def _running(command: Callable[[Path], list[str]], port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(command(Path(folder)), stdout=log, stderr=log)
        try:
            wait_for_port(port, MEASURING_S)
            _until_it_answers(f"http://127.0.0.1:{port}/ping")
            yield
        finally:
            process.kill()
            process.wait(10)


def _until_it_answers(url: str) -> None:
    end = time.monotonic() + MEASURING_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
