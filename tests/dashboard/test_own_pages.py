"""Pages of one's own in a real browser: a resident, her daughter, and the desk that sees what they do."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from care.alerts import alert_of
from care.asking import Consented, NotTonight, Passed, Replied, Skipped, Why
from care.deeds import claim, resolve, shown
from care.pauses import Paused, PauseEnded
from care.records import How, Outcome
from care.sharing import Part
from dashboard import access_log, contacts, housekeys, push, tastes
from dashboard.access_log import Deed, Entry, Ground
from detectors.findings import Presence, Sight, Status
from tests.carriers import Browser as Device
from tests.dashboard.conftest import sideways, too_small
from tests.dashboard.nights import NOW, local, long_in_the_bathroom
from tests.dashboard.own_pages import HOME, JANSEN, PHONE, TABLET, Household, household
from tests.dashboard.test_every_page import _RUN, AXE, RULES

FOUND = long_in_the_bathroom()
ALERT = alert_of(FOUND)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Household]:
    made = household(tmp_path)
    with made.lived_in():
        yield made


def looked(home: Household, clock: str) -> None:
    """Let Sanne have looked at the home at a time, as the desk's page writes it down."""
    sanne = home.staff("Sanne", "SV")

    async def write() -> None:
        entry = Entry(
            at=local(clock),
            by=f"staff:{sanne}",
            role="desk",
            deed=Deed.READ,
            what="home",
            resident=JANSEN,
            home=HOME,
            ground=Ground.ALERT,
        )
        access_log.write(home.desk.access_log, entry)

    home.do(write())


def entries(home: Household) -> list[Entry]:
    async def read() -> list[Entry]:
        return access_log.of_resident(home.desk.access_log, JANSEN, NOW - timedelta(days=2), NOW + timedelta(days=2))

    return home.do(read())


def said(home: Household, kind: type) -> list[object]:
    return [one for one in home.records if isinstance(one, kind)]


def test_a_resident_removes_her_son_pauses_the_bed_sensor_and_sees_that_the_desk_looked(
    home: Household, browser: Browser
) -> None:
    looked(home, "02:16")
    home.at("02:20")
    bram = home.hold(browser, home.bram)
    expect(bram.get_by_text("deelt hier nu niets")).to_be_visible()
    tablet = home.hold(browser, size=TABLET)
    tablet.get_by_role("link", name="Mijn mensen").tap()
    card = tablet.locator(f"#{home.bram}")
    card.get_by_text("Verwijder Bram").first.tap()
    card.get_by_role("button", name="Verwijder Bram").tap()
    expect(card).to_have_count(0)
    bram.reload()
    expect(bram.get_by_label("De code van het zorgteam")).to_be_visible()  # let in no more
    (gone,) = [one for one in said(home, Consented) if one.contact == home.bram and not one.tiers]  # type: ignore[attr-defined]
    assert gone.by == "resident"  # type: ignore[attr-defined]

    tablet.goto(home.address + "/mine")
    tablet.get_by_text("Eén sensor, of een ander moment").tap()
    tablet.get_by_label("Bed: lig je erin?").check()
    tablet.get_by_role("button", name="1 uur").tap()
    expect(tablet.locator("#now")).to_contain_text("Bedsensor: nog niet op pauze.")
    (paused,) = said(home, Paused)
    bed = next(one.id for one in home.centre.board.homes[HOME].sensors if one.kind.value == "bed")
    assert paused.sensors == (bed,)  # type: ignore[attr-defined]
    tells = {"home": HOME, "presence": Presence.UNKNOWN, "sight": Sight.PARTLY, "blind": (bed,), "paused": (bed,)}
    home.at("02:21", Status(at=local("02:21"), **tells))  # type: ignore[arg-type]
    tablet.reload()
    expect(tablet.locator("#now")).to_contain_text("Bedsensor: op pauze tot 03:20")
    tablet.get_by_role("button", name="Zet Nachtwacht weer aan").tap()
    expect(tablet.locator("#now")).to_contain_text("De pauze is voorbij.")
    assert len(said(home, PauseEnded)) == 1

    tablet.get_by_role("link", name="Wie keek naar mijn gegevens?").tap()
    expect(tablet.get_by_text("Sanne van de zorgcentrale keek om 02:16 uur")).to_be_visible()
    expect(tablet.get_by_text("Reden: er was een melding.")).to_be_visible()


