"""What somebody tries at the door of the pages: refused, written down, and with nothing learned or changed."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from structlog.testing import capture_logs

from care.database import Database
from care.ids import ContactId, StaffId
from dashboard import access_log, contacts, emergencies, factors, housekeys, invitations, organisations, people, wishes
from dashboard.access_log import Deed
from dashboard.organisations import OWN, Role
from dashboard.pages import STATIC, Desk, application
from tests.dashboard.besieged import (
    MAAN,
    MY_HOME,
    MY_RESIDENT,
    THEIR_HOME,
    THEIR_RESIDENT,
    THEIRS,
    ZON,
    Browsers,
    besieged,
    form_of,
    hired,
    path_of,
    routes,
    something_of_everything,
)
from tests.dashboard.conftest import ALERT, PASSWORD, StoryClock

pytestmark = pytest.mark.anyio

ELSEWHERE: tuple[Mapping[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://desk.example"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {},
)


@pytest.fixture
async def door(desk: Desk) -> Desk:
    return await besieged(desk)


def tried(desk: Desk) -> list[str]:
    """Return what the access log says was tried and refused."""
    rows = access_log.check(desk.access_log.execute("SELECT number, body, digest FROM entry"))
    return [one.what for _, one in rows if one.deed is Deed.TRIED]


def all_that_is_kept(desk: Desk) -> list[str]:
    assert isinstance(desk.people, sqlite3.Connection)
    assert isinstance(desk.access_log, sqlite3.Connection)
    return [*desk.people.iterdump(), *desk.access_log.iterdump(), str(desk.centre.number)]


# Another site (CSRF).


async def test_another_site_changes_nothing_by_any_route_whoever_is_signed_in(door: Desk) -> None:
    theirs = await something_of_everything(door)
    ids = {**theirs.ids, "site": "wilg", "alert": ALERT, "resident": MY_RESIDENT, "organisation": ZON}
    everything = hired(door.people, "everybody", ZON, Role.CARE)
    for role in (Role.ADMINISTRATOR, Role.PRIVACY):
        organisations.appoint(door.people, everything, ZON, role)
    browsers = Browsers(door)
    posts = [route for method, route in routes(door) if method == "POST"]
    async with browsers.signed_in(everything) as staff, browsers.device(MY_RESIDENT, None) as tablet:
        staff.cookies.update(tablet.cookies)
        before = all_that_is_kept(door)
        del staff.headers["Sec-Fetch-Site"]
        with capture_logs() as logged:
            for number, route in enumerate(posts):
                for headers in ELSEWHERE[number % 2 :: 2]:  # each route from three places, all six over two routes
                    form = form_of(route, ids)
                    answer = await staff.post(path_of(route, ids), data=form, headers=dict(headers))
                    assert answer.status_code == 403, route.path
                    assert "set-cookie" not in answer.headers
    assert all_that_is_kept(door) == before
    assert len(posts) > 50
    assert [(one["event"], one["why"]) for one in logged] == [("turned away", "403 Not done")]  # one line for all


# A planted session (fixation).


async def test_whatever_token_is_planted_in_a_browser_opens_nothing_after_somebody_signs_in_with_it(door: Desk) -> None:
    hired(door.people, "sanne", ZON, Role.DESK)
    attacker = people.start_session(door.people, hired(door.people, "mallory", ZON, Role.DESK), door.wall.now())
    browsers = Browsers(door)
    for planted in (attacker, "of my own making"):
        async with browsers.stranger() as victim, browsers.stranger() as other:
            victim.cookies.set("__Host-nachtwacht", planted, domain="desk.example")
            answer = await victim.post("/sign-in", data={"name": "sanne", "password": PASSWORD})
            (given,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-nachtwacht=")]
            assert planted not in given
            assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(given.split("; "))
            other.cookies.set("__Host-nachtwacht", planted, domain="desk.example")
            assert (await other.get("/")).headers["location"].startswith("/sign-in")


async def test_a_token_in_an_address_or_a_form_is_no_session(door: Desk) -> None:
    token = people.start_session(door.people, hired(door.people, "sanne", ZON, Role.DESK), door.wall.now())
    async with Browsers(door).stranger() as browser:
        for name in ("__Host-nachtwacht", "nachtwacht", "session", "token"):
            assert (await browser.get("/", params={name: token})).status_code == 303
            answer = await browser.post(
                "/sign-in", data={name: token, "name": "sanne", "password": "not the right one"}
            )
            assert "set-cookie" not in answer.headers


# Guessing.


async def test_who_guesses_codes_of_residents_must_wait_also_with_the_right_one(door: Desk, wall: StoryClock) -> None:
    code = housekeys.invite(door.people, MY_RESIDENT, None, wall.now())
    async with Browsers(door).stranger() as browser:
        for number in range(people.TRIES_PER_NAME):
            guess = f"2345-ABCD-WX{number:02}"
            asked = browser.get(f"/let-in/{guess}") if number % 2 else browser.post("/let-in", data={"code": guess})
            assert (await asked).status_code == (404 if number % 2 else 403)
        for asked in (browser.post("/let-in", data={"code": code}), browser.get(f"/let-in/{code}")):
            answer = await asked
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) > 0
            assert code not in answer.text
        wall.wait(minutes=16)
        assert (await browser.post("/let-in", data={"code": code})).headers["location"] == "/mine"
    assert tried(door) == ["session: device code"] * people.TRIES_PER_NAME


async def test_who_has_a_whole_network_of_addresses_guesses_no_more_often(store: Database) -> None:
    now = StoryClock().now()
    tries = [
        people.attempt(store, f"name {number}", f"2001:db8:0:1::{number:x}", now)
        for number in range(people.TRIES_PER_CLIENT + 1)
    ]
    assert tries[-1] is not None
    assert set(tries[:-1]) == {None}
    assert people.attempt(store, "somebody", "2001:db8:0:2::1", now) is None


async def test_wrong_passwords_and_wrong_second_steps_are_written_down_and_then_wait(door: Desk) -> None:
    sanne = hired(door.people, "sanne", ZON, Role.DESK)
    factors.demand(door.people, sanne)
    async with Browsers(door).stranger() as browser:
        for _ in range(people.TRIES_PER_NAME - 1):
            wrong = {"name": "sanne", "password": "not the right one"}
            assert (await browser.post("/sign-in", data=wrong)).status_code == 403
        await browser.post("/sign-in", data={"name": "sanne", "password": PASSWORD})  # halfway, with an app to set up
        answers = [await browser.post("/my-sign-in/app", data={"code": "000000"}) for _ in range(factors.TRIES + 1)]
        assert [one.status_code for one in answers] == [403] * factors.TRIES + [429]
        late = await browser.post("/sign-in", data={"name": "sanne", "password": PASSWORD})
        assert late.status_code == 429
    assert tried(door) == ["session: password"] * (people.TRIES_PER_NAME - 1) + ["session: code"] * factors.TRIES


# Finding out what there is (enumeration).


def _without(text: str, *asked: str) -> str:
    for one in sorted(asked, key=len, reverse=True):
        text = text.replace(one, "…")
    return text


async def test_nothing_tells_what_there_is_from_what_is_not_there_in_answer_or_work(
    door: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the answer, letter for letter, and by the work: passwords that were looked at, and questions to the store."""
    store, now = door.people, door.wall.now()
    sanne = hired(store, "sanne", ZON, Role.PRIVACY)
    worker = hired(store, "worker", MAAN, Role.CARE)
    organisations.appoint(store, sanne, ZON, Role.CARE)
    used = invitations.invite(store, MAAN, Role.CARE, worker, now)
    invitations.use(store, used, now)
    old = housekeys.invite(store, THEIR_RESIDENT, None, now)
    housekeys.let_in(store, old, now, housekeys.Device.PHONE)
    opened = emergencies.begin(
        store, worker, THEIR_HOME, resident=THEIR_RESIDENT, organisation=MAAN, reason="Nobody answers.", now=now
    )
    link = contacts.make_link(store, ALERT, ContactId("c-none"), now - timedelta(days=30))
    looked_at, verify = list[str](), people.verify

    def counted(known: people.Credentials, password: str) -> StaffId | None:
        looked_at.append(password)
        return verify(known, password)

    monkeypatch.setattr(people, "verify", counted)
    browsers = Browsers(door)
    pairs = (
        ("POST", "/sign-in", {"name": "worker", "password": "wrong"}, {"name": "nobody", "password": "wrong"}),
        ("POST", "/let-in", {"code": old}, {"code": "2345ABCDWXYZ"}),
        ("GET", f"/let-in/{old}", "/let-in/2345ABCDWXYZ", None),
        ("GET", f"/invitation/{used}", f"/invitation/{'x' * 43}", None),
        ("GET", f"/answer/{link}", f"/answer/{'x' * len(link)}", None),
        ("GET", f"/alerts/{THEIRS}", "/alerts/0000000000", None),
        ("POST", f"/alerts/{THEIRS}/claim", "/alerts/0000000000/claim", None),
        ("GET", "/homes/eik/12", "/homes/iep/12", None),
        ("GET", "/homes/eik/12/circle", "/homes/iep/12/circle", None),
        ("GET", f"/emergency/{opened.id}", "/emergency/e-0123456789abcdef", None),
        ("GET", f"/persons/{THEIR_RESIDENT}/file", "/persons/r-iep-12/file", None),
        ("GET", "/gateways", "/gateways", None),
    )  # fmt: skip
    async with browsers.signed_in(sanne) as inside, browsers.stranger() as outside:
        for method, first, second, other in pairs:
            at_the_door = first.startswith(("/sign-in", "/let-in", "/invitation", "/answer"))
            browser = outside if at_the_door else inside
            paths = (first, first) if isinstance(second, dict) else (first, str(second))
            forms = (second, other) if isinstance(second, dict) else (None, None)
            await browser.request(method, paths[1], data=forms[1])  # what is made once is made
            answers, work = [], []
            for path, form in zip(paths, forms, strict=True):
                asked: list[str] = []
                assert isinstance(store, sqlite3.Connection)
                store.set_trace_callback(asked.append)
                looked_at.clear()
                answer = await browser.request(method, path, data=form)
                store.set_trace_callback(None)
                answers.append((answer.status_code, _without(answer.text, path, *(form or {}).values())))
                # Whether anything was changed since the last look (PRAGMA data_version) is read off memory, in no time.
                questions = [one for one in asked if not one.startswith(("DELETE", "BEGIN", "COMMIT", "PRAGMA data_"))]
                work.append((len(looked_at), len(questions)))
            assert answers[0] == answers[1], (method, first)
            assert work[0][0] == work[1][0], (method, first)
            assert abs(work[0][1] - work[1][1]) <= 1, (method, first, work)


