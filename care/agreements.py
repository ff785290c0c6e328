"""What is agreed with a resident about their alerts: what may be agreed, what differs, what holds, what was asked.

The plan of the site is what the installer drew up. What people agree at the centre stands beside it as records, value
by value, and wins until the plan changes that very value (decision 0013). Everything here is a function of records.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from care.ids import BackTestId, StaffId
from care.records import Agreed, BackTest, BackTested, Changed, Ground, Plan, Record, Untested
from detectors.budget import OWN
from detectors.findings import What
from detectors.homes import Home, HomeId, Limits, ResidentId

SOON = (What.OOB_ACTIVE,)
"""What may wait for `soon` by agreement; anything else about a resident is urgent, or never is."""

OFF = (What.DOOR_ARRIVED, What.LATE_RISE, What.RESTLESS, What.NOCTURIA, What.SHIFT, What.DECLINE)
"""What need not be told at all, by agreement: what is never urgent."""

LIMITS: dict[str, What] = {
    "bath": What.BATH,
    "bath_risen": What.BATH,
    "still": What.STILL,
    "still_risen": What.STILL,
    "oob_unseen": What.OOB_UNSEEN,
    "oob_active": What.OOB_ACTIVE,
    "door": What.DOOR_LEFT,
}
"""The limits, each with the kind of alert that it is the limit of."""

BUDGET = "budget"
"""The name of how often alerts may come that are not needed: one of `detectors.budget.OWN`."""

MINUTES = (1, 720)  # between which a limit lies
NIGHTS = 28  # looked back over
ASKED_KEPT = 20  # of each home, the newest
CHANGES_KEPT = 200

Value = float | bool
Values = dict[str, Value]
"""Every single thing that is agreed, by its name: "bath", "budget", "soon:oob-active", "off:late-rise"."""


class Stale(Exception):
    """Something else has been agreed since, or answered: nothing was written."""


class NotAgreed(ValueError):
    """Something that cannot be agreed: one sentence."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed with a resident beside the plan: of each value what the plan said then, and what holds."""

    resident: ResidentId
    values: dict[str, tuple[Value, Value]]


def agreed(home: Home) -> Agreed:
    """Return what a home stands with."""
    return Agreed(limits=home.limits, soon=home.agreed_soon, off=home.off, budget=home.budget)


def with_agreed(home: Home, what: Agreed) -> Home:
    """Return a home under what is agreed."""
    return msgspec.structs.replace(home, limits=what.limits, agreed_soon=what.soon, off=what.off, budget=what.budget)


def values(what: Agreed) -> Values:
    """Return every single thing that is agreed.

    >>> values(Agreed(soon=("oob-active",)))["soon:oob-active"], values(Agreed())["bath"]
    (True, 30.0)
    """
    limits: Values = {name: getattr(what.limits, name) for name in LIMITS}
    soon: Values = {f"soon:{kind}": kind in what.soon for kind in SOON}
    return limits | {BUDGET: what.budget} | soon | {f"off:{kind}": kind in what.off for kind in OFF}


def with_values(what: Agreed, said: Mapping[str, Value]) -> Agreed:
    """Return what is agreed with some values in place of what they were.

    Raises `NotAgreed` for a name that nothing has, for minutes beyond `MINUTES`, for a limit that is no number, and for
    a budget that is none of `detectors.budget.OWN`.
    """
    known = values(what)
    for name, value in said.items():
        if name not in known:
            raise NotAgreed(f'"{name}" cannot be agreed. Known are: {", ".join(known)}.')
        if name == BUDGET and (isinstance(value, bool) or value not in OWN):
            raise NotAgreed(f'"{name}" is {value!r}. Write {_choice()}.')
        if isinstance(known[name], bool) != isinstance(value, bool):
            raise NotAgreed(f'"{name}" is {value!r}. Write {"yes or no" if name not in LIMITS else "minutes"}.')
        if name in LIMITS and not MINUTES[0] <= value <= MINUTES[1]:
            raise NotAgreed(f'"{name}" is {value:g}. Write a number of minutes from {MINUTES[0]} to {MINUTES[1]}.')
    now = {**known, **said}
    others = tuple(kind for kind in what.soon if kind not in SOON)  # the plan may name one that is soon anyway
    return Agreed(
        limits=Limits(**{name: float(now[name]) for name in LIMITS}),
        soon=(*(str(kind) for kind in SOON if now[f"soon:{kind}"]), *others),
        off=tuple(str(kind) for kind in OFF if now[f"off:{kind}"]),
        budget=float(now[BUDGET]),
    )


def _choice() -> str:
    *most, last = (f"{one:g}" for one in OWN)
    return f"{', '.join(most)} or {last}"


def differing(before: Agreed, after: Agreed) -> dict[str, tuple[Value, Value]]:
    """Return what differs, by name, as it was and as it is."""
    was, now = values(before), values(after)
    return {name: (was[name], now[name]) for name in was if was[name] != now[name]}


def taken(standing: Standing | None, plan: Home, changed: Changed) -> Standing | None:
    """Return what stands beside the plan after a change; one that means another resident changes nothing.

    `plan` is the home as the plan has it. Raises `NotAgreed` for what cannot be agreed.
    """
    if changed.resident != plan.resident:
        return standing
    said = {name: value for name, (_, value) in differing(changed.before, changed.after).items()}
    with_values(changed.before, said)
    by_plan = values(agreed(plan))
    held = {} if standing is None else dict(standing.values)
    for name, value in said.items():
        held[name] = (by_plan[name], value)
    return Standing(resident=plan.resident, values=held)


