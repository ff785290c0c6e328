"""Who sees what: of another organisation's homes nothing is there, whichever way somebody asks."""

import asyncio
import csv
import io
import itertools
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from care.agreements import LIMITS
from care.alerts import alert_of
from care.board import Board
from care.database import Database, Where
from care.ids import AlertId, StaffId
from care.records import CENTRE, Claimed, Record, site_of
from care.upkeep import Used
from dashboard import live, organisations, people
from dashboard.commands import cli
from dashboard.drawing import Drawing, Viewer
from dashboard.live import Live
from dashboard.organisations import OWN, Access, OrganisationId, Post, Right, Role, sees, sees_often
from dashboard.pages import Desk
from dashboard.rows import TooNew
from detectors.findings import What
from detectors.homes import HomeId, SiteId
from tests.conftest import examples
from tests.dashboard.conftest import (
    ALERT,
    HOME,
    HTMX,
    PASSWORD,
    WILG,
    Plain,
    batch,
    eventually,
    finding,
    plan,
    signed_in,
    status,
    written,
)
from tests.dashboard.nights import (
    NOW,
    People,
    a_busy_night,
    add,
    claimed,
    gone_outside,
    help_asked,
    long_in_the_bathroom,
    of_building,
    over,
    sensor_silent,
    still_up,
)
from tests.dashboard.test_live import A_SHIFT_S, Reader

EIK = SiteId("eik")
ZON, MAAN = OrganisationId("zon"), OrganisationId("maan")
THEIRS = alert_of(finding(HomeId("eik/12")))
AGREED = dict.fromkeys(LIMITS, "19")

pytestmark = pytest.mark.both_stores


@pytest.fixture
def two(store: Database) -> None:
    """De Wilg is of Zon, De Eik of Maan."""
    for organisation, site in ((ZON, WILG), (MAAN, EIK)):
        organisations.make(store, organisation, f"Zorg {organisation}")
        organisations.give(store, site, organisation)


def hired(store: Database, name: str, organisation: str, role: Role = Role.DESK) -> StaffId:
    return people.add_staff(
        store, name, first_name=name.title(), initials="X", password=PASSWORD, organisation=organisation, role=role
    )


@pytest.fixture
async def real(desk: Desk, two: None) -> Desk:
    """A desk that draws what it really draws, with an alert in each of two buildings."""
    drawing = Drawing(desk.centre.board, people.Names(desk.people), Access(desk.people).owners)
    made = Desk(
        centre=desk.centre,
        live=Live(desk.centre, drawing, access=Access(desk.people)),
        drawing=drawing,
        people=desk.people,
        access_log=desk.access_log,
        wall=desk.wall,
    )
    await made.centre.take(WILG, batch(plan(), finding()))
    await made.centre.take(EIK, batch(plan(EIK), finding(HomeId("eik/12")), of="journal-of-eik"))
    return made


@pytest.fixture
async def of_zon(real: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with signed_in(real, hired(real.people, "sanne", ZON)) as made:
        yield made


@pytest.mark.anyio
async def test_the_desk_of_one_organisation_shows_its_homes_and_no_others(of_zon: httpx.AsyncClient) -> None:
    page = (await of_zon.get("/")).text
    assert "tile-wilg:12" in page
    assert ALERT in page
    assert not re.search(rf"\beik\b|{THEIRS}", page)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        f"/alerts/{THEIRS}",
        "/homes/eik/12",
        "/homes/eik/12/agreements",
        "/homes/eik/12/measures",
        "/homes/eik/12/messages",
        "/report/eik/12",
        "/report?site=eik",
        "/calling-order/eik",
        "/calling-order/eik/12",
    ],
)
async def test_what_is_another_organisations_is_as_what_is_not_there(of_zon: httpx.AsyncClient, path: str) -> None:
    theirs, nowhere = await of_zon.get(path), await of_zon.get(path.replace(THEIRS, "0" * 10).replace("eik", "iep"))
    assert theirs.status_code == nowhere.status_code == 404
    assert theirs.text == nowhere.text
    mine = await of_zon.get(path.replace(THEIRS, ALERT).replace("eik", "wilg"))
    assert mine.status_code == 200


