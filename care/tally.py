"""How often what happened at the centre: counts that only grow, folded from records like everything else.

For who operates the centre. They begin with the first record that a process read, or with what was remembered; a start
that reads a journal from which old records have left counts those no more.
"""

from collections import Counter

from care.asking import CalledOff, Exhausted, Noticed, Passed, Proven, Refusal, Skipped
from care.messages import Carried, Held
from care.records import FellBack, Lapsed, Record, Resolved, Shelved
from detectors.findings import Withheld

TAKEN = "taken"  # what came of a notice that a channel took


class Tally:
    """Counts of records by what they say; of nobody in particular. Changed only by `add`."""

    def __init__(self) -> None:
        self.notices: Counter[tuple[str, str, str]] = Counter()  # by what for, channel, and what came of it
        self.steps: Counter[tuple[str, str]] = Counter()  # of alerts on their way: what was done, and why
        self.withheld: Counter[str] = Counter()  # what was over before the news of it came, by kind
        self.held: Counter[str] = Counter()  # messages that were held back, by why
        self.shelved: Counter[str] = Counter()  # alerts put aside, by why
        self.closed: Counter[str] = Counter()  # alerts, by how they ended
        self.fell_back: Counter[str] = Counter()  # calls of buildings by themselves, by channel
        self.lapsed = 0  # claims of which nothing came

    def add(self, record: Record) -> None:
        """Take in one record of the journal."""
        match record:
            case Noticed():
                self.notices["alert", record.channel, _came(record.refusal)] += 1
            case CalledOff():
                self.notices["called-off", record.channel, _came(record.refusal)] += 1
            case Carried():
                self.notices["message", record.channel, _came(record.refusal)] += 1
            case Proven():
                self.notices["test", record.channel, _came(record.refusal)] += 1
            case Passed():
                self.steps["asked", str(record.why)] += 1
            case Skipped():
                self.steps["skipped", str(record.why)] += 1
            case Exhausted():
                self.steps["exhausted", str(record.why)] += 1
            case _:
                self._besides(record)

    def _besides(self, record: Record) -> None:
        match record:
            case Withheld():
                self.withheld[str(record.what)] += 1
            case Held():
                self.held[str(record.why)] += 1
            case Shelved():
                self.shelved[str(record.why)] += 1
            case Resolved():
                self.closed[str(record.outcome)] += 1
            case FellBack():
                self.fell_back[record.channel] += 1
            case Lapsed():
                self.lapsed += 1
            case _:
                pass


def _came(refusal: Refusal | None) -> str:
    return TAKEN if refusal is None else str(refusal)
