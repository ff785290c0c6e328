"""The figures of the centre: what is on the board is in them, and nobody is."""

import asyncio
import dataclasses
import re
import subprocess
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml
from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from care import certificates
from care.asking import Why
from care.database import Database
from care.deeds import claim, resolve
from care.escalation import due
from care.ids import ContactId, MessageId, StaffId
from care.link import Beat
from care.messages import Held, ToTell
from care.messages import Kind as About
from care.records import Aside, FellBack, How, Lapsed, Outcome, Record, Shelved
from care.systemd import Watchdog
from care.upkeep import Used
from dashboard import authority, contacts, enrolment, figures, metrics, organisations
from dashboard.authority import Authority
from dashboard.centre import Centre
from dashboard.figures import sights
from dashboard.glance import Glance
from dashboard.intake import Intake
from dashboard.lookout import Lookout
from dashboard.organisations import OWN
from dashboard.pages import Desk
from dashboard.readiness import Tried
from detectors.findings import Sight, What, Withheld
from detectors.homes import HomeId, SiteId
from nachtwacht import cli
from tests.care.test_board import LONG_NIGHTS, a_board
from tests.conftest import part
from tests.dashboard.conftest import ALERT, HOME, NIGHT, WILG, StoryClock, batch, finding, plan, status
from tests.dashboard.nights import People, a_busy_night
from tests.dashboard.test_outbox import Phones, agreed, outbox, turn
from tests.stories import instant
from tests.test_operations import RULES, promtool

EIK = SiteId("eik")
FIGURES = Tried(number=0, answer_s=0.001)
Read = dict[str, dict[frozenset[tuple[str, str]], float]]


def read(exposition: bytes) -> Read:
    """Read an exposition back with the library's own parser: every figure by its labels."""
    found: Read = {}
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def figure(found: Read, name: str, **labels: str) -> float | None:
    return found.get(f"nachtwacht_{name}", {}).get(frozenset(labels.items()))


async def scraped(desk: Desk) -> Read:
    return read(metrics.text(await metrics.gather(desk, FIGURES)))


# Who may read them.


@pytest.mark.anyio
async def test_without_a_token_there_are_no_figures_for_anybody(
    page: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for browser in (page, stranger):
        answer = await browser.get("/metrics", headers={"Authorization": "Bearer "})
        assert answer.status_code == 404
        assert "nachtwacht_" not in answer.text


@pytest.mark.anyio
async def test_who_has_the_token_reads_them_and_nobody_else(
    page: httpx.AsyncClient, stranger: httpx.AsyncClient, desk: Desk, tmp_path: Path
) -> None:
    store = ["--people", str(tmp_path / "people.db")]
    token = CliRunner().invoke(cli, ["desk", "metrics-token", *store]).output.strip()
    for said in ("", "Bearer", "Bearer ", f"Basic {token}", f"Bearer {token}x", token, "Bearer \u00ff"):
        answer = await page.get("/metrics", headers={b"Authorization": said.encode("latin-1")})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), said
        assert "nachtwacht_" not in answer.text
    answer = await stranger.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert figure(read(answer.content), "homes") == 1
    assert token.encode() not in (tmp_path / "people.db").read_bytes(), "it is kept as a hash"

    other = CliRunner().invoke(cli, ["desk", "metrics-token", *store]).output.strip()
    assert (await stranger.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await stranger.get("/metrics", headers={"Authorization": f"Bearer {other}"})).status_code == 200
    for left in ("Nobody can read the figures any more.", "There was no token."):
        assert left in CliRunner().invoke(cli, ["desk", "metrics-token", "--forget", *store]).output
    assert (await stranger.get("/metrics", headers={"Authorization": f"Bearer {other}"})).status_code == 404


@pytest.mark.anyio
async def test_what_a_home_takes_is_of_the_newest_days_and_of_no_building_that_fell_silent(desk: Desk) -> None:
    today = desk.centre.now().date()
    days = (("wilg", 2, 2, 500), ("wilg", 1, 2, 60), ("eik", 1, 4, 60), ("iep", 9, 1, 7000))
    told = [
        Used(at=NIGHT, site=SiteId(site), day=today - timedelta(days=back), homes=homes, measured_s=86_400, cpu_s=cpu_s)
        for site, back, homes, cpu_s in days
    ]
    await desk.centre.write(lambda *_: told)
    made = await metrics.gather(desk, FIGURES)
    assert made["home_day_used"] == [(("cpu_s",), 20.0)]


