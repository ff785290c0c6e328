"""The page on which something else is agreed, in a real browser, with the real server and real records."""

import asyncio
import contextlib
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from care import journal
from care.agreements import OFF, agreed, with_agreed, with_values
from care.ids import StaffId
from care.link import Beat
from care.records import BackTest, BackTested, Changed, Ground, Record
from dashboard import access_log, people
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.pages import Desk, application
from detectors.findings import What
from detectors.outlook import Expected
from tests.conftest import free_port, wait_for_port
from tests.dashboard.conftest import PASSWORD, PATIENCE_MS, WILG, StoryClock, batch, sideways
from tests.dashboard.nights import NOW
from tests.dashboard.test_agreements import HOME, PATH, THE_HOME, THE_PLAN, a_comparison


class Centrale:
    """The real desk in a thread, with a journal on disk, and a building that says what a story has it say."""

    def __init__(self, folder: Path) -> None:
        self.port, self.clock, self._told = free_port(), StoryClock(NOW), 0
        self._folder = folder
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()
        self.desk: Desk

    @contextlib.contextmanager
    def open(self) -> Iterator["Centrale"]:
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        thread.start()
        wait_for_port(self.port)
        assert self._ready.wait(10)
        try:
            self.say(THE_PLAN)
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop)
            thread.join(10)
            assert not thread.is_alive()

    def _stop(self) -> None:
        self.desk.live.close()
        self._server.should_exit = True

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        with (
            contextlib.closing(people.connect(self._folder / "people.db")) as store,
            contextlib.closing(Centre(journal.connect(self._folder / "centre.db"), self.clock)) as centre,
        ):
            staff = people.add_staff(store, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)
            drawing = Drawing(centre.board, people.Names(store))
            live = Live(centre, drawing)
            self.desk = Desk(
                centre=centre,
                live=live,
                drawing=drawing,
                people=store,
                access_log=access_log.connect(":memory:"),
                wall=self.clock,
            )
            self.token = people.start_session(store, staff, NOW)
            self._server = uvicorn.Server(
                uvicorn.Config(application(self.desk), port=self.port, log_level="error", lifespan="off")
            )
            self._ready.set()
            work = [asyncio.create_task(self._beats()), asyncio.create_task(live.run())]
            await self._server.serve()
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _beats(self) -> None:
        while True:
            self.desk.centre.heard(WILG, Beat(self.clock.now()))
            await asyncio.sleep(0.2)

    def do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    def say(self, *told: Record) -> None:
        self.do(lambda: self.desk.centre.take(WILG, batch(*told, after=self._told)))
        self._told += len(told)

    def asked(self) -> list[BackTest]:
        with contextlib.closing(journal.connect(self._folder / "centre.db", read_only=True)) as db:
            return [one.record for one in journal.read_after(db, 0) if isinstance(one.record, BackTest)]

    def changes(self) -> list[Changed]:
        with contextlib.closing(journal.connect(self._folder / "centre.db", read_only=True)) as db:
            return [one.record for one in journal.read_after(db, 0) if isinstance(one.record, Changed)]


@pytest.fixture
def centrale(tmp_path: Path) -> Iterator[Centrale]:
    with Centrale(tmp_path).open() as opened:
        yield opened


