"""A call for help is told at once, at any hour, and never lost among others."""

from datetime import timedelta

from detectors import vigil
from detectors.findings import Finding
from detectors.remembered import Vigil
from tests.stories import a_home, event, found, instant


def test_a_press_is_told_at_the_moment_it_arrives() -> None:
    home = a_home()
    press = event(home, "14:30 button")
    _, said = vigil.arrive(Vigil(), press, press.at, home)
    assert [one.at for one in said if isinstance(one, Finding)] == [instant("14:30")]


def test_every_press_is_told_and_presses_close_together_are_one_call() -> None:
    home = a_home()
    now, calls = Vigil(), list[Finding]()
    for line in ("02:30 button", "02:30:20 button", "02:40 button"):
        press = event(home, line)
        now, said = vigil.arrive(now, press, press.at, home)
        calls += [one for one in said if isinstance(one, Finding)]
    assert [(call.episode, call.count) for call in calls] == [
        (instant("02:30"), 1),
        (instant("02:30"), 2),
        (instant("02:40"), 1),
    ]


def test_a_press_that_was_repeated_by_the_broker_is_one_press() -> None:
    assert found(a_home(), "02:30 button", "02:30 button", until="02:31") == ["02:30 button"]


def test_a_press_kept_by_the_broker_is_no_call_now() -> None:
    assert found(a_home(), "02:30 button on retained", until="02:31") == []


def test_a_press_that_comes_late_is_still_a_call() -> None:
    home = a_home()
    bed, press = event(home, "22:40 bed in"), event(home, "02:30 button")
    now, _ = vigil.arrive(Vigil(), bed, bed.at, home)
    _, said = vigil.arrive(now, press, press.at + timedelta(minutes=10), home)
    assert [one.at for one in said if isinstance(one, Finding)] == [instant("02:30")]
