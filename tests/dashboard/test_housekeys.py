"""Keys to pages of one's own: a code is good once, a key opens what is its holder's, and nothing of anybody else."""

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care import journal
from care.database import Database
from care.ids import ContactId, StaffId
from care.letters import Letter
from care.records import Record
from dashboard import access_log, contacts, housekeys, people, push
from dashboard.carrying import Carrier
from dashboard.centre import Centre
from dashboard.contacts import Relation
from dashboard.drawing import Drawing
from dashboard.housekeys import Device
from dashboard.live import Live
from dashboard.organisations import OrganisationId, Role
from dashboard.pages import Desk, application, every_route
from detectors.homes import ResidentId
from tests.carriers import Browser, PushService
from tests.dashboard.conftest import WILG, StoryClock, batch, signed_in
from tests.dashboard.nights import a_plan, long_in_the_bathroom
from tests.dashboard.test_organisations import EIK, MAAN, ZON, hired, two

__all__ = ["two"]

NORA, OMAR = ResidentId("r-wilg-12"), ResidentId("r-wilg-1")
ORIGIN = {"Origin": "http://desk.example"}

pytestmark = pytest.mark.both_stores


def device(desk: Desk, resident: ResidentId, contact: ContactId | None = None) -> httpx.AsyncClient:
    now = desk.wall.now()
    code = housekeys.invite(desk.people, resident, contact, now)
    token = housekeys.let_in(desk.people, code, now, Device.PHONE)
    assert token is not None
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application(desk)),
        base_url="http://desk.example",
        headers=ORIGIN,
        cookies={"nachtwacht-own": token},
    )


@pytest.fixture
async def real(centre: Centre, store: Database, wall: StoryClock) -> Desk:
    """Nora in 12 and Omar in 1, with an alert about Omar; each has a contact."""
    drawing = Drawing(centre.board, people.Names(store))
    desk = Desk(
        centre=centre,
        live=Live(centre, drawing),
        drawing=drawing,
        people=store,
        access_log=access_log.connect(":memory:"),
        wall=wall,
    )
    await centre.take(WILG, batch(a_plan("wilg", "De Wilg", (1, 12)), long_in_the_bathroom("wilg/1")))
    people.name_resident(store, NORA, "Nora")
    people.name_resident(store, OMAR, "Omar")
    return desk


# What a code and a key are.


def test_a_code_is_good_once_and_for_its_days(store: Database, wall: StoryClock) -> None:
    eva = contacts.add(store, NORA, "Eva", Relation.FAMILY)
    for contact, lasts in ((None, housekeys.CODE_FOR_RESIDENT), (eva, housekeys.CODE_FOR_CONTACT)):
        code = housekeys.invite(store, NORA, contact, wall.now())
        assert housekeys.invited(store, f" {housekeys.spelled(code).lower()} ", wall.now()) is not None
        assert housekeys.invited(store, code, wall.now() + lasts) is None
        assert housekeys.let_in(store, code, wall.now(), Device.TABLET) is not None
        assert housekeys.let_in(store, code, wall.now(), Device.TABLET) is None


def test_a_new_code_takes_the_place_of_one_that_lies_about(store: Database, wall: StoryClock) -> None:
    old = housekeys.invite(store, NORA, None, wall.now())
    housekeys.invite(store, NORA, None, wall.now())
    assert housekeys.invited(store, old, wall.now()) is None


def test_nothing_that_opens_anything_is_kept(store: Database, wall: StoryClock) -> None:
    code = housekeys.invite(store, NORA, None, wall.now())
    kept = str(store.execute("SELECT * FROM house_code").fetchall())
    token = housekeys.let_in(store, code, wall.now(), Device.TABLET)
    kept += str(store.execute("SELECT * FROM house_key").fetchall())
    assert code not in kept
    assert str(token) not in kept


