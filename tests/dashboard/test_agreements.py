"""What is agreed with a resident is changed at the desk: look back first, then agree, with a reason."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal
from care.agreements import agreed, with_agreed, with_values
from care.database import Database
from care.ids import AlertId, StaffId
from care.link import Beat
from care.records import Agreed, BackTest, BackTested, Cannot, Changed, Comparison, Ground, Pair, Untested, Would
from dashboard import access_log
from dashboard.agreeing import _wrong
from dashboard.backtests import ANSWERS_WITHIN
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.pages import Desk
from detectors.findings import What
from detectors.homes import HomeId
from tests.conftest import examples
from tests.dashboard.conftest import WILG, StoryClock, batch, signed_in, stranger_at
from tests.dashboard.nights import NOW, People, a_plan
from tests.dashboard.reading import text

HOME = HomeId("wilg/12")
PATH = f"/homes/{HOME}/agreements"
THE_PLAN = a_plan("wilg", "De Wilg", ["12", "14"])
THE_HOME = THE_PLAN.homes[0]
TYPED = {"bath": "20", "bath_risen": "45", "still": "15", "still_risen": "60", "oob_unseen": "15", "door": "4"}
TYPED["oob_active"] = "45"


@pytest.fixture
def clock() -> StoryClock:
    return StoryClock(NOW)


@pytest.fixture
def desk(centre: Centre, store: Database, wall: StoryClock) -> Desk:
    drawing = Drawing(centre.board, People())
    return Desk(
        centre=centre,
        live=Live(centre, drawing),
        drawing=drawing,
        people=store,
        access_log=access_log.connect(":memory:"),
        wall=wall,
    )


@pytest.fixture
async def page(desk: Desk, sanne: StaffId) -> AsyncIterator[httpx.AsyncClient]:
    """Sanne's browser, with a building that is heard."""
    await desk.centre.take(WILG, batch(THE_PLAN))
    desk.centre.heard(WILG, Beat(NOW))
    async with signed_in(desk, sanne) as made:
        yield made


def records(desk: Desk, kind: type[Any]) -> list[Any]:
    return [one.record for one in journal.read_after(desk.centre._db, 0) if isinstance(one.record, kind)]


async def ask(page: httpx.AsyncClient, desk: Desk, **typed: str) -> BackTest:
    answer = await page.post(PATH, data=TYPED | typed)
    assert answer.status_code == 303
    asked: BackTest = records(desk, BackTest)[-1]
    assert answer.headers["location"].endswith(f"{PATH}/{asked.id}")
    return asked


def a_comparison(before: Agreed, **changes: Any) -> Comparison:
    """Eleven alerts, of which three are left; one comes six minutes later, and help was given at one that is gone."""
    first = date(2026, 2, 2)
    begins = datetime(2026, 2, 2, 23, 14, tzinfo=UTC)
    pairs = [
        Pair(
            alert=AlertId(f"{n:010x}"),
            was=Would(begins + timedelta(days=2 * n), What.BATH, urgent=True),
            would=Would(begins + timedelta(days=2 * n, minutes=6 if n == 1 else 0), What.BATH, urgent=True)
            if n < 3
            else None,
            needed=n == 5,
        )
        for n in range(11)
    ]
    found = Comparison(before=before, first=first, nights=28, was=11, would=3, pairs=tuple(pairs))
    return msgspec.structs.replace(found, **changes)


async def answers(desk: Desk, asked: BackTest, found: Comparison | Cannot, *, after: int = 1) -> None:
    cannot, seen = (found, None) if isinstance(found, Cannot) else (None, found)
    answer = BackTested(at=NOW, home=asked.home, id=asked.id, found=seen, cannot=cannot)
    await desk.centre.take(WILG, batch(answer, after=after))


# Over HTTP.

over_http = pytest.mark.anyio


@over_http
async def test_what_is_agreed_stands_on_the_page_of_the_home_and_in_the_form(page: httpx.AsyncClient) -> None:
    said = text((await page.get(f"/homes/{HOME}")).text)
    assert "Afspraken" in said
    assert "Nog op, niet terug in bed 45 minuten" in said
    form = (await page.get(PATH)).text
    assert 'name="bath" value="20"' in form
    assert "Nog niets: het is zoals in het plan van de locatie." in text(form)


