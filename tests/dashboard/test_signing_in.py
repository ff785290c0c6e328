"""Coming in: a password, a second step, sessions that end, and whoever tries to get round one of them."""

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from care.ids import StaffId
from dashboard import access_log, factors, organisations, people
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.organisations import OWN, RIGHTS, Access, Right, Role
from dashboard.pages import Desk
from dashboard.rows import digest
from tests.dashboard.conftest import NIGHT, PASSWORD, PATIENCE_MS, StoryClock, signed_in, stranger_at
from tests.dashboard.two_screens import NightDesk

SIGN_IN = {"name": "sanne", "password": PASSWORD}
COOKIE = "__Host-nachtwacht"

pytestmark = pytest.mark.both_stores


@pytest.fixture
def door(desk: Desk) -> Desk:
    """A desk that draws what it really draws."""
    drawing = Drawing(desk.centre.board, people.Names(desk.people), Access(desk.people).owners)
    live = Live(desk.centre, drawing, access=Access(desk.people, desk.wall.now))
    return Desk(
        centre=desk.centre,
        live=live,
        drawing=drawing,
        people=desk.people,
        access_log=desk.access_log,
        wall=desk.wall,
    )


def with_app(desk: Desk, staff: StaffId) -> pyotp.TOTP:
    """Give somebody an app whose first code was used a while ago."""
    app = pyotp.TOTP(factors.secret_of(desk.people, staff))
    factors.prove_app(desk.people, staff, app.at(desk.wall.now()), desk.wall.now())
    desk.wall.moment += timedelta(minutes=5)  # type: ignore[attr-defined]  # a story's clock
    return app


def told(desk: Desk) -> list[tuple[str, str]]:
    rows = desk.access_log.execute("SELECT number, body, digest FROM entry ORDER BY number")
    return [(entry.deed.value, entry.what) for _, entry in access_log.check(rows)]


@pytest.mark.anyio
async def test_a_password_alone_opens_nothing_for_who_has_a_second_step(door: Desk, sanne: StaffId) -> None:
    app = with_app(door, sanne)
    async with stranger_at(door) as browser:
        first = await browser.post("/sign-in", data={**SIGN_IN, "to": "/report"})
        assert (first.status_code, first.headers["location"]) == (303, "/sign-in/second?to=/report")
        assert COOKIE not in browser.cookies
        for path in ("/", "/my-sign-in", "/report", "/live", "/my-sign-in/app.svg"):
            assert (await browser.get(path)).status_code in {303, 401}
        assert (await browser.post("/my-sign-in/app", data={"code": app.at(door.wall.now())})).status_code == 303
        assert (await browser.post("/my-sign-in/passkey/asked")).status_code == 303
        half = browser.cookies[f"{COOKIE}-half"]
        browser.cookies.set(COOKIE, half, domain="desk.example")  # the half as if it were a whole one
        assert (await browser.get("/")).status_code == 303
        second = await browser.post("/sign-in/second", data={"code": app.at(door.wall.now()), "to": "/report"})
        assert (second.status_code, second.headers["location"]) == (303, "/report")
        assert browser.cookies[COOKIE] != half
        assert (await browser.get("/my-sign-in")).status_code == 200
    assert told(door) == [("signed-in", "session")]


@pytest.mark.anyio
async def test_a_code_is_taken_once_and_a_clock_may_be_one_step_off(door: Desk, sanne: StaffId) -> None:
    app, now = with_app(door, sanne), door.wall.now()
    answers = []
    for off_s in (-90, -30, -30, -60, 30, 0, 90):
        async with stranger_at(door) as browser:
            await browser.post("/sign-in", data=SIGN_IN)
            door.people.execute("DELETE FROM attempt")
            said = await browser.post("/sign-in/second", data={"code": app.at(now + timedelta(seconds=off_s))})
            answers.append((off_s, said.status_code))
    assert answers == [(-90, 403), (-30, 303), (-30, 403), (-60, 403), (30, 303), (0, 403), (90, 403)]
    assert ("tried", "session: code") in told(door)