def test_a_phone_of_two_residents_daughter_opens_both_and_whoever_put_a_key_there_before_nothing(
    store: Database, wall: StoryClock
) -> None:
    one, other = (contacts.add(store, whose, "Eva", Relation.FAMILY) for whose in (NORA, OMAR))
    now = wall.now()
    planted = housekeys.let_in(store, housekeys.invite(store, NORA, one, now), now, Device.PHONE)
    assert planted is not None
    token = housekeys.let_in(store, housekeys.invite(store, OMAR, other, now), now, Device.PHONE, before=planted)
    assert token is not None
    assert {key.contact for key in housekeys.keys(store, token, now)} == {one, other}
    assert housekeys.keys(store, planted, now) == []
    assert housekeys.keys(store, token, now + housekeys.KEY) == []


@settings(max_examples=40, deadline=None)
@given(guess=st.text(max_size=60))
def test_a_guess_opens_nothing(guess: str) -> None:
    db = people.connect(":memory:")
    now = StoryClock().now()
    code = housekeys.invite(db, NORA, None, now)
    known = housekeys.invited(db, guess, now)
    assert known is None or housekeys.spelled(code).replace("-", "") in guess.upper()
    db.close()


def test_a_key_that_is_not_theirs_is_left_alone(store: Database, wall: StoryClock) -> None:
    now = wall.now()
    token = housekeys.let_in(store, housekeys.invite(store, OMAR, None, now), now, Device.TABLET)
    (key,) = housekeys.of_resident(store, OMAR, now)
    housekeys.end(store, NORA, key.id)
    assert housekeys.keys(store, str(token), now) == [key]
    housekeys.end(store, OMAR, key.id)
    assert housekeys.keys(store, str(token), now) == []


# What a device is told ends with its key.

LETTER = Letter("Nachtwacht: er is een bericht voor je.", "a1b2")


def told_at(store: Database, service: PushService, contact: ContactId | None, now: datetime) -> str:
    """Let a device of Nora or her contact in, have it told, and return its key."""
    token = housekeys.let_in(store, housekeys.invite(store, NORA, contact, now), now, Device.PHONE)
    key = housekeys.keys(store, str(token), now)[0].id
    push.subscribe(store, contact or NORA, service.browser(key).says, held=key, here=True)
    return key


def reaches(desk: Desk, service: PushService, whose: str) -> list[str]:
    """Send somebody a push, and return the devices that got it."""
    service.got.clear()
    carrier = Carrier(desk.people, desk.wall, here=True)
    carrier.errand(contacts.Channel("push", push.URL, ""), whose, LETTER)()
    return [path.removeprefix("/push/") for path, _, _ in service.got]


WAYS_OUT = {
    "the resident ends it": "/mine/devices/{key}/end",
    "the care team ends it": "/homes/wilg/12/circle/end",
    "the resident removes her": "/mine/people/{contact}/remove",
    "the care team removes her": "/homes/wilg/12/circle/remove",
}


@pytest.mark.anyio
@pytest.mark.parametrize("path", WAYS_OUT.values(), ids=WAYS_OUT.keys())
async def test_no_push_goes_to_a_device_that_is_let_in_no_more(
    real: Desk, service: PushService, sanne: StaffId, path: str
) -> None:
    store, now = real.people, real.wall.now()
    eva = contacts.add(store, NORA, "Eva", Relation.FAMILY)
    key, her_tablet = told_at(store, service, eva, now), told_at(store, service, eva, now)
    hers = told_at(store, service, None, now)
    assert reaches(real, service, eva) == [key, her_tablet]
    form = {"contact": eva, "key": key}
    client = device(real, NORA) if path.startswith("/mine") else signed_in(real, sanne)
    async with client:
        answer = await client.post(path.format(key=key, contact=eva), data=form)
    assert answer.status_code == 303
    assert reaches(real, service, eva) == ([] if "remove" in path else [her_tablet])
    assert reaches(real, service, NORA) == [hers]  # what is another's stays