def test_who_was_removed_is_passed_by_from_then_on(home: Household, browser: Browser) -> None:
    tablet = home.hold(browser, size=TABLET)
    tablet.goto(home.address + "/mine/people")
    card = tablet.locator(f"#{home.eva}")
    card.get_by_text("Verwijder Eva").first.tap()
    card.get_by_role("button", name="Verwijder Eva").tap()
    expect(card).to_have_count(0)
    home.at("02:30", FOUND)
    home.wait(seconds=1)
    home.wait(minutes=2.5)
    (skipped,) = [one for one in home.alert(ALERT).passing if isinstance(one, Skipped)]
    assert (skipped.to, skipped.why) == (home.eva, Why.NO_CONSENT)


def test_help_from_the_page_is_an_urgent_alert_at_the_desk_and_its_resident_reads_what_becomes_of_it(
    home: Household, browser: Browser
) -> None:
    sanne = home.staff("Sanne", "SV")
    desk = home.go(home.sit_down(browser, sanne))
    tablet = home.hold(browser, size=TABLET)
    tablet.get_by_role("button", name="Ik heb hulp nodig").tap()
    expect(tablet.locator("#help-said")).to_contain_text("Je vraag om hulp is verstuurd om 22:00 uur.")
    card = desk.locator("article.alert").first
    expect(card).to_contain_text("Hulpoproep: op eigen pagina")
    expect(card).to_contain_text("Mevrouw Jansen vroeg om 22:00 om hulp op de eigen pagina, 1 keer.")
    (alert,) = home.centre.board.open_alerts()
    assert alert.tier.value == "acute"
    home.wait(seconds=1)
    assert [one.to for one in home.alert(alert.id).passing if isinstance(one, Passed)] == [home.eva]  # not herself
    home.write(*shown(alert, "a1", home.clock.now()))
    tablet.reload()
    expect(tablet.locator("#help-said")).to_contain_text("De zorgcentrale ziet je vraag om hulp.")
    tablet.get_by_role("button", name="Het gaat goed").tap()  # ends nothing: somebody asked for help
    expect(tablet.locator("#answered")).to_contain_text("Daarom neemt iemand toch contact op.")
    assert not said(home, Replied)
    home.write(*claim(home.alert(alert.id), sanne, home.clock.now()))
    tablet.goto(home.address + "/mine")
    expect(tablet.locator("#help-said")).to_contain_text("Sanne neemt nu contact op.")
    home.write(*resolve(home.alert(alert.id), sanne, home.clock.now(), Outcome.REASSURED, How.VIDEO))
    tablet.reload()
    expect(tablet.locator("#help-said")).to_contain_text("is afgerond")
    desk.goto(f"{home.address}/alerts/{alert.id}")
    expect(desk.locator("main")).to_contain_text("Hulpoproep: op eigen pagina")


