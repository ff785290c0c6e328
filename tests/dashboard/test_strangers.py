"""Who has signed in never waits behind a crowd at the door, and guessing takes only a part of the machine."""

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest

from care.ids import StaffId
from dashboard import pages, people, strangers
from dashboard.door import Door
from dashboard.housekeys import Device, invite, let_in
from dashboard.pages import Desk, site
from dashboard.strangers import Busy, Passwords
from detectors.homes import ResidentId
from tests.dashboard.besieged import routes

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]


async def test_whoever_signed_in_or_holds_a_key_comes_in_before_a_crowd(desk: Desk, sanne: StaffId) -> None:
    came: list[str] = []

    async def app(scope: dict[str, object], _receive: object, send: Callable[..., object]) -> None:
        came.append(str(scope["path"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[misc]
        await send({"type": "http.response.body"})  # type: ignore[misc]

    now = desk.wall.now()
    session = people.start_session(desk.people, sanne, now)
    key = let_in(desk.people, invite(desk.people, ResidentId("r-0012"), None, now), now, Device.PHONE)
    tokens = {"nachtwacht": session, "nachtwacht-own": key}
    through = httpx.ASGITransport(app=Door(app, desk, {"a", "b"}))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=through, base_url="http://desk.example") as browser:
        forged = {"Cookie": "nachtwacht=of-my-own-making; nachtwacht-own=neither"}
        crowd = [asyncio.create_task(browser.get(f"/a/{n}", headers=forged)) for n in range(60)]
        known = [
            asyncio.create_task(browser.get("/b", headers={"Cookie": f"{one}={token}"}))
            for one, token in tokens.items()
        ]
        await asyncio.gather(*crowd, *known)
    assert len(came) == 62  # nobody is left out
    assert max(place for place, path in enumerate(came) if path == "/b") < 6


async def test_what_begins_with_no_word_of_ours_is_not_there_and_no_route_is_cut_off(
    desk: Desk, page: httpx.AsyncClient
) -> None:
    for path in ("/.git/config", "/wp-login.php", "//static/desk.css", "/%2e%2e/etc/passwd"):
        assert (await page.get(path)).status_code == 404
    walked: set[str] = set()

    async def app(scope: dict[str, object], _receive: object, send: Callable[..., object]) -> None:
        walked.add(str(scope["path"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[misc]
        await send({"type": "http.response.body"})  # type: ignore[misc]

    through = httpx.ASGITransport(app=Door(app, desk, pages.places()))  # type: ignore[arg-type]
    paths = {route.path.replace("{", "").replace("}", "") for _, route in routes(desk)}
    async with httpx.AsyncClient(transport=through, base_url="http://desk.example") as browser:
        for path in paths:
            await browser.get(path)
    assert walked == paths
    assert len(site().routes) > 20


# Passwords.


async def test_passwords_are_looked_at_one_at_a_time_and_a_wrong_one_is_followed_by_a_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []
    loop, now = asyncio.get_running_loop(), iter(float(n) for n in range(1_000))

    def later(delay: float, then: Callable[[], None]) -> None:
        rests.append(delay)
        loop.call_soon(then)

    at_once, most = 0, 0
    guard = threading.Lock()

    def work(found: int | None) -> int | None:
        nonlocal at_once, most
        with guard:
            at_once, most = at_once + 1, max(most, at_once + 1)
        with guard:
            at_once -= 1
        return found

    passwords = Passwords()
    monkeypatch.setattr(loop, "call_later", later)
    monkeypatch.setattr(loop, "time", lambda: next(now))
    asked = [passwords.look(f"10.0.0.{n}", lambda n=n: work(n if n % 2 else None)) for n in range(8)]  # type: ignore[misc]
    try:
        assert await asyncio.gather(*asked) == [None, 1, None, 3, None, 5, None, 7]
    finally:
        monkeypatch.undo()
    assert most == 1
    assert [rest > 0 for rest in rests] == [True, False] * 4
    assert all(rest % strangers.REST == 0 for rest in rests)  # by this clock each look at it is a second later


async def test_one_network_fills_no_more_than_its_places_and_all_of_them_no_more_than_there_are() -> None:
    passwords, go = Passwords(), threading.Event()

    def waits() -> int:
        assert go.wait(10)
        return 1

    first = asyncio.ensure_future(passwords.look("10.0.0.1", waits))
    await asyncio.sleep(0)
    many = [asyncio.ensure_future(passwords.look("10.0.0.2", waits)) for _ in range(strangers.OF_ONE_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await passwords.look("10.0.0.2", waits)
    others = [
        asyncio.ensure_future(passwords.look(f"10.0.1.{n}", waits))
        for n in range(strangers.WAITING_MAX - strangers.OF_ONE_MAX)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await passwords.look("10.0.3.1", waits)
    go.set()
    assert await asyncio.gather(first, *many, *others) == [1] * (1 + strangers.WAITING_MAX)
    assert await passwords.look("10.0.0.2", waits) == 1  # and their places are free again


async def test_who_comes_while_too_many_wait_is_told_to_come_back_and_it_looks_the_same_for_every_name(
    page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "WAITING_MAX", 0)
    answers = [
        await page.post("/sign-in", data={"name": name, "password": "guessed wrongly"}) for name in ("sanne", "nobody")
    ]
    assert {(one.status_code, one.headers["Retry-After"], one.text) for one in answers} == {
        (503, "60", answers[0].text)
    }
