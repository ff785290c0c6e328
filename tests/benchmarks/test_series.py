"""What is measured of time series is measured."""

from benchmarks.series import FIGURES, measure


def test_a_small_run_gives_every_figure() -> None:
    found = measure(1_000, rounds=1)
    assert {one.key for one in FIGURES} == found.keys()
    assert min(found.values()) > 0
    assert found["points"] == 1_000
