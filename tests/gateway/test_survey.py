"""The verdicts of a survey: laws, the air that Zigbee and Wi-Fi share, and what a real broker carries."""

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import homes, journal
from gateway.customs import Custom
from gateway.installer import survey
from gateway.installer.bridge import Bridge
from gateway.installer.survey import Samples, Verdict
from gateway.installer.survey_commands import listened, parents
from gateway.watch import Watch
from nachtwacht import cli
from tests.conftest import Mosquitto
from tests.gateway.bridge import MORNING, Thing, Zigbee2MQTT
from tests.gateway.bridge_models import MODELS
from tests.stories import a_home, a_site

WORSE = [Verdict.BAD, Verdict.FAIR, Verdict.GOOD]
LINKS = st.lists(st.integers(0, 255), min_size=1, max_size=9)


@given(LINKS, st.integers(0, 255), st.one_of(st.none(), st.integers(0, 255)))
def test_to_be_received_better_never_makes_a_verdict_worse(links: list[int], more: int, before: int | None) -> None:
    better = [min(255, one + more) for one in links]
    was, now = survey.reach(links, before=before), survey.reach(better, before=before)
    assert WORSE.index(now) >= WORSE.index(was)


@given(LINKS, st.integers(0, 255))
def test_ten_good_minutes_do_not_make_up_for_a_weak_day(links: list[int], day: int) -> None:
    both = survey.reach(links, before=day)
    assert WORSE.index(both) == min(WORSE.index(survey.reach(links)), WORSE.index(survey.reach([day])))


def test_what_was_not_heard_is_not_called_good() -> None:
    assert survey.reach([]) is Verdict.UNKNOWN
    assert survey.battery(None) is Verdict.UNKNOWN


@given(
    percent=st.one_of(st.none(), st.floats(0, 100)),
    days=st.one_of(st.none(), st.floats(0, 2000)),
    low=st.one_of(st.none(), st.booleans()),
)
def test_a_battery_that_will_not_last_a_month_is_never_good(
    percent: float | None, days: float | None, low: bool | None
) -> None:
    verdict = survey.battery(percent, days=days, low=low)
    ends = bool(low) or (percent is not None and percent < 10) or (days is not None and days <= 30)
    assert (verdict is Verdict.BAD) == ends


@pytest.mark.parametrize(
    ("channel", "wifi", "verdict"),
    [
        (11, (1,), Verdict.FAIR),
        (14, (1,), Verdict.FAIR),
        (15, (), Verdict.GOOD),
        (16, (6,), Verdict.FAIR),
        (19, (6,), Verdict.FAIR),
        (20, (), Verdict.GOOD),
        (21, (11,), Verdict.FAIR),
        (24, (11,), Verdict.FAIR),
        (25, (), Verdict.GOOD),
        (26, (), Verdict.FAIR),
        (0, (), Verdict.UNKNOWN),
    ],
)
def test_a_zigbee_channel_is_told_with_the_wifi_it_shares_the_air_with(
    channel: int, wifi: tuple[int, ...], verdict: Verdict
) -> None:
    found = survey.channel(channel)
    assert (found.wifi, found.verdict) == (wifi, verdict)
    assert "{" not in found.advice.sentence


def test_a_weak_sensor_gets_a_router_in_the_hall_and_not_a_number() -> None:
    [found] = [
        one
        for one in survey.survey(a_site(), {"12/badkamer": Samples(links=(35, 40, 30))}, {})
        if one.name == "12/badkamer"
    ]
    assert found.reach is Verdict.FAIR
    assert [one.sentence for one in found.advice] == ["Reach of 12/badkamer moderate: put a router in the gang."]


def test_a_battery_that_falls_week_by_week_is_told_before_it_is_empty() -> None:
    falling = Custom(MORNING, 0.0, 0.0, battery=(40.0,), lowest=40.0, weeks=(70.0, 60.0, 50.0))
    [found] = [one for one in survey.survey(a_site(), {}, {"12/bed": falling}) if one.name == "12/bed"]
    assert found.days == pytest.approx(28.0)
    assert found.battery is Verdict.BAD
    assert "Battery of 12/bed: put in a new one now." in [one.sentence for one in found.advice]


