"""The life of an alert at two screens, in a real browser with the real centre behind it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from care.alerts import State, alert_of
from care.ids import StaffId
from dashboard.wishes import Called, First, Who, Wishes
from detectors.findings import Presence
from detectors.homes import ResidentId
from tests.dashboard.nights import (
    a_plan,
    claimed,
    local,
    long_in_the_bathroom,
    not_up,
    over,
    status,
    still_up,
)
from tests.dashboard.two_screens import NightDesk

BATH = alert_of(long_in_the_bathroom())
SLOW = alert_of(not_up())


@pytest.fixture
def night(tmp_path: Path) -> Iterator[NightDesk]:
    """A building with eight homes, and Sanne and Noor on duty."""
    made = NightDesk(tmp_path)
    with made.open():
        made.at("22:00", a_plan("wilg", "De Wilg", (1, 2, 3, 4, 7, 8, 11, 12)))
        made.write(*(status(home, Presence.BED, "23:10") for home in made.centre.board.homes))
        yield made
        made.leave()


@pytest.fixture
def sanne(night: NightDesk) -> StaffId:
    return night.staff("Sanne", "SV")


@pytest.fixture
def noor(night: NightDesk) -> StaffId:
    return night.staff("Noor", "NB")


@pytest.fixture
def hers(night: NightDesk, browser: Browser, sanne: StaffId) -> Page:
    """Sanne's screen."""
    return night.sit_down(browser, sanne)


@pytest.fixture
def other(night: NightDesk, browser: Browser, noor: StaffId) -> Page:
    """Noor's screen."""
    return night.sit_down(browser, noor)


def tell(page: Page, first: str, second: str) -> None:
    """Say in two taps what is being done."""
    page.get_by_role("radio", name=first, exact=True).check()
    with page.expect_response("**/follow"):
        page.get_by_role("button", name=second, exact=True).click()


# Claimed, and what is being done.


def test_a_claim_is_seen_by_a_colleague_within_two_seconds_with_who_and_when(
    night: NightDesk, hers: Page, other: Page
) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers)
    night.go(other)
    hers.keyboard.press("n")
    there = other.locator(f"#card-{BATH}")
    expect(there.get_by_text("Sanne")).to_be_visible(timeout=2_000)
    expect(there).to_contain_text("Sanne is bezig sinds 02:30")
    hers.keyboard.press("Shift+N")
    expect(there.get_by_role("button", name="Ik pak op")).to_be_visible(timeout=2_000)


def test_who_goes_and_when_they_are_expected_takes_two_taps_and_every_screen_shows_it(
    night: NightDesk, hers: Page, other: Page
) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    night.go(other)
    tell(hers, "Onderweg", "De nachtdienst gaat kijken")
    for page, place in ((hers, f"#doing-{BATH}"), (other, f"#card-{BATH}")):
        expect(page.locator(place)).to_contain_text("Onderweg: de nachtdienst gaat kijken, verwacht 02:40.")
        expect(page.locator(place)).to_contain_text("Sanne, 02:30")
    followed = night.alert(BATH).follow
    assert followed is not None
    assert followed.there_at == local("02:40")
    expect(hers.locator(f"#seen-{BATH} .events")).to_contain_text(
        "Onderweg: de nachtdienst gaat kijken, verwacht 02:40"
    )
    assert night.alert(BATH).state is State.CLAIMED


def test_another_time_than_the_usual_is_one_tap_more(night: NightDesk, hers: Page) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    hers.get_by_role("radio", name="Niet bereikt").check()
    hers.get_by_role("radio", name="30 min").check(force=True)
    with hers.expect_response("**/follow"):
        hers.get_by_role("button", name="Een naaste gaat kijken").click()
    expect(hers.locator(f"#doing-{BATH}")).to_contain_text("Niet bereikt: een naaste gaat kijken, verwacht 03:00.")
    assert night.alert(BATH).open


def test_a_contact_gives_another_ten_minutes_and_the_page_counts_them_down(night: NightDesk, hers: Page) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    hers.keyboard.press("n")
    doing = hers.locator(f"#doing-{BATH}")
    expect(doing).to_contain_text(re.compile("Nog (9|10)\u00a0min, dan staat de melding weer open voor iedereen."))
    night.wait(minutes=6)
    expect(doing).to_contain_text(re.compile("Nog [34]\u00a0min, dan"))
    tell(hers, "In gesprek", "Via beeldbellen")
    expect(doing).to_contain_text("In gesprek: via beeldbellen.")
    expect(doing).to_contain_text(re.compile("Nog (9|10)\u00a0min, dan"))


