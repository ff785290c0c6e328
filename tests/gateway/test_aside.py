"""Looking back aside from the daemon: a process of its own, one at a time, begun again when something died."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from care import journal
from care.agreements import agreed, with_values
from care.ids import BackTestId, StaffId
from care.records import Agreed, BackTest, BackTested, Cannot
from detectors.findings import What
from detectors.homes import HomeId, Limits
from gateway import aside
from gateway.aside import TRIES, WAITING_MAX, WITHIN_S, Aside
from tests.stories import a_home, a_site, events, instant

HOME = a_home(limits=Limits(bath=5))
NOW = instant("16:00") + timedelta(days=1)
NIGHT = ["22:40 bed in", "02:00 bed out", "02:01 badkamer", "02:01:30 badkamer off", "02:21 gang", "02:22 bed in"]
Asked = Mapping[BackTestId, BackTest]


def asked(*ids: str, home: HomeId = HOME.id, proposed: Agreed | None = None) -> dict[BackTestId, BackTest]:
    what = proposed or with_values(agreed(HOME), {"bath": 7})
    by = StaffId("s-1")
    return {
        BackTestId(one): BackTest(
            at=NOW, home=home, id=BackTestId(one), by=by, before=agreed(HOME), proposed=what, nights=3
        )
        for one in ids
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with contextlib.closing(journal.connect(tmp_path / "gateway.db")) as db:
        for one in events(HOME, NIGHT):
            journal.append(db, [one], recorded_at=one.at)
    return tmp_path / "gateway.db"


@pytest.fixture
def bench(file: Path) -> Iterator[Aside]:
    made = Aside(a_site(HOME), file)
    yield made
    made.end()


def in_time(bench: Aside, orders: Asked, *, at_s: float = 0.0) -> BackTested:
    """Look until there is an answer. Bounded."""
    end = time.monotonic() + 30
    while not (answers := bench.look(orders, NOW, at_s)):
        assert time.monotonic() < end
        time.sleep(0.02)
    ((written_at, answer),) = answers
    assert written_at == answer.at == NOW
    return answer


def test_a_process_of_its_own_looks_back_and_its_answer_is_written(bench: Aside) -> None:
    answer = in_time(bench, asked("b1"))
    assert answer.id == "b1"
    assert answer.found is not None
    baths = [(one.was, one.would) for one in answer.found.pairs if one.was and one.was.what is What.BATH]
    assert [would.at - was.at for was, would in baths if was and would] == [timedelta(minutes=2)]


def test_nothing_is_waited_for(bench: Aside) -> None:
    began = time.monotonic()
    assert bench.look(asked("b1"), NOW, 0.0) == []
    assert bench.look(asked("b1"), NOW, 0.0) == []
    assert time.monotonic() - began < 1


def test_a_daemon_that_died_in_between_begins_it_again(bench: Aside, file: Path) -> None:
    bench.look(asked("b1"), NOW, 0.0)
    bench.end()
    again = Aside(a_site(HOME), file)
    assert in_time(again, asked("b1")).found is not None


def test_a_journal_without_those_nights_is_an_answer_too(tmp_path: Path) -> None:
    journal.connect(tmp_path / "empty.db").close()
    assert in_time(Aside(a_site(HOME), tmp_path / "empty.db"), asked("b1")).cannot is Cannot.NO_EVENTS


def test_one_that_fails_is_tried_again_and_then_said(bench: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(aside.log, "info", lambda said, **_: begun.append(said))
    monkeypatch.setattr(aside, "_COMMAND", ("-c", "raise SystemExit(1)"))
    assert in_time(bench, asked("b1")).cannot is Cannot.FAILED
    assert begun == ["looking_back"] * TRIES


def test_one_that_takes_too_long_is_ended(bench: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_COMMAND", ("-c", "import time; time.sleep(60)"))
    for times in range(TRIES):
        assert bench.look(asked("b1"), NOW, times * 10 * WITHIN_S) == []
        bench.look(asked("b1"), NOW, times * 10 * WITHIN_S + WITHIN_S - 1)
    assert in_time(bench, asked("b1"), at_s=100 * WITHIN_S).cannot is Cannot.FAILED


def test_a_machine_that_can_begin_no_process_goes_on(bench: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr("gateway.aside.subprocess.Popen", refuses)
    assert bench.look(asked("b1"), NOW, 0.0) == []
    assert in_time(bench, asked("b1")).cannot is Cannot.FAILED


@pytest.mark.parametrize(
    ("orders", "why"),
    [
        (asked("b1", home=HomeId("wilg/99")), Cannot.NO_HOME),
        (asked("b1", proposed=Agreed(limits=Limits(bath=0))), Cannot.FAILED),
        (asked("b1", proposed=Agreed(limits=Limits(bath=1e300))), Cannot.FAILED),
        ({one.id: msgspec.structs.replace(one, nights=10**9) for one in asked("b1").values()}, Cannot.FAILED),
    ],
    ids=["no such home", "no minutes", "too many minutes", "too many nights"],
)
def test_what_cannot_be_looked_back_on_is_answered_at_once(bench: Aside, orders: Asked, why: Cannot) -> None:
    ((_, answer),) = bench.look(orders, NOW, 0.0)
    assert answer.cannot is why


def test_more_orders_than_can_wait_are_answered_at_once(bench: Aside) -> None:
    orders = asked(*(f"b{number}" for number in range(WAITING_MAX + 1)))
    ((_, answer),) = bench.look(orders, NOW, 0.0)
    assert (answer.id, answer.cannot) == (f"b{WAITING_MAX}", Cannot.TOO_MANY)