@pytest.mark.anyio
async def test_figures_of_weeks_are_for_who_reads_reports_and_of_their_own_buildings(real: Desk) -> None:
    async with signed_in(real, hired(real.people, "noor", ZON, Role.CARE)) as care:
        assert (await care.get("/effect?site=wilg")).status_code == 200
        assert (await care.get("/effect?site=eik")).status_code == 404
        assert "/effect" in (await care.get("/report")).text
    async with signed_in(real, hired(real.people, "sanne", ZON, Role.DESK)) as desk:
        assert (await desk.get("/effect")).status_code == 403
        assert "/effect" not in (await desk.get("/report")).text
        assert (await desk.get("/upkeep")).status_code == (await desk.get("/upkeep/file")).status_code == 403


@pytest.mark.anyio
async def test_what_a_home_costs_to_watch_is_told_of_ones_own_buildings_and_given_as_a_file(real: Desk) -> None:
    day = real.centre.now().date() - timedelta(days=1)
    for site, cpu_s in ((WILG, 240.0), (EIK, 999.0)):
        used = Used(at=real.centre.now(), site=site, day=day, homes=2, measured_s=86_400, cpu_s=cpu_s)
        await real.centre.write(lambda *_, used=used: [used])
    async with signed_in(real, hired(real.people, "noor", ZON, Role.CARE)) as care:
        page = (await care.get("/upkeep")).text
        assert "120 s" in page
        assert (await care.get("/upkeep?site=eik")).status_code == 404
        assert (await care.get("/upkeep?watt=0")).status_code == 422
        assert "/upkeep" in (await care.get("/effect")).text
        file = await care.get(f"/upkeep/file?first={day - timedelta(days=1)}")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["site"], row["cpu_s"]) for row in rows] == [
        *(("wilg", ""), ("wilg", "240.0")),
        *(("centre", ""), ("centre", "")),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("deed", "form"),
    [
        ("claim", {}),
        ("take-over", {}),
        ("release", {}),
        ("resolve", {"outcome": "helped", "how": "video"}),
        ("shown", {"screen": "a1"}),
    ],
)
async def test_nobody_does_anything_with_an_alert_of_another_organisation(
    of_zon: httpx.AsyncClient, real: Desk, deed: str, form: dict[str, str]
) -> None:
    before = real.centre.number
    assert (await of_zon.post(f"/alerts/{THEIRS}/{deed}", data=form)).status_code == 404
    assert real.centre.number == before
    assert (await of_zon.post(f"/alerts/{ALERT}/{deed}", data=form)).status_code in {204, 303}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/homes/eik/12/agreements", {"bath": "20"}),
        (
            "/homes/eik/12/measures",
            {"kinds": "bed", "purpose": "help", "basis": "agreed", "consenting": "client", "review": "2026-06-01"},
        ),
        ("/homes/eik/12/measures/end", {"kinds": "bed", "why": "client"}),
        ("/homes/eik/12/measures/less", {"wanted": "no"}),
        ("/calling-order/eik/12", {"do": "follow", "why": "new"}),
        ("/calling-order/eik/12/consent", {"contact": "c-1a2b3c4d", "until": "2026-06-01"}),
        ("/report/correct", {"night": "2026-03-02", "about": "eik/12", "line": "1", "text": "No."}),
        ("/report/correct", {"night": "2026-03-02", "about": "centre", "line": "1", "text": "No."}),
        ("/hand-over", {"note": "All is told."}),
        ("/homes/eik/12/messages/test", {"to": "r-0012", "channel": "sms"}),
        ("/homes/eik/12/messages/wish", {"to": "r-0012", "hourly": "1", "nightly": "1"}),
        ("/messages/sms/test", {}),
    ],
)
async def test_nobody_agrees_or_corrects_anything_for_another_organisation_or_for_the_centre(
    of_zon: httpx.AsyncClient, real: Desk, path: str, form: dict[str, str]
) -> None:
    before = real.centre.number
    assert (await of_zon.post(path, data=form)).status_code == 404
    assert real.centre.number == before


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/hand-over", "/calling-order", "/messages"])
async def test_what_is_of_the_centre_itself_is_not_there_for_others(
    of_zon: httpx.AsyncClient, real: Desk, path: str
) -> None:
    assert (await of_zon.get(path)).status_code == 404
    async with signed_in(real, hired(real.people, "own", OWN)) as own:
        assert (await own.get(path)).status_code == 200


