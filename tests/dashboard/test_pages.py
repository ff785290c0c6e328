"""The routes of the night desk: who may see and do what, and that whatever is wrong is a page and never a riddle."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import journal
from care.alerts import State
from care.ids import StaffId
from care.records import Claimed, Delivered, Released, Resolved, SeenAndHeard
from dashboard import door, people
from dashboard.centre import Centre
from dashboard.pages import Desk
from tests.dashboard.conftest import (
    ALERT,
    HOME,
    HTMX,
    NIGHT,
    NO_ALERT,
    PASSWORD,
    StoryClock,
    stranger_at,
    written,
)

pytestmark = pytest.mark.anyio


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
    assert answer.json() == {**told, "wrong": {}, "trouble": "", "watching": 0, "sounding": 0, "seen_and_heard": 0}


async def test_a_screen_that_is_looked_at_is_known_to_a_watchdog(
    stranger: httpx.AsyncClient, page: httpx.AsyncClient
) -> None:
    said = {"screen": "a1", "in_view": "true", "sound": "false"}
    assert (await page.post("/watching", data=said)).json() == {"proven": None}
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


# The tap at the start of a shift.


async def proven(reader: httpx.AsyncClient, screen: str = "a1") -> str | None:
    said = {"screen": screen, "in_view": "true", "sound": "true"}
    answer: str | None = (await reader.post("/watching", data=said)).json()["proven"]
    return answer


async def test_who_sees_and_hears_a_screen_says_so_once_and_it_is_written_down_with_who_and_when(
    desk: Desk, page: httpx.AsyncClient, stranger: httpx.AsyncClient, sanne: StaffId
) -> None:
    assert await proven(page) is None
    for _ in range(2):
        assert (await page.post("/seen-and-heard", data={"screen": "a1"})).status_code == 204
    assert written(desk) == [SeenAndHeard]
    [entry] = journal.read_after(desk.centre._db, 2)
    assert entry.record == SeenAndHeard(at=NIGHT, screen="a1", by=sanne)
    assert await proven(page) == NIGHT.isoformat()
    assert (await stranger.get("/healthz")).json()["seen_and_heard"] == 1


async def test_what_one_person_heard_another_is_still_asked_for_and_so_is_another_screen(
    page: httpx.AsyncClient, colleague: httpx.AsyncClient
) -> None:
    await page.post("/seen-and-heard", data={"screen": "a1"})
    assert await proven(colleague) is None
    assert await proven(page, "b2") is None


async def test_at_the_next_shift_it_is_asked_again(page: httpx.AsyncClient, clock: StoryClock) -> None:
    await page.post("/seen-and-heard", data={"screen": "a1"})
    clock.wait(hours=4, minutes=59)  # 06:59 in the Netherlands
    assert await proven(page) is not None
    clock.wait(minutes=1)
    assert await proven(page) is None


async def test_what_was_seen_and_heard_is_known_after_a_restart(
    desk: Desk, page: httpx.AsyncClient, tmp_path: Path, clock: StoryClock, sanne: StaffId
) -> None:
    await page.post("/seen-and-heard", data={"screen": "a1"})
    with closing(Centre(journal.connect(tmp_path / "centre.db"), clock)) as again:
        assert again.board.shifts.proven_at("a1", clock.now(), ZoneInfo("Europe/Amsterdam"), by=sanne) == NIGHT


@pytest.mark.parametrize("said", [{}, {"screen": "a b"}, {"screen": "x" * 65}])
async def test_a_screen_that_is_none_is_not_seen_and_heard(
    desk: Desk, page: httpx.AsyncClient, said: dict[str, str]
) -> None:
    assert (await page.post("/seen-and-heard", data=said)).status_code == 422
    assert written(desk) == []


async def test_who_is_not_signed_in_has_seen_and_heard_nothing(
    desk: Desk, stranger: httpx.AsyncClient, page: httpx.AsyncClient
) -> None:
    assert (await stranger.post("/seen-and-heard", data={"screen": "a1"})).status_code == 303
    assert written(desk) == []


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
    async with stranger_at(desk, secure=False) as stranger:
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
    to = door.within(asked)
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
