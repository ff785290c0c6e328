"""The whole fleet looked back on: the same answer on one core, on several and on a cluster, whoever dies meanwhile."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import dask
import msgspec
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from care import journal
from care.alerts import alert_of
from care.ids import StaffId
from care.records import CENTRE, How, Outcome, Plan, Record, Resolved
from detectors.findings import Finding, What
from detectors.homes import Home, Limits, SiteId
from gateway.fleet.account import account
from gateway.fleet.lived_again import Building, Found, Simulated, Told, lived_again
from gateway.fleet.spread import CannotSpread, Cluster, Cores, Here, spread
from nachtwacht import cli
from tests.conftest import examples
from tests.gateway.dying import always, once
from tests.stories import a_home, events, instant

HOME = a_home(limits=Limits(bath=5))  # sooner than anything that is learned
TO_THE_BATHROOM = ("22:00 bed in", "02:10 bed out", "02:11 badkamer", "02:30 badkamer off", "02:31 bed in")
NEXT_DAY = timedelta(days=1)


def a_journal(folder: Path, *records: Record, name: str = "wilg.db", home: Home = HOME) -> Building:
    """Write the journal of a building with one home, as its gateway would have."""
    file = folder / name
    plan = Plan(at=instant("12:00"), site=SiteId("wilg"), name="De Wilg", zone=home.night.zone, homes=(home,))
    with contextlib.closing(journal.connect(file)) as db:
        for number, one in enumerate((plan, *records), 1):
            heard = isinstance(one, Resolved)  # from the centre
            cursor = journal.Cursor("centre", number) if heard else None
            journal.append(db, [one], recorded_at=one.at, origin=CENTRE if heard else "", cursor=cursor)
    return Building(str(file))


def a_night(home: Home = HOME) -> list[Record]:
    """Nineteen minutes in the bathroom, and a sign of life of the next day, by which the night is over."""
    (later,) = events(home, ["16:00 badkamer off"])
    return [*events(home, TO_THE_BATHROOM), msgspec.structs.replace(later, at=later.at + NEXT_DAY)]


def in_the_bathroom(found: Found) -> list[Told]:
    return [one for one in found.alerts if What.BATH in {one.was and one.was.what, one.now and one.now.what}]


def test_a_night_in_a_journal_is_told_by_todays_detectors_beside_what_was_told_then(tmp_path: Path) -> None:
    found = lived_again(a_journal(tmp_path, *a_night()), 1)
    assert found.why == ""
    assert [(one.was, one.now and one.now.what) for one in in_the_bathroom(found)] == [(None, What.BATH)]
    assert [(one.home.id, one.heard) for one in found.homes] == [(HOME.id, 1)]
    assert [one.home for one in found.nights] == [HOME.id]


def test_an_alert_with_which_help_was_given_and_that_is_not_told_any_more_is_counted_for_itself(tmp_path: Path) -> None:
    """Of all that looking back can show, this must never be lost in a sum."""
    quiet = a_home(limits=Limits(bath=90, still=90, still_risen=90, oob_unseen=90, oob_active=90))
    told = Finding(at=instant("02:16"), home=HOME.id, what=What.BATH, since=instant("02:11"), episode=instant("02:10"))
    helped = Resolved(
        at=instant("02:40"),
        home=HOME.id,
        alert=alert_of(told),
        by=StaffId("sk"),
        outcome=Outcome.HELPED,
        how=How.ON_SITE,
    )
    records = sorted([*a_night(quiet), told, helped], key=lambda one: one.at)
    kinds = account([lived_again(a_journal(tmp_path, *records, home=quiet), 1)]).kinds
    (kind,) = [one for one in kinds if one.what is What.BATH]
    assert (kind.what, kind.was, kind.now, kind.helped, kind.helped_lost) == (What.BATH, 1, 0, 1, 1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cannot be read as the journal of a building"),
        (b"not a database at all, but long enough to be looked at" * 40, "cannot be read as the journal of a building"),
    ],
)
def test_a_file_that_is_no_journal_says_so_and_holds_up_no_other(tmp_path: Path, content: bytes, why: str) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(content)
    good = a_journal(tmp_path, *a_night())
    found = list(spread(partial(lived_again, nights=1), [Building(str(bad)), good], Here()))
    assert why in found[0].why
    assert len(in_the_bathroom(found[1])) == 1


def test_a_journal_without_a_plan_says_so(tmp_path: Path) -> None:
    with contextlib.closing(journal.connect(tmp_path / "empty.db")):
        pass
    assert "holds no plan" in lived_again(Building(str(tmp_path / "empty.db")), 1).why


# The same everywhere.

COHORT = [Simulated(number, seed=5) for number in range(3)]
NIGHTS = 2


@pytest.fixture(scope="module")
def on_one_core() -> list[Found]:
    return list(spread(partial(lived_again, nights=NIGHTS), COHORT, Here()))


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
        ) as made,
    ):
        yield made


def test_several_cores_find_what_one_does(on_one_core: list[Found]) -> None:
    found = spread(partial(lived_again, nights=NIGHTS), COHORT, Cores(2))
    assert account(found) == account(on_one_core)


def test_a_cluster_finds_what_one_core_does(on_one_core: list[Found], cluster: LocalCluster) -> None:
    found = spread(partial(lived_again, nights=NIGHTS), COHORT, Cluster(cluster.scheduler_address))
    assert account(found) == account(on_one_core)


SQUARES = [number * number for number in range(8)]


def test_a_worker_that_is_killed_on_this_machine_costs_time_only(tmp_path: Path) -> None:
    found = spread(once, [(str(tmp_path), number) for number in range(8)], Cores(2))
    assert sorted(found) == SQUARES


def test_a_worker_of_a_cluster_that_is_killed_costs_time_only(tmp_path: Path, cluster: LocalCluster) -> None:
    found = spread(once, [(str(tmp_path), number) for number in range(8)], Cluster(cluster.scheduler_address))
    assert sorted(found) == SQUARES


def test_work_that_kills_its_worker_each_time_ends_with_a_sentence(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.fleet.spread.BROKEN_MAX", 2)
    with pytest.raises(CannotSpread, match="died 2 times"):
        list(spread(always, [1], Cores(1)))
    with pytest.raises(CannotSpread, match="again and again"):
        list(spread(always, [1], Cluster(cluster.scheduler_address)))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:1", "No cluster answers at"),
        ("tcp://10.0.0.9:8786", "in plain text"),
        ("somewhere", "is no address of a cluster"),
        ("http://127.0.0.1:80", "is no address of a cluster"),
    ],
)
def test_a_cluster_that_is_not_there_or_not_safe_is_refused_in_a_sentence(
    address: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.fleet.spread.REACHED_WITHIN_S", 0.5)
    with pytest.raises(CannotSpread, match=why):
        list(spread(abs, [1], Cluster(address)))


@settings(max_examples=examples(10))
@given(order=st.permutations(range(len(COHORT))))
def test_it_does_not_matter_in_which_order_the_answers_come(on_one_core: list[Found], order: Sequence[int]) -> None:
    assert account([on_one_core[number] for number in order]) == account(on_one_core)


# The command.


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["fleet", "backtest", *words])
    return done.exit_code, done.output


def test_the_command_writes_tables_and_a_picture_of_what_it_found(tmp_path: Path) -> None:
    a_journal(tmp_path, *a_night())
    (tmp_path / "bad.db").write_bytes(b"")
    code, said = run("--journals", str(tmp_path), "--nights", "1", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "Left out:" in said
    assert "1 homes, 1 nights of homes" in said
    alerts = pq.read_table(tmp_path / "out" / "alerts.parquet")
    (row,) = [one for one in alerts.to_pylist() if one["now_what"] == "bath"]
    assert (row["home"], row["was_what"], row["now_what"]) == ("wilg/12", None, "bath")
    assert b"nachtwacht" in alerts.schema.metadata
    assert pq.read_table(tmp_path / "out" / "nights.parquet").num_rows == 1
    assert pq.read_table(tmp_path / "out" / "homes.parquet").to_pylist()[0]["heard"] == 1
    assert pq.read_table(tmp_path / "out" / "thresholds.parquet").num_rows > 0
    picture = ET.fromstring((tmp_path / "out" / "fleet.svg").read_text(encoding="utf-8"))
    assert "nu: 1" in "".join(picture.itertext())
    assert not list((tmp_path / "out").glob("*.half"))


def test_in_the_tables_is_nobody_by_name(tmp_path: Path) -> None:
    a_journal(tmp_path, *a_night())
    run("--journals", str(tmp_path), "--nights", "1", "--out", str(tmp_path / "out"))
    told = {file.name: pq.read_table(file).to_pylist() for file in (tmp_path / "out").glob("*.parquet")}
    assert HOME.resident not in json.dumps(told, default=str)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "one of the two"),
        (("--journals", "somewhere", "--cohort", "3"), "one of the two"),
        (("--journals", "nowhere"), "no journals there"),
        (("--cohort", "1", "--cluster", "tcp://10.0.0.9:8786"), "in plain text"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(tmp_path: Path, words: Sequence[str], why: str) -> None:
    code, said = run(*words, "--out", str(tmp_path / "out"))
    assert code == 1
    assert why in said
    assert not (tmp_path / "out").exists()


def test_of_nights_in_which_nothing_was_heard_nothing_is_claimed(tmp_path: Path) -> None:
    a_journal(tmp_path)
    code, said = run("--journals", str(tmp_path), "--nights", "1", "--out", str(tmp_path / "out"))
    assert code == 1
    assert "nothing" in said or "anything" in said