@pytest.mark.anyio
async def test_the_night_desk_looks_at_what_is_agreed_and_the_care_team_changes_it(real: Desk) -> None:
    form, path = {"do": "follow", "why": "new"}, "/calling-order/wilg/12"
    async with signed_in(real, hired(real.people, "desk", ZON)) as desk:
        assert (await desk.get(path)).status_code == 200
        assert (await desk.post(path, data=form)).status_code == 403
        assert (await desk.post("/homes/wilg/12/agreements", data=AGREED)).status_code == 403
    async with signed_in(real, hired(real.people, "care", ZON, Role.CARE)) as care:
        assert (await care.post(path, data=form)).status_code == 303
        assert (await care.post("/homes/wilg/12/agreements", data=AGREED)).status_code == 303


@pytest.mark.anyio
async def test_who_may_look_and_not_act_is_told_so_and_shown_no_buttons(real: Desk) -> None:
    async with signed_in(real, hired(real.people, "manager", ZON, Role.MANAGER)) as manager:
        before = real.centre.number
        refused = await manager.post(f"/alerts/{ALERT}/claim", headers=HTMX)
        assert refused.status_code == 403
        assert real.centre.number == before
        assert 'class="onlooker"' in (await manager.get(f"/alerts/{ALERT}")).text
        # What only they see is seen by nobody who could act on it, and a desk that only they look at is not watched.
        assert (await manager.post(f"/alerts/{ALERT}/shown", data={"screen": "m1"})).status_code == 204
        await manager.post("/watching", data={"screen": "m1", "in_view": "true", "sound": "true"})
        assert real.centre.number == before
        assert real.screens.watching == 0
    async with signed_in(real, hired(real.people, "noor", ZON, Role.CARE)) as noor:
        assert 'class="onlooker"' not in (await noor.get(f"/alerts/{ALERT}")).text
        assert (await noor.post(f"/alerts/{ALERT}/claim", headers=HTMX)).status_code == 200
        await noor.post("/watching", data={"screen": "n1", "in_view": "true", "sound": "true"})
        assert real.screens.watching == 1


@pytest.mark.anyio
async def test_who_works_for_two_acts_where_the_role_of_that_one_lets_them(real: Desk) -> None:
    both = hired(real.people, "both", ZON)
    organisations.appoint(real.people, both, MAAN, Role.MANAGER)
    async with signed_in(real, both) as page:
        assert {ALERT, THEIRS} <= set((await page.get("/")).text.replace('"', " ").replace("/", " ").split())
        assert (await page.post(f"/alerts/{THEIRS}/claim", headers=HTMX)).status_code == 403
        assert (await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)).status_code == 200


@pytest.mark.anyio
async def test_somebody_who_works_nowhere_sees_an_empty_desk(real: Desk) -> None:
    gone = hired(real.people, "gone", ZON)
    organisations.dismiss(real.people, gone, ZON)
    async with signed_in(real, gone) as page:
        desk = await page.get("/")
        assert desk.status_code == 200
        assert not re.search(r"\b(wilg|eik)\b", desk.text)


@pytest.mark.anyio
async def test_a_store_without_organisations_is_that_of_one(desk: Desk, sanne: StaffId) -> None:
    await desk.centre.take(WILG, batch(plan(), finding()))
    async with signed_in(desk, sanne) as page:
        assert (await page.get(f"/alerts/{ALERT}")).status_code == 200
        assert (await page.post(f"/alerts/{ALERT}/claim", headers=HTMX)).status_code == 200
    assert Claimed in written(desk)