def left(standing: Standing, plan: Home) -> Standing | None:
    """Return what still stands beside a plan that may have been changed: for good, also if it is changed back."""
    if standing.resident != plan.resident:
        return None
    by_plan = values(agreed(plan))
    kept = {name: held for name, held in standing.values.items() if by_plan.get(name) == held[0]}
    return Standing(resident=plan.resident, values=kept) if kept else None


def in_force(plan: Home, standing: Standing | None) -> Home:
    """Return a home as it is watched: by its plan, and by what stands beside it."""
    if standing is None:
        return plan
    return with_agreed(plan, with_values(agreed(plan), {name: value for name, (_, value) in standing.values.items()}))


def asking(home: Home, before: Agreed, proposed: Agreed, by: StaffId, at: datetime) -> BackTest:
    """Ask the building of a home to look back on what something else would have given."""
    identity = f"{home.id} {by} {at.isoformat()}"
    known = BackTestId(hashlib.blake2b(identity.encode(), digest_size=5).hexdigest())
    return BackTest(at=at, home=home.id, id=known, by=by, before=before, proposed=proposed, nights=NIGHTS)


class Agreements:
    """What was asked, answered and changed of every home, as the centre's records say. Changed only by `add`."""

    def __init__(self) -> None:
        self._asked: dict[HomeId, dict[BackTestId, BackTest]] = {}
        self._answers: dict[BackTestId, BackTested] = {}
        self._changes: dict[HomeId, list[Changed]] = {}
        self._under_way: dict[HomeId, list[Changed]] = {}  # and not told by the building yet, oldest first

    def add(self, record: Record) -> bool:
        """Take in one record of the journal; return whether it is about what is agreed for one home."""
        match record:
            case BackTest():
                asked = self._asked.setdefault(record.home, {})
                asked[record.id] = record
                if len(asked) > ASKED_KEPT:
                    oldest = next(iter(asked))
                    del asked[oldest]
                    self._answers.pop(oldest, None)
            case BackTested():
                if self.asked(record.home, record.id) is not None:
                    self._answers.setdefault(record.id, record)  # of two answers the first
            case Changed():
                self._changes[record.home] = [*self._changes.get(record.home, ()), record][-CHANGES_KEPT:]
                self._under_way.setdefault(record.home, []).append(record)
            case Plan():
                for home in record.homes:
                    self._told(home)
                return False
            case _:
                return False
        return True

    def asked(self, home: HomeId, back_test: str) -> BackTest | None:
        """Return what a building was asked to look back on, if it was of this home and not long ago."""
        return self._asked.get(home, {}).get(BackTestId(back_test))

    def answer(self, asked: BackTest) -> BackTested | None:
        """Return what the building answered, if it has."""
        return self._answers.get(asked.id)

    def changes(self, home: Home) -> list[Changed]:
        """Return what was changed for whoever lives in a home now, the newest first."""
        return [one for one in self._changes.get(home.id, ()) if one.resident == home.resident][::-1]

    def under_way(self, home: Home) -> list[Changed]:
        """Return the changes of which the building has not told that they hold, the oldest first."""
        return [one for one in self._under_way.get(home.id, ()) if one.resident == home.resident]

    def now(self, home: Home) -> Agreed:
        """Return what is agreed for a home: as its building last told, and what is on its way there."""
        what = agreed(home)
        for one in self.under_way(home):
            what = with_values(what, {name: now for name, (_, now) in differing(one.before, one.after).items()})
        return what

    def done(self, asked: BackTest) -> Changed | None:
        """Return the change that was made of what was looked back on, if one was."""
        return next((one for one in self._changes.get(asked.home, ()) if one.asked == asked.id), None)

    def stale(self, asked: BackTest, home: Home) -> bool:
        """Whether something else is agreed by now than what was looked back from."""
        answer, now = self._answers.get(asked.id), self.now(home)
        found = None if answer is None else answer.found
        return asked.before != now or (found is not None and bool(differing(found.before, asked.before)))

    def unheeded(self, asked: BackTest) -> bool:
        """Whether a building answered, but not on the budget it was asked about: its version is too old for that."""
        answer = self._answers.get(asked.id)
        found = None if answer is None else answer.found
        return found is not None and found.expected is None and BUDGET in differing(asked.before, asked.proposed)

    def changing(
        self, asked: BackTest, home: Home, by: StaffId, at: datetime, why: Ground, *, untested: Untested | None
    ) -> tuple[Changed, ...]:
        """Agree what was looked back on, or what nobody could look back on. Raises `Stale`.

        `untested` is why its reader saw no answer; with an answer there by now, that is to be read first.
        """
        if self.done(asked) is not None:
            return ()  # the same tap twice
        answer = self._answers.get(asked.id)
        cannot = answer is not None and answer.found is None
        if self.stale(asked, home) or self.unheeded(asked) or (untested is None) != (answer is not None and not cannot):
            raise Stale
        return (
            Changed(
                at=at,
                home=home.id,
                resident=home.resident,
                by=by,
                why=why,
                before=asked.before,
                after=asked.proposed,
                asked=asked.id,
                untested=untested,
            ),
        )

    def _told(self, home: Home) -> None:
        """Note what a building says that holds; with a change, those before it have arrived too."""
        waiting, told = self._under_way.get(home.id, []), values(agreed(home))
        for number in range(len(waiting), 0, -1):
            one = waiting[number - 1]
            if all(told[name] == now for name, (_, now) in differing(one.before, one.after).items()):
                self._under_way[home.id] = waiting[number:]
                return