@pytest.mark.anyio
async def test_no_push_goes_where_a_key_ran_out_was_pushed_out_or_is_of_another_resident_now(
    real: Desk, service: PushService, wall: StoryClock
) -> None:
    store = real.people
    first = told_at(store, service, None, wall.now())
    assert reaches(real, service, NORA) == [first]
    for _ in range(housekeys.KEYS_MAX - 1):
        wall.wait(minutes=1)
        housekeys.let_in(store, housekeys.invite(store, NORA, None, wall.now()), wall.now(), Device.PHONE)
    assert reaches(real, service, NORA) == [first]
    wall.wait(minutes=1)
    last = told_at(store, service, None, wall.now())  # one more than a resident has
    assert reaches(real, service, NORA) == [last]
    wall.wait(seconds=housekeys.KEY.total_seconds() - 30)
    assert reaches(real, service, NORA) == [last]
    wall.wait(minutes=1)
    assert reaches(real, service, NORA) == []
    now = wall.now()
    token = str(housekeys.let_in(store, housekeys.invite(store, NORA, None, now), now, Device.TABLET))
    (key,) = housekeys.keys(store, token, now)
    push.subscribe(store, NORA, service.browser("tablet").says, held=key.id, here=True)
    again = str(housekeys.let_in(store, housekeys.invite(store, NORA, None, now), now, Device.TABLET, before=token))
    assert reaches(real, service, NORA) == ["tablet"]  # let in once more as the same
    housekeys.let_in(store, housekeys.invite(store, OMAR, None, now), now, Device.TABLET, before=again)
    assert reaches(real, service, NORA) == []


def test_an_older_store_lets_go_of_devices_whose_people_nobody_let_in(tmp_path: Path, wall: StoryClock) -> None:
    file, now = tmp_path / "people.db", wall.now()
    with closing(people.connect(file)) as db:
        eva, bram = (contacts.add(db, NORA, name, Relation.FAMILY) for name in ("Eva", "Bram"))
        housekeys.let_in(db, housekeys.invite(db, NORA, eva, now), now, Device.PHONE)
        for whose in (eva, bram, "night-team"):
            push.subscribe(db, whose, Browser(f"https://push.example/{whose}").says)
        db.execute("ALTER TABLE subscription DROP COLUMN held")
    with closing(people.connect(file)) as db:
        assert [len(push.of(db, whose, now)) for whose in (eva, bram, "night-team")] == [1, 0, 1]
        (key,) = housekeys.of_resident(db, NORA, now)
        housekeys.end(db, NORA, key.id)
        assert push.of(db, eva, now) == []


# Isolation.

FORMS: dict[str, object] = {
    "until": "2026-06-01",
    "parts": "night",
    "contact": "c-other",
    "off": "true",
    "answer": "going",
    "formal": "true",
    "quiet_since": "22:00",
    "quiet_until": "07:00",
    "moment": "2026-03-04T10:00",
    "what": "*",
    "hourly": "4",
    "nightly": "4",
    "subscription": "{}",
    "endpoint": "https://push.example/1",
}
OWN_ROUTES = [
    (method, route.path)
    for route in every_route()
    for method in route.methods or ()
    if route.path.startswith(("/mine", "/with"))
]


def filled(path: str, contact: str, key: str, alert: str) -> str:
    return path.replace("{contact}", contact).replace("{key}", key).replace("{alert}", alert)


@pytest.mark.anyio
@pytest.mark.parametrize("as_contact", [False, True])
async def test_whatever_a_device_asks_for_nothing_of_another_resident_is_told_or_changed(
    real: Desk, *, as_contact: bool
) -> None:
    """Every route there is, with the ids of somebody else in every place for one."""
    store, now = real.people, real.wall.now()
    eva = contacts.add(store, NORA, "Eva", Relation.FAMILY)
    theirs = contacts.add(store, OMAR, "Karim", Relation.FAMILY)
    housekeys.let_in(store, housekeys.invite(store, OMAR, theirs, now), now, Device.PHONE)
    (key,) = housekeys.of_resident(store, OMAR, now)
    (alert,) = real.centre.board.open_alerts()
    before = store.execute("SELECT * FROM house_key WHERE resident = ?", (OMAR,)).fetchall()
    async with device(real, NORA, eva if as_contact else None) as asks:
        for method, path in OWN_ROUTES:
            if path == "/mine/paper":
                continue  # the same values as the pages, and a second to print
            number = real.centre.number
            form = {**FORMS, "contact": theirs, "until": "60" if path == "/mine/pause" else FORMS["until"]}
            where = filled(path, theirs, key.id, alert.id)
            answer = await asks.request(method, where, data=form if method == "POST" else None)
            assert not {"Omar", "Karim", theirs, alert.id} & set(_words(answer.text)), (method, where)
            assert answer.status_code in {200, 204, 303, 404, 422}, (method, where, answer.status_code)
            written = await _written_after(real, number)
            assert not any(getattr(one, "home", None) == "wilg/1" for one in written), (method, where)
            assert not any(getattr(one, "contact", None) == theirs for one in written), (method, where)
    assert contacts.known(store, theirs) is not None
    assert store.execute("SELECT * FROM house_key WHERE resident = ?", (OMAR,)).fetchall() == before