# Paths and headers.


async def test_no_path_leads_out_of_the_files_that_everybody_may_have(door: Desk) -> None:
    up: tuple[str, ...] = (
        "../pages.py",
        "..%2fpages.py",
        "%2e%2e/pages.py",
        "....//pages.py",
        "..\\pages.py",
        "/etc/passwd",
    )
    up += ("vendor/../../pages.py", "\x00", "vendor/\x00.js", "x" * 5_000, "%c0%ae%c0%ae/pages.py")
    for start in ("/static/", "/let-in/", "/homes/", "/alerts/", "/answer/", "/persons/", "/invitation/", "/report/"):
        for one in up:
            for path in {start + one, start + one.replace("%2f", "/").replace("%2e", ".")}:
                status, _, body = await raw(door, path)
                assert 300 <= status < 500, path
                assert b"root:" not in body
                assert b"import " not in body
    status, _, body = await raw(door, "/static/vendor/htmx.min.js")
    assert (status, body) == (200, (STATIC / "vendor" / "htmx.min.js").read_bytes())


async def raw(desk: Desk, path: str, *, query: bytes = b"") -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Ask for a path as it stands: a browser would tidy it first."""
    sent: list[Any] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "https", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query,
        "headers": [(b"host", b"desk.example")], "client": ("127.0.0.1", 1), "server": ("desk.example", 443),
    }  # fmt: skip

    whole: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not whole:
            await asyncio.Event().wait()  # until the answer is there
        return whole.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await _app_of(desk)(scope, receive, send)
    return sent[0]["status"], sent[0]["headers"], b"".join(one.get("body", b"") for one in sent[1:])


_APPS: dict[int, Any] = {}


def _app_of(desk: Desk) -> Any:
    return _APPS.setdefault(id(desk), application(desk))


SPLIT = ("/x\r\nSet-Cookie: planted=1", "/x%0d%0aSet-Cookie:%20planted=1", "/\u560d\u560aSet-Cookie:planted=1")


async def test_no_field_puts_a_header_of_its_own_into_an_answer(door: Desk) -> None:
    """Every field of every route at once, with a line that ends a header in it; and where the answer sends one."""
    every = hired(door.people, "everybody", ZON, Role.CARE)
    organisations.appoint(door.people, every, OWN, Role.PRIVACY)
    known = {"site": "wilg", "home": "12", "alert": ALERT, "resident": MY_RESIDENT, "organisation": ZON}
    async with Browsers(door).signed_in(every) as browser:
        for bad in SPLIT[:2]:
            for method, route in routes(door):
                if route.path in {"/live", "/paper", "/sign-out", "/readyz"}:  # the last says 503: no broker
                    continue
                fields = {one.alias: bad for one in route.dependant.query_params}
                form = dict.fromkeys(form_of(route, {}), bad)
                headers = {"User-Agent": "x", "HX-Request": "true", "HX-Current-URL": f"https://desk.example{bad!a}"}
                if route.path == "/language":
                    form["language"] = "nl"
                for ids in (known, dict.fromkeys(("token", "code", "channel", "key", "back_test"), bad) | known):
                    path = path_of(route, {name: quote(value, safe="") for name, value in ids.items()})
                    data = form if method == "POST" else None
                    answer = await browser.request(method, path, params=fields, data=data, headers=headers)
                    assert answer.status_code < 500, (method, route.path)
                    assert _planted(answer) == [], (method, route.path)
                    if ids is known and "{token}" not in route.path and "{code}" not in route.path:
                        break
    for to in (*SPLIT, "//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "javascript:1"):
        async with Browsers(door).stranger() as browser:
            answer = await browser.post("/sign-in", data={"name": "everybody", "password": PASSWORD, "to": to})
            assert answer.headers["location"] in {"/", "/sign-in/second"}


def _planted(answer: httpx.Response) -> list[str]:
    said = [f"{name}: {value}" for name, value in answer.headers.multi_items()]
    away = [one for one in said if one.lower().startswith(("location: ", "hx-redirect: ")) and "//" in one]
    return away + [one for one in said if "\r" in one or "\n" in one or one.lower().startswith("set-cookie: planted")]


# What people type.

TYPED = "a{{7*7}}b<script>x</script>\"'"


def _typed_everywhere(desk: Desk) -> Iterator[str]:
    """Put it into every field that people type, and yield the paths of the pages that say it."""
    store, now = desk.people, desk.wall.now()
    store.execute("UPDATE organisation SET name = ?", (TYPED,))
    people.name_resident(store, MY_RESIDENT, TYPED)
    contact = contacts.add(store, MY_RESIDENT, TYPED, contacts.Relation.FAMILY)
    contacts.set_address(store, contact, wishes.PHONE, "0612345678")
    wishes.want(store, MY_RESIDENT, wishes.First.PHONE, TYPED)
    worker = people.add_staff(
        store, TYPED, first_name=TYPED, initials='"<>&', password=PASSWORD, organisation=ZON, role=Role.CARE
    )
    people.start_session(store, worker, now, client="192.0.2.1", device=TYPED)
    emergencies.begin(store, worker, MY_HOME, resident=MY_RESIDENT, organisation=ZON, reason=f"So {TYPED}", now=now)
    yield from (
        "/",
        "/people",
        "/emergencies",
        "/my-sign-in",
        "/access-log",
        "/load",
        "/report",
        "/measures",
        "/effect",
        "/upkeep",
    )
    yield from (f"/alerts/{ALERT}", f"/homes/{MY_HOME}", f"/report/{MY_HOME}", f"/calling-order/{MY_HOME}")
    yield from (f"/homes/{MY_HOME}/{one}" for one in ("circle", "messages", "agreements", "measures"))
    yield from ("/mine", "/mine/people", "/mine/looked", "/hand-over", "/calling-order/wilg")


async def test_whatever_people_type_is_text_on_every_page_where_it_shows(door: Desk) -> None:
    every = hired(door.people, "everybody", ZON, Role.CARE)
    for organisation, role in ((ZON, Role.ADMINISTRATOR), (ZON, Role.PRIVACY), (OWN, Role.CARE)):
        organisations.appoint(door.people, every, organisation, role)
    browsers = Browsers(door)
    shown: set[str] = set()
    async with browsers.signed_in(every) as browser, browsers.device(MY_RESIDENT, None) as tablet:
        paths = list(_typed_everywhere(door))
        browser.cookies.update(tablet.cookies)
        await browser.post(f"/alerts/{ALERT}/claim")
        await browser.post("/hand-over", data={"note": TYPED})
        night = f"{door.centre.now():%Y-%m-%d}"
        await browser.post("/report/correct", data={"night": night, "about": MY_HOME, "line": "1", "text": TYPED})
        for path in paths:
            page = await browser.get(path)
            assert page.status_code == 200, path
            assert TYPED not in page.text, path
            assert "a49b" not in page.text, path
            assert "<script>x" not in page.text.lower(), path
            if "a{{7*7}}b&lt;script&gt;" in page.text:
                shown.add(path)
        for answer in (
            await browser.post("/sign-in", data={"name": TYPED, "password": TYPED, "to": TYPED}),
            await browser.get("/let-in", params={"to": TYPED}),
            await browser.post("/emergency", data={"site": TYPED, "home": TYPED, "reason": TYPED}),
            await browser.get("/access-log", params={"client": TYPED, "by": TYPED}),
        ):
            assert TYPED not in answer.text
            assert "a49b" not in answer.text
    assert {"/", "/people", f"/alerts/{ALERT}", f"/homes/{MY_HOME}/circle", "/mine/people"} <= shown, shown