def test_a_store_of_an_older_make_lets_everybody_work_on_as_before(tmp_path: Path) -> None:
    file = tmp_path / "people.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.executescript(people._SCHEMA)
        old.execute("INSERT INTO staff VALUES ('s-1', 'sanne', 'Sanne', 'SV', 'x')")
    for _ in range(2):
        with closing(people.connect(file)) as db:
            assert organisations.posts_of(db, StaffId("s-1")) == {Post(OWN, Role.CARE)}
    with closing(people.connect(file)) as db:
        organisations.dismiss(db, StaffId("s-1"), OWN)
    with closing(people.connect(file)) as db:  # upgraded once, and not at every start
        assert organisations.posts_of(db, StaffId("s-1")) == set()


def test_a_store_that_a_newer_version_wrote_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "people.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version={people.VERSION + 1}")
    with pytest.raises(TooNew, match="newer version"):
        people.connect(file)


def test_a_role_gives_what_it_gives_where_it_is_held() -> None:
    posts = frozenset({Post(ZON, Role.DESK), Post(MAAN, Role.PRIVACY)})
    table = {
        (right, owner): organisations.may(posts, right, owner) for right in Right for owner in (ZON, MAAN, OWN, None)
    }
    assert {key for key, yes in table.items() if yes} == {
        *((right, owner) for right in (Right.LOOK, Right.ACT) for owner in (ZON, None)),
        *((right, owner) for right in (Right.LOG, Right.REPORTS) for owner in (MAAN, None)),
    }


# Live.


@pytest.mark.anyio
async def test_a_screen_hears_of_its_own_organisations_homes_only(desk: Desk, two: None, plain_live: Live) -> None:
    centre = desk.centre
    await centre.take(WILG, batch(plan()))
    await centre.take(EIK, batch(plan(EIK), of="journal-of-eik"))
    await asyncio.sleep(live.TOGETHER_S * 2)
    mine = Reader(plain_live.enter("nl", "s", for_s=A_SHIFT_S, organisations=frozenset({ZON})))
    both = Reader(plain_live.enter("nl", "t", for_s=A_SHIFT_S, organisations=frozenset({ZON, MAAN})))
    await centre.take(EIK, batch(finding(HomeId("eik/12")), after=1, of="journal-of-eik"))
    await eventually(lambda: len(both.of("change")) == 2)
    await centre.take(WILG, batch(status(), after=1))
    await eventually(lambda: len(both.of("change")) == 3)
    assert mine.of("change") == ["nl: everything", f"nl: {HOME}; "]
    plain_live.close()


@pytest.mark.anyio
async def test_a_beat_names_only_the_buildings_that_a_reader_may_see(real: Desk) -> None:
    hub = real.live
    readers = {}
    for name, whose in (("sanne", ZON), ("noor", MAAN)):
        token = people.start_session(real.people, hired(real.people, name, whose), real.wall.now())
        session = people.session(real.people, token, real.wall.now())
        assert session is not None
        readers[whose] = Reader(hub.enter("nl", session.key, for_s=A_SHIFT_S, organisations=session.organisations))
    hub.beat()
    await eventually(lambda: all(one.of("beat") for one in readers.values()))
    assert "wilg" in readers[ZON].of("beat")[0]
    assert "eik" not in readers[ZON].of("beat")[0]
    assert "wilg" not in readers[MAAN].of("beat")[0]
    hub.close()


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["dismissed", "appointed", "signed out", "moved"])
async def test_what_is_taken_from_somebody_leaves_their_screen_at_the_next_beat(real: Desk, how: str) -> None:
    sanne = hired(real.people, "sanne", ZON)
    token = people.start_session(real.people, sanne, real.wall.now())
    session = people.session(real.people, token, real.wall.now())
    assert session is not None
    reader = Reader(real.live.enter("nl", session.key, for_s=A_SHIFT_S, organisations=session.organisations))
    real.live.beat()
    await asyncio.sleep(0)
    assert not reader.gone
    changes: dict[str, Callable[[], object]] = {
        "dismissed": lambda: organisations.dismiss(real.people, sanne, ZON),
        "appointed": lambda: organisations.appoint(real.people, sanne, MAAN, Role.DESK),
        "signed out": lambda: people.end_session(real.people, token),
        "moved": lambda: organisations.give(real.people, WILG, MAAN),
    }
    changes[how]()
    real.live.beat()
    await eventually(lambda: reader.gone)
    assert reader.of("again")  # the page loads again, and is then what its reader may see