@pytest.mark.anyio
async def test_nobody_is_in_the_figures(desk: Desk) -> None:
    """No home, alert, resident, member of staff, screen or token, and no name: sites and organisations by their id."""
    board = a_busy_night()
    desk.centre.board = board
    desk.screens.report("screen-7", in_view=True, sound=True, by=StaffId("s-sanne"))
    text = metrics.text(await metrics.gather(desk, FIGURES)).decode()
    somebody = {*board.homes, *board.alerts, *(home.resident for home in board.homes.values()), "s-sanne", "screen-7"}
    somebody |= {plan.name for plan in board.plans.values()}
    somebody |= {sensor.id for home in board.homes.values() for sensor in home.sensors}
    values = set(re.findall(r'="([^"]*)"', text))
    assert len(somebody) > 50
    assert not {one for one in somebody if any(one in value for value in values)}
    assert {*board.plans} <= values


@pytest.mark.anyio
async def test_every_figure_of_the_table_is_told_by_a_busy_centre_and_no_other(
    desk: Desk, people_of_sms: Phones, tmp_path: Path, wall: StoryClock
) -> None:
    """What is in no exposition could be in no rule either; each must be seen at least once."""
    found = await scraped(await a_full_centre(desk, people_of_sms, tmp_path, wall))
    ours = {name for name in found if name.startswith("nachtwacht_")}
    assert ours == {f"nachtwacht_{name}" for name in metrics.TABLE}
    for name, by in found.items():
        for labels in by if name.startswith("nachtwacht_") else ():
            about = metrics.TABLE[name.removeprefix("nachtwacht_")]
            assert {label for label, _ in labels} == {*about.labels}, name
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes"} <= {*found}


@pytest.mark.anyio
async def test_prometheus_reads_them_and_finds_nothing_to_complain_of(
    desk: Desk, people_of_sms: Phones, tmp_path: Path, wall: StoryClock
) -> None:
    full = await a_full_centre(desk, people_of_sms, tmp_path, wall)
    said = metrics.text(await metrics.gather(full, FIGURES))
    check = partial(subprocess.run, [part("promtool"), "check", "metrics"], check=False, capture_output=True, text=True)
    done = await asyncio.to_thread(check, input=said.decode())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# What they say.


@given(night=LONG_NIGHTS)
def test_what_is_counted_is_what_the_desk_shows(night: list[Record]) -> None:
    """Every open alert is in one cell of its table; every home has one sight, and it is the one that is drawn."""
    board, now = a_board(night), instant("03:00")
    board.heard(WILG, now)
    glance = Glance(board, People(), now, "en")
    told = figures.of_alerts(board, now)
    assert sum(value for _, value in told["alerts_open"]) == len(board.open_alerts())
    assert told["alerts_merged"] == [((), sum(map(len, glance.folded.values())))]
    for plan_ in board.plans.values():
        drawn = [glance.status(home.id) for home in plan_.homes]
        assert sights(board, plan_, now) == Counter(Sight.BLIND if one is None else one.sight for one in drawn)
    waiting = [one for one in board.open_alerts() if one.state in {"raised", "delivered"}]
    oldest = dict(told["alert_oldest_unclaimed_seconds"])
    assert all((value > 0) <= any(one.tier == tier for one in waiting) for (tier,), value in oldest.items())


@pytest.mark.anyio
async def test_a_building_that_is_not_heard_is_blind_and_its_age_grows(desk: Desk, clock: StoryClock) -> None:
    await desk.centre.take(WILG, batch(plan(WILG, HOME, HomeId("wilg/7")), status(), status(HomeId("wilg/7"))))
    assert figure(await scraped(desk), "site_homes", site="wilg", sight="blind") == 2
    desk.centre.heard(WILG, Beat(NIGHT, proof=NIGHT - timedelta(seconds=40)))
    found = await scraped(desk)
    assert [figure(found, "site_homes", site="wilg", sight=one) for one in ("watched", "blind")] == [2, 0]
    assert figure(found, "site_heard_age_seconds", site="wilg") == pytest.approx(0, abs=5)
    assert figure(found, "site_proof_age_seconds", site="wilg") == pytest.approx(40, abs=5)
    assert figure(found, "site_info", site="wilg", organisation=OWN) == 1


@pytest.mark.anyio
async def test_an_alert_waits_until_somebody_has_it(desk: Desk, clock: StoryClock) -> None:
    await desk.centre.take(WILG, batch(plan(), finding()))
    clock.wait(minutes=12)
    found = await scraped(desk)
    assert figure(found, "alert_oldest_unclaimed_seconds", tier="acute") == 720
    assert figure(found, "alert_oldest_unclaimed_seconds", tier="soon") == 0
    assert figure(found, "alerts_open", tier="acute", state="raised") == 1
    assert figure(found, "desk_alerts_waiting", organisation="own") == 1
    await desk.centre.write(lambda board, at: claim(board.alerts[ALERT], StaffId("s-1"), at))
    found = await scraped(desk)
    assert figure(found, "alert_oldest_unclaimed_seconds", tier="acute") == 0
    assert figure(found, "alerts_open", tier="acute", state="claimed") == 1
    assert figure(found, "desk_answer_seconds", organisation="own", which="longest") == 720


