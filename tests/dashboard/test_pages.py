"""The routes of the night desk: who may see and do what, and that whatever is wrong is a page and never a riddle."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiomqtt
import argon2
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typer.testing import CliRunner

from care import journal, link
from care.alerts import State
from care.records import Claimed, Delivered, Released, Resolved, StaffId
from dashboard import pages, people
from dashboard.commands import cli
from dashboard.intake import Centre
from dashboard.live import Live
from dashboard.pages import Desk, application
from tests.conftest import Mosquitto, free_port, wait_for_port
from tests.dashboard.conftest import (
    ALERT,
    HOME,
    NIGHT,
    WILG,
    Plain,
    StoryClock,
    batch,
    finding,
    plan,
)

pytestmark = pytest.mark.anyio

PASSWORD = "maan en sterren"
HTMX = {"HX-Request": "true"}
NO_ALERT = "0" * 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    # What a password costs is told in test_people; here every story would pay for it.
    monkeypatch.setattr(people, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people._of_nobody.cache_clear()
    with closing(people.connect(tmp_path / "people.db")) as made:
        yield made
    people._of_nobody.cache_clear()


@pytest.fixture
def sanne(store: sqlite3.Connection) -> StaffId:
    return people.add_staff(store, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)


@pytest.fixture
def noor(store: sqlite3.Connection) -> StaffId:
    return people.add_staff(store, "noor", first_name="Noor", initials="NB", password=PASSWORD)


@pytest.fixture
def wall() -> StoryClock:
    return StoryClock(NIGHT + timedelta(days=100))  # the night at the desk is a rehearsal of another one


@pytest.fixture
def desk(centre: Centre, store: sqlite3.Connection, wall: StoryClock) -> Desk:
    drawing = Plain(centre.board)
    return Desk(centre=centre, live=Live(centre, drawing), drawing=drawing, people=store, wall=wall)


def browser(desk: Desk, *, secure: bool = True, **options: Any) -> httpx.AsyncClient:
    """A browser that nobody has signed in with."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application(desk), **options),
        base_url="https://desk.example" if secure else "http://desk.example",
        headers={"Sec-Fetch-Site": "same-origin"},
    )


def signed_in(desk: Desk, staff: StaffId, **options: Any) -> httpx.AsyncClient:
    made = browser(desk, **options)
    token = people.start_session(desk.people, staff, desk.wall.now())
    made.cookies.set("__Host-nachtwacht", token, domain="desk.example")
    return made