@pytest.mark.anyio
async def test_a_building_that_comes_is_drawn_for_whoever_it_belongs_to(
    desk: Desk, two: None, plain_live: Live
) -> None:
    mine = Reader(plain_live.enter("nl", "s", for_s=A_SHIFT_S, organisations=frozenset({ZON})))
    theirs = Reader(plain_live.enter("nl", "t", for_s=A_SHIFT_S, organisations=frozenset({MAAN})))
    await desk.centre.take(EIK, batch(plan(EIK), of="journal-of-eik"))
    await eventually(lambda: len(theirs.of("change")) == 2)
    assert mine.of("change") == ["nl: everything"]
    plain_live.close()


def test_whose_a_building_is_is_remembered_until_it_may_be_anothers(store: Database, two: None, place: Where) -> None:
    moment = [0.0]
    access = Access(store, monotonic=lambda: moment[0])
    before = access.owners()
    assert before == {WILG: ZON, EIK: MAAN}
    assert access.owners() is before
    with closing(people.at(place)) as of_a_command:
        organisations.give(of_a_command, WILG, MAAN)
    assert Access(store).owners() == {WILG: MAAN, EIK: MAAN}  # by which it is decided who may come in
    assert access.owners() == ({WILG: MAAN, EIK: MAAN} if isinstance(place, Path) else before)
    assert access.owners(afresh=True) == {WILG: MAAN, EIK: MAAN}
    organisations.give(store, EIK, ZON)
    moment[0] += 1.0
    after = access.owners()
    assert after == {WILG: MAAN, EIK: ZON}
    people.add_staff(store, "noor", first_name="Noor", initials="N", password=PASSWORD)
    moment[0] += 1.0
    assert access.owners() is after  # something else has changed


@given(
    owners=st.dictionaries(st.sampled_from([WILG, EIK, SiteId(CENTRE)]), st.sampled_from([OWN, ZON, MAAN])),
    mine=st.frozensets(st.sampled_from([OWN, ZON, MAAN])),
)
def test_who_asks_often_is_told_the_same(owners: dict[SiteId, OrganisationId], mine: frozenset[OrganisationId]) -> None:
    once, often = sees(mine, owners), sees_often(mine, owners)
    sites = [WILG, EIK, SiteId(CENTRE)]
    assert [often(site) for site in sites] == [once(site) for site in sites]


@pytest.fixture
def plain_live(desk: Desk, two: None) -> Live:
    hub = Live(desk.centre, Plain(desk.centre.board))
    hub._owners = Access(desk.people).owners()
    return hub


# The law.

PLACES = ("wilg", "eik")
HAPPENINGS: dict[str, Callable[[str], list[Record]]] = {
    "bath": lambda site: [long_in_the_bathroom(f"{site}/12")],
    "outside": lambda site: [gone_outside(f"{site}/7"), claimed(gone_outside(f"{site}/7"), "s-2", "01:59")],
    "up": lambda site: [still_up(f"{site}/3"), over(still_up(f"{site}/3"), "02:20")],
    "help": lambda site: [help_asked(f"{site}/3")],
    "sensor": lambda site: [sensor_silent(f"{site}/12")],
    "silent": lambda site: [of_building(What.BUILDING_SILENT, site, value=7.0, count=2)],
    "everywhere": lambda _: [of_building(What.BUILDING_SILENT, "centre", value=15.0, count=3)],
}