@pytest.mark.anyio
async def test_each_organisation_has_a_desk_of_its_own(desk: Desk, store: Database) -> None:
    organisations.make(store, "zon", "Zorg Zon")
    organisations.give(store, EIK, "zon")
    await desk.centre.take(WILG, batch(plan(), finding()))
    await desk.centre.take(EIK, batch(plan(EIK), finding(HomeId("eik/12")), finding(HomeId("eik/13")), of="eik"))
    desk.screens.report("a", in_view=True, sound=True, by=StaffId("s-1"), of=frozenset({OWN}))
    found = await scraped(desk)
    assert [figure(found, "desk_alerts_shift", organisation=one) for one in ("own", "zon")] == [1, 2]
    assert [figure(found, "desk_people", organisation=one) for one in ("own", "zon")] == [1, 0]
    assert figure(found, "site_info", site="eik", organisation="zon") == 1


@pytest.mark.anyio
async def test_what_was_asked_for_waits_in_the_outbox_until_a_channel_has_it(
    desk: Desk, people_of_sms: Phones, clock: StoryClock, wall: StoryClock
) -> None:
    centre = desk.centre
    await centre.write(lambda board, at: [agreed("sms")])
    await centre.take(WILG, batch(plan(), finding()))
    await centre.write(due)
    clock.wait(seconds=70)
    found = await scraped(desk)
    assert figure(found, "outbox_waiting", what="alert") == 1
    assert figure(found, "outbox_oldest_seconds", what="alert") == pytest.approx(70, abs=1)
    people_of_sms.dead = {"sms"}
    box = outbox(centre, desk.people, wall, people_of_sms)
    await turn(box)
    found = await scraped(desk)
    assert figure(found, "outbox_waiting", what="alert") == 0
    assert figure(found, "notices_total", what="alert", channel="sms", outcome="refused") == 1
    assert figure(found, "channel_works", channel="sms") == 0


@pytest.mark.anyio
async def test_counts_go_on_after_a_start(desk: Desk, tmp_path: Path, clock: StoryClock) -> None:
    await desk.centre.take(WILG, batch(plan(), finding(), withheld()))
    await desk.centre.write(lambda board, at: resolve(board.alerts[ALERT], StaffId("s-1"), at, *HELPED))
    again = Centre(desk.centre._db, clock)
    for centre in (desk.centre, again):
        counted = figures.of_counts(centre.board)
        assert counted["alerts_closed_total"] == [(("helped",), 1)]
        assert counted["findings_withheld_total"] == [(("bath",), 1)]
    again._writer.shutdown()


@pytest.mark.anyio
async def test_a_certificate_that_cannot_be_read_has_no_time_left(desk: Desk, tmp_path: Path, wall: StoryClock) -> None:
    pages = tmp_path / "pages.pem"
    signs = certificates.new_authority("x", wall.now())
    pages.write_bytes(certificates.new_key() + signs.certificate)
    with_pages = dataclasses.replace(desk, https=pages)
    left = figure(await scraped(with_pages), "certificate_left_seconds", of="pages")
    assert left == pytest.approx(certificates.AUTHORITY_LIVES.total_seconds(), abs=5)
    pages.write_text("nothing of the sort")
    assert figure(await scraped(with_pages), "certificate_left_seconds", of="pages") == 0


