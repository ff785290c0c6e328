"""What holds of every page: nobody is kept out by how it is made, and all of it is in the reader's language."""

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import axe_playwright_python
import pyotp
import pytest
from babel.dates import get_day_names, get_month_names
from playwright.sync_api import Browser, Page, expect

from care.alerts import alert_of
from care.ids import StaffId
from care.language import words
from dashboard import contacts, drawing, emergencies, factors, invitations, organisations
from dashboard.organisations import OWN, Role
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import Opens
from tests.dashboard.every_page import PAGES
from tests.dashboard.every_page import Page as Found
from tests.dashboard.nights import _NAMES, _WISHES, SANNE, a_plan, long_in_the_bathroom
from tests.dashboard.stage import Stage
from tests.dashboard.two_screens import NightDesk

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = ((1366, 768), (390, 844))  # a desk and a phone; with text twice as large the desk is laid out as on a phone
_RUN = """async rules => (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]})).violations
    .map(one => `${one.id}: ${one.help} ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")}`)"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_keeps_nobody_out(opens: Opens, page: Found) -> None:
    """By WCAG 2.2 A and AA, as far as axe can tell."""
    board = page.night()
    reader = opens(board)
    if page.live:
        reader.go(page.path(board))
    else:
        reader.page.goto(reader.stage.address + page.path(board))
    expect(reader.page.locator("main")).to_be_visible()
    if page.keys:
        reader.page.keyboard.press(page.keys)
    assert kept_out(reader.page) == {}


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[NightDesk]:
    made = NightDesk(tmp_path)
    with made.open():
        made.at("22:00", a_plan("wilg", "De Wilg", (1, 2, 12)))
        made.at("02:30", long_in_the_bathroom())
        yield made
        made.leave()


WHOLE = (
    *("/calling-order", "/calling-order/wilg/12", "/homes/wilg/12/agreements", "/access-log", "/answer"),
    *("/my-sign-in", "/people", "/emergency", "/emergencies"),
)


@pytest.mark.parametrize("path", WHOLE)
def test_a_page_of_the_whole_centre_keeps_nobody_out(centre: NightDesk, browser: Browser, path: str) -> None:
    """Pages that are more than a drawing of the board."""
    sanne = centre.staff("Sanne", "SV")
    for role in (Role.ADMINISTRATOR, Role.PRIVACY):
        centre.do(_appointed(centre, sanne, role))
    page = centre.sit_down(browser, sanne)
    if path == "/answer":
        path = f"/answer/{centre.do(_asked(centre))}"
    page.goto(centre.address + path)
    assert kept_out(page) == {}


def kept_out(page: Page) -> dict[int, list[str]]:
    """What keeps somebody out of a page as it stands, by the width of the screen; nothing where nothing does."""
    expect(page.locator("main")).to_be_visible()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = {}
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        found[width] = page.evaluate(_RUN, RULES)
    return {width: said for width, said in found.items() if said}


def test_the_way_in_keeps_nobody_out(centre: NightDesk, browser: Browser) -> None:
    """An invitation, as a stranger and as somebody who works here; and the second step, with and without an app."""
    sanne = centre.staff("Sanne", "SV")
    link = f"{centre.address}/invitation/{centre.do(_invited(centre, sanne))}"
    known, stranger = centre.sit_down(browser, sanne), centre.sit_down(browser, sanne)
    stranger.context.clear_cookies()
    known.goto(link)
    assert kept_out(known) == {}
    stranger.goto(link)
    assert kept_out(stranger) == {}
    for name, typed in (("first_name", "Iris"), ("initials", "IB"), ("name", "sanne"), ("password", "een lang woord")):
        stranger.locator(f"[name={name}]").fill(typed)
    stranger.locator("form[action*=invitation] button").click()
    expect(stranger.locator(".problem")).to_be_visible()  # the name is taken
    assert kept_out(stranger) == {}
    half = {"name": "nachtwacht-half", "value": centre.do(_halfway(centre, sanne)), "url": centre.address}
    stranger.context.add_cookies([half])  # type: ignore[list-item]  # a dict is what it takes
    stranger.goto(f"{centre.address}/sign-in/second")
    expect(stranger.locator(".qr img")).to_be_visible()
    assert kept_out(stranger) == {}
    centre.do(_with_an_app(centre, sanne))
    stranger.goto(f"{centre.address}/sign-in/second")
    stranger.locator("[name=code]").fill("000000")
    stranger.locator("form[action='/sign-in/second'] button").click()
    expect(stranger.locator(".problem").first).to_be_visible()
    assert kept_out(stranger) == {}


def test_a_home_that_was_opened_in_an_emergency_keeps_nobody_out(centre: NightDesk, browser: Browser) -> None:
    sanne = centre.staff("Sanne", "SV")
    page = centre.sit_down(browser, sanne)
    page.goto(f"{centre.address}/emergency/{centre.do(_opened(centre, sanne))}")
    expect(page.locator(".once")).to_be_visible()
    assert kept_out(page) == {}


async def _invited(centre: NightDesk, by: StaffId) -> str:
    return invitations.invite(centre.store, OWN, Role.DESK, by, centre.wall.now())


async def _halfway(centre: NightDesk, staff: StaffId) -> str:
    factors.demand(centre.store, staff)
    return factors.begin(centre.store, staff, centre.wall.now())


async def _with_an_app(centre: NightDesk, staff: StaffId) -> None:
    now = centre.wall.now()
    factors.prove_app(centre.store, staff, pyotp.TOTP(factors.secret_of(centre.store, staff)).at(now), now)


async def _opened(centre: NightDesk, staff: StaffId) -> str:
    return emergencies.begin(
        centre.store,
        staff,
        HomeId("wilg/12"),
        resident=ResidentId("r-wilg-12"),
        organisation=OWN,
        reason="Zij belde zelf om hulp.",
        now=centre.wall.now(),
    ).id


async def _appointed(centre: NightDesk, staff: StaffId, role: Role) -> None:
    organisations.appoint(centre.store, staff, OWN, role)


async def _asked(centre: NightDesk) -> str:
    riet = contacts.add(centre.store, ResidentId("r-wilg-12"), "Riet", contacts.Relation.NEIGHBOUR)
    return contacts.make_link(centre.store, alert_of(long_in_the_bathroom()), riet, centre.wall.now())


def test_what_keeps_somebody_out_would_be_found(opens: Opens) -> None:
    reader = opens(PAGES[0].night())
    reader.page.goto(f"{reader.stage.address}/sign-in")
    reader.page.evaluate(AXE.read_text(encoding="utf-8"))
    reader.page.evaluate("document.documentElement.removeAttribute('lang')")
    assert [one.partition(":")[0] for one in reader.page.evaluate(_RUN, RULES)] == ["html-has-lang"]


# Whatever is not in the catalogue stays as it was when everything in it is made unreadable.

SAID_AS_IT_IS = {
    *("Nachtwacht", "Esc", "EN", "NL", "Nederlands", "English"),
    *("De", "Wilg", "Eik", "Beuk", "Linde", "Es", "Iep", "Berk", "Olm", "Els", "Hazelaar"),  # buildings
    *(word for name in _NAMES.values() for word in name.split()),
    *(
        word
        for one in _WISHES.values()
        for said in (one.note, *(who.name for who in one.called))
        for word in said.split()
    ),
    *("Sanne", "sanne"),
    *("en", "of"),  # Dutch that comes from elsewhere: lists, days and months
    *(word for form in ("wide", "abbreviated") for word in get_day_names(form, locale="nl").values()),
    *(word for form in ("wide", "abbreviated") for word in get_month_names(form, locale="nl").values()),
}
SAID_AS_IT_IS = {word.casefold() for word in SAID_AS_IT_IS}
READ_ATTRIBUTES = {"aria-label", "title", "alt", "placeholder", "aria-description", "data-name", "data-words"}
_PLACEHOLDER = re.compile(r"(\{[^}]*\}|%\([^)]*\)s|<[^>]+>|&\w+;)")


def unreadable(message: str) -> str:
    """Return a message with every letter made one that neither language has; its values stay.

    >>> unreadable("since {time} now")
    'øøøøø {time} øøø'
    """
    parts = _PLACEHOLDER.split(message)
    return "".join(part if n % 2 else re.sub(r"[^\W\d_]", "ø", part) for n, part in enumerate(parts))


@pytest.fixture
def made_unreadable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    dutch = words("nl")
    assert isinstance(dutch, gettext.GNUTranslations)
    monkeypatch.setattr(dutch, "gettext", unreadable)
    monkeypatch.setattr(dutch, "ngettext", lambda one, many, n: unreadable(one if n == 1 else many))
    drawing._environment.cache_clear()
    drawing._message.cache_clear()  # what was drawn in Dutch before is not drawn anew
    yield
    drawing._message.cache_clear()
    drawing._environment.cache_clear()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("made_unreadable")
def test_nothing_on_a_page_is_said_in_one_language_only(page: Found) -> None:
    board = page.night()
    stage = Stage(board, SANNE)
    asked = urlsplit(page.path(board))
    drawn = stage._page(asked.path, dict(parse_qsl(asked.query)))
    assert drawn is not None
    fragments = stage.drawing.changes(board.homes, board.alerts, stage.now, "nl") if page.live else ""
    assert left(drawn) | left(fragments) == set()


def test_what_is_not_translated_would_be_found() -> None:
    page = '<p aria-label="Close it">øø <b>Still up</b> {} <svg><text>Hall</text></svg></p><script>let it = 1</script>'
    assert left(page) == {"Close", "it", "Still", "up", "Hall"}


def left(drawn: str) -> set[str]:
    """Return the words that somebody can read there, but those that are no language's."""
    reader = _Words()
    reader.feed(drawn)
    said = {word for text in reader.texts for word in re.findall(r"[A-Za-z]{2,}", text)}
    return {word for word in said if word.casefold() not in SAID_AS_IT_IS}


class _Words(HTMLParser):
    """Everything that is read of a page, seen or heard."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        for name, value in attrs:
            if name in READ_ATTRIBUTES and value:
                self.texts.append(_values(value) if name == "data-words" else value)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._inside):
            self.texts.append(data)


def _values(said: str) -> str:
    """Return what the script may say: the values of its JSON, without the names of what it puts in them."""
    return _PLACEHOLDER.sub(" ", re.sub(r'"\w+": ', "", said))