@pytest.mark.anyio
async def test_who_guesses_codes_must_wait_also_with_the_right_one(door: Desk, sanne: StaffId) -> None:
    app = with_app(door, sanne)
    async with stranger_at(door) as browser:
        await browser.post("/sign-in", data=SIGN_IN)
        for _ in range(factors.TRIES):
            assert (await browser.post("/sign-in/second", data={"code": "000000"})).status_code == 403
        right = {"code": app.at(door.wall.now())}
        assert (await browser.post("/sign-in/second", data=right)).status_code == 429
    async with stranger_at(door) as again:  # a fresh half session gives no fresh tries
        await again.post("/sign-in", data=SIGN_IN)
        assert (await again.post("/sign-in/second", data=right)).status_code == 429


@pytest.mark.anyio
async def test_a_lost_phone_is_made_up_for_by_a_recovery_code_once(door: Desk, sanne: StaffId) -> None:
    with_app(door, sanne)
    code = factors.recovery_codes(door.people, sanne)[0]
    for expected in (303, 403):
        async with stranger_at(door) as browser:
            await browser.post("/sign-in", data=SIGN_IN)
            said = await browser.post("/sign-in/second", data={"code": code.lower()})
            assert said.status_code == expected
    assert factors.of(door.people, sanne).recovery_codes == factors.RECOVERY_CODES - 1
    kept = b"".join(row[0] for row in door.people.execute("SELECT code FROM recovery"))
    assert code.replace("-", "").encode() not in kept


@pytest.mark.anyio
async def test_who_must_have_a_second_step_sets_it_up_before_anything_else(door: Desk, sanne: StaffId) -> None:
    factors.demand(door.people, OWN)
    async with stranger_at(door) as browser:
        assert (await browser.post("/sign-in", data=SIGN_IN)).headers["location"] == "/sign-in/second"
        page = (await browser.get("/sign-in/second")).text
        assert '<img src="/my-sign-in/app.svg"' in page
        picture = await browser.get("/my-sign-in/app.svg")
        assert picture.headers["content-type"] == "image/svg+xml"
        assert (await browser.get("/")).status_code == 303
        app = pyotp.TOTP(factors.secret_of(door.people, sanne))
        assert (await browser.post("/my-sign-in/app", data={"code": "000000"})).status_code == 403
        done = await browser.post("/my-sign-in/app", data={"code": app.at(door.wall.now())})
        assert len(re.findall(r"<code>[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}</code>", done.text)) == factors.RECOVERY_CODES
        assert (await browser.get("/")).status_code == 200
        assert (await browser.post("/my-sign-in/remove", data={})).status_code == 409  # the last one stays
    assert ("changed", "second-factor: app") in told(door)


@pytest.mark.anyio
async def test_a_session_planted_in_a_browser_is_not_the_one_that_opens(door: Desk, sanne: StaffId) -> None:
    async with stranger_at(door) as browser:
        browser.cookies.set(COOKIE, "planted", domain="desk.example")
        await browser.post("/sign-in", data=SIGN_IN)
        mine = browser.cookies.get(COOKIE, domain="desk.example")
        assert mine != "planted"
    async with stranger_at(door) as thief:
        thief.cookies.set(COOKIE, "planted", domain="desk.example")
        assert (await thief.get("/")).status_code == 303
        # Who signs in anew leaves nothing behind that was good before.
        thief.cookies.set(COOKIE, mine or "", domain="desk.example")
        await thief.post("/sign-in", data=SIGN_IN)
    assert people.session(door.people, mine or "", door.wall.now()) is None