@pytest.mark.parametrize("script", [True, False])
def test_a_call_for_help_that_cannot_be_written_down_is_told_at_once(
    home: Household, browser: Browser, monkeypatch: pytest.MonkeyPatch, *, script: bool
) -> None:
    tablet = home.hold(browser, size=TABLET)
    if not script:
        tablet.locator("form[data-help]").evaluate("form => form.replaceWith(form.cloneNode(true))")

    async def refuse(_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(home.centre, "write", refuse)
    tablet.locator("#help").tap()
    expect(tablet.locator("#lost")).to_be_visible()
    expect(tablet.locator("#lost")).to_contain_text("Je vraag om hulp is NIET verstuurd.")


def test_a_page_that_does_not_reach_the_centre_says_so_itself(home: Household, browser: Browser) -> None:
    tablet = home.hold(browser, size=TABLET)
    tablet.context.set_offline(True)
    tablet.locator("#help").tap()
    expect(tablet.locator("#lost")).to_be_visible()
    tablet.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(tablet.locator("#stale")).to_be_visible()
    tablet.context.set_offline(False)


def test_who_is_asked_first_says_that_all_is_well_and_nobody_else_is_asked(home: Household, browser: Browser) -> None:
    tablet = home.hold(browser, size=TABLET)
    tablet.get_by_role("button", name="Het gaat goed").tap()
    expect(tablet.locator("#answered")).to_have_text(re.compile("Er is geen melding, dus er is niets verstuurd."))
    home.at("02:30", FOUND)
    home.wait(seconds=1)
    tablet.goto(home.address + "/mine")
    expect(tablet.locator("#asked")).to_be_visible()
    tablet.get_by_role("button", name="Het gaat goed").tap()
    expect(tablet.locator("#fine-said")).to_contain_text("De zorgcentrale ziet dat.")
    home.wait(minutes=4)
    assert [one.to for one in home.alert(ALERT).passing if isinstance(one, Passed)] == ["resident"]


def test_a_daughter_reads_a_quiet_night_and_says_not_tonight(home: Household, browser: Browser) -> None:
    home.shares(home.eva, Part.NIGHT)
    phone = home.hold(browser, home.eva)
    home.at("08:00")
    phone.reload()
    expect(phone.get_by_role("heading", name="Rustige nacht")).to_be_visible()
    assert not re.search("badkamer|slaapkamer|sensor [a-z]|bed ", phone.locator(".night-said").inner_text())
    assert {(one.by, one.ground) for one in entries(home)} == {(f"contact:{home.eva}", Ground.SHARED)}
    tablet = home.hold(browser, size=TABLET)
    tablet.goto(home.address + "/mine/looked")
    expect(tablet.get_by_text(re.compile("Eva keek om 08:00 uur naar het bericht over je nacht"))).to_be_visible()

    phone.get_by_role("button", name="Sla mij vannacht over").tap()
    expect(phone.get_by_text("We slaan u over tot 12:00 uur.")).to_be_visible()
    phone.get_by_role("button", name="Vraag mij weer").tap()
    expect(phone.get_by_role("button", name="Sla mij vannacht over")).to_be_visible()
    assert len(said(home, NotTonight)) == 2


def test_the_desk_sees_at_once_that_a_daughter_goes(home: Household, browser: Browser) -> None:
    desk = home.go(home.sit_down(browser, home.staff("Sanne", "SV")))
    home.at("02:30", FOUND)
    home.wait(seconds=1)
    home.wait(minutes=2.5)
    phone = home.hold(browser, home.eva)
    phone.get_by_role("button", name="Open de vraag").tap()
    phone.get_by_role("button", name="Ik ga erheen").tap()
    expect(phone.get_by_text("Uw antwoord is verstuurd.")).to_be_visible()
    expect(desk.locator(f"#card-{ALERT}")).to_contain_text("Eva: “Ik ga erheen”")


def test_nothing_is_shared_until_the_resident_says_so_and_only_what_she_says(home: Household, browser: Browser) -> None:
    home.at("08:00")
    phone = home.hold(browser, home.eva)
    expect(phone.get_by_text("Mevrouw Jansen deelt hier nu niets.")).to_be_visible()
    assert phone.locator(".night-said").count() == 0
    assert entries(home) == []  # nothing was there to be seen
    tablet = home.hold(browser, size=TABLET)
    tablet.goto(home.address + "/mine/people")
    card = tablet.locator(f"#{home.eva}")
    card.get_by_text("Wijzig wat Eva mag zien").tap()
    card.get_by_label("Hoe de nacht was, in één zin").check()
    card.get_by_role("button", name="Bewaar").tap()
    expect(card).to_contain_text("hoe de nacht was, in één zin.")
    phone.reload()
    expect(phone.get_by_role("heading", name="Rustige nacht")).to_be_visible()
    assert phone.get_by_role("heading", name="Contact").count() == 0


def test_a_contact_keeps_her_quiet_hours_and_which_messages_she_wants(home: Household, browser: Browser) -> None:
    phone = home.hold(browser, home.eva)
    phone.get_by_label("elke ochtend, hoe de nacht was").check()
    phone.get_by_label("Stil van").fill("21:30")
    phone.get_by_role("button", name="Bewaar").tap()
    expect(phone.get_by_label("elke ochtend, hoe de nacht was")).to_be_checked()

    async def kept() -> tastes.Wants:
        return tastes.wants(home.store, home.eva)

    wants = home.do(kept())
    assert (wants.morning, wants.contacted, f"{wants.quiet_since:%H:%M}") == (True, False, "21:30")


async def send_by_push(home: Household) -> None:
    contacts.set_channel(home.store, "push", push.URL)


_PUSH_SERVICE = """
PushManager.prototype.subscribe = async (asked) => {
    window.asked = asked.applicationServerKey.length;
    localStorage.made = "yes";
    return made;
};
const said = SAID;
Object.defineProperty(Notification, "permission", { get: () => "granted" }); // headless it says denied all the same
const made = { toJSON: () => said, endpoint: said.endpoint, unsubscribe: async () => delete localStorage.made };
PushManager.prototype.getSubscription = async () => localStorage.made ? made : null;
"""
"""Stands in for what a browser's maker runs: chromium in a test reaches no push service."""


def test_a_tap_turns_messages_on_for_this_phone_and_another_turns_them_off(home: Household, browser: Browser) -> None:
    async def told() -> list[push.Subscription]:
        return push.of(home.store, home.eva)

    async def told_no_more() -> None:
        push.forget(home.store, home.eva)

    home.do(send_by_push(home))
    phone = home.hold(browser, home.eva)
    expect(phone.get_by_text("Er kan u nog geen bericht bereiken.")).to_be_visible()
    expect(phone.get_by_text("Wat niet gedeeld is, geeft geen bericht.")).to_be_visible()
    phone.context.grant_permissions(["notifications"])
    phone.add_init_script(_PUSH_SERVICE.replace("SAID", Device("https://push.example/eva").says))
    phone.reload()
    phone.get_by_role("button", name="Berichten op dit apparaat").tap()
    expect(phone.get_by_role("button", name="Geen berichten meer op dit apparaat")).to_be_visible()
    assert [one.endpoint for one in home.do(told())] == ["https://push.example/eva"]
    assert phone.evaluate("window.asked") == 65  # bytes of the centre's public key
    expect(phone.get_by_text("Er kan u nog geen bericht bereiken.")).to_be_hidden()
    phone.reload()
    phone.get_by_role("button", name="Geen berichten meer op dit apparaat").tap()
    expect(phone.get_by_role("button", name="Berichten op dit apparaat", exact=True)).to_be_visible()
    assert home.do(told()) == []
    phone.get_by_role("button", name="Berichten op dit apparaat", exact=True).tap()
    expect(phone.get_by_role("button", name="Geen berichten meer op dit apparaat")).to_be_visible()
    home.do(told_no_more())  # by the centre: the browser knows nothing of that
    phone.reload()
    expect(phone.get_by_role("button", name="Berichten op dit apparaat", exact=True)).to_be_visible()


def test_the_care_team_hands_out_a_code_that_is_good_once(home: Household, browser: Browser) -> None:
    page = home.sit_down(browser, home.staff("Sanne", "SV"))
    home.shares(home.bram, Part.AWAY)
    page.goto(f"{home.address}/homes/{HOME}/circle")
    expect(page.locator(f"#{home.bram}")).to_contain_text("dat de cliënt weg is of op pauze staat")  # not: dat ik
    page.get_by_role("button", name="Maak een code voor Eva").click()
    address = page.locator("#code .address").inner_text()
    assert page.locator("#code svg.qr").bounding_box()["width"] > 150  # type: ignore[index]
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    phone = context.new_page()
    home._pages.append(phone)
    phone.goto(address)
    phone.get_by_role("button", name="Open mijn pagina").tap()
    expect(phone.get_by_text("Mevrouw Jansen deelt hier nu niets.")).to_be_visible()
    assert phone.goto(address).status == 404  # type: ignore[union-attr]
    page.goto(f"{home.address}/homes/{HOME}/circle")
    page.locator(f"#{home.eva}").get_by_role("button", name="Laat niet meer toe").click()
    phone.goto(home.address + "/with")
    expect(phone.get_by_label("De code van het zorgteam")).to_be_visible()


def test_a_resident_is_called_u_when_she_says_so(home: Household, browser: Browser) -> None:
    tablet = home.hold(browser, size=TABLET)
    expect(tablet.get_by_text("Bed: lig je erin?").first).to_be_visible()
    tablet.get_by_role("button", name="Zeg u tegen mij").tap()
    expect(tablet.get_by_text("Bed: ligt u erin?").first).to_be_visible()
    assert not re.search(r"\b(je|jij|jouw)\b", tablet.locator("main").inner_text().replace("Zeg je tegen mij", ""))


@pytest.mark.parametrize("path", ["/mine", "/mine/looked", "/mine/people", "/with", "/let-in", "/circle"])
def test_pages_of_ones_own_keep_nobody_out(home: Household, browser: Browser, path: str) -> None:
    """By WCAG 2.2 A and AA, by night and by day, on a phone and a tablet; and every control fits a finger."""
    home.shares(home.eva, Part.NIGHT, Part.CONTACT, Part.AWAY)
    home.do(send_by_push(home))
    looked(home, "02:16")
    home.at("02:30", FOUND)
    home.wait(seconds=1)
    home.wait(minutes=2.5)
    if path == "/circle":
        page = home.sit_down(browser, home.staff("Noor", "NB"))
        path = f"/homes/{HOME}/circle"
    else:
        page = home.hold(browser, home.eva if path == "/with" else None)
    if path == "/let-in":
        page.context.clear_cookies()
    page.goto(home.address + path)
    for summary in page.locator("main summary").all():
        summary.click()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        for width, height in (PHONE, TABLET):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(_RUN, RULES) == [], (scheme, width)
            assert sideways(page) == 0
            if not path.startswith("/homes"):
                assert _small(page) == []


def _small(page: Page) -> list[str]:
    """Return what is too small for a finger; a box is as large as the label around it."""
    return [one for one in too_small(page) if not re.search(r'type="(radio|checkbox)"|class="field"|for="code"', one)]


def test_all_of_it_is_there_on_paper(home: Household, browser: Browser) -> None:
    looked(home, "02:16")
    tablet = home.hold(browser, size=TABLET)
    answer = tablet.request.get(home.address + "/mine/paper")
    assert answer.status == 200
    assert answer.body().startswith(b"%PDF")


def test_removing_somebody_ends_what_they_held(home: Household) -> None:
    token = home.token(JANSEN, home.bram)

    async def remove() -> list[housekeys.Key]:
        contacts.remove(home.store, home.bram)  # by whichever way
        return housekeys.keys(home.store, token, home.wall.now())

    assert home.do(remove()) == []


def test_a_moment_that_is_over_pauses_nothing_and_says_so(home: Household, browser: Browser) -> None:
    tablet = home.hold(browser, size=TABLET)
    answer = tablet.request.post(
        home.address + "/mine/pause",
        form={"until": "other", "what": "*", "moment": "2020-01-01T10:00"},
        headers={"Origin": home.address},
    )
    assert answer.status == 422
    assert "Kies een later moment" in answer.text() or "voorbij" in answer.text()
    unknown = tablet.request.post(
        home.address + "/mine/pause",
        form={"until": "60", "what": "nope"},
        headers={"Origin": home.address},
    )
    assert unknown.status == 422
    assert not said(home, Paused)
