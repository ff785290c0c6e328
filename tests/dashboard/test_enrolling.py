"""Enrolment at the centre over HTTP: codes that are guessed, replayed, run out or stolen, and the page of it."""

import dataclasses
import hmac
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from care import certificates
from care.database import Database
from care.enrolment import Admitted, No, Refused, new_code
from care.ids import StaffId
from dashboard import authority, enrolment, organisations, people
from dashboard.authority import Authority, BadAuthority
from dashboard.drawing import Drawing
from dashboard.enrolment import Did
from dashboard.organisations import Access, Role
from dashboard.pages import Desk
from dashboard.typed import BadInput
from detectors.homes import SiteId
from tests.dashboard.conftest import StoryClock, signed_in, stranger_at

pytestmark = [pytest.mark.anyio, pytest.mark.both_stores]


@pytest.fixture
def signs(tmp_path: Path, wall: StoryClock) -> Authority:
    authority.make(tmp_path / "authority", ["mqtt.example"], wall.now())
    return Authority(tmp_path / "authority", broker="mqtt.example:8883")


@pytest.fixture
def gate(desk: Desk, signs: Authority) -> Desk:
    return dataclasses.replace(desk, authority=signs)


class Gateway:
    """What a gateway sends, and whoever wants to be one."""

    def __init__(self, desk: Desk, site: str = "wilg") -> None:
        self.desk, self.site = desk, site
        self.key = certificates.new_key()
        self.asked = certificates.request(self.key, site)
        self.certificate = b""

    async def enrol(self, code: object) -> Admitted | Refused:
        answer = await self._post("/enrol", {"asked": self.asked.decode(), "code": str(code)})
        if isinstance(answer, Admitted):
            self.certificate = answer.certificate.encode()
        return answer

    async def renew(self, *, at: datetime | None = None, **more: str) -> Admitted | Refused:
        at = at or self.desk.wall.now()
        asked = certificates.request(certificates.new_key(), self.site)
        form = {
            "asked": asked.decode(),
            "fingerprint": certificates.known(self.certificate).fingerprint,
            "at": at.isoformat(),
            "signature": certificates.prove(self.key, asked, at).hex(),
        }
        said = {name.removeprefix("said_"): value for name, value in more.items()}
        return await self._post("/enrol/renew", {**form, **said})

    async def _post(self, path: str, form: dict[str, str]) -> Admitted | Refused:
        async with stranger_at(self.desk) as line:
            return read(await line.post(path, data=form))


def read(answer: httpx.Response) -> Admitted | Refused:
    assert answer.headers["content-type"] == "application/json"
    kind: Any = Admitted if answer.status_code == 200 else Refused
    found: Admitted | Refused = msgspec.json.decode(answer.content, type=kind)
    return found


def why(answer: Admitted | Refused) -> No:
    assert isinstance(answer, Refused)
    return answer.why


def a_code(desk: Desk, site: str = "wilg", organisation: str | None = None) -> str:
    assert desk.authority is not None
    return str(enrolment.make_code(desk.people, site, desk.authority, desk.wall.now(), organisation))


def said(desk: Desk) -> list[tuple[Did, str, str]]:
    return [(line.what, line.site, line.why) for line in enrolment.log(desk.people)]


async def test_a_gateway_with_a_code_gets_a_certificate_and_the_way_to_the_broker(gate: Desk) -> None:
    answer = await Gateway(gate).enrol(a_code(gate))
    assert isinstance(answer, Admitted)
    assert answer.site == "wilg"
    assert answer.broker == "mqtt.example:8883"
    assert certificates.signed_by(answer.certificate.encode(), answer.authority.encode())
    assert said(gate)[:2] == [(Did.ENROLLED, "wilg", ""), (Did.CODE, "wilg", "")]


async def test_a_code_is_used_up_by_one_key_and_an_answer_that_was_lost_is_given_again(gate: Desk) -> None:
    code, first = a_code(gate), Gateway(gate)
    once = await first.enrol(code)
    assert await first.enrol(code) == once
    assert why(await Gateway(gate).enrol(code)) is No.CODE
    assert said(gate)[0] == (Did.REFUSED, "wilg", "code")