@over_http
async def test_asking_changes_nothing_and_tells_the_building_what_is_proposed(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    asked = await ask(page, desk, bath="26", **{"soon:oob-active": "yes", "off:shift": "yes"})
    before = agreed(THE_HOME)
    assert asked.before == before
    assert asked.proposed == with_values(before, {"bath": 26, "soon:oob-active": True, "off:shift": True})
    assert (asked.home, asked.nights) == (HOME, 28)
    assert records(desk, Changed) == []
    said = text((await page.get(f"{PATH}/{asked.id}")).text)
    assert "Het gebouw rekent." in said
    assert "20 minuten → wordt 26 minuten" in said
    assert "Leg deze afspraak vast" not in said


@over_http
async def test_the_answer_says_how_many_would_have_come_and_which_one_later(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(asked.before))
    said = text((await page.get(f"{PATH}/{asked.id}")).text).replace("\u00a0", " ")
    assert "Er waren 3 meldingen geweest, in plaats van 11." in said
    assert "Die van do 5 feb 00:14 was 6 minuten later gekomen." in said
    assert "8 meldingen waren niet gekomen." in said
    assert "Bij 1 melding die niet was gekomen, is hulp gegeven: vr 13 feb 00:14." in said


@over_http
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"would": 0, "pairs": ()}, "Er waren geen meldingen geweest, in plaats van 11."),
        ({"would": 1, "pairs": ()}, "Er was 1 melding geweest, in plaats van 11."),
        ({"would": 11, "pairs": ()}, "Er waren evenveel meldingen geweest: 11."),
        ({"was": 0, "would": 0, "pairs": ()}, "Er was geen melding geweest, ook niet met de afspraken van nu."),
        ({"pairs": ()}, "Geen enkele melding was op een ander moment gekomen."),
        ({"since": datetime(2026, 2, 20, tzinfo=UTC)}, "Het gebouw heeft pas vanaf vr 20 feb bewaard"),
        ({"unheard": (date(2026, 2, 3),)}, "In 1 van deze nachten is niets van deze woning gehoord."),
        ({"apart": 2}, "2 meldingen met hulp komen bij het terugkijken niet terug."),
        (
            {"pairs": (Pair(alert=AlertId("a" * 10), would=Would(NOW, What.BATH, urgent=True)),)},
            "1 melding was erbij gekomen.",
        ),
        (
            {
                "pairs": (
                    Pair(
                        alert=AlertId("a" * 10),
                        was=Would(NOW, What.OOB_ACTIVE, urgent=True),
                        would=Would(NOW, What.OOB_ACTIVE, urgent=False),
                    ),
                )
            },
            "1 melding was minder dringend geweest.",
        ),
    ],
)
async def test_each_difference_has_its_sentence(
    page: httpx.AsyncClient, desk: Desk, changes: dict[str, Any], sentence: str
) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(asked.before, **changes))
    assert sentence in text((await page.get(f"{PATH}/{asked.id}")).text).replace("\u00a0", " ")


@over_http
async def test_what_was_looked_back_on_is_agreed_with_a_reason_and_written_down(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(asked.before))
    for _ in range(2):  # a second tap writes nothing
        answer = await page.post(f"{PATH}/{asked.id}", data={"state": "found", "why": "care-plan"})
        assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    (change,) = records(desk, Changed)
    assert (change.by, change.why, change.asked, change.untested) == (sanne, Ground.CARE_PLAN, asked.id, None)
    assert (change.before, change.after) == (asked.before, asked.proposed)
    said = text((await page.get(PATH)).text)
    assert "20 minuten → wordt 26 minuten" in said
    assert "onderweg naar het gebouw" in said
    assert "Zo staat het in het zorgplan. Eerst teruggekeken: 3 in plaats van 11." in said

    holds = with_agreed(THE_HOME, change.after)
    at = NOW + timedelta(minutes=1)
    told = msgspec.structs.replace(THE_PLAN, at=at, homes=(holds, *THE_PLAN.homes[1:]))
    await desk.centre.take(WILG, batch(told, after=2))
    assert "onderweg" not in text((await page.get(PATH)).text)
    assert "26 minuten" in text((await page.get(f"/homes/{HOME}")).text)