@settings(max_examples=examples(6), deadline=None)  # each draws every page there is
@given(
    happened=st.lists(st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.sampled_from(PLACES)), max_size=6, unique=True),
    sees=st.sets(st.sampled_from(PLACES)),
    language=st.sampled_from(["nl", "en"]),
)
def test_whatever_happens_no_page_of_anybody_holds_an_id_of_a_home_that_is_not_theirs(
    happened: list[tuple[str, str]], sees: set[str], language: str
) -> None:
    board = a_board(itertools.chain.from_iterable(HAPPENINGS[what](site) for what, site in happened))
    owners = {SiteId(site): OrganisationId(f"of-{site}") for site in PLACES}
    mine = frozenset(owners[SiteId(site)] for site in sees)
    drawing = Drawing(board, People(), lambda: owners)
    viewer = Viewer(StaffId("s-1"), "Sanne", "S.K.", language, mine)
    alerts, homes = set(board.alerts), set(board.homes)
    foreign = {one.id for one in board.alerts.values() if site_of(one.home) not in {*sees, "centre"}}
    drawn = [drawing.desk(NOW, viewer), drawing.everything(NOW, language, organisations=mine)]
    drawn.append(drawing.changes(homes, alerts, NOW, language, organisations=mine))
    drawn += [drawing.everything(NOW, language, organisations=mine, page=f"/alerts/{alert}") for alert in alerts]
    for alert in alerts:
        page = drawing.alert(AlertId(alert), NOW, viewer)
        assert (page is None) == (alert in foreign)
        drawn += [page or ""]
    for home in sorted(homes)[::5]:
        page = drawing.home(home, NOW, viewer)
        assert (page is None) == (site_of(home) not in sees)
        drawn += [page or ""]
    forbidden = re.compile(rf"(?i)\b({'|'.join([*(set(PLACES) - sees), *foreign, 'no-such-id'])})\b")  # ids, and names
    assert [forbidden.findall(page) for page in drawn] == [[] for _ in drawn]


def a_board(records: Iterable[Record]) -> Board:
    board = a_busy_night()
    add(board, *records)
    return board


# Commands.


def run(*arguments: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments), input=typed)
    return done.exit_code, done.output


def test_an_organisation_gets_a_building_and_somebody_who_works_there(tmp_path: Path) -> None:
    store = ("--people", str(tmp_path / "people.db"))
    assert run("organisation", "add", "zon", "Zorggroep Zon", *store)[0] == 0
    assert run("organisation", "give", "zon", "wilg", *store)[0] == 0
    sanne = ("staff", "add", "Sanne", "--first-name", "Sanne", "--initials", "SV", "--organisation", "zon")
    assert run(*sanne, *store, "--password-from-stdin", typed=PASSWORD + "\n")[0] == 0
    assert run("staff", "appoint", "sanne", "--organisation", "own", "--role", "manager", *store)[0] == 0
    said = run("organisation", "list", *store)[1]
    assert "zon  Zorggroep Zon\n  buildings: wilg\n  people: sanne (care)" in said
    assert "own  Eigen organisatie\n  buildings: every other building\n  people: sanne (manager)" in said
    assert run("staff", "dismiss", "sanne", "--organisation", "own", *store)[0] == 0
    assert "people: nobody yet" in run("organisation", "list", *store)[1]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["organisation", "give", "maan", "wilg"], "There is no organisation maan"),
        (["organisation", "add", "Zon!", "Zon"], "small letters"),
        (["organisation", "add", "zon", " "], "printable"),
        (
            ["staff", "appoint", "sanne", "--organisation", "own", "--role", "chief"],
            "choose desk, night-team, care, manager, installer, privacy, administrator",
        ),
        (["staff", "appoint", "nobody", "--organisation", "own", "--role", "desk"], "Nobody signs in as nobody"),
        (["staff", "dismiss", "sanne", "--organisation", "maan"], "There is no organisation maan"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, command: list[str], sentence: str) -> None:
    store = tmp_path / "people.db"
    with closing(people.connect(store)) as db:
        people.add_staff(db, "sanne", first_name="Sanne", initials="SV", password=PASSWORD)
    code, said = run(*command, "--people", str(store))
    assert code == 1
    assert sentence in said