async def test_nothing_tells_a_wrong_code_from_a_used_one_or_one_of_another_building(
    gate: Desk, signs: Authority
) -> None:
    used, other, old = a_code(gate, "eik"), a_code(gate, "beuk"), a_code(gate, "olm")
    await Gateway(gate, "eik").enrol(used)
    gate.wall.wait(hours=25)  # type: ignore[attr-defined]
    other = a_code(gate, "beuk")
    answers = []
    for site, code in (
        ("eik", used),  # used, and run out
        ("olm", old),  # run out
        ("wilg", other),  # of another building
        ("beuk", new_code(signs.fingerprint)),  # guessed, where one waits
        ("nowhere", new_code(signs.fingerprint)),  # guessed, where nobody ever was
        ("beuk", new_code("0" * 64)),  # of another centre
        ("beuk", "no code at all"),
        ("beuk", ""),
    ):
        async with stranger_at(gate) as line:
            asked = certificates.request(certificates.new_key(), site)
            answers.append(await line.post("/enrol", data={"asked": asked.decode(), "code": str(code)}))
    assert {(one.status_code, one.content) for one in answers} == {(403, answers[0].content)}
    assert len([line for line in said(gate) if line[0] is Did.REFUSED]) == 8


async def test_who_guesses_is_locked_out_with_the_right_code_too_and_it_is_written_down_once(
    gate: Desk, signs: Authority
) -> None:
    code = a_code(gate)
    for _ in range(enrolment.TRIES_MAX):
        assert why(await Gateway(gate).enrol(new_code(signs.fingerprint))) is No.CODE
    for _ in range(5):
        assert why(await Gateway(gate).enrol(code)) is No.TRIES
    assert [line[2] for line in said(gate)].count("tries") == 1
    gate.wall.wait(minutes=16)  # type: ignore[attr-defined]
    assert isinstance(await Gateway(gate).enrol(code), Admitted)