def test_a_forgotten_claim_comes_back_after_ten_minutes_without_blame_or_name(
    night: NightDesk, hers: Page, other: Page
) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers)
    night.go(other)
    hers.keyboard.press("n")
    there = other.locator(f"#card-{BATH}")
    expect(there).to_contain_text("Sanne")
    expect(
        other.locator("#unblock")
    ).to_be_visible()  # that there is no sound here has been said, and is not said over it
    night.wait(minutes=9, seconds=50)
    assert night.alert(BATH).holder is not None
    expect(there).to_contain_text("Nog minder dan 1\u00a0minuut, dan")
    night.wait(seconds=11)
    expect(there).to_contain_text("Opnieuw open: 10\u00a0min niets vastgelegd.")
    expect(there).not_to_contain_text("Sanne")
    expect(there.get_by_role("button", name="Ik pak op")).to_be_visible()
    expect(other.locator("#say-now")).to_contain_text("Lang in de badkamer")
    night.go(other, f"/alerts/{BATH}")
    [line] = other.locator(".events li", has_text="er was niets vastgelegd").all_inner_texts()
    assert "Sanne" not in line


def test_who_is_awaited_gets_the_time_to_arrive(night: NightDesk, hers: Page) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    tell(hers, "Onderweg", "Een buur gaat kijken")
    night.wait(minutes=19)
    assert night.alert(BATH).holder is not None
    night.wait(minutes=1, seconds=1)
    assert night.alert(BATH).forgotten is not None


def test_of_two_who_tap_at_once_one_is_told_who_was_first(
    night: NightDesk, hers: Page, other: Page, sanne: StaffId
) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    # Noor's screen has not heard yet that Sanne was first.
    other.route(re.compile("/live"), lambda route: route.abort())
    other.goto(night.address + f"/alerts/{BATH}")
    hers.keyboard.press("n")
    expect(hers.locator(f"#doing-{BATH}")).to_have_class(re.compile("mine"))
    other.get_by_role("radio", name="Onderweg", exact=True).check()
    with other.expect_response("**/follow") as answer:
        other.get_by_role("button", name="Een buur gaat kijken").click()
    assert answer.value.status == 409
    expect(other.locator("#notice")).to_have_text("Sanne is al bezig. Wil je overnemen?")
    expect(other.get_by_role("button", name="Neem over")).to_be_visible()
    assert night.alert(BATH).follow is None
    assert night.alert(BATH).holder == sanne


# Calling.


AGREED = Wishes(
    first=First.VIDEO,
    note="het scherm hangt in de slaapkamer",
    called=(Called(Who.FAMILY, "Fatima", "+31 6 0000 0001"), Called(Who.HOME, "Jan", "085 000 02 12")),
    video="https://video.example/{resident}",
)


def test_what_the_client_wants_first_is_at_hand_and_one_key_calls_and_is_written_down(
    night: NightDesk, hers: Page, other: Page
) -> None:
    night.agree(ResidentId("r-wilg-12"), AGREED)
    night.at("02:30", long_in_the_bathroom())
    night.go(other)
    hers.context.route("https://video.example/**", lambda route: route.fulfill(body="in gesprek"))
    night.go(hers, f"/alerts/{BATH}")
    agreed = hers.locator(f"#wishes-{BATH}").locator("..")
    expect(agreed).to_contain_text("Eerst beeldbellen. Het scherm hangt in de slaapkamer")
    expect(agreed.get_by_role("link")).to_have_text([re.compile("Beeldbel"), re.compile("Bel"), re.compile("Bel")])
    with hers.context.expect_page() as opened, hers.expect_response("**/follow"):
        hers.keyboard.press("1")
    assert opened.value.url == "https://video.example/r-wilg-12"
    expect(other.locator(f"#card-{BATH}")).to_contain_text("In gesprek: via beeldbellen.")
    expect(hers.locator(f"#doing-{BATH}")).to_have_class(re.compile("mine"))