async def _written_after(desk: Desk, number: int) -> list[Record]:
    return [one.record for one in await desk.centre.ask(lambda db: journal.read_after(db, number))]


def _words(page: str) -> list[str]:
    return page.replace('"', " ").replace("/", " ").replace("<", " ").replace(">", " ").split()


@pytest.mark.anyio
async def test_a_device_is_no_session_of_staff_and_a_session_of_staff_is_no_device(real: Desk) -> None:
    async with device(real, NORA) as tablet:
        for path in ("/", "/homes/wilg/12", "/homes/wilg/12/circle", "/report", "/load"):
            answer = await tablet.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/sign-in")
        assert (await tablet.get("/with")).headers["location"].startswith("/let-in")
    async with signed_in(real, hired(real.people, "sanne", "own", Role.CARE)) as staff:
        for path in ("/mine", "/mine/people", "/mine/looked", "/with"):
            answer = await staff.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/let-in")
        assert (await staff.post("/mine/help")).headers["location"].startswith("/let-in")


@pytest.mark.anyio
async def test_only_the_care_team_of_that_home_hands_out_codes(real: Desk, two: None) -> None:
    path = "/homes/wilg/12/circle"
    posts = ("code", "end", "share", "remove")
    form = {"contact": "c-1", "key": "k-1", "until": "2026-06-01", "word": "resident"}
    async with signed_in(real, hired(real.people, "desk", ZON, Role.DESK)) as desk:
        assert (await desk.get(path)).status_code == 200
        assert [(await desk.post(f"{path}/{one}", data=form)).status_code for one in posts] == [403] * len(posts)
    async with signed_in(real, hired(real.people, "maan", MAAN, Role.CARE)) as other:
        assert (await other.get(path)).status_code == 404
        assert [(await other.post(f"{path}/{one}", data=form)).status_code for one in posts] == [404] * len(posts)
    assert real.people.execute("SELECT count(*) FROM house_code").fetchone() == (0,)
    assert OrganisationId(EIK) not in {ZON, MAAN}


@pytest.mark.anyio
async def test_what_the_care_team_writes_down_is_shared_at_whose_word_and_removed_as_well(real: Desk) -> None:
    eva = contacts.add(real.people, NORA, "Eva", Relation.FAMILY)
    path = "/homes/wilg/12/circle"
    async with signed_in(real, hired(real.people, "care", "own", Role.CARE)) as care:
        form = {"contact": eva, "until": "2026-06-01", "word": "representative", "parts": "night"}
        assert (await care.post(f"{path}/share", data=form)).status_code == 303
        said = real.centre.board.shares.said(NORA, eva, real.centre.now())
        assert said is not None
        assert (said.word.value, said.parts) == ("representative", ("night",))
        late = {**form, "until": "2028-06-01"}
        assert (await care.post(f"{path}/share", data=late)).status_code == 422
        assert (await care.post(f"{path}/remove", data={"contact": eva})).status_code == 303
    assert real.centre.board.shares.said(NORA, eva, real.centre.now() + timedelta(seconds=1)) is None
    assert contacts.known(real.people, eva) is None


@pytest.mark.anyio
async def test_no_page_of_ones_own_can_be_had_from_elsewhere(real: Desk) -> None:
    async with device(real, NORA) as tablet:
        number = real.centre.number
        answer = await tablet.post("/mine/help", headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 403
        assert real.centre.number == number