@over_http
@pytest.mark.parametrize(
    ("why_not", "said", "untested"),
    [
        ("silent", "Uit dit gebouw komt sinds", Untested.SILENT),
        ("unanswered", "Het gebouw geeft geen antwoord.", Untested.UNANSWERED),
        ("cannot", "niets van deze woning bewaard", Untested.CANNOT),
    ],
)
async def test_a_building_that_cannot_answer_keeps_nobody_from_agreeing_and_the_record_says_so(
    page: httpx.AsyncClient, desk: Desk, clock: StoryClock, why_not: str, said: str, untested: Untested
) -> None:
    asked = await ask(page, desk, bath="26")
    match why_not:
        case "silent":
            clock.wait(minutes=2)
            desk.centre._heard.clear()
        case "unanswered":
            clock.wait(seconds=ANSWERS_WITHIN.total_seconds())
            desk.centre.heard(WILG, Beat(clock.now()))
        case _:
            await answers(desk, asked, Cannot.NO_EVENTS)
    drawn = text((await page.get(f"{PATH}/{asked.id}")).text)
    assert said in drawn
    assert "Hierop is niet teruggekeken." in drawn
    answer = await page.post(f"{PATH}/{asked.id}", data={"state": why_not, "why": "too-late"})
    assert answer.status_code == 303
    (change,) = records(desk, Changed)
    assert change.untested is untested
    assert "Niet teruggekeken" in text((await page.get(PATH)).text)


@over_http
async def test_an_answer_that_came_in_between_is_read_first(page: httpx.AsyncClient, desk: Desk) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(asked.before))
    answer = await page.post(f"{PATH}/{asked.id}", data={"state": "unanswered", "why": "too-late"})
    assert answer.status_code == 409
    assert "er kwam iets nieuws binnen" in text(answer.text)
    assert "Er waren 3 meldingen geweest" in text(answer.text)
    assert records(desk, Changed) == []


@over_http
async def test_of_two_who_agree_at_once_the_second_looks_back_again(
    page: httpx.AsyncClient, desk: Desk, noor: StaffId
) -> None:
    mine = await ask(page, desk, bath="26")
    async with signed_in(desk, noor) as colleague:
        desk.centre._clock.wait(seconds=5)  # type: ignore[attr-defined]
        theirs = await ask(colleague, desk, bath="12")
        await answers(desk, mine, a_comparison(mine.before))
        await answers(desk, theirs, a_comparison(theirs.before), after=2)
        assert (
            await colleague.post(f"{PATH}/{theirs.id}", data={"state": "found", "why": "client"})
        ).status_code == 303
    answer = await page.post(f"{PATH}/{mine.id}", data={"state": "found", "why": "client"})
    assert answer.status_code == 409
    assert "Er is intussen iets anders afgesproken." in text(answer.text)
    assert [one.asked for one in records(desk, Changed)] == [theirs.id]


@over_http
async def test_a_building_in_which_something_else_holds_than_the_desk_thought_is_looked_back_in_again(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(with_values(asked.before, {"still": 9})))
    assert (await page.post(f"{PATH}/{asked.id}", data={"state": "found", "why": "client"})).status_code == 409
    assert records(desk, Changed) == []


@over_http
async def test_a_page_that_waits_gets_nothing_until_there_is_something_new(page: httpx.AsyncClient, desk: Desk) -> None:
    asked = await ask(page, desk, bath="26")
    path = f"{PATH}/{asked.id}/result"
    assert (await page.get(path, params={"state": "waiting"})).status_code == 204
    await answers(desk, asked, a_comparison(asked.before))
    answer = await page.get(path, params={"state": "waiting"})
    assert answer.text.startswith('<section id="looked-back"')
    assert "hx-get" not in answer.text  # and asks no more