@pytest.mark.anyio
async def test_the_desk_goes_on_while_thousands_of_buildings_are_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two slices everybody has their turn; what comes onto the board meanwhile does no harm."""
    for number in range(30):
        site = SiteId(f"s{number}")
        await desk.centre.take(site, batch(plan(site), of=site))
    monkeypatch.setattr(metrics, "SLICE", 10)
    turns = 0

    async def busy() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    work = asyncio.create_task(busy())
    made = await metrics.gather(desk, FIGURES)
    work.cancel()
    assert turns >= 10
    assert len(made["site_info"]) == 30


# Whom they call.


def called(found: Read, folder: Path, *expected: str) -> None:
    """Hold the rules against real figures that stay as they are for six minutes; disks are those of this machine."""
    series = []
    for name, by in found.items():
        for labels, n in by.items() if not name.startswith(("process_", "nachtwacht_disk_")) else ():
            said_of = ", ".join(f'{key}="{value}"' for key, value in sorted(labels))
            series.append({"series": f"{name}{{{said_of}}}", "values": f"{n}+0x24"})
    samples = [{"labels": f'{{alertname="Nachtwacht{one}"}}', "value": 1} for one in sorted(expected)]
    asked = {"expr": 'group by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "6m", "exp_samples": samples}
    world = {"interval": "15s", "input_series": series, "promql_expr_test": [asked]}
    said = {"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": [world]}
    (folder / "world.yml").write_text(yaml.safe_dump(said))
    promtool("test", "rules", folder / "world.yml")


@pytest.mark.anyio
async def test_real_figures_of_a_centre_that_is_well_call_nobody_and_of_one_that_is_ill_the_right_ones(
    desk: Desk, people_of_sms: Phones, tmp_path: Path, clock: StoryClock, wall: StoryClock
) -> None:
    """What a rule asks for by a label must be what a centre really says in it."""
    well = await a_full_centre(desk, people_of_sms, tmp_path, wall)
    assert isinstance(well.intake, Intake)
    well.intake.connected = True
    found = await scraped(well)
    assert figure(found, "site_homes", site="wilg", sight="watched") is not None
    await asyncio.to_thread(called, found, tmp_path)

    await desk.centre.take(EIK, batch(plan(EIK), finding(HomeId("eik/12")), of="eik"))
    clock.wait(minutes=12)
    well.intake.connected = False
    people_of_sms.dead = {"sms"}
    await desk.centre.write(due)
    ill = Tried(number=None, answer_s=6.0, why_not_read="no answer", why_not_written="no answer")
    found = read(metrics.text(await metrics.gather(well, ill)))
    await asyncio.to_thread(
        called, found, tmp_path,
        "AcuteUnclaimed", "BrokerAway", "BuildingSilent", "JournalNotWritten", "JournalSlow", "NotReady",
    )  # fmt: skip


def withheld() -> Withheld:
    began = NIGHT - timedelta(minutes=30)
    return Withheld(at=NIGHT, home=HOME, what=What.BATH, since=began, over_at=NIGHT)


HELPED = (Outcome.HELPED, How.ON_SITE)


@pytest.fixture
def people_of_sms(store: Database) -> Phones:
    contacts.set_channel(store, "sms", "json://sms/{address}")
    contacts.set_address(store, "night-team", "sms", "31611111111")
    return Phones()


async def a_full_centre(desk: Desk, phones: Phones, folder: Path, wall: StoryClock) -> Desk:
    """Let so much happen that there is something of every figure."""
    centre = desk.centre
    await centre.write(lambda board, at: [agreed("sms")])
    await centre.take(
        WILG, batch(plan(), finding(), withheld(), FellBack(at=NIGHT, home=HOME, alert=ALERT, channel="siren"))
    )
    centre.heard(WILG, Beat(NIGHT, proof=NIGHT))
    await centre.write(due)
    await turn(outbox(centre, desk.people, wall, phones))
    told = ToTell(at=NIGHT, to=ContactId("c-1"), kind=About.MORNING, channels=("sms",))
    held = Held(at=NIGHT, message=MessageId("m"), to=told.to, why=Why.ENOUGH, until=NIGHT + timedelta(hours=1))
    until, sanne = NIGHT + timedelta(hours=1), StaffId("s-1")
    aside = Shelved(at=NIGHT, home=HOME, alert=ALERT, by=sanne, why=Aside.VISITOR, until=until)
    lapsed = Lapsed(at=NIGHT, home=HOME, alert=ALERT, by=sanne)
    await centre.write(lambda board, at: claim(board.alerts[ALERT], StaffId("s-1"), at))
    used = Used(at=NIGHT, site=WILG, day=NIGHT.date(), homes=2, measured_s=86_400, cpu_s=9.0)
    await centre.write(lambda board, at: [told, held, aside, lapsed, used])
    await centre.write(lambda board, at: resolve(board.alerts[ALERT], StaffId("s-1"), at, *HELPED))
    centre.board.homes[HOME] = msgspec.structs.replace(centre.board.homes[HOME], off=("restless",))
    authority.make(folder / "authority", ["mqtt.example"], wall.now())
    signs = Authority(folder / "authority", broker="mqtt.example:8883")
    code = enrolment.make_code(desk.people, "wilg", signs, wall.now())
    asked = certificates.request(certificates.new_key(), "wilg")
    enrolment.admit(desk.people, signs, asked, str(code), client="192.0.2.1", now=wall.now())
    intake = Intake(centre, "127.0.0.1", 1)
    intake.refused["wilg"] += 1
    lookout = Lookout(centre, Watchdog({}), desk.screens)
    return dataclasses.replace(desk, authority=signs, intake=intake, lookout=lookout)
