"""The change of shift over HTTP: the report, its paper, what is put beside a line, and the hand-over."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pypdf
import pytest

from care import journal
from care.database import Database
from care.ids import StaffId
from care.records import Claimed, Corrected, HandedOver, Record, SeenAndHeard
from care.reports import TEAM
from dashboard import access_log
from dashboard import paper as papers
from dashboard.centre import Centre
from dashboard.drawing import Drawing
from dashboard.live import Live
from dashboard.pages import Desk
from dashboard.paper import NotPrinted, pdf
from dashboard.people import Names
from detectors.findings import Presence, Status
from detectors.homes import HomeId, SiteId
from tests.dashboard.conftest import ALERT, HOME, WILG, StoryClock, batch, finding, plan, signed_in
from tests.dashboard.reading import text

MORNING = datetime(2026, 3, 3, 6, 2, tzinfo=UTC)  # 07:02 in the Netherlands
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
NIGHT = date(2026, 3, 2)

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(centre: Centre, store: Database, wall: StoryClock, clock: StoryClock) -> Desk:
    clock.moment = MORNING
    drawing = Drawing(centre.board, Names(store))
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
    """Sanne's browser, in the morning after a night with one alert."""
    seen = Status(at=EVENING, home=HOME, presence=Presence.BED)
    await desk.centre.take(WILG, batch(plan(), seen, finding()))
    desk.centre.board.heard(WILG, MORNING)
    async with signed_in(desk, sanne) as made:
        yield made


def written(desk: Desk) -> list[Record]:
    return [entry.record for entry in journal.read_after(desk.centre._db, 3)]


async def form(
    page: httpx.AsyncClient, text: str, *, night: str = "2026-03-02", about: str = TEAM, line: str = "3"
) -> httpx.Response:
    return await page.post("/report/correct", data={"night": night, "about": about, "line": line, "text": text})


async def test_the_report_tells_the_night_of_the_team_and_of_every_client(page: httpx.AsyncClient) -> None:
    answer = await page.get("/report")
    said = text(answer.text)
    assert "Nacht van maandag 2 maart op dinsdag 3 maart, 22:00 tot 07:00" in said
    assert "Dienst 22:00\u201307:00: 1 woning, elk uur in zicht." in said
    assert "1 melding: 1 nu, 0 straks, 0 techniek." in said
    assert "Meldingen: 02:00 Lang in de badkamer, uitkomst: nog open, niet opgepakt." in said


async def test_an_earlier_night_is_chosen_by_its_evening(page: httpx.AsyncClient) -> None:
    said = text((await page.get("/report?night=2026-03-01")).text)
    assert "zondag 1 maart op maandag 2 maart" in said
    assert "Geen meldingen." in said