def test_who_is_called_to_come_is_not_said_to_come_before_somebody_says_so(night: NightDesk, hers: Page) -> None:
    night.agree(ResidentId("r-wilg-12"), AGREED)
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    dialled = hers.get_by_role("link", name=re.compile("Bel.*Fatima"))
    assert dialled.get_attribute("href") == "tel:+31600000001"
    hers.keyboard.press("3")
    expect(hers.get_by_role("radio", name="Onderweg", exact=True)).to_be_checked()
    assert night.alert(BATH).follow is None
    with hers.expect_response("**/follow"):
        hers.get_by_role("button", name="Een naaste gaat kijken").first.click()
    assert night.alert(BATH).follow is not None


# Aside.


def put_aside(page: Page, why: str = "Er is bezoek", how_long: str = "30 minuten") -> None:
    page.get_by_role("radio", name=why).check()
    with page.expect_response("**/put-aside"):
        page.get_by_role("button", name=re.compile(how_long.replace(" ", "."))).click()


def test_what_may_wait_is_put_aside_with_a_reason_and_comes_back_by_itself(
    night: NightDesk, hers: Page, other: Page
) -> None:
    night.at("02:20", not_up())
    night.go(other)
    night.go(hers, f"/alerts/{SLOW}")
    put_aside(hers)
    aside = other.locator("section.shelf")
    expect(aside).to_contain_text("opzij, komt terug om")
    expect(aside.locator(f"#card-{SLOW}")).to_contain_text("02:50")
    expect(aside.locator(f"#card-{SLOW}")).to_contain_text("Er is bezoek · Sanne")
    expect(other.locator("#tile-wilg\\:2")).to_have_class(re.compile("shelved"))
    expect(other.locator("#tile-wilg\\:2")).to_contain_text("Opzij")
    night.wait(minutes=30, seconds=1)
    expect(other.locator("#q-waiting")).to_be_visible()
    expect(other.locator(f"#card-{SLOW}").get_by_role("button", name="Ik pak op")).to_be_visible()
    night.go(hers, f"/alerts/{SLOW}")
    expect(hers.locator(".events")).to_contain_text("Opzij tot 02:50: er is bezoek")
    expect(hers.locator(".events")).to_contain_text("Vanzelf terug")


def test_nothing_is_put_aside_past_the_end_of_the_shift(night: NightDesk, hers: Page) -> None:
    night.at("06:40", not_up())
    night.go(hers, f"/alerts/{SLOW}")
    put_aside(hers, how_long="1 uur")
    expect(hers.locator(f"#doing-{SLOW}")).to_contain_text("Opzij, komt terug om 07:00: er is bezoek.")


def test_what_was_put_aside_is_taken_back_with_one_tap(night: NightDesk, hers: Page, other: Page) -> None:
    night.at("02:20", not_up())
    night.go(hers, f"/alerts/{SLOW}")
    put_aside(hers, how_long="Tot het einde van de dienst")
    night.go(other)
    other.locator(f"#card-{SLOW}").get_by_role("button", name="Haal terug").click()
    expect(other.locator("section.shelf")).to_have_count(0)
    expect(other.locator(f"#card-{SLOW}").get_by_role("button", name="Ik pak op")).to_be_visible()
    expect(hers.locator(".events")).to_contain_text("Teruggehaald")


