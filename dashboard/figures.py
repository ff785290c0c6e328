"""The centre in figures at one moment, for who operates it: each a function of the board and of what is beside it.

Ids of sites and organisations, and words of ours: never a home, an alert, somebody's id or name. Whoever scrapes keeps
what they get for months, and shows it on walls.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from care.alerts import Alert, State, Tier
from care.asking import Exhausted
from care.board import Board
from care.buildings import Sign, cause_of, last_sign
from care.escalation import to_call_off, to_send
from care.load import Load, loads
from care.records import CENTRE, Plan
from care.sights import now_seen
from care.upkeep import AMOUNTS, each
from dashboard.organisations import OWN, OrganisationId
from detectors.findings import Sight, What
from detectors.homes import SiteId, building_of

Samples = list[tuple[tuple[str, ...], float]]
Figures = dict[str, Samples]
"""Of each figure by its name (`dashboard.metrics.TABLE`): the values of its labels, and how much."""

_WAITS = frozenset({State.RAISED, State.DELIVERED})


def of_site(
    board: Board, plan: Plan, now: datetime, *, owner: OrganisationId, sign: Sign | None, unproven_s: float | None
) -> Iterable[tuple[str, tuple[str, ...], float]]:
    """Yield the figures of one building: whose it is, its homes by how much is seen of them, its last words.

    `unproven_s` is how long ago it last proved itself (`Centre.unproven_s`); without that there is no such figure.
    """
    site = plan.site
    yield "site_info", (site, owner), 1
    seen = sights(board, plan, now)
    for sight in Sight:
        yield "site_homes", (site, str(sight)), seen[sight]
    yield "site_heard_age_seconds", (site,), _s(now - last_sign(board, sign, site, now))
    if unproven_s is not None:
        yield "site_proof_age_seconds", (site,), unproven_s


def sights(board: Board, plan: Plan, now: datetime) -> Counter[Sight]:
    """Count a building's homes by how much can be seen of them now, as the desk draws them."""
    if board.silent_since(plan.site, now) is not None:
        return Counter({Sight.BLIND: len(plan.homes)})
    causes = [one for one in board.standing(building_of(plan.site)) if one.what is not What.BUILDING_SILENT]
    seen: Counter[Sight] = Counter()
    for home in plan.homes:
        status = board.statuses.get(home.id)
        if status is None:
            seen[Sight.BLIND] += 1
        else:
            seen[(now_seen(home, status, causes) if causes else status).sight] += 1
    return seen


def of_alerts(board: Board, now: datetime) -> Figures:
    """Return the alerts that are open by tier and state, how long the oldest of a tier has waited, what is merged."""
    alerts = board.open_alerts()
    by_state = Counter((one.tier, one.state) for one in alerts)
    waiting = [one for one in alerts if one.state in _WAITS]
    oldest: dict[Tier, float] = {}
    for one in waiting:
        oldest[one.tier] = max(oldest.get(one.tier, 0.0), _s(now - _asks_since(one)))
    exhausted = sum(any(isinstance(step, Exhausted) for step in one.way) for one in waiting)
    return {
        "alerts_open": [
            ((str(tier), str(state)), by_state[tier, state])
            for tier in Tier
            for state in State
            if state is not State.RESOLVED
        ],
        "alert_oldest_unclaimed_seconds": [((str(tier),), oldest.get(tier, 0.0)) for tier in Tier],
        "alerts_exhausted": [((), exhausted)],
        "alerts_merged": [((), sum(cause_of(one, board) is not None for one in alerts))],
    }


def of_outbox(board: Board, now: datetime) -> Figures:
    """Return how much was asked for and is in no channel's hands yet, and since when the oldest of it was."""
    asked = {
        "alert": [one.asked.at for one in to_send(board, now)],
        "called-off": [one.asked.at for one in to_call_off(board, now)],
        "message": [one.told.at for one in board.messages.to_send(now)],
    }
    return {
        "outbox_waiting": [((what,), len(when)) for what, when in asked.items()],
        "outbox_oldest_seconds": [((what,), _s(now - min(when, default=now))) for what, when in asked.items()],
    }