@pytest.fixture
async def page(desk: Desk, sanne: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    """Sanne's browser, with one alert on the desk."""
    await desk.centre.take(WILG, batch(plan(), finding()))
    async with signed_in(desk, sanne) as made:
        yield made


@pytest.fixture
async def colleague(desk: Desk, noor: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    async with signed_in(desk, noor) as made:
        yield made


@pytest.fixture
async def stranger(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(desk) as made:
        yield made


def written(desk: Desk) -> list[type]:
    """What was written since the alert came."""
    return [type(entry.record) for entry in journal.read_after(desk.centre._db, 2)]


# Reading.


async def test_the_desk_greets_whoever_signed_in_in_their_language(page: httpx.AsyncClient) -> None:
    assert (await page.get("/")).text == "nl: desk of Sanne SV at 01:00"
    page.cookies.set("language", "en", domain="desk.example")
    assert (await page.get("/")).text == "en: desk of Sanne SV at 01:00"
    page.cookies.set("language", "<script>", domain="desk.example")
    assert (await page.get("/")).text.startswith("nl:")


async def test_an_alert_and_a_home_have_a_page(page: httpx.AsyncClient) -> None:
    assert (await page.get(f"/alerts/{ALERT}")).text == f"nl: {ALERT} raised None"
    assert (await page.get(f"/homes/{HOME}")).text == f"nl: {HOME}"


@pytest.mark.parametrize(
    "path",
    [
        f"/alerts/{NO_ALERT}",
        "/alerts/0123",
        "/alerts/../../etc/passwd",
        "/alerts/%00%00%00%00%00%00%00%00%00%00",
        "/alerts/" + "a" * 5_000,
        "/homes/wilg/99",
        "/homes/wilg/1%2F2",
        "/homes/wilg/%F0%9F%98%80",
        "/homes/wilg",
        "/nothing/here",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/nothing.css",
    ],
)
async def test_what_is_not_there_is_a_page_in_the_readers_language(page: httpx.AsyncClient, path: str) -> None:
    page.cookies.set("language", "en", domain="desk.example")
    answer = await page.get(path)
    assert answer.status_code == 404
    assert answer.text.startswith("en: No such ")


async def test_a_watchdog_needs_no_name_and_is_told_none(stranger: httpx.AsyncClient, page: httpx.AsyncClient) -> None:
    answer = await stranger.get("/healthz")
    told = {"number": 2, "broker": False, "refused": 0, "buildings": 1, "silent": 1}
    assert answer.json() == {**told, "trouble": "", "watching": 0, "sounding": 0}


async def test_a_screen_that_is_looked_at_is_known_to_a_watchdog(
    stranger: httpx.AsyncClient, page: httpx.AsyncClient
) -> None:
    said = {"screen": "a1", "in_view": "true", "sound": "false"}
    assert (await page.post("/watching", data=said)).status_code == 204
    health = (await stranger.get("/healthz")).json()
    assert (health["watching"], health["sounding"]) == (1, 0)


async def test_who_is_not_signed_in_watches_nothing(stranger: httpx.AsyncClient) -> None:
    await stranger.post("/watching", data={"screen": "a1", "in_view": "true", "sound": "true"})
    assert (await stranger.get("/healthz")).json()["watching"] == 0


@pytest.mark.parametrize("said", [{}, {"screen": "a b", "in_view": "true", "sound": "true"}, {"screen": "a1"}])
async def test_a_report_that_is_none_is_refused(page: httpx.AsyncClient, said: dict[str, str]) -> None:
    assert (await page.post("/watching", data=said)).status_code == 422


async def test_files_are_asked_about_again_and_sent_only_if_they_changed(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get("/static/vendor/htmx.min.js")
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    again = await stranger.get("/static/vendor/htmx.min.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


# Signing in and out.


@pytest.mark.parametrize("path", ["/", f"/alerts/{ALERT}", f"/homes/{HOME}"])
async def test_who_is_not_signed_in_is_sent_to_do_so_and_back(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert answer.status_code == 303
    sign_in = await stranger.get(answer.headers["Location"])
    assert sign_in.text == f"nl: sign in '' {path} None"


async def test_a_script_that_is_not_signed_in_is_told_so(stranger: httpx.AsyncClient, page: httpx.AsyncClient) -> None:
    headers = HTMX | {"HX-Current-URL": f"https://desk.example/alerts/{ALERT}"}
    answer = await stranger.post(f"/alerts/{ALERT}/claim", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, f"/sign-in?to=/alerts/{ALERT}")
    assert (await stranger.get("/live", headers={"Accept": "text/event-stream"})).status_code == 401


@pytest.mark.parametrize("what", ["claim", "release", "take-over", "resolve", "shown"])
async def test_nothing_is_done_for_who_is_not_signed_in(
    desk: Desk, stranger: httpx.AsyncClient, page: httpx.AsyncClient, what: str
) -> None:
    form = {"outcome": "helped", "how": "video", "screen": "a"}
    answer = await stranger.post(f"/alerts/{ALERT}/{what}", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert written(desk) == []


async def test_the_right_password_opens_the_page_that_was_asked_for(
    stranger: httpx.AsyncClient, sanne: StaffId
) -> None:
    form = {"name": "Sanne", "password": PASSWORD, "to": f"/alerts/{ALERT}"}
    answer = await stranger.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/alerts/{ALERT}")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-nachtwacht=")
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= set(cookie.lower().split("; "))
    assert (await stranger.get("/")).status_code == 200
    assert (await stranger.get("/sign-in")).headers["Location"] == "/"


async def test_on_this_machine_alone_one_signs_in_without_https(desk: Desk, sanne: StaffId) -> None:
    async with browser(desk, secure=False) as stranger:
        answer = await stranger.post("/sign-in", data={"name": "sanne", "password": PASSWORD})
        assert "secure" not in answer.headers["Set-Cookie"].lower()
        assert (await stranger.get("/")).status_code == 200


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    stranger: httpx.AsyncClient, sanne: StaffId
) -> None:
    answers = [
        await stranger.post("/sign-in", data={"name": name, "password": "niet de goede"})
        for name in ("sanne", "sannE2")
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].text.replace("sanne", "sannE2") == answers[1].text
    assert "niet de goede" not in answers[0].text
    assert "Set-Cookie" not in answers[0].headers


async def test_who_keeps_guessing_must_wait_even_with_the_right_password(
    stranger: httpx.AsyncClient, desk: Desk, sanne: StaffId, wall: StoryClock
) -> None:
    for _ in range(people.TRIES_PER_NAME):
        people.attempt(desk.people, "sanne", "10.0.0.9", wall.now())
    form = {"name": "sanne", "password": PASSWORD}
    answer = await stranger.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    wall.wait(minutes=15)
    assert (await stranger.post("/sign-in", data=form)).status_code == 303


@pytest.mark.parametrize(
    "form",
    [
        {"name": "n" * 61, "password": PASSWORD},
        {"name": "sanne", "password": "p" * 201},
        {"name": "sanne\x00", "password": PASSWORD},
        {"name": "", "password": ""},
        {},
    ],
)
async def test_an_impossible_name_or_password_is_answered_calmly(
    stranger: httpx.AsyncClient, sanne: StaffId, form: dict[str, str]
) -> None:
    answer = await stranger.post("/sign-in", data=form)
    assert answer.status_code in {403, 422}
    assert PASSWORD not in answer.text


@given(st.one_of(st.text(), st.from_regex(r"[/\\:@.a-z]{0,12}", fullmatch=True)))
def test_wherever_somebody_is_sent_it_is_within_nachtwacht(asked: str) -> None:
    to = pages._within(asked)
    assert urlsplit(urljoin("https://desk.example/sign-in", to))[:2] == ("https", "desk.example")


async def test_a_way_out_of_nachtwacht_is_not_followed(stranger: httpx.AsyncClient, sanne: StaffId) -> None:
    for to in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"):
        shown = await stranger.get("/sign-in", params={"to": to})
        assert shown.text == "nl: sign in '' / None"
    form = {"name": "sanne", "password": PASSWORD, "to": "//elsewhere.example"}
    assert (await stranger.post("/sign-in", data=form)).headers["Location"] == "/"


async def test_who_signs_out_is_out_on_every_screen(desk: Desk, page: httpx.AsyncClient) -> None:
    session = people.session(desk.people, page.cookies["__Host-nachtwacht"], desk.wall.now())
    assert session is not None
    screen = desk.live.enter("nl", session.key, for_s=60)
    token = page.cookies["__Host-nachtwacht"]
    answer = await page.post("/sign-out")
    assert answer.headers["Location"] == "/sign-in"
    assert [event async for event in screen.events()] == []
    page.cookies.set("__Host-nachtwacht", token, domain="desk.example")  # kept by somebody, and worth nothing
    assert (await page.get("/")).status_code == 303


async def test_a_session_ends_by_real_time_however_fast_the_night_is_played(
    page: httpx.AsyncClient, clock: StoryClock, wall: StoryClock
) -> None:
    clock.wait(days=3)
    assert (await page.get("/")).status_code == 200
    wall.wait(hours=14)
    assert (await page.get("/")).status_code == 303


async def test_a_reader_chooses_a_language_before_and_after_signing_in(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/language", data={"language": "en", "to": "/sign-in"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert (await stranger.get("/sign-in")).text.startswith("en:")
    by_htmx = await stranger.post("/language", data={"language": "nl"}, headers=HTMX)
    assert by_htmx.headers["HX-Redirect"] == "/"
    assert (await stranger.get("/sign-in")).text.startswith("nl:")
    assert (await stranger.post("/language", data={"language": "xx"})).status_code == 422


# What people do with an alert.


async def test_a_claim_is_written_and_shown(desk: Desk, page: httpx.AsyncClient, sanne: StaffId) -> None:
    answer = await page.post(f"/alerts/{ALERT}/claim")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/alerts/{ALERT}")
    assert written(desk) == [Claimed]
    assert desk.centre.board.alerts[ALERT].holder == sanne


async def test_a_claim_by_htmx_is_answered_with_what_changed(desk: Desk, page: httpx.AsyncClient) -> None:
    answer = await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
    assert (answer.status_code, answer.text) == (200, f"nl: {HOME}; {ALERT}")


async def test_the_same_tap_twice_is_one_record(desk: Desk, page: httpx.AsyncClient) -> None:
    for what, form in (("claim", {}), ("resolve", {"outcome": "helped", "how": "video"})):
        for _ in range(2):
            assert (await page.post(f"/alerts/{ALERT}/{what}", data=form, headers=HTMX)).status_code == 200
    assert written(desk) == [Claimed, Resolved]


async def test_what_a_colleague_has_is_not_claimed_and_one_sees_who_has_it(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient, noor: StaffId
) -> None:
    await colleague.post(f"/alerts/{ALERT}/claim")
    answer = await page.post(f"/alerts/{ALERT}/claim")
    assert (answer.status_code, answer.text) == (409, f"nl: {ALERT} claimed {noor}")
    by_htmx = await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
    assert (by_htmx.status_code, by_htmx.text) == (409, f"nl: {HOME}; {ALERT}")
    assert "notice" in by_htmx.headers["HX-Trigger"]
    assert written(desk) == [Claimed]


async def test_of_two_who_claim_at_once_the_first_on_disk_has_it(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(one.post(f"/alerts/{ALERT}/claim") for one in (page, colleague)))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert written(desk) == [Claimed]


async def test_a_colleagues_alert_is_taken_over_knowingly_and_given_back_by_its_holder_only(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient, sanne: StaffId
) -> None:
    await colleague.post(f"/alerts/{ALERT}/claim")
    await page.post(f"/alerts/{ALERT}/take-over")
    assert desk.centre.board.alerts[ALERT].holder == sanne
    assert (await colleague.post(f"/alerts/{ALERT}/release")).status_code == 409
    assert (await page.post(f"/alerts/{ALERT}/release")).status_code == 303
    assert written(desk) == [Claimed, Claimed, Released]
    assert desk.centre.board.alerts[ALERT].holder is None


async def test_closing_what_nobody_had_takes_it_first(desk: Desk, page: httpx.AsyncClient, sanne: StaffId) -> None:
    await page.post(f"/alerts/{ALERT}/resolve", data={"outcome": "reassured", "how": "phone"})
    assert written(desk) == [Claimed, Resolved]
    closed = desk.centre.board.alerts[ALERT]
    assert (closed.state, closed.resolved and closed.resolved.by) == (State.RESOLVED, sanne)


async def test_what_a_colleague_has_is_theirs_to_close(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    await colleague.post(f"/alerts/{ALERT}/claim")
    answer = await page.post(f"/alerts/{ALERT}/resolve", data={"outcome": "reassured", "how": "phone"})
    assert answer.status_code == 409
    assert written(desk) == [Claimed]


async def test_what_is_closed_is_not_claimed_any_more(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    await page.post(f"/alerts/{ALERT}/resolve", data={"outcome": "reassured", "how": "phone"})
    for what in ("claim", "take-over", "release"):
        assert (await colleague.post(f"/alerts/{ALERT}/{what}")).status_code == 409
    other = await colleague.post(f"/alerts/{ALERT}/resolve", data={"outcome": "helped", "how": "112"})
    assert other.status_code == 409
    assert written(desk) == [Claimed, Resolved]


@pytest.mark.parametrize(
    "form",
    [
        {"outcome": "helped", "how": "battery"},
        {"outcome": "helped"},
        {"how": "video"},
        {"outcome": "fine", "how": "video"},
        {"outcome": "helped", "how": "\x00"},
        {"outcome": ["helped", "technical"], "how": ["video", "video"]},
        {},
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
async def test_an_ending_that_cannot_be_is_refused_with_a_sentence(
    desk: Desk, page: httpx.AsyncClient, form: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = await page.post(f"/alerts/{ALERT}/resolve", data=form, headers=headers)
    assert answer.status_code == 422
    assert answer.text.startswith("nl: Not saved. ")
    assert ("HX-Trigger" in answer.headers) == bool(headers)
    assert written(desk) == []


@pytest.mark.parametrize("what", ["claim", "take-over", "release", "resolve", "shown"])
async def test_nothing_is_done_with_an_alert_that_is_not_there(desk: Desk, page: httpx.AsyncClient, what: str) -> None:
    form = {"outcome": "helped", "how": "video", "screen": "a"}
    for alert in (NO_ALERT, "ABCDEF0123", "x"):
        assert (await page.post(f"/alerts/{alert}/{what}", data=form)).status_code == 404
    assert written(desk) == []


async def test_a_screen_says_once_that_it_has_shown_an_alert(
    desk: Desk, page: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    for reader, screen in ((page, "tab-1"), (page, "tab-1"), (colleague, "tab-2")):
        assert (await reader.post(f"/alerts/{ALERT}/shown", data={"screen": screen})).status_code == 204
    assert written(desk) == [Delivered, Delivered]
    assert desk.centre.board.alerts[ALERT].state is State.DELIVERED


@pytest.mark.parametrize("screen", ["", "a b", "x" * 65, "<i>", "a\n", None])
async def test_a_screen_without_a_proper_id_shows_nothing(
    desk: Desk, page: httpx.AsyncClient, screen: str | None
) -> None:
    form = {} if screen is None else {"screen": screen}
    assert (await page.post(f"/alerts/{ALERT}/shown", data=form)).status_code == 422
    assert written(desk) == []


# The door.


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        (
            {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
            True,
        ),  # a plain form under `Referrer-Policy: no-referrer`
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://desk.example"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "https://desk.example"}, True),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "http://desk.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", [f"/alerts/{ALERT}/claim", "/sign-in", "/sign-out", "/language"])
async def test_only_our_own_pages_may_ask_for_a_change(
    desk: Desk, page: httpx.AsyncClient, headers: dict[str, str], *, let_in: bool, path: str
) -> None:
    del page.headers["Sec-Fetch-Site"]
    answer = await page.post(path, data={"language": "nl"}, headers=headers)
    assert ("This did not come from a page" not in answer.text) == let_in
    if not let_in:
        assert answer.status_code == 403
        assert written(desk) == []


async def test_a_body_that_is_too_large_is_refused_however_it_comes(page: httpx.AsyncClient) -> None:
    async def without_saying_how_much() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    for content in (b"x" * 64_001, without_saying_how_much()):
        answer = await page.post("/language", content=content)
        assert (answer.status_code, answer.text) == (413, "nl: Not saved. That was too much text at once.")


async def test_a_body_that_never_ends_is_given_up(page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"language="
        await asyncio.sleep(30)

    monkeypatch.setattr(pages, "BODY_WITHIN_S", 0.05)
    assert (await page.post("/language", content=slowly())).status_code == 408


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe&&&=%zz"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/json", b"{"),
        ("text/plain; charset=none", b"language=nl"),
    ],
)
async def test_a_form_that_is_none_is_refused_with_a_sentence(
    page: httpx.AsyncClient, content_type: str, content: bytes
) -> None:
    answer = await page.post("/language", content=content, headers={"Content-Type": content_type})
    assert answer.status_code in {400, 422}
    assert answer.text.startswith("nl: Not ")


async def test_every_answer_says_what_a_browser_may_do_with_it(
    desk: Desk, page: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    answers = [
        await page.get("/"),
        await page.get("/nothing"),
        await page.get("/static/vendor/htmx.min.js"),
        await page.post("/language", content=b"x" * 70_000),
        await page.post(f"/alerts/{ALERT}/claim", headers={"Sec-Fetch-Site": "cross-site"}),
        await stranger.get("/"),
        await stranger.get("/live"),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] in {"no-store", "no-cache"}
    assert answers[0].headers["Cache-Control"] == "no-store"


async def test_a_screen_that_takes_nothing_more_is_not_kept_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(message: Any) -> None:
        if message.get("body"):
            await asyncio.sleep(30)

    monkeypatch.setattr(pages, "SEND_WITHIN_S", 0.05)
    screen = desk.live.enter("nl", "session", for_s=60)
    async with asyncio.timeout(5):
        await pages._Stream(screen).stream_response(stuck)
    assert not desk.live._screens


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_another_way_of_asking_is_refused_with_a_page(page: httpx.AsyncClient, method: str) -> None:
    answer = await page.request(method, f"/alerts/{ALERT}/claim")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


async def test_a_disk_that_will_not_is_said_and_nothing_pretended(desk: Desk, page: httpx.AsyncClient) -> None:
    await desk.centre.ask(lambda db: db.execute("PRAGMA query_only = 1"))
    with capture_logs() as logged:
        answer = await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
    assert answer.status_code == 503
    assert "Nothing was saved" in answer.text
    assert desk.centre.board.alerts[ALERT].holder is None
    assert [line["event"] for line in logged] == ["the disk would not"]


async def test_a_mistake_of_ours_is_a_page_without_its_insides(
    desk: Desk, sanne: StaffId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> str:
        raise ZeroDivisionError("the insides")

    monkeypatch.setattr(desk.drawing, "desk", broken)
    async with signed_in(desk, sanne, raise_app_exceptions=False) as page:
        answer = await page.get("/")
    assert answer.status_code == 500
    assert (
        answer.text
        == "nl: Not done. Something is wrong in Nachtwacht itself. Try again, and tell the technical service."
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_no_name_is_logged_and_none_stands_in_an_address(
    desk: Desk, stranger: httpx.AsyncClient, sanne: StaffId, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with capture_logs() as logged:
        for password in ("niet de goede", PASSWORD):
            await stranger.post("/sign-in", data={"name": "sanne", "password": password})
        answer = await stranger.get("/")
    assert answer.status_code == 200
    said = f"{logged} {[record.getMessage() for record in caplog.records if record.name != 'httpx']} {answer.url}"
    assert "anne" not in said


# The whole centre, as it is started.


def run_command(*arguments: str, typed: str | None = None) -> str:
    """Give a command in this process; return what it says, which must be that it is done."""
    result = CliRunner().invoke(cli, arguments, input=typed)
    assert result.exit_code == 0, result.output
    return result.output


def run_in_vain(*arguments: str, typed: str | None = None) -> str:
    """Give a command that cannot be done; return the sentence that says why."""
    result = CliRunner().invoke(cli, arguments, input=typed)
    assert result.exit_code in {1, 2}, result.output
    assert "Traceback" not in result.output
    return result.output


class Running:
    """The centre in a process of its own."""

    def __init__(self, folder: Path, *, broker_port: int, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        command = [sys.executable, "-c", "from dashboard.commands import cli; cli()", "run"]
        command += ["--journal", str(folder / "centre.db"), "--people", str(folder / "people.db")]
        command += ["--broker", f"127.0.0.1:{broker_port}", "--port", str(port)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"NO_COLOR": "1"})

    def ended(self) -> tuple[int, str]:
        """Wait for its end, bounded; return how it ended and what it said."""
        code = self.process.wait(20)
        return code, self._log.read_text()


@contextmanager
def running(folder: Path, *, broker_port: int, port: int | None = None) -> Iterator[Running]:
    made = Running(folder, broker_port=broker_port, port=port or free_port())
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait(10)


@asynccontextmanager
async def signed_in_at(url: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=10) as made:
        answer = await made.post("/sign-in", data={"name": "sanne", "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield made


async def until(lines: AsyncIterator[str], found: str) -> None:
    async with asyncio.timeout(15):
        async for line in lines:
            if found in line:
                return
    pytest.fail(f"{found!r} never came")


async def test_an_alert_of_a_building_is_on_the_screen_and_the_claim_is_in_the_building(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    store = str(tmp_path / "people.db")
    run_command(
        *("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", "--people", store),
        "--password-from-stdin",
        typed=PASSWORD + "\n",
    )
    run_command("resident", "name", "r-0012", "mevrouw Jansen", "--people", store)
    with running(tmp_path, broker_port=mosquitto.port) as centre:
        await asyncio.to_thread(wait_for_port, centre.port)
        async with (
            signed_in_at(centre.url) as page,
            aiomqtt.Client(mosquitto.host, mosquitto.port, identifier="building-whole") as building,
            page.stream("GET", "/live") as screen,
        ):
            lines = screen.aiter_lines()
            await until(lines, "event: beat")
            await building.subscribe(link.down_topic(WILG), qos=1)
            await building.publish(link.up_topic(WILG), link.encode(link.Beat(NIGHT)), qos=1)
            told = batch(plan(), finding(), of="whole")
            await building.publish(link.up_topic(WILG), link.encode(told), qos=1)
            await until(lines, ALERT)
            assert "mevrouw Jansen" in (await page.get("/")).text
            assert (await page.get(f"/alerts/{ALERT}")).status_code == 200
            claimed = await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)
            assert (claimed.status_code, "Sanne" in claimed.text) == (200, True)
            assert await order_in(building) == "claimed"

            centre.process.send_signal(signal.SIGTERM)  # with a screen still open
            code, said = await asyncio.to_thread(centre.ended)
        assert code == 0, said
        assert "Traceback" not in said
        assert "anne" not in said
        assert "Jansen" not in said


async def order_in(building: aiomqtt.Client) -> str:
    """Answer the centre as a building does, until an order comes."""
    async with asyncio.timeout(15):
        async for message in building.messages:
            assert isinstance(message.payload, bytes)
            said = link.decode(message.payload)
            if isinstance(said, link.Batch) and said.records:
                return str(re.findall(r'"type":"([a-z]+)"', bytes(said.records[0]).decode())[0])
            if isinstance(said, link.Batch):
                have = link.encode(link.Have(said.journal, 0))
                await building.publish(link.up_topic(WILG), have, qos=1)
    raise AssertionError("no order came")


async def test_without_a_broker_the_desk_is_open_and_says_that_it_hears_nothing(tmp_path: Path) -> None:
    with running(tmp_path, broker_port=free_port()) as centre:
        await asyncio.to_thread(wait_for_port, centre.port)
        async with httpx.AsyncClient() as watchdog:
            assert (await watchdog.get(f"{centre.url}/healthz")).json()["broker"] is False
        centre.process.send_signal(signal.SIGINT)
        code, said = await asyncio.to_thread(centre.ended)
    assert code == 0, said
    assert "no connection" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with running(tmp_path, broker_port=free_port()) as first:
        wait_for_port(first.port)
        folder = tmp_path / "second"
        folder.mkdir()
        with running(folder, broker_port=free_port(), port=first.port) as second:
            code, said = second.ended()
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"Cannot listen on 127.0.0.1:{first.port}: Address already in use.")


def test_a_damaged_journal_is_one_sentence(tmp_path: Path) -> None:
    with closing(journal.connect(tmp_path / "centre.db")) as db:
        db.execute("INSERT INTO journal (recorded_at, origin, body) VALUES (0, '', ?)", (b'{"type": "dream"}',))
    with running(tmp_path, broker_port=free_port()) as centre:
        code, said = centre.ended()
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"Cannot read the journal {tmp_path / 'centre.db'}: ")


def test_what_is_no_journal_or_people_store_is_one_sentence(tmp_path: Path) -> None:
    nonsense = "this is no database, but long enough to look like one to whoever reads its first hundred bytes"
    (tmp_path / "centre.db").write_text(nonsense)
    (tmp_path / "people.db").write_text(nonsense)
    port, broker = str(free_port()), "127.0.0.1:1883"
    for journal_file, store, said in (
        ("centre.db", "new.db", "Cannot read the journal"),
        ("new.db", "people.db", "Cannot open the people store"),
        ("no/such/folder.db", "new.db", "Cannot read the journal"),
    ):
        files = ["--journal", str(tmp_path / journal_file), "--people", str(tmp_path / store)]
        assert said in run_in_vain("run", *files, "--broker", broker, "--port", port)


@pytest.mark.parametrize("broker", ["", "host:", ":1883", "host:port", "host:0", "host:65536", "host:\u0661"])
def test_a_broker_without_a_proper_address_is_one_sentence(tmp_path: Path, broker: str) -> None:
    files = ["--journal", str(tmp_path / "centre.db"), "--people", str(tmp_path / "people.db")]
    assert "no address" in run_in_vain("run", *files, "--broker", broker)


def test_staff_are_added_once_and_given_another_password(tmp_path: Path) -> None:
    store = ("--people", str(tmp_path / "people.db"), "--password-from-stdin")
    sanne = ("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", *store)
    assert "can sign in as Sanne" in run_command(*sanne, typed=PASSWORD + "\n")
    assert "Choose another name" in run_in_vain(*sanne, typed=PASSWORD + "\n")
    assert "at least 10 characters" in run_in_vain("staff", "password", "sanne", *store, typed="kort\n")
    assert "Nobody signs in as noor" in run_in_vain("staff", "password", "noor", *store, typed=PASSWORD + "\n")
    assert "must sign in again" in run_command("staff", "password", "sanne", *store, typed="zon en wolken\n")
    with closing(people.connect(tmp_path / "people.db")) as db:
        assert people.verify(people.credentials(db, "sanne"), "zon en wolken") is not None