def test_an_urgent_alert_cannot_be_put_aside_and_the_page_says_what_can_be_done(night: NightDesk, hers: Page) -> None:
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{BATH}")
    said = "Een dringende melding kun je niet opzij zetten. Rond af of geef terug."
    expect(hers.get_by_text(said)).to_be_visible()
    answer = hers.request.post(
        f"{night.address}/alerts/{BATH}/put-aside",
        form={"why": "visitor", "until": "15"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status == 409
    assert said in answer.text()
    assert night.alert(BATH).shelf is None


# Over, and started again.


def test_what_is_over_but_was_seen_by_nobody_stays_until_somebody_closes_it(night: NightDesk, hers: Page) -> None:
    finding = still_up()
    alert = alert_of(finding)
    night.at("01:40", finding)
    night.at("02:20", over(finding, "02:20"))
    night.go(hers)
    shown = hers.locator(f"#card-{alert}")
    expect(shown).to_have_class(re.compile("returned"))
    expect(hers.locator("#q-returned")).to_contain_text("vanzelf voorbij")
    night.wait(hours=3)
    expect(shown).to_be_visible()
    shown.get_by_role("link", name="Bekijk").or_(shown.locator("a.open")).first.click()
    hers.get_by_role("radio", name="Niet nodig").check()
    with hers.expect_response("**/resolve"):
        hers.get_by_role("button", name="hoort bij deze cliënt").click()
    night.go(hers)
    expect(hers.locator(f"#card-{alert}")).to_have_count(0)


def test_who_has_what_and_until_when_survives_the_end_of_every_process(
    night: NightDesk, browser: Browser, hers: Page, sanne: StaffId, tmp_path: Path
) -> None:
    night.at("02:20", not_up())
    night.at("02:30", long_in_the_bathroom())
    night.go(hers, f"/alerts/{SLOW}")
    put_aside(hers, how_long="1 uur")
    night.go(hers, f"/alerts/{BATH}")
    tell(hers, "Onderweg", "De nachtdienst gaat kijken")
    again = NightDesk(tmp_path, "02:35")
    with again.open():
        again.write()
        page = again.sit_down(browser, sanne)
        again.go(page)
        expect(page.locator(f"#card-{BATH}")).to_contain_text("verwacht 02:40")
        expect(page.locator(f"#card-{BATH}")).to_contain_text(re.compile("Nog 1[45]\u00a0min"))
        expect(page.locator(f"section.shelf #card-{SLOW}")).to_contain_text("03:30")
        again.leave()


# What cannot be.


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("follow", {}),
        ("follow", {"step": "talking", "means": "112"}),
        ("follow", {"step": "dancing", "means": "video"}),
        ("follow", {"step": "coming", "means": "family", "there_in": "0"}),
        ("follow", {"step": "coming", "means": "family", "there_in": "100000000000"}),
        ("follow", {"step": "coming", "means": "family", "there_in": "soon"}),
        ("put-aside", {}),
        ("put-aside", {"why": "visitor", "until": "-5"}),
        ("put-aside", {"why": "visitor", "until": "99999"}),
        ("put-aside", {"why": "because", "until": "15"}),
    ],
)
def test_what_cannot_be_is_refused_with_a_page_and_nothing_is_written(
    night: NightDesk, hers: Page, what: str, form: dict[str, str | float | bool]
) -> None:
    night.at("02:20", not_up())
    number = night.centre.number
    answer = hers.request.post(
        f"{night.address}/alerts/{SLOW}/{what}", form=form, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status == 422
    assert "Niet bewaard" in answer.text()
    assert night.centre.number == number


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"/alerts/{SLOW}/follow", {"step": "talking", "means": "phone"}),
        (f"/alerts/{SLOW}/put-aside", {"why": "visitor", "until": "15"}),
        (f"/alerts/{SLOW}/take-back", {}),
        ("/second-pool", {}),
    ],
)
def test_who_is_not_signed_in_is_asked_to_and_writes_nothing(
    night: NightDesk, hers: Page, path: str, form: dict[str, str | float | bool]
) -> None:
    night.at("02:20", not_up())
    number = night.centre.number
    hers.context.clear_cookies()
    answer = hers.request.post(
        night.address + path, form=form, headers={"Sec-Fetch-Site": "same-origin"}, max_redirects=0
    )
    assert answer.status == 303
    assert answer.headers["location"].startswith("/sign-in")
    assert night.centre.number == number


@pytest.mark.parametrize("what", ["follow", "put-aside", "take-back"])
def test_of_an_alert_that_is_not_there_nothing_is_written(night: NightDesk, hers: Page, what: str) -> None:
    number = night.centre.number
    form: dict[str, str | float | bool] = {"step": "talking", "means": "phone", "why": "visitor", "until": "15"}
    for alert in ("0000000000", "nothing"):
        answer = hers.request.post(
            f"{night.address}/alerts/{alert}/{what}", form=form, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status == 404
    assert night.centre.number == number


def test_the_same_tap_twice_is_one_record(night: NightDesk, hers: Page) -> None:
    night.at("02:20", not_up())
    number = night.centre.number
    form: dict[str, str | float | bool] = {"step": "coming", "means": "family", "there_in": "10"}
    for _ in range(2):
        hers.request.post(f"{night.address}/alerts/{SLOW}/follow", form=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert night.centre.number == number + 2  # taken, and on the way


def test_what_a_colleague_has_is_not_put_aside_under_their_hands(night: NightDesk, hers: Page, noor: StaffId) -> None:
    night.at("02:20", not_up(), claimed(not_up(), noor, "02:21"))
    answer = hers.request.post(
        f"{night.address}/alerts/{SLOW}/put-aside",
        form={"why": "visitor", "until": "15"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status == 409
    assert "Noor" in answer.text()
    assert night.alert(SLOW).shelf is None
