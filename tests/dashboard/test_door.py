"""The door of the desk: what is let in, and that whatever goes wrong is a page and never a riddle."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from care.ids import StaffId
from dashboard import door
from dashboard.pages import Desk
from tests.dashboard.conftest import (
    ALERT,
    HTMX,
    PASSWORD,
    signed_in,
    written,
)

pytestmark = pytest.mark.anyio


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

    monkeypatch.setattr(door, "BODY_WITHIN_S", 0.05)
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

    monkeypatch.setattr(door, "SEND_WITHIN_S", 0.05)
    screen = desk.live.enter("nl", "session", for_s=60)
    async with asyncio.timeout(5):
        await door.Stream(screen.events()).stream_response(stuck)
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
