"""From which score on a bathroom stay is told: the shipped threshold, ranked over rehearsed home-nights.

`python -m benchmarks.threshold [--homes N] [--nights N] [--budget B] [--out FILE.json]`. The rehearsal draws its lives
from the figures of the detection study (sections 5.1 and 5.7); they are nobody's home, so this is where a site starts
from, and no claim about people.
"""

import argparse
import json
import math
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.progress import track

from detectors import durations, lessons, vigil
from detectors.homes import Home, HomeId, zone_of
from detectors.lessons import Lesson
from detectors.moments import SensorEvent
from detectors.vigil import Vigil
from gateway import rehearsal

LESSON = "bath_at_night"
BUDGET = 0.009  # false alerts a client-night: three tenths of .03 (detection study, section 4.3)
START = datetime(2026, 1, 1, 11, tzinfo=UTC)  # noon in Amsterdam


class Scores:
    """Listens to what the vigil teaches a home, and keeps the highest score of each night."""

    def __init__(self) -> None:
        self.highest: dict[tuple[HomeId, date], float] = defaultdict(lambda: -math.inf)

    def taught(self, name: str, lesson: Lesson | None, began: datetime, ended: datetime, home: Home) -> Lesson | None:
        after = lessons.taught(name, lesson, began, ended, home)
        if name == LESSON and after is not lesson and after is not None:
            minutes = (ended - began) / timedelta(minutes=1)
            block = durations.block_of(began, zone_of(home.night.zone))
            personal = (lesson or Lesson()).personal
            score = durations.score(lessons.TYPICAL[name], personal, minutes, block)
            night = (began.astimezone(zone_of(home.night.zone)) - timedelta(hours=12)).date()
            self.highest[home.id, night] = max(score, self.highest[home.id, night])
        return after


def measured(homes: int, nights: int) -> tuple[list[float], int]:
    """Return the highest score of every home-night that had one, and how many home-nights there were."""
    site, scores = rehearsal.site(homes), Scores()
    vigils = {home.id: Vigil() for home in site.homes}
    setattr(vigil, "taught", scores.taught)  # noqa: B010  # the one place where all of it passes
    moments = rehearsal.night(site, seed=11, start=START, hours=24 * nights)
    for moment in track(moments, description=f"{homes} homes, {nights} nights", total=None, transient=True):
        if isinstance(moment, SensorEvent):
            now, _ = vigil.arrive(vigils[moment.home], moment, moment.at, site.by_id[moment.home])
            vigils[moment.home] = now
    return sorted(scores.highest.values()), homes * nights


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threshold", description=__doc__)
    parser.add_argument("--homes", type=int, default=60)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--budget", type=float, default=BUDGET)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    scores, n = measured(asked.homes, asked.nights)
    above = math.floor((n + 1) * asked.budget)  # nights that may lie above: rank ceil((n + 1)(1 - B))
    figures = {
        "lesson": LESSON,
        "home_nights": n,
        "budget": asked.budget,
        "threshold": round(scores[-above], 2) if 0 < above <= len(scores) else None,
        "in_use": lessons.THRESHOLD[LESSON],
    }
    print(json.dumps(figures, indent=2))
    if asked.out is not None:
        asked.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