def test_a_sensor_that_the_bridge_says_is_gone_is_poor_however_well_it_was_heard() -> None:
    heard = {"12/bed": Samples(links=(200,))}
    found = {one.name: one for one in survey.survey(a_site(), heard, {}, frozenset({"12/bed"}))}
    assert found["12/bed"].reach is Verdict.BAD


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        ({"online": True, "links": ()}, Verdict.GOOD),
        ({"online": None, "links": ()}, Verdict.UNKNOWN),
        ({"online": False, "links": (200,)}, Verdict.BAD),
        ({"online": True, "links": (200,), "missing": True}, Verdict.BAD),
        ({"online": True, "links": (200,), "left": 3}, Verdict.BAD),
        ({"online": True, "links": (30,)}, Verdict.FAIR),
    ],
)
def test_a_router_is_judged_by_whether_it_is_there_and_stays(how: dict[str, object], verdict: Verdict) -> None:
    assert survey.router("gang", **how).verdict is verdict  # type: ignore[arg-type]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.dictionaries(st.sampled_from(["linkquality", "battery", "battery_low"]), one),
    )
)
def test_whatever_a_device_says_is_taken_or_left(said: object) -> None:
    found = survey.sampled(Samples(), said)
    assert all(0 <= one <= 255 for one in found.links)
    assert found.percent is None or 0 <= found.percent <= 100


@pytest.fixture
def zigbee(mosquitto: Mosquitto) -> Iterator[Zigbee2MQTT]:
    with Zigbee2MQTT(mosquitto.host, mosquitto.port) as one:
        one.config["availability"]["enabled"] = True
        yield one


BED = Thing("0x01", MODELS["SPM915"], name="12/bed", link=12)
DOOR = Thing("0x02", MODELS["MCCGQ11LM"], name="12/door", link=180, battery=7)
ROUTER = Thing("0x09", MODELS["SR-ZG9041A-R"], name="gang", battery=None)


def test_what_is_said_while_listening_is_counted_and_what_is_retained_is_not(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT
) -> None:
    zigbee.holds([BED, DOOR])
    zigbee.config["devices"][DOOR.address]["retain"] = True
    zigbee.says(DOOR.address, contact=True)
    with Bridge((mosquitto.host, mosquitto.port)) as bridge:

        def pause() -> None:
            zigbee.says(BED.address, contact=False)
            zigbee.passes(30)
            bridge.ask("health_check")

        bridge.ask("health_check")  # what was said before has come, and is not heard while it listens
        until = MORNING + timedelta(seconds=90)
        heard = listened(bridge, until=until, now=lambda: zigbee.now, pause=pause, show=lambda _: None)
    assert heard["12/bed"].links == (12, 12, 12)
    assert "12/door" not in heard


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(arguments), env={"COLUMNS": "200", "NACHTWACHT_LANGUAGE": "en"})
    return done.exit_code, done.stdout if "--json" in arguments else done.output


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(homes.write(a_site()))
    return file


def test_the_command_tells_what_to_do_and_for_a_program_all_of_it(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT, plan: Path
) -> None:
    zigbee.holds([BED, DOOR, ROUTER])
    zigbee.start()
    zigbee.available(BED.address, online=False)
    zigbee.health()
    zigbee.settled()
    words = ["survey", "--minutes", "0", "--plan", str(plan), "--broker", f"{mosquitto.host}:{mosquitto.port}"]
    code, said = run(*words)
    assert code == 0
    assert "12/bed does not answer. Look at its battery, and put a router in the gang." in said
    assert "Zigbee channel 11 shares the air with Wi-Fi channel 1." in said
    code, said = run(*words, "--json", "--map")
    found = json.loads(said)
    assert [one["verdict"] for one in found["routers"]] == ["good"]
    assert found["through"]["12/bed"] == "gang"
    assert {one["reach"] for one in found["sensors"] if one["name"] != "12/bed"} == {"unknown"}


def test_what_the_gateway_has_learned_of_a_sensor_counts_too(
    mosquitto: Mosquitto, zigbee: Zigbee2MQTT, plan: Path, tmp_path: Path
) -> None:
    file, site = tmp_path / "gateway.db", a_site(a_home())
    with contextlib.closing(journal.connect(file)) as db:
        watch = Watch(site)
        custom = Custom(MORNING, 0.0, 0.0, battery=(8.0, 9.0), lowest=8.0, link=15.0)
        watch._health = msgspec.structs.replace(watch._health, customs={site.homes[0].sensors[0].id: custom})
        journal.save_snapshot(db, 0, watch.snapshot())
    words = ["survey", "--minutes", "0", "--plan", str(plan), "--broker", f"{mosquitto.host}:{mosquitto.port}"]
    code, said = run(*words, "--json", "--journal", str(file))
    assert code == 0
    found = {one["name"]: one for one in json.loads(said)["sensors"]}
    assert (found["12/slaapkamer"]["reach"], found["12/slaapkamer"]["battery"]) == ("bad", "bad")


def test_a_map_that_is_none_tells_of_nobody() -> None:
    assert parents({}) == {}
    assert parents({"value": "digraph G {}"}) == {}
