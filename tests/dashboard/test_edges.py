"""Bad input on every route: whatever is sent, the answer is a page, a fragment or JSON, and never a mistake of ours."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from care import journal
from care.database import Database
from dashboard import access_log, authority, organisations, people, programs
from dashboard.authority import Authority
from dashboard.centre import Centre
from dashboard.door import PROGRAMS
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.organisations import OWN, Access, Role
from dashboard.pages import Desk, application, site
from tests.conftest import examples
from tests.dashboard.conftest import ALERT, WILG, StoryClock, batch, finding, plan, stranger_at

Answer = TypeVar("Answer")

STREAM = "/live"  # never ends by itself; told of below
MACHINES = "/enrol"  # what gateways ask is answered in JSON, wrong or right
TRUTHS = {"GET /readyz", "GET /healthz"}  # here there is no broker, and they say so
EXAMPLES = examples(8)  # of each route
KNOWN = {
    "alert": ALERT,
    "site": WILG,
    "home": "12",
    "token": "t" * 43,
    "back_test": "0" * 10,
    "emergency": "e-0123456789abcdef",
    "organisation": "own",
    "channel": "sms",
    "kind": "Observation",
    "resource": f"alert-{ALERT}",
}
"""What there is; anything else is asked for by an id that nothing has."""

_app = site()
SCHEMA = schemathesis.openapi.from_dict(_app.openapi())
ROUTES = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations() if isinstance(one, Ok)}


class Edge:
    """A desk with somebody signed in, in an event loop of its own: Hypothesis draws outside of it."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop, wall: StoryClock) -> None:
        self.desk = desk
        self.wall = wall
        self._loop = loop
        until = wall.now() + timedelta(days=30)
        _, self.token = programs.let_in(desk.people, OWN, "ECD", programs.Scope, now=wall.now(), until=until)

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self._loop.run_until_complete(work)

    def cookie(self) -> str:
        """Sign in afresh: whatever was asked before may have been to sign out."""
        self.wall.wait(seconds=1)
        (staff,) = self.desk.people.execute("SELECT id FROM staff").fetchone()
        return people.start_session(self.desk.people, staff, self.desk.wall.now())

    async def ask(self, case: Case[Any], *, known: bool) -> httpx.Response:
        """Send what was drawn; `known`: of an alert and a home that there are."""
        asked = case.as_transport_kwargs(base_url="https://desk.example")
        if known:
            path = case.operation.path.format_map(defaultdict(lambda: "0" * 12, KNOWN))
            asked["url"] = f"https://desk.example{path}"
        headers = {name: value for name, value in asked.get("headers", {}).items() if _sendable(name, value)}
        async with stranger_at(self.desk, raise_app_exceptions=False) as browser:
            browser.cookies.set("__Host-nachtwacht", self.cookie(), domain="desk.example")
            if any(one in case.operation.path for one in PROGRAMS) and known:
                headers["Authorization"] = f"Bearer {self.token}"
            body = {name: asked[name] for name in ("data", "json", "content", "params") if asked.get(name) is not None}
            return await browser.request(asked["method"], asked["url"], headers=headers, **body)


@pytest.fixture
def edge(tmp_path: Path, store: Database, clock: StoryClock, wall: StoryClock) -> Iterator[Edge]:
    sanne = people.add_staff(store, "sanne", first_name="Sanne", initials="SV", password="maan en sterren")
    for role in (Role.ADMINISTRATOR, Role.PRIVACY):
        organisations.appoint(store, sanne, OWN, role)
    loop = asyncio.new_event_loop()
    with closing(Centre(journal.connect(tmp_path / "centre.db"), clock)) as centre:
        access = Access(store)
        drawing = Drawing(centre.board, people.Names(store), access.owners)
        authority.make(tmp_path / "authority", ["mqtt.example"], wall.now())
        desk = Desk(
            centre=centre,
            live=Live(centre, drawing, access=access),
            drawing=drawing,
            people=store,
            access_log=access_log.connect(":memory:"),
            wall=wall,
            authority=Authority(tmp_path / "authority", broker="mqtt.example:8883"),
        )
        loop.run_until_complete(centre.take(WILG, batch(plan(), finding())))
        yield Edge(desk, loop, wall)
        desk.live.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def test_the_routes_that_are_tried_are_those_that_there_are() -> None:
    some = {f"GET {STREAM}", "POST /alerts/{alert}/resolve", "GET /homes/{site}/{home}", "POST /enrol/renew"}
    assert some <= set(ROUTES)


@pytest.mark.parametrize("route", sorted(set(ROUTES) - {f"GET {STREAM}"}))
def test_whatever_is_sent_to_a_route_gets_a_clear_answer(edge: Edge, route: str) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(case=_asked_of(route), known=st.booleans())
    def ask(case: Case[Any], known: bool) -> None:
        answer = edge.run(edge.ask(case, known=known))
        if route in TRUTHS and answer.status_code == 503:
            assert answer.headers["content-type"] == "application/json"
            return
        assert answer.status_code < 500, answer.text
        kind = answer.headers.get("content-type", "")
        if any(one in route for one in PROGRAMS):
            told = {"application/json", "application/fhir+json", "application/problem+json", "application/scaip+xml"}
            assert kind in told
            if answer.status_code >= 400:
                assert {"title", "resourceType"} & set(answer.json())
        elif answer.status_code >= 400 and not (MACHINES in route and kind == "application/json"):
            assert kind.startswith("text/html")
            assert "<h1" in answer.text
        elif answer.content:
            assert kind.startswith(
                ("text/html", "application/json", "application/pdf", "image/svg+xml", "text/javascript", "text/csv")
            )

    ask()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(page=st.text(max_size=250))
def test_a_live_page_may_say_that_it_is_anything(edge: Edge, page: str) -> None:
    async def opened() -> tuple[int, bytes]:
        request = httpx.Request("GET", "https://desk.example/live", params={"page": page})
        headers = [(b"host", b"desk.example"), (b"cookie", f"__Host-nachtwacht={edge.cookie()}".encode())]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": "/live",
            "raw_path": b"/live",
            "root_path": "",
            "query_string": request.url.query,
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("desk.example", 443),
        }
        sent: list[dict[str, Any]] = []
        some = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await some.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if message.get("body"):
                some.set()

        async with asyncio.timeout(10):
            await application(edge.desk)(scope, receive, send)
        return sent[0]["status"], sent[1]["body"]

    status, first = edge.run(opened())
    assert status == 200
    assert first.startswith(b"event: change")


def _asked_of(route: str) -> st.SearchStrategy[Case[Any]]:
    """Draw what fits the route, and what does not, where there is anything to ask of it."""
    operation = ROUTES[route]
    fits = operation.as_strategy()
    if not (operation.body or operation.query or operation.path_parameters):
        return fits
    return st.one_of(fits, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def _sendable(name: str, value: object) -> bool:
    return name.isascii() and isinstance(value, str) and value.isascii() and value.isprintable()