async def test_one_building_has_a_report_of_its_own(page: httpx.AsyncClient, desk: Desk) -> None:
    await desk.centre.take(SiteId("eik"), batch(plan(SiteId("eik")), of="journal-of-eik"))
    said = text((await page.get("/report?site=eik")).text)
    assert "Geen meldingen." in said
    assert "Meldingen:" not in said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/report?night=2026-03-04", 404),  # it has not begun
        ("/report?night=2026-01-01", 404),  # no longer kept
        ("/report?night=yesterday", 422),
        ("/report?night=0001-01-01", 404),
        ("/report?night=9999-12-31", 404),
        ("/report?site=nowhere", 404),
        ("/report?site=%3Cscript%3E", 422),
        ("/report/wilg/99", 404),
        ("/report/wilg/12?night=2030-01-01", 404),
        ("/paper?site=wilg&home=99", 404),
        ("/paper?night=2030-01-01", 404),
        ("/paper?home=12", 404),
    ],
)
async def test_what_there_is_no_report_of_is_a_page_that_says_so(
    page: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await page.get(path)
    assert answer.status_code == status
    assert "<script>" not in answer.text
    assert "Nachtwacht" in answer.text


@pytest.mark.parametrize("path", ["/report", "/report/wilg/12", "/paper", "/hand-over"])
async def test_nobody_reads_it_without_signing_in(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?to={path}")


# On paper.


async def test_the_paper_says_what_the_page_says_on_one_a4_and_names_no_resident(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    desk.people.execute("INSERT INTO resident VALUES ('r-0012', 'Jan Jansen')")
    await form(page, "De nachtdienst was er om 02:44.")
    answer = await page.get("/paper")
    assert answer.headers["content-type"] == "application/pdf"
    assert "Jan" not in answer.headers["content-disposition"]
    read = pypdf.PdfReader(io.BytesIO(answer.content))
    [sheet] = read.pages
    assert (round(float(sheet.mediabox.width)), round(float(sheet.mediabox.height))) == (595, 842)
    said = " ".join(sheet.extract_text().split())
    assert "Dienst 22:00\u201307:00: 1 woning, elk uur in zicht." in said.replace("\u00a0", " ")
    assert "1 melding: 1 nu, 0 straks, 0 techniek. Nodig: 0. Niet nodig: 0." in said
    assert "Lang in de badkamer" in said
    assert "Gelezen door de dagdienst:" in said
    assert "Verbetering 07:02, Sanne: De nachtdienst was er om 02:44." in said
    assert "Jan" not in said
    assert "Jan" in (await page.get("/report")).text  # on the desk it is known who that is


async def test_one_client_has_a_paper_too(page: httpx.AsyncClient) -> None:
    answer = await page.get("/paper?site=wilg&home=12&night=2026-03-02")
    said = " ".join(pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text().split())
    assert "Meldingen: 02:00 Lang in de badkamer, uitkomst: nog open, niet opgepakt." in said


async def test_a_paper_that_cannot_be_made_is_told_and_the_desk_goes_on(
    page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(page: str) -> bytes:
        raise NotPrinted("no pango here")

    monkeypatch.setattr("dashboard.changeover.pdf", refuses)
    answer = await page.get("/paper")
    assert answer.status_code == 503
    assert "De pagina zelf is compleet" in answer.text
    assert (await page.get("/report")).status_code == 200


async def test_a_paper_fetches_nothing_and_takes_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(counts, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    names = f'<img src="http://127.0.0.1:{port}/x.png"><link rel="stylesheet" href="file:///etc/passwd">'
    assert (await pdf(f"<p>{names}Leeg</p>")).startswith(b"%PDF")
    server.close()
    assert asked == []
    with pytest.raises(NotPrinted, match="too long"):
        await pdf("<p>x</p>", within_s=0.0)
    with pytest.raises(NotPrinted, match="too large"):
        await pdf("x" * (papers.PAGE_MAX + 1))


async def test_a_machine_that_has_no_printer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NotPrinted):
        await pdf("<p>x</p>")


# Beside a line.


async def test_a_correction_stands_beside_the_line_and_the_line_stays(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    answer = await form(page, "De nachtdienst was er om 02:44.")
    assert (answer.status_code, answer.headers["location"]) == (303, "/report?night=2026-03-02#line-3")
    assert written(desk) == [
        Corrected(at=MORNING, by=sanne, night=NIGHT, about=TEAM, line=3, text="De nachtdienst was er om 02:44.")
    ]
    said = text((await page.get("/report")).text)
    assert "Opgepakt van nu en straks: geen. Doorgezet: 0." in said  # the line is still there
    assert "Verbetering 07:02, Sanne: De nachtdienst was er om 02:44." in said


async def test_a_client_and_a_building_can_be_corrected_each_on_their_own_page(page: httpx.AsyncClient) -> None:
    assert (await form(page, "Zij was op.", about=HOME)).headers["location"] == (
        "/report/wilg/12?night=2026-03-02#line-3"
    )
    assert "Zij was op." in (await page.get("/report/wilg/12")).text
    assert (await form(page, "Bezoek.", about=WILG)).headers["location"] == (
        "/report?night=2026-03-02&site=wilg#line-3"
    )
    assert "Bezoek." in (await page.get("/report?site=wilg")).text
    assert "Bezoek." not in (await page.get("/report")).text


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"text": "Een. Twee. Drie."}, 422),
        ({"text": "x" * 5000}, 422),
        ({"line": "0"}, 422),
        ({"line": "6"}, 422),
        ({"line": "x"}, 422),
        ({"about": "wilg/99"}, 404),
        ({"about": "<script>"}, 404),
        ({"about": "a" * 200}, 422),
        ({"night": "2030-01-01"}, 404),
        ({"night": ""}, 422),
    ],
)
async def test_a_correction_that_cannot_be_kept_says_why_and_writes_nothing(
    page: httpx.AsyncClient, desk: Desk, more: dict[str, str], status: int
) -> None:
    answer = await form(page, **{"text": "Iets.", **more})
    assert answer.status_code == status
    assert "<script>" not in answer.text
    assert written(desk) == []


async def test_an_empty_correction_changes_nothing(page: httpx.AsyncClient, desk: Desk) -> None:
    assert (await form(page, "  ")).status_code == 303
    assert written(desk) == []


async def test_what_is_written_by_hand_is_text_and_never_a_page(page: httpx.AsyncClient) -> None:
    await form(page, "<img src=x onerror=alert(1)>")
    assert "<img" not in (await page.get("/report")).text


# The hand-over.


async def test_whoever_comes_reads_what_is_open_and_signs(
    page: httpx.AsyncClient, colleague: httpx.AsyncClient, desk: Desk, sanne: StaffId, noor: StaffId
) -> None:
    claimed = Claimed(at=MORNING - timedelta(hours=2), home=HOME, alert=ALERT, by=noor)
    await desk.centre.write(lambda board, at: [claimed])
    said = text((await page.get("/hand-over")).text)
    assert "Dienst van ma 2 mrt, 22:00 tot 07:00" in said
    assert "Nu open 1" in said
    assert "De\u00a0Wilg\u00a012" in said or "De Wilg 12" in said
    assert "opgepakt door Noor" in said
    answer = await page.post(
        "/hand-over", data={"given_by": noor, "note": "Sleutel ligt bij de receptie.", "by_voice": "true"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/hand-over")
    assert written(desk)[1:] == [
        HandedOver(
            at=MORNING + timedelta(microseconds=1),  # after what was written before it
            taken_by=sanne,
            given_by=noor,
            by_voice=True,
            note="Sleutel ligt bij de receptie.",
            open=(ALERT,),
        )
    ]
    signed = "Overgedragen door Noor aan Sanne om 07:02, ook mondeling."
    assert signed in text((await page.get("/hand-over")).text)
    assert signed in text((await colleague.get("/report")).text)


async def test_who_finds_nobody_at_the_desk_signs_all_the_same(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    await page.post("/hand-over", data={"given_by": ""})
    assert written(desk) == [HandedOver(at=MORNING, taken_by=sanne, open=(ALERT,))]
    assert "Er was niemand om over te dragen." in (await page.get("/hand-over")).text


async def test_nobody_hands_over_who_was_not_there(page: httpx.AsyncClient, desk: Desk, noor: StaffId) -> None:
    for who in (noor, "<script>", "x" * 100):
        answer = await page.post("/hand-over", data={"given_by": who})
        assert answer.status_code == 422
        assert "<script>" not in answer.text
    assert written(desk) == []


async def test_a_note_that_is_too_long_is_still_there_to_be_made_shorter(page: httpx.AsyncClient, desk: Desk) -> None:
    answer = await page.post("/hand-over", data={"note": "Een. Twee. <b>Drie</b>."})
    assert answer.status_code == 422
    assert "Hier passen hooguit twee zinnen. Je tekst staat er nog." in answer.text
    assert "Een. Twee. &lt;b&gt;Drie&lt;/b&gt;." in answer.text
    assert written(desk) == []


async def test_the_hand_over_says_what_is_still_to_be_proven(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    desk.screens.report("a1", in_view=True, sound=False)
    said = text((await page.get("/hand-over")).text)
    assert "Je hebt nog niet gezegd dat je je scherm ziet en hoort." in said
    assert "Schermen in beeld: 1. In deze dienst gezien en gehoord: 0." in said
    assert "Schermen in beeld met geluid: 0 van 1." in said
    assert "Gebouwen gehoord: 1 van 1." in said
    await desk.centre.write(lambda board, at: [SeenAndHeard(at=at, screen="a1", by=sanne)])
    said = text((await page.get("/hand-over")).text)
    assert "Je hebt je scherm in deze dienst gezien en gehoord." in said
    assert "In deze dienst gezien en gehoord: 1." in said


async def test_what_the_shift_before_proved_is_not_proven_now(
    page: httpx.AsyncClient, desk: Desk, sanne: StaffId
) -> None:
    await desk.centre.write(lambda board, at: [SeenAndHeard(at=at - timedelta(hours=8), screen="a1", by=sanne)])
    assert "Je hebt nog niet gezegd" in (await page.get("/hand-over")).text


async def test_the_journal_holds_the_ids_of_who_signed_and_never_their_names(
    page: httpx.AsyncClient, desk: Desk
) -> None:
    await page.post("/hand-over", data={"given_by": ""})
    await form(page, "Iets anders.")
    bodies = " ".join(str(row[0]) for row in desk.centre._db.execute("SELECT body FROM journal"))
    assert "Sanne" not in bodies


async def test_it_all_is_there_in_english(page: httpx.AsyncClient) -> None:
    page.cookies.set("language", "en", domain="desk.example")
    said = text((await page.get("/report")).text)
    assert "Shift 22:00\u201307:00: 1 home, every hour in sight." in said
    assert "Handed over" not in said
    assert "I have taken over" in text((await page.get("/hand-over")).text)


async def test_a_signature_survives_a_restart(
    page: httpx.AsyncClient, desk: Desk, tmp_path: Path, clock: StoryClock
) -> None:
    await page.post("/hand-over", data={"given_by": ""})
    await form(page, "Iets anders.", about=HOME)
    again = Centre(journal.connect(tmp_path / "centre.db"), clock)
    try:
        assert again.board.handovers.last == desk.centre.board.handovers.last
        assert again.board.handovers.corrections(HomeId(HOME), NIGHT, 3) != []
    finally:
        again.close()


async def test_a_centre_without_buildings_has_an_empty_report_and_no_mistake(desk: Desk, sanne: StaffId) -> None:
    async with signed_in(desk, sanne) as page:
        said = text((await page.get("/report")).text)
        assert "Dienst 22:00\u201307:00: 0\u00a0woningen" in said or "Dienst 22:00\u201307:00: 0 woningen" in said
        assert "Er staat geen melding open." in (await page.get("/hand-over")).text
        assert (await page.post("/hand-over", data={"given_by": ""})).status_code == 303