@over_http
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"bath": "twintig"}, "Dit is geen getal."),
        ({"bath": ""}, "Hier is niets ingevuld."),
        ({"bath": "0"}, "Schrijf een aantal minuten van 1 tot 720."),
        ({"bath": "721"}, "Schrijf een aantal minuten van 1 tot 720."),
        ({"bath": "-5"}, "Dit is geen getal."),
        ({"bath": "1e3"}, "Dit is geen getal."),
        ({"bath": "nan"}, "Dit is geen getal."),
        ({"bath": "٣"}, "Dit is geen getal."),
        ({"bath": "<script>"}, "Dit is geen getal."),
        ({}, "Dit is wat nu is afgesproken. Verander eerst iets."),
        ({"off:button": "yes", "off:bath": "yes", "soon:door-left": "yes"}, "Dit is wat nu is afgesproken."),
        ({"of_next_year": "20"}, "Dit is wat nu is afgesproken."),
    ],
)
async def test_what_cannot_be_agreed_is_said_beside_what_was_typed_and_asks_nobody(
    page: httpx.AsyncClient, desk: Desk, typed: dict[str, str], sentence: str
) -> None:
    answer = await page.post(PATH, data=TYPED | typed | ({"still": "16"} if typed.keys() == {"bath"} else {}))
    assert answer.status_code == 422
    assert sentence in text(answer.text)
    assert records(desk, BackTest) == []
    assert "<script>" not in answer.text
    if "bath" in typed:
        assert 'aria-invalid="true"' in answer.text
        assert 'name="still" value="16"' in answer.text  # what was right is not typed again


@over_http
async def test_a_comma_is_a_point(page: httpx.AsyncClient, desk: Desk) -> None:
    assert (await ask(page, desk, door="3,5")).proposed.limits.door == 3.5


@over_http
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"state": "found"},
        {"state": "found", "why": ""},
        {"state": "found", "why": "because"},
        {"state": "waiting", "why": "client"},
        {"state": "done", "why": "client"},
        {"state": "?", "why": "client"},
    ],
)
async def test_without_a_reason_or_with_a_made_up_state_nothing_is_agreed(
    page: httpx.AsyncClient, desk: Desk, form: dict[str, str]
) -> None:
    asked = await ask(page, desk, bath="26")
    await answers(desk, asked, a_comparison(asked.before))
    answer = await page.post(f"{PATH}/{asked.id}", data=form)
    assert answer.status_code == 422
    assert "<h1" in answer.text
    assert records(desk, Changed) == []


@over_http
@pytest.mark.parametrize(
    "path",
    [
        "/homes/wilg/99/agreements",
        f"{PATH}/0123456789",
        f"{PATH}/0123",
        f"{PATH}/0123456789/result",
        "/homes/wilg/%00/agreements",
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(page: httpx.AsyncClient, path: str) -> None:
    assert (await page.get(path)).status_code == 404


@over_http
async def test_a_back_test_of_another_home_is_not_to_be_agreed_here(page: httpx.AsyncClient, desk: Desk) -> None:
    asked = await ask(page, desk, bath="26")
    other = f"/homes/wilg/14/agreements/{asked.id}"
    assert (await page.get(other)).status_code == 404
    assert (await page.post(other, data={"state": "found", "why": "client"})).status_code == 404


@over_http
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/0123456789", f"{PATH}/0123456789/result"])
async def test_nobody_sees_or_changes_anything_without_signing_in(desk: Desk, method: str, path: str) -> None:
    await desk.centre.take(WILG, batch(THE_PLAN))
    async with stranger_at(desk) as stranger:
        answer = await stranger.request(method, path, data=TYPED if method == "POST" else None)
    assert answer.status_code in {303, 405}
    assert records(desk, BackTest) == []


@over_http
async def test_a_form_of_another_site_changes_nothing(page: httpx.AsyncClient, desk: Desk) -> None:
    answer = await page.post(PATH, data=TYPED | {"bath": "26"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert records(desk, BackTest) == []


@settings(max_examples=examples(30))
@given(typed=st.text(max_size=12))
def test_whatever_is_typed_is_minutes_or_gets_a_sentence(typed: str) -> None:
    if not _wrong(typed):
        assert 1 <= float(typed.replace(",", ".")) <= 720