@contextlib.contextmanager
def reader(
    browser: Browser, centrale: Centrale, *, size: tuple[int, int] = (1366, 768), touch: bool = False, wrong: str = "^$"
) -> Iterator[Page]:
    """Sanne's browser; whatever a page complains of fails the test, but for what a story does `wrong`."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, has_touch=touch, is_mobile=touch, reduced_motion="reduce"
    )
    address = f"http://127.0.0.1:{centrale.port}"
    context.add_cookies([{"name": "nachtwacht", "value": centrale.token, "url": address}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"{address}{PATH}")
    yield page
    context.close()
    assert [one for one in trouble if not re.search(wrong, one)] == []


def test_a_limit_is_changed_by_hand_from_the_question_to_the_buildings_word(
    browser: Browser, centrale: Centrale
) -> None:
    with reader(browser, centrale) as page:
        page.get_by_label("Lang in de badkamer of op de wc", exact=True).fill("26")
        page.get_by_role("button", name="Kijk terug").click()
        looked = page.locator("#looked-back")
        expect(looked).to_contain_text("Het gebouw rekent.")
        expect(looked.get_by_role("button")).to_have_count(0)  # nothing to agree before there is an answer

        (asked,) = centrale.asked()
        centrale.say(BackTested(at=NOW, home=HOME, id=asked.id, found=a_comparison(asked.before)))
        expect(looked).to_contain_text("Er waren 3 meldingen geweest, in plaats van 11.")  # nobody reloads
        expect(looked.locator("circle.was")).to_have_count(11 + 2)  # and two in the key
        expect(looked.locator("circle.would")).to_have_count(3 + 1)

        looked.get_by_text("Zo staat het in het zorgplan").click()
        page.get_by_role("button", name="Leg deze afspraak vast").click()
        changed = page.locator(".changed > li")
        expect(changed).to_have_count(1)
        expect(changed).to_contain_text("26 minuten")
        expect(changed).to_contain_text("Sanne")
        expect(changed).to_contain_text("onderweg naar het gebouw")
        (change,) = centrale.changes()
        assert change.after.limits.bath == 26

        page.goto(f"http://127.0.0.1:{centrale.port}/homes/{HOME}")
        expect(page.locator("body")).to_have_attribute("data-number", re.compile(r"\d+"))  # it listens
        card = page.locator(f'[id="agreed-{HOME.replace("/", ":")}"]')
        expect(card).to_contain_text("onderweg naar het gebouw")
        homes = tuple(with_agreed(one, change.after) if one.id == HOME else one for one in THE_PLAN.homes)
        centrale.say(msgspec.structs.replace(THE_PLAN, at=NOW + timedelta(minutes=1), homes=homes))
        expect(card).not_to_contain_text("onderweg naar het gebouw")  # live, too
        expect(card).to_contain_text("26 minuten")


def test_half_the_number_of_alerts_is_agreed_by_who_has_read_what_comes_later(
    browser: Browser, centrale: Centrale
) -> None:
    with reader(browser, centrale) as page:
        choice = page.get_by_label("Half zo vaak als bij anderen")
        expect(page.get_by_label("Zoals bij anderen")).to_be_checked()
        expect(page.locator(".often")).to_contain_text("ongeveer 1 niet nodig in 80 nachten")
        choice.check()
        page.get_by_role("button", name="Kijk terug").click()
        looked = page.locator("#looked-back")
        expect(looked).to_contain_text("Het gebouw rekent.")
        (asked,) = centrale.asked()
        assert (asked.before.budget, asked.proposed.budget) == (1.0, 0.5)
        expected = {
            What.BATH: (Expected(minutes=14), Expected(minutes=16.5)),
            What.STILL: (Expected(minutes=12), Expected(minutes=15, capped=True)),
            What.OOB_UNSEEN: (Expected(minutes=14), Expected(minutes=14, reached=False)),
        }
        found = a_comparison(asked.before, expected=expected)
        centrale.say(BackTested(at=NOW, home=HOME, id=asked.id, found=found))
        expect(looked.locator(".expected li")).to_have_count(3)
        expect(looked).to_contain_text("meestal na 16,5\u00a0minuten. Nu na 14,0\u00a0minuten.")
        expect(looked).to_contain_text("komt pas bij de grens, na 15,0\u00a0minuten.")
        expect(looked).to_contain_text("Er zijn te weinig nachten bekend voor dit aantal.")
        expect(looked.locator(".fewer")).to_contain_text("Minder meldingen is een risico.")
        expect(choice).to_be_checked()  # what was proposed is still there
        assert sideways(page) == 0
        looked.get_by_text("De cliënt wil het zo").click()
        page.get_by_role("button", name="Leg deze afspraak vast").click()
        expect(page.locator(".changed > li")).to_contain_text("half zo vaak als bij anderen")
        (change,) = centrale.changes()
        assert (change.before.budget, change.after.budget, change.why) == (1.0, 0.5, Ground.CLIENT)


def test_a_building_too_old_for_another_number_of_alerts_is_said_to_be_and_is_not_told(
    browser: Browser, centrale: Centrale
) -> None:
    with reader(browser, centrale) as page:
        page.get_by_label("Twee keer zo vaak als bij anderen").check()
        page.get_by_role("button", name="Kijk terug").click()
        looked = page.locator("#looked-back")
        expect(looked).to_contain_text("Het gebouw rekent.")
        (asked,) = centrale.asked()
        centrale.say(BackTested(at=NOW, home=HOME, id=asked.id, found=a_comparison(asked.before)))
        expect(looked).to_contain_text("De versie van dit gebouw is te oud voor een ander aantal meldingen.")
        expect(looked.get_by_role("button")).to_have_count(0)


def test_all_of_it_goes_by_keyboard(browser: Browser, centrale: Centrale) -> None:
    with reader(browser, centrale) as page:
        page.get_by_label("Waarschijnlijk naar buiten").focus()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("6,5")
        page.keyboard.press("Tab")  # how often: one stop for its four choices
        page.keyboard.press("Tab")
        page.keyboard.press("Space")  # may wait
        page.keyboard.press("Enter")
        expect(page.locator("#looked-back")).to_be_visible()
        (asked,) = centrale.asked()
        assert (asked.proposed.limits.door, asked.proposed.soon) == (6.5, ("oob-active",))
        centrale.say(BackTested(at=NOW, home=HOME, id=asked.id, found=a_comparison(asked.before)))
        first = page.get_by_label("Zo staat het in het zorgplan")
        first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator(".changed > li")).to_have_count(1)
        assert centrale.changes()[0].why is Ground.CLIENT


def test_what_is_wrong_is_named_by_its_field_and_what_was_typed_is_still_there(
    browser: Browser, centrale: Centrale
) -> None:
    with reader(browser, centrale, wrong="422") as page:
        field = page.get_by_label("Nog op, niet terug in bed").first
        field.fill("een uur")
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            field.press("Enter")
        assert answered.value.status == 422
        expect(page.get_by_role("alert")).to_contain_text("Er is nog niets gevraagd.")
        expect(field).to_have_value("een uur")
        expect(field).to_have_accessible_description("Dit is geen getal. Schrijf minuten, zoals 20 of 3,5.")


@pytest.mark.parametrize("size", [(1366, 768), (390, 844), (683, 384)])
def test_the_page_fits_and_its_controls_are_large_enough_for_a_finger(
    browser: Browser, centrale: Centrale, size: tuple[int, int]
) -> None:
    asked = BackTest(
        at=NOW,
        home=HOME,
        id="0a1b2c3d4e",  # type: ignore[arg-type]
        by=StaffId("s-1"),
        before=agreed(THE_HOME),
        proposed=with_values(agreed(THE_HOME), {"bath": 26} | {f"off:{kind}": True for kind in OFF}),
    )
    centrale.do(lambda: centrale.desk.centre.write(lambda *_: [asked]))
    centrale.say(
        BackTested(at=NOW, home=HOME, id=asked.id, found=a_comparison(asked.before, unheard=(date(2026, 2, 9),)))
    )
    with reader(browser, centrale, size=size, touch=size[0] < 600) as page:
        page.goto(f"http://127.0.0.1:{centrale.port}{PATH}/{asked.id}")
        assert sideways(page) == 0
        page.get_by_text("Melding voor melding").click()
        expect(page.locator(".alerts-both tbody tr")).to_have_count(11)
        assert sideways(page) == 0
        small = page.locator("main").evaluate(
            """(main) => [...main.querySelectorAll('a[href], button, label, summary, input:not([type=hidden])')]
                .filter((one) => one.offsetParent && !one.closest('label'))
                .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
                .filter(([, box]) => box.height < 43.9)
                .map(([html, box]) => `${box.width}x${box.height} ${html}`)"""
        )
        assert size[0] > 600 or small == []
