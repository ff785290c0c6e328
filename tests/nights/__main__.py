"""Replay nights: `python -m tests.nights --seed 17`, or as many as there is time for."""

# ruff: noqa: T201  # a command: the terminal is its face

import argparse
import sys
import time

from tests.nights import clocks
from tests.nights.fate import Fate, fate
from tests.nights.promises import broken
from tests.nights.world import lived


def main() -> int:
    """Live nights one after another; print what broke, and how to see it again."""
    options = argparse.ArgumentParser(prog="python -m tests.nights", description=__doc__)
    options.add_argument("--seed", type=int, default=1, help="the first night")
    options.add_argument("--nights", type=int, default=1, help="how many, one seed after another")
    options.add_argument("--clocks", action="store_true", help="nights in which nothing is wrong but the clock")
    asked = options.parse_args()
    bad, began_s = 0, time.monotonic()
    for seed in range(asked.seed, asked.seed + asked.nights):
        night = clocks.a_night(seed) if asked.clocks else lived(fate(seed))
        if asked.nights == 1:
            _tell(night.fate)
        wrong = list(clocks.broken(seed, night)) if asked.clocks else broken(night)
        bad += bool(wrong)
        for what in wrong:
            print(f"seed {seed}: {what}", flush=True)
        if wrong:
            print(f"again: python -m tests.nights{' --clocks' if asked.clocks else ''} --seed {seed}", flush=True)
    print(f"{asked.nights} nights in {time.monotonic() - began_s:.0f} s, {bad} in which a promise broke.")
    return 1 if bad else 0


def _tell(night: Fate) -> None:
    print(f"{night.start} to {night.end}, {', '.join(home.id for home in night.site.homes)}, {night.weather}")
    for one in sorted(night.failures, key=lambda one: one.at):
        noticed = "" if one.noticed else ", unnoticed"
        print(f"  {one.at:%a %H:%M:%S} to {one.until:%H:%M:%S} {one.fault} ({one.point}{noticed})")
    for wrong in night.clock:
        print(f"  {wrong.at:%a %H:%M:%S} the clock is set: off by {wrong.off}")


sys.exit(main())