@pytest.mark.anyio
async def test_an_administrators_session_ends_unused_and_an_open_page_does_not_use_it(
    door: Desk, wall: StoryClock
) -> None:
    who = {
        role: people.add_staff(door.people, role, first_name="A", initials="A", password=PASSWORD, role=role)
        for role in (Role.ADMINISTRATOR, Role.DESK)
    }
    async with signed_in(door, who[Role.ADMINISTRATOR]) as office, signed_in(door, who[Role.DESK]) as night:
        for _ in range(5):
            wall.wait(minutes=29)
            watching = {"screen": "a", "in_view": "true", "sound": "true"}
            office_says = await office.post("/watching", data=watching)
            assert (await night.post("/watching", data=watching)).status_code == 200
        assert office_says.status_code == 303
        assert (await office.get("/my-sign-in")).status_code == 303
        assert (await night.get("/")).status_code == 200
        wall.wait(hours=2)
        assert Access(door.people, wall.now).sessions() == {}
        assert (await night.get("/")).status_code == 303


@pytest.mark.anyio
async def test_somebody_ends_their_session_on_another_screen_and_nobody_elses(
    door: Desk, sanne: StaffId, noor: StaffId
) -> None:
    async with signed_in(door, sanne) as here, signed_in(door, sanne) as there, signed_in(door, noor) as colleague:
        keys = {one.key for one in people.sessions_of(door.people, noor, door.wall.now())}
        await here.post("/my-sign-in/sessions", data={"key": keys.pop()})
        assert (await colleague.get("/my-sign-in")).status_code == 200
        assert (await here.post("/my-sign-in/sessions")).status_code == 303
        assert (await there.get("/my-sign-in")).status_code == 303
        assert (await here.get("/my-sign-in")).status_code == 200


@pytest.mark.anyio
async def test_what_opens_the_door_is_changed_only_by_who_came_in_just_now(
    door: Desk, sanne: StaffId, wall: StoryClock
) -> None:
    async with signed_in(door, sanne) as screen:
        wall.wait(minutes=16)  # left alone, and found by somebody else
        for path in ("app", "remove", "recovery", "passkey", "passkey/asked"):
            assert (await screen.post(f"/my-sign-in/{path}", data={})).status_code == 403
        assert (await screen.get("/my-sign-in/app.svg")).status_code == 403


@pytest.mark.anyio
async def test_an_answer_of_no_passkey_is_refused_whatever_it_says(door: Desk, sanne: StaffId) -> None:
    with_app(door, sanne)
    row = (b"\x01", sanne, b"\x00", 0, "desk.example", "key", 0)
    door.people.execute("INSERT INTO passkey VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    (kept,) = factors.of(door.people, sanne).passkeys
    for answer in ("", "[]", "{", '{"rawId": "AQ"}', '{"rawId": "!!"}', '{"id": "AQ", "rawId": "AQ", "response": {}}'):
        async with stranger_at(door) as browser:
            await browser.post("/sign-in", data=SIGN_IN)
            door.people.execute("DELETE FROM attempt")
            await browser.post("/sign-in/passkey/asked")
            assert (await browser.post("/sign-in/passkey", data={"answer": answer})).status_code == 403
    dropped = [factors.drop_passkey(door.people, sanne, one) for one in ("no key", "02", kept.id, kept.id)]
    assert dropped == [False, False, True, False]


# Roles, and stores of an older make.


@pytest.mark.anyio
@pytest.mark.parametrize("role", [Role.INSTALLER, Role.PRIVACY, Role.ADMINISTRATOR])
async def test_who_need_not_see_a_home_sees_none(door: Desk, role: Role) -> None:
    one = people.add_staff(door.people, "one", first_name="One", initials="O", password=PASSWORD, role=role)
    async with signed_in(door, one) as browser:
        assert (await browser.get("/")).headers["location"] == "/my-sign-in"
        assert (await browser.get("/homes/wilg/12")).status_code == 404
        assert (await browser.get("/report/wilg/12")).status_code == 404


def test_the_table_of_rights_stands_in_the_docs_as_it_is_in_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `([a-z-]+)` \| [^|]+ ((?:\|[ x]+){{{len(Right)}}})\|", text, re.MULTILINE)
    drawn = {
        role: {right for right, x in zip(Right, said.split("|")[1:], strict=True) if x.strip()} for role, said in rows
    }
    assert drawn == {role.value: set(rights) for role, rights in RIGHTS.items()}


def test_a_store_of_version_1_keeps_its_people_posts_and_sessions(tmp_path: Path) -> None:
    file = tmp_path / "people.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.executescript(
            """
            CREATE TABLE staff (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_name TEXT NOT NULL,
                initials TEXT NOT NULL, password TEXT NOT NULL) STRICT;
            CREATE TABLE session (token BLOB PRIMARY KEY, staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
                until REAL NOT NULL, used_at REAL NOT NULL) STRICT, WITHOUT ROWID;
            CREATE TABLE organisation (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
            CREATE TABLE post (staff TEXT NOT NULL REFERENCES staff ON DELETE CASCADE,
                organisation TEXT NOT NULL REFERENCES organisation, role TEXT NOT NULL,
                PRIMARY KEY (staff, organisation, role)) STRICT, WITHOUT ROWID;
            INSERT INTO staff VALUES ('s-1', 'sanne', 'Sanne', 'SV', 'x');
            INSERT INTO organisation VALUES ('own', 'Own');
            INSERT INTO post VALUES ('s-1', 'own', 'manager');
            PRAGMA user_version=1;
            """
        )
        token = "of-version-1"
        until = (NIGHT + timedelta(hours=14)).timestamp()
        old.execute("INSERT INTO session VALUES (?, 's-1', ?, ?)", (digest(token), until, NIGHT.timestamp()))
    for _ in range(2):
        with closing(people.connect(file)) as db:
            found = people.session(db, token, NIGHT + timedelta(hours=3))
            assert found is not None
            assert found.posts == {organisations.Post(OWN, Role.MANAGER)}