def of_channels(board: Board, channels: Iterable[str]) -> Figures:
    """Return which ways to people's phones took their last notice; one that was never used is not told."""
    dead, known = board.channels.dead, {*channels}
    return {
        "channel_works": [
            ((name,), name not in dead) for name in sorted(known) if board.channels.last(name) is not None
        ]
    }


def of_counts(board: Board) -> Figures:
    """Return what only grows: what came of notices, what was held back, put aside, withheld (`care.tally`)."""
    tally = board.tally
    by: dict[str, Iterable[tuple[tuple[str, ...], int]]] = {
        "notices_total": tally.notices.items(),
        "escalation_steps_total": tally.steps.items(),
        "findings_withheld_total": _keyed(tally.withheld),
        "messages_held_total": _keyed(tally.held),
        "alerts_shelved_total": _keyed(tally.shelved),
        "alerts_closed_total": _keyed(tally.closed),
        "building_alarms_total": _keyed(tally.fell_back),
    }
    counted: Figures = {name: [(labels, n) for labels, n in sorted(counts)] for name, counts in by.items()}
    return counted | {"claims_lapsed_total": [((), tally.lapsed)]}


def of_agreements(board: Board) -> Figures:
    """Return what is not told by agreement: of how many homes each kind is off."""
    off = Counter(str(what) for home in board.homes.values() if home.off for what in home.off)
    return {"homes_kind_off": [((what,), homes) for what, homes in sorted(off.items())]}


def of_upkeep(board: Board, now: datetime) -> Figures:
    """Return what watching a home took in the newest day of each building, none of them older than two days."""
    days = [one for one in board.upkeep.newest(now.date() - timedelta(days=2)) if one.site != CENTRE]
    taken = {name: each(days, name) for name in AMOUNTS}
    return {"home_day_used": [((name,), value) for name, value in taken.items() if value is not None]}


def of_desks(
    board: Board,
    now: datetime,
    zone: ZoneInfo,
    people: Mapping[OrganisationId, int],
    owner_of: Callable[[SiteId], OrganisationId],
) -> Figures:
    """Return how much there is to do at each organisation's desk (`care.load`), and how many people are there."""
    made: Figures = {name: [] for name in (*_OF_LOAD, "desk_people", "desk_answer_seconds")}
    for desk, load in loads(board, now, zone, people, owner_of).items():
        made["desk_people"].append(((desk,), people[desk]))
        for name, of in _OF_LOAD.items():
            made[name].append(((desk,), of(load)))
        for which, took in (("median", load.median), ("longest", load.longest)):
            if took is not None:
                made["desk_answer_seconds"].append(((desk, which), _s(took)))
    return made


_OF_LOAD: dict[str, Callable[[Load], float]] = {
    "desk_alerts_lately": lambda load: load.lately,
    "desk_alerts_shift": lambda load: load.alerts,
    "desk_alerts_waiting": lambda load: load.waiting,
    "desk_flood": lambda load: load.flood,
    "desk_flooded_seconds": lambda load: _s(load.flooded),
    "desk_messages_held": lambda load: load.held,
}


def owner_of(owners: Mapping[SiteId, OrganisationId]) -> Callable[[SiteId], OrganisationId]:
    """Return what says whose a site is."""
    return lambda site: owners.get(site, OWN)


def _asks_since(alert: Alert) -> datetime:
    """Return since when an alert asks for somebody at the desk: its arrival, or what opened it again."""
    if alert.resolved is None or not alert.reopened:
        return alert.arrived_at
    return min(one.at for one in alert.findings if one.at > alert.resolved.at)


def _keyed(counts: Mapping[str, int]) -> list[tuple[tuple[str, ...], int]]:
    return [((name,), n) for name, n in counts.items()]


def _s(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
