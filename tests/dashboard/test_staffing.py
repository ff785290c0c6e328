"""Who works here: invitations, people lent from elsewhere, and an administrator who decides for one organisation."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pyotp
import pytest

from care import journal
from care.ids import StaffId
from care.messages import Carried, ToTell
from dashboard import contacts, factors, invitations, organisations, people, tastes
from dashboard.organisations import Access, OrganisationId, Post, Role
from dashboard.outbox import Outbox
from dashboard.pages import Desk
from tests.carriers import MailServer, kindly, running
from tests.dashboard.conftest import ALERT, HTMX, NIGHT, PASSWORD, WILG, StoryClock, batch, finding, plan, signed_in
from tests.dashboard.conftest import stranger_at as stranger
from tests.dashboard.test_signing_in import door, told

__all__ = ["door"]

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]

ZON, MAAN = OrganisationId("zon"), OrganisationId("maan")
NEW = {"name": "Iris", "first_name": "Iris", "initials": "IB", "password": "een lang woord"}
LINK = re.compile(r"https://desk\.example(/invitation/[\w-]+)")


@pytest.fixture
def town(door: Desk) -> Desk:
    """De Wilg is of Zon; Maan has people and no building."""
    for organisation in (ZON, MAAN):
        organisations.make(door.people, organisation, f"Zorg {organisation}")
    organisations.give(door.people, WILG, ZON)
    return door


def works(desk: Desk, name: str, organisation: str, role: Role) -> StaffId:
    return people.add_staff(
        desk.people,
        name,
        first_name=name.title(),
        initials="X",
        password=PASSWORD,
        organisation=organisation,
        role=role,
    )


@pytest.fixture
async def office(town: Desk) -> AsyncIterator[httpx.AsyncClient]:
    """The screen of the administrator of Zon."""
    async with signed_in(town, works(town, "ada", ZON, Role.ADMINISTRATOR)) as screen:
        yield screen


async def link(office: httpx.AsyncClient, role: str = "desk") -> str:
    found = LINK.search((await office.post("/people/zon/invite", data={"role": role})).text)
    assert found is not None
    return found[1]


async def test_somebody_comes_by_an_invitation_with_a_second_step_and_the_link_is_used_up(
    town: Desk, office: httpx.AsyncClient
) -> None:
    await town.centre.take(WILG, batch(plan(), finding()))
    path = await link(office)
    async with stranger(town) as iris:
        assert "Zorg zon" in (await iris.get(path)).text
        assert (await iris.post(path, data={**NEW, "password": "kort"})).status_code == 422
        assert (await iris.post(path, data={**NEW, "name": "ADA"})).status_code == 409
        joined = await iris.post(path, data=NEW)
        assert (joined.status_code, joined.headers["location"]) == (303, "/sign-in/second")
        assert (await iris.get("/")).status_code == 303  # not inside yet
        app = pyotp.TOTP(factors.secret_of(town.people, people.staff_named(town.people, "iris")))
        await iris.post("/my-sign-in/app", data={"code": app.at(town.wall.now())})
        assert ALERT in (await iris.get("/")).text
        assert (await iris.get(path)).status_code == (await iris.post(path, data=NEW)).status_code == 404
    assert "Iris" in (await office.get("/people")).text
    assert ("changed", "invitation: desk") in told(town)
    assert ("changed", "post: desk") in told(town)


async def test_an_invitation_that_ran_out_or_was_taken_back_is_as_one_that_never_was(
    town: Desk, office: httpx.AsyncClient, wall: StoryClock
) -> None:
    (old, back), never = [await link(office), await link(office, "care")], "/invitation/none"
    (key,) = [one.key for one in invitations.waiting(town.people, ZON, wall.now()) if one.role is Role.CARE]
    await office.post("/people/zon/take-back", data={"key": key})
    async with stranger(town) as somebody:
        assert (await somebody.get(old)).status_code == 200
        wall.wait(days=7)
        answers = {
            (one.status_code, one.text) for one in [await somebody.post(p, data=NEW) for p in (old, back, never)]
        }
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    kept = b"".join(row[0] for row in town.people.execute("SELECT token FROM invitation"))
    assert old.rpartition("/")[2].encode() not in kept


# By mail.


@pytest.fixture
def post(town: Desk) -> Iterator[MailServer]:
    made = MailServer()
    with running(made):
        contacts.set_channel(town.people, "email", f"smtp://127.0.0.1:{made.port}?from=nachtwacht@zorg.example")
        yield made


@pytest.fixture
async def mailing(town: Desk, post: MailServer) -> AsyncIterator[httpx.AsyncClient]:
    """The screen of the administrator of Zon, at a centre with mail."""
    there = replace(town, url="https://desk.example")
    async with signed_in(there, works(town, "ada", ZON, Role.ADMINISTRATOR)) as screen:
        yield screen


async def goes_out(desk: Desk) -> None:
    box = Outbox(desk.centre, desk.people, desk.wall, url="https://desk.example")
    box.look()
    await box.settle()
    box.close()


async def test_an_invitation_goes_by_mail_and_nobody_here_has_its_link(
    town: Desk, mailing: httpx.AsyncClient, post: MailServer
) -> None:
    asked = await mailing.post("/people/zon/invite", data={"role": "desk", "address": "iris@zorg.example"})
    assert asked.headers["location"] == "/people#waits-zon"
    assert "onderweg" in (await mailing.get("/people")).text
    await goes_out(town)
    page = (await mailing.get("/people")).text
    assert "iris@zorg.example" in page
    assert "aangenomen door" in page
    assert LINK.search(page) is None
    [(to, said)] = post.got
    text = said.get_payload(decode=True).decode()  # type: ignore[union-attr]
    found = LINK.search(text)
    assert to == "iris@zorg.example"
    assert found is not None
    assert not {"Iris", "iris", "ada", "Ada", "Zorg zon"} & set(text.replace(found[0], "").split())
    async with stranger(town) as iris:
        assert "Zorg zon" in (await iris.get(found[1])).text
        assert (await iris.post(found[1], data=NEW)).headers["location"] == "/sign-in/second"
    assert "iris@zorg.example" not in str(town.people.execute("SELECT * FROM invitation").fetchall())
    journalled = [one.record for one in await town.centre.ask(lambda db: journal.read_after(db, 0))]
    assert [type(one) for one in journalled] == [ToTell, Carried]
    assert "zorg.example" not in str(journalled)


async def test_a_mailbox_that_is_not_there_is_said_and_another_link_can_be_handed_over(
    town: Desk, mailing: httpx.AsyncClient, post: MailServer, clock: StoryClock
) -> None:
    post.fate = lambda _: 550
    form = {"role": "desk", "address": "ires@zorg.example"}
    await mailing.post("/people/zon/invite", data=form)
    for _ in range(3):
        await goes_out(town)
        clock.wait(seconds=30)
    assert len(post.asked) == 1
    assert "adres niet meer in gebruik" in (await mailing.get("/people")).text
    assert (await mailing.post("/people/zon/invite", data=form)).status_code == 409
    (waits,) = invitations.waiting(town.people, ZON, town.wall.now())
    await mailing.post("/people/zon/take-back", data={"key": waits.key})
    assert invitations.waiting(town.people, ZON, town.wall.now()) == []
    assert await link(mailing)


async def test_an_invitation_that_was_taken_back_before_its_mail_went_out_is_not_mailed(
    town: Desk, mailing: httpx.AsyncClient, post: MailServer
) -> None:
    await mailing.post("/people/zon/invite", data={"role": "desk", "address": "iris@zorg.example"})
    (waits,) = invitations.waiting(town.people, ZON, town.wall.now())
    await mailing.post("/people/zon/take-back", data={"key": waits.key})
    await goes_out(town)
    assert post.asked == []


async def test_a_refused_mail_is_tried_again_with_a_link_of_its_own(
    town: Desk, mailing: httpx.AsyncClient, post: MailServer, clock: StoryClock
) -> None:
    post.fate = lambda _: 452
    await mailing.post("/people/zon/invite", data={"role": "desk", "address": "iris@zorg.example"})
    await goes_out(town)
    post.fate = kindly
    clock.wait(seconds=30)
    await goes_out(town)
    [(_, said)] = post.got
    found = LINK.search(said.get_payload(decode=True).decode())  # type: ignore[union-attr]
    assert found is not None
    async with stranger(town) as iris:
        assert (await iris.get(found[1])).status_code == 200


async def test_what_is_no_address_of_one_person_gets_no_invitation_and_without_mail_no_address_is_asked(
    town: Desk, office: httpx.AsyncClient
) -> None:
    assert 'name="address"' not in (await office.get("/people")).text
    made = await office.post("/people/zon/invite", data={"role": "desk", "address": "iris@zorg.example"})
    assert LINK.search(made.text) is not None  # there is no mail here: it is handed over
    contacts.set_channel(town.people, "email", "smtp://127.0.0.1:1?from=nachtwacht@zorg.example")
    there = replace(town, url="https://desk.example")
    async with signed_in(there, people.staff_named(town.people, "ada")) as screen:
        assert 'name="address"' in (await screen.get("/people")).text
        for wrong in ("iris", "a@b.nl,c@d.nl", "a@b.nl\r\nBcc: c@d.nl"):
            answer = await screen.post("/people/zon/invite", data={"role": "desk", "address": wrong})
            assert answer.status_code == 422
            assert "geen e-mailadres" in answer.text
    assert len(invitations.waiting(town.people, ZON, town.wall.now())) == 1


async def test_who_is_dismissed_is_out_at_once(town: Desk, office: httpx.AsyncClient) -> None:
    kees = works(town, "kees", ZON, Role.CARE)
    async with signed_in(town, kees) as screen:
        assert (await screen.get("/")).status_code == 200
        assert (await office.post("/people/zon/dismiss", data={"staff": kees})).status_code == 303
        assert (await screen.get("/")).status_code == 303
    assert ("erased", "post") in told(town)
    ada = people.staff_named(town.people, "ada")
    assert (await office.post("/people/zon/dismiss", data={"staff": ada})).status_code == 409  # or nobody could mend it


async def test_somebody_of_another_organisation_is_lent_on_a_ground_until_a_day_and_then_no_more(
    town: Desk, office: httpx.AsyncClient, wall: StoryClock
) -> None:
    await town.centre.take(WILG, batch(plan(), finding()))
    mo = works(town, "mo", MAAN, Role.NIGHT_TEAM)
    last = (wall.now() + timedelta(days=3)).date()
    asked = {"name": "mo", "role": "night-team", "until": last.isoformat(), "ground": "griep in het team van Zon"}
    for wrong in (
        {"ground": "griep"},
        {"until": "2020-01-01"},
        {"until": "soon"},
        {"name": "nobody"},
        {"until": "9999-12-31"},
    ):
        assert (await office.post("/people/zon/lend", data={**asked, **wrong})).status_code == 422
    assert organisations.posts_of(town.people, mo, wall.now()) == {Post(MAAN, Role.NIGHT_TEAM)}
    assert (await office.post("/people/zon/lend", data=asked)).status_code == 303
    page = (await office.get("/people")).text
    assert "griep in het team van Zon" in page
    assert f"{last:%d-%m-%Y}" in page
    async with signed_in(town, mo) as screen:
        assert (await screen.post(f"/alerts/{ALERT}/claim", headers=HTMX)).status_code == 200
    wall.wait(days=4)
    async with signed_in(town, mo) as screen:
        assert (await screen.get(f"/alerts/{ALERT}")).status_code == 404
        assert ZON not in set().union(*Access(town.people, wall.now).sessions().values())
    assert ("changed", "lent-post: night-team") in told(town)


async def test_an_administrator_of_another_organisation_decides_nothing_here(town: Desk) -> None:
    kees = works(town, "kees", ZON, Role.CARE)
    before = list(town.people.execute("SELECT * FROM post ORDER BY staff, role"))
    forms: dict[str, dict[str, str]] = {
        "invite": {"role": "desk"},
        "take-back": {"key": "00"},
        "appoint": {"staff": kees, "role": "manager"},
        "lend": {"name": "kees", "role": "desk", "until": "2026-07-01", "ground": "because I want to"},
        "dismiss": {"staff": kees},
        "sessions": {"staff": kees},
        "second-step": {"wanted": "true"},
        "manner": {"formal": "true"},
    }
    for who, role in (("max", Role.ADMINISTRATOR), ("eva", Role.CARE), ("fay", Role.PRIVACY)):
        one = works(town, who, MAAN if role is Role.ADMINISTRATOR else ZON, role)
        async with signed_in(town, one) as screen, signed_in(town, kees) as colleague:
            for what, form in forms.items():
                assert (await screen.post(f"/people/zon/{what}", data=form)).status_code == 404
            assert "Kees" not in (await screen.get("/people")).text
            assert (await colleague.get("/my-sign-in")).status_code == 200
    after = [row for row in town.people.execute("SELECT * FROM post ORDER BY staff, role") if row in before]
    assert after == before
    assert not factors.must(town.people, kees)
    assert not tastes.usually_formal(town.people, ZON)


async def test_an_administrator_says_how_residents_are_spoken_to(town: Desk, office: httpx.AsyncClient) -> None:
    for formal in (True, False):
        await office.post("/people/zon/manner", data={"formal": str(formal)})
        assert tastes.usually_formal(town.people, ZON) is formal
        assert not tastes.usually_formal(town.people, MAAN)
    assert ("changed", "manner: u") in told(town)


async def test_a_second_step_is_asked_of_everybody_by_their_administrator(
    town: Desk, office: httpx.AsyncClient
) -> None:
    kees = works(town, "kees", ZON, Role.CARE)
    for wanted in (True, False):
        await office.post("/people/zon/second-step", data={"wanted": str(wanted)})
        assert factors.must(town.people, kees) is wanted


async def test_who_signs_in_here_already_takes_an_invitation_of_a_second_organisation(
    town: Desk, office: httpx.AsyncClient
) -> None:
    mo = works(town, "mo", MAAN, Role.DESK)
    path = await link(office, "privacy")
    async with signed_in(town, mo) as screen:
        assert "Mo" in (await screen.get(path)).text
        assert (await screen.post(f"{path}/accept")).status_code == 303
    assert organisations.posts_of(town.people, mo, NIGHT) == {Post(MAAN, Role.DESK), Post(ZON, Role.PRIVACY)}
