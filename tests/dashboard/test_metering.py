"""What the centre itself takes: told in parts, and none of them twice or never."""

from datetime import timedelta

from care.board import Board
from care.process import Usage as OfProcess
from care.records import CENTRE
from care.upkeep import Used
from dashboard.metering import OwnUse
from detectors.homes import SiteId
from tests.dashboard.nights import NOW, a_plan, add

HOUR = timedelta(hours=1)


class Machine:
    """A process whose clock and counters go as they are told."""

    def __init__(self) -> None:
        self.s = 0.0
        self.written: int | None = 0

    def used(self) -> OfProcess:
        return OfProcess(self.s / 100, 0, self.written)


def _watched() -> Board:
    board = Board()
    add(board, a_plan("wilg", "De Wilg", ["1", "2"]))
    return board


def _own(machine: Machine) -> OwnUse:
    return OwnUse(NOW, monotonic=lambda: machine.s, used=machine.used)


def test_a_part_is_told_after_an_hour_and_the_next_begins_where_it_ended() -> None:
    board, machine = _watched(), Machine()
    own = _own(machine)
    assert own.due(board, NOW + HOUR / 2) == []
    for hour in (1, 2):
        machine.s, machine.written = 3600.0 * hour, 1000 * hour
        [part] = own.due(board, NOW + hour * HOUR)
        assert (part.homes, part.measured_s, part.cpu_s, part.written_bytes) == (2, 3600, 36, 1000)
        add(board, part)
        assert own.due(board, NOW + hour * HOUR) == []


def test_what_a_disk_refused_is_in_the_next_part_and_nothing_is_told_twice() -> None:
    board, machine = _watched(), Machine()
    own = _own(machine)
    machine.s = 3600.0
    assert own.due(board, NOW + HOUR)  # asked, and asked again in its turn; then the disk would not
    assert own.due(board, NOW + HOUR)
    machine.s = 3700.0
    [part] = own.due(board, NOW + HOUR + timedelta(seconds=100))
    assert part.measured_s == 3700
    add(board, part)
    last = board.upkeep.last(SiteId(CENTRE))
    assert isinstance(last, Used)
    assert last.cpu_s == 37


def test_a_day_ends_with_its_part() -> None:
    board, machine = _watched(), Machine()
    own, at = _own(machine), NOW
    told = []
    for minute in range(1, 26 * 60):
        machine.s, at = 60.0 * minute, NOW + timedelta(minutes=minute)
        for part in own.due(board, at):
            add(board, part)
            told.append(part)
    days = board.upkeep.between([SiteId(CENTRE)], told[0].day, told[-1].day)
    assert len(days) == 2
    assert sum(day.cpu_s for day in days) == sum(part.cpu_s for part in told)
    assert all(day.measured_s <= 86_400 + 60 for day in days)


def test_a_machine_that_does_not_say_what_was_written_says_so_and_nothing_is_told_while_no_home_is_watched() -> None:
    machine = Machine()
    machine.s, machine.written = 3600.0, None
    assert _own(machine).due(Board(), NOW + HOUR) == []
    [part] = OwnUse(NOW, monotonic=lambda: machine.s, used=machine.used).due(_watched(), NOW + HOUR)
    assert part.written_bytes is None