# Last, for the browser's loop runs until the end of this file.


def test_a_passkey_is_made_and_opens_the_door_and_a_copy_of_it_does_not(tmp_path: Path, browser: Browser) -> None:
    """In a real browser, with an authenticator that it simulates (WebAuthn, of the DevTools protocol)."""
    centre = NightDesk(tmp_path)
    with centre.open():
        centre.staff("Sanne", "SV")
        at = f"http://localhost:{centre.port}"  # a passkey is for a name, never for an address
        page = browser.new_context().new_page()
        page.set_default_timeout(PATIENCE_MS)
        tools = page.context.new_cdp_session(page)
        tools.send("WebAuthn.enable")
        key = tools.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}},
        )["authenticatorId"]

        def sign_in() -> None:
            page.goto(f"{at}/sign-in?to=/my-sign-in")
            page.locator("input[name=name]").fill("sanne")
            page.locator("input[name=password]").fill(PASSWORD)
            page.locator("form.card button").click()

        sign_in()
        page.locator("summary", has_text=re.compile("passkey")).click()
        page.locator("form[data-passkey=create] input[name=name]").fill("Mijn sleutel")
        page.locator("form[data-passkey=create] button").click()
        expect(page.locator(".codes li")).to_have_count(factors.RECOVERY_CODES)
        page.context.clear_cookies()
        sign_in()
        expect(page).to_have_url(re.compile("/sign-in/second"))
        page.locator("form[data-passkey=get] button").click()
        expect(page.locator("body")).to_contain_text("Mijn sleutel")
        # The count of a copy stays behind that of the key it was copied from.
        (copied,) = tools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]
        tools.send("WebAuthn.clearCredentials", {"authenticatorId": key})
        tools.send("WebAuthn.addCredential", {"authenticatorId": key, "credential": {**copied, "signCount": 0}})
        page.context.clear_cookies()
        sign_in()
        page.locator("form[data-passkey=get] button").click()
        expect(page.locator(".problem[role=alert]").first).to_be_visible()
        expect(page).to_have_url(re.compile("/sign-in/passkey"))
        page.context.close()