async def test_every_code_is_held_against_what_is_typed_whether_it_fits_or_not(
    gate: Desk, signs: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long an answer takes does not tell how near a guess was, or where a code waits."""
    for site in ("eik", "beuk", "olm"):
        code = a_code(gate, site)
    real, counted = hmac.compare_digest, []

    def compare(one: Any, other: Any) -> bool:
        counted.append(1)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    counts = set()
    for site, typed in (("olm", code), ("eik", str(new_code(signs.fingerprint))), ("x", str(new_code("0" * 64)))):
        counted.clear()
        await Gateway(gate, site).enrol(typed)
        counts.add(len(counted))
    assert counts == {4}  # three codes, and by what the centre is known


async def test_a_new_code_takes_the_place_of_one_that_waited(gate: Desk) -> None:
    first, second = a_code(gate), a_code(gate)
    assert why(await Gateway(gate).enrol(first)) is No.CODE
    assert isinstance(await Gateway(gate).enrol(second), Admitted)


def test_a_code_is_kept_as_a_hash(gate: Desk, people_file: Path) -> None:
    code = a_code(gate)
    gate.people.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert code.replace("-", "")[:16].encode() not in people_file.read_bytes()


async def test_a_stolen_request_is_worth_nothing_without_its_key(gate: Desk) -> None:
    """Whoever copies a request gets no certificate with it, and the one that it gave is for the key it was made by."""
    owner, thief = Gateway(gate), Gateway(gate)
    thief.asked = owner.asked
    assert why(await thief.enrol(new_code("0" * 64))) is No.CODE
    await owner.enrol(a_code(gate))
    thief.certificate = owner.certificate
    assert why(await thief.renew()) is No.PROOF
    assert why(await owner.renew(said_fingerprint="0" * 64)) is No.PROOF
    assert why(await owner.renew(said_signature="zz")) is No.PROOF
    assert why(await owner.renew(said_at="yesterday")) is No.PROOF


async def test_a_renewal_asks_for_the_right_time_and_the_same_building(gate: Desk) -> None:
    owner = Gateway(gate)
    await owner.enrol(a_code(gate))
    now = gate.wall.now()
    assert why(await owner.renew(at=now - timedelta(minutes=11))) is No.CLOCK
    assert isinstance(await owner.renew(at=now - timedelta(minutes=9)), Admitted)
    owner.site = "eik"
    assert why(await owner.renew()) is No.PROOF


async def test_a_certificate_that_ran_out_or_was_taken_back_is_not_renewed(gate: Desk) -> None:
    owner = Gateway(gate)
    await owner.enrol(a_code(gate))
    gate.wall.wait(days=366)  # type: ignore[attr-defined]
    assert why(await owner.renew()) is No.OVER
    await owner.enrol(a_code(gate))
    other = Gateway(gate)
    await other.enrol(a_code(gate))
    enrolment.revoke(gate.people, SiteId("wilg"), by="command", now=gate.wall.now())
    assert why(await other.renew()) is No.REVOKED
    assert said(gate)[0] == (Did.REFUSED, "wilg", "revoked")


async def test_who_is_enrolled_anew_takes_the_building_from_the_gateway_that_had_it(gate: Desk) -> None:
    old, new = Gateway(gate), Gateway(gate)
    await old.enrol(a_code(gate))
    await new.enrol(a_code(gate))
    assert why(await old.renew()) is No.REVOKED
    serial = certificates.known(old.certificate).serial
    assert [one for one, _ in enrolment.taken_back(gate.people, gate.wall.now())] == [serial]
    assert enrolment.admitted(gate.people, gate.wall.now()) == ["wilg"]


@pytest.mark.parametrize("site", ["centre", "a/b", "+", "#", "wilg wilg", "", "x" * 41, "wilg\nuser eik"])
async def test_no_gateway_is_called_what_is_no_building(gate: Desk, site: str) -> None:
    with pytest.raises(BadInput):
        a_code(gate, site)
    if site:
        assert why(await Gateway(gate, site).enrol(a_code(gate))) is No.REQUEST


async def test_a_code_is_for_the_organisation_whose_building_it_was(gate: Desk) -> None:
    organisations.make(gate.people, "zon", "Zon")
    with pytest.raises(BadInput, match="belongs to own"):
        a_code(gate, "wilg", "zon")
    with pytest.raises(organisations.NoOrganisation):
        a_code(gate, "wilg", "maan")
    code = a_code(gate, "wilg", "own")
    organisations.give(gate.people, SiteId("wilg"), "zon")
    assert why(await Gateway(gate).enrol(code)) is No.CODE


async def test_a_centre_without_an_authority_enrols_nobody(desk: Desk) -> None:
    async with stranger_at(desk) as line:
        for answer in (await line.get("/enrol/authority"), await line.post("/enrol"), await line.post("/enrol/renew")):
            assert answer.status_code == 404
            assert why(read(answer)) is No.CLOSED


# The broker's files.


def test_the_brokers_files_say_who_may_come_in_and_the_broker_is_told_once(
    tmp_path: Path, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, told = datetime(2026, 3, 3, tzinfo=UTC), []
    monkeypatch.setattr(os, "kill", lambda pid, what: told.append((pid, what)))
    (tmp_path / "pid").write_text("4242\n")
    authority.make(tmp_path / "a", ["mqtt.example"], now)
    signs = Authority(tmp_path / "a", tell=tmp_path / "pid")
    acl, crl = (tmp_path / "a" / "broker" / name for name in ("acl", "crl.pem"))
    signs.publish([SiteId("wilg")], [], now)
    assert "user wilg\ntopic read nachtwacht/wilg/down\ntopic write nachtwacht/wilg/up\n" in acl.read_text()
    signs.publish([SiteId("wilg")], [], now)
    assert len(told) == 1
    dated = [certificates.listed_at(crl.read_bytes())]
    for serial in range(1, 4):
        signs.publish([SiteId("wilg")], [(one, now) for one in range(1, serial + 1)], now)
        dated.append(certificates.listed_at(crl.read_bytes()))
    assert dated == sorted(set(dated)), "each list is newer than the one before"
    assert dated[-1] < now, "and none is of the future"
    assert len(told) == 4


def test_an_authority_is_not_made_over_another_and_its_certificates_are_renewed_in_time(tmp_path: Path) -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    authority.make(tmp_path / "a", ["mqtt.example"], now)
    with pytest.raises(BadAuthority, match="already"):
        authority.make(tmp_path / "a", ["mqtt.example"], now)
    with pytest.raises(BadAuthority, match="no authority"):
        Authority(tmp_path / "b")
    with pytest.raises(BadAuthority, match="not made"):
        authority.make(tmp_path / "c", ["mqtt.exämple"], now)
    signs, broker = Authority(tmp_path / "a"), tmp_path / "a" / "broker" / "broker.pem"
    files = (broker, tmp_path / "a" / "own.pem")
    first = [certificates.known(file.read_bytes()).serial for file in files]
    for days, same in ((200, True), (250, False)):
        signs.keep(now + timedelta(days=days))
        signs.context(now + timedelta(days=days))
        assert ([certificates.known(file.read_bytes()).serial for file in files] == first) is same
    (tmp_path / "a" / "ca.key").write_bytes(certificates.new_key())
    with pytest.raises(BadAuthority, match=r"ca\.key is not the key"):
        Authority(tmp_path / "a")


# The page.


@pytest.fixture
def drawn(gate: Desk) -> Desk:
    access = Access(gate.people)
    return dataclasses.replace(gate, drawing=Drawing(gate.centre.board, people.Names(gate.people), access.owners))


async def test_the_page_shows_who_is_enrolled_and_takes_it_back(drawn: Desk, sanne: StaffId) -> None:
    await Gateway(drawn).enrol(a_code(drawn))
    a_code(drawn, "eik")
    async with signed_in(drawn, sanne, raise_app_exceptions=True) as page:
        page.cookies.set("language", "en", domain="desk.example")
        assert 'href="/gateways"' in (await page.get("/load")).text
        before = (await page.get("/gateways")).text
        assert "Its certificate is good until" in before
        assert "eik, until" in before
        assert (await page.post("/gateways/wilg/revoke")).status_code == 303
        after = (await page.get("/gateways")).text
        assert "Taken back on" in after
        assert "was taken back by Sanne" in after
        assert (await page.post("/gateways/nowhere/revoke")).status_code == 404
    assert enrolment.admitted(drawn.people, drawn.wall.now()) == []


async def test_what_is_another_organisations_is_not_on_the_page(drawn: Desk, sanne: StaffId) -> None:
    await Gateway(drawn).enrol(a_code(drawn))
    organisations.make(drawn.people, "zon", "Zon")
    organisations.appoint(drawn.people, sanne, "zon", Role.MANAGER)
    organisations.dismiss(drawn.people, sanne, "own")
    async with signed_in(drawn, sanne) as page:
        assert "wilg" not in (await page.get("/gateways")).text
        assert (await page.post("/gateways/wilg/revoke")).status_code == 404
        organisations.give(drawn.people, SiteId("wilg"), "zon")
        assert "wilg" in (await page.get("/gateways")).text


async def test_who_only_acts_on_alerts_has_no_such_page(drawn: Desk, sanne: StaffId) -> None:
    organisations.dismiss(drawn.people, sanne, "own")
    organisations.appoint(drawn.people, sanne, "own", Role.DESK)
    await Gateway(drawn).enrol(a_code(drawn))
    async with signed_in(drawn, sanne) as page:
        assert "/gateways" not in (await page.get("/load")).text
        assert (await page.get("/gateways")).status_code == 404
        assert (await page.post("/gateways/wilg/revoke")).status_code == 404
    async with stranger_at(drawn) as page:
        assert (await page.get("/gateways")).status_code == 303
    assert enrolment.admitted(drawn.people, drawn.wall.now()) == ["wilg"]
