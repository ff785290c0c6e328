"""The law of notices: each is delivered, moved on to the next channel or reported, whatever fails; none is doubled."""

from benchmarks.notices import FIGURES, measure


def test_whatever_fails_each_notice_is_delivered_moved_on_or_reported_and_none_is_doubled() -> None:
    tally = measure(160, seed=1)
    assert tally.notices == 160
    assert tally.refused > 40  # or nothing was put to the test
    assert tally.first + tally.next + tally.again + tally.reported == tally.notices
    assert (tally.lost, tally.doubled, tally.apart) == (0, 0, 0)
    assert min(tally.first, tally.next) > 0


def test_where_everything_fails_everything_is_reported() -> None:
    tally = measure(20, seed=1, share=1.0)
    assert (tally.reported, tally.lost, tally.doubled) == (20, 0, 0)
    assert {one.key for one in FIGURES} == tally.figures().keys()
