"""What operators may know of the centre, as Prometheus reads it: what each figure means, and all of them at a moment.

Nothing is counted here. Every figure is worked out when somebody asks, from the board and from what stands beside it;
a large board in slices, so that the desk goes on meanwhile, and written as text in a thread.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from care import certificates, journal
from care.board import Board
from care.certificates import BadCertificate
from care.clock import Clock
from care.database import Database
from care.version import version
from dashboard import contacts, enrolment, figures
from dashboard.authority import Authority
from dashboard.centre import Centre
from dashboard.figures import Figures
from dashboard.glance import desk_zone
from dashboard.intake import Ears
from dashboard.leases import SHARES, Leases
from dashboard.live import Live
from dashboard.looking import Kept
from dashboard.lookout import Lookout, Screens
from dashboard.organisations import OWN, Access, OrganisationId
from dashboard.readiness import Part, Tried, wrong
from detectors.homes import SiteId, zone_of

PREFIX = "nachtwacht_"
SLICE = 100  # buildings that are looked at in one go: with sixteen homes each, some milliseconds


class About(NamedTuple):
    """What a figure means."""

    labels: tuple[str, ...]
    help: str


_SITE, _DESK = ("site",), ("organisation",)

TABLE: dict[str, About] = {
    "build_info": About(("version",), "The version that runs; always 1."),
    "ready": About(("part",), "Whether the centre has what it cannot do without: 1 or 0, as /readyz says."),
    "journal_number": About((), "Number of the newest record on the board."),
    "journal_behind_records": About((), "Records on disk that are not on the board yet."),
    "journal_age_seconds": About((), "Since the newest record was written."),
    "journal_answer_seconds": About((), "That the journal's thread took to answer when last asked."),
    "broker_state_seconds": About((), "Since the connection to the broker was made, or was lost."),
    "on_duty": About((), "1 in the one process that escalates and sends; of several together exactly one says so."),
    "processes": About((), "Processes of this centre that live, this one among them; 1 where the store is a file."),
    "shares_held": About((), "Sixteenths of the buildings that this process speaks with; 16 where it is alone."),
    "lookout_age_seconds": About((), "Since the centre last asked itself what is due; it does so every second."),
    "site_info": About(("site", "organisation"), "Every building of which there is a plan, and whose it is; always 1."),
    "site_homes": About(("site", "sight"), "Homes of a building: watched, partly blind, blind, or paused."),
    "site_heard_age_seconds": About(_SITE, "Since the last word of a building."),
    "site_proof_age_seconds": About(_SITE, "Since a synthetic event last came through from a building to the centre."),
    "site_certificate_left_seconds": About(_SITE, "Until the certificate of a building's gateway ends."),
    "site_messages_refused_total": About(_SITE, "Messages that could not be read or taken, since the start."),
    "sites_behind": About((), "Buildings that are still telling of the past."),
    "homes_kind_off": About(("kind",), "Homes for which a kind of alert is not told, by agreement."),
    "alerts_open": About(("tier", "state"), "Alerts that are not closed; shelved ones are put aside for a while."),
    "alert_oldest_unclaimed_seconds": About(
        ("tier",), "Since the oldest alert that nobody has taken came to the desk; 0 if there is none."
    ),
    "alerts_exhausted": About((), "Open alerts about which everybody was asked, and nobody has them."),
    "alerts_merged": About((), "Open alerts that are shown under another, which explains them."),
    "alerts_shelved_total": About(("why",), "Times that an alert was put aside."),
    "alerts_closed_total": About(("outcome",), "Alerts that people closed, by how they ended."),
    "claims_lapsed_total": About((), "Claims that ended because nothing came of them."),
    "findings_withheld_total": About(("kind",), "Conditions that were over before the news of them came: no alert."),
    "building_alarms_total": About(("channel",), "Calls that buildings made by themselves."),
    "escalation_steps_total": About(
        ("step", "why"), "Steps of alerts: somebody was asked or skipped, or nobody was left (exhausted)."
    ),
    "outbox_waiting": About(("what",), "Notices that are to go out and that no channel has taken yet."),
    "outbox_oldest_seconds": About(("what",), "Since the oldest of them was asked for; 0 if there is none."),
    "notices_total": About(
        ("what", "channel", "outcome"), "Notices given to channels: taken, or why not. A test goes out once a day."
    ),
    "messages_held_total": About(
        ("why",), "Messages held back, for somebody who has had enough; never what is urgent."
    ),
    "channel_works": About(("channel",), "Whether a channel took its last notice: 1 or 0."),
    "screens_connected": About((), "Pages that are kept up to date."),
    "screens_in_view": About((), "Pages that somebody could be looking at."),
    "screens_sounding": About((), "Those of them that can make themselves heard."),
    "screens_proven": About((), "Those of them that somebody has seen and heard in this shift."),
    "desk_people": About(_DESK, "People with a page in view who may act on the alerts of an organisation."),
    "desk_unwatched": About(_DESK, "Whether there has been no such page for two minutes: 1 or 0."),
    "desk_alerts_lately": About(_DESK, "Alerts of the last ten minutes; more than ten for each person are a flood."),
    "desk_alerts_shift": About(_DESK, "Alerts of the shift that runs."),
    "desk_alerts_waiting": About(_DESK, "Alerts of the shift that runs and that nobody has taken."),
    "desk_flood": About(_DESK, "Whether there are more alerts now than people can keep up with: 1 or 0."),
    "desk_flooded_seconds": About(_DESK, "Of the shift that runs in which there were too many."),
    "desk_answer_seconds": About(
        ("organisation", "which"), "From an alert's arrival until somebody took it, in this shift: median and longest."
    ),
    "desk_messages_held": About(_DESK, "Messages and steps of the shift that runs that were held back."),
    "access_log_waiting": About((), "Entries of who looked that wait in memory for a disk that refuses them."),
    "access_log_lost_total": About((), "Entries of who looked that were lost because too many waited."),
    "certificate_left_seconds": About(("of",), "Until a certificate of the centre itself ends."),
    "disk_free_bytes": About(("of",), "Room on the disk where the journal, and the people store, lie."),
    "disk_bytes": About(("of",), "The size of those disks."),
    "file_bytes": About(("of",), "The size of journal and people store, with what waits beside them."),
    "home_day_used": About(
        ("what",), "What one home took in the newest day that buildings told of: seconds, bytes, batteries."
    ),
    "homes": About((), "Homes of all buildings."),
    "collection_seconds": About((), "That it took to work out these figures, before they were written as text."),
}
"""Every figure by its name, without `PREFIX`. What ends in `_total` is a counter; anything else is as it stands."""


class Operation(Protocol):
    """What is behind the pages, as far as this needs it (`pages.Desk`)."""

    @property
    def centre(self) -> Centre: ...
    @property
    def live(self) -> Live: ...
    @property
    def people(self) -> Database: ...
    @property
    def wall(self) -> Clock: ...
    @property
    def intake(self) -> Ears | None: ...
    @property
    def leases(self) -> Leases | None: ...
    @property
    def lookout(self) -> Lookout | None: ...
    @property
    def authority(self) -> Authority | None: ...
    @property
    def https(self) -> Path | None: ...
    @property
    def screens(self) -> Screens: ...
    @property
    def looks(self) -> Kept: ...


@dataclass(frozen=True, slots=True)
class Exposition(Collector):
    """Figures as the library writes them."""

    made: Figures

    def collect(self) -> Iterator[Metric]:
        for name, about in TABLE.items():
            family: Metric
            if name.endswith("_total"):
                family = CounterMetricFamily(PREFIX + name, about.help, labels=about.labels)
            else:
                family = GaugeMetricFamily(PREFIX + name, about.help, labels=about.labels)
            for labels, value in self.made.get(name, ()):
                family.add_metric(labels, float(value))
            yield family


def text(made: Figures) -> bytes:
    """Return the figures, and what the process has used of the machine, in Prometheus' text format."""
    return generate_latest(Exposition(made)) + generate_latest(_OF_PROCESS)


_OF_PROCESS = ProcessCollector(registry=None)


async def gather(desk: Operation, tried: Tried) -> Figures:
    """Return all figures as they stand now; those of thousands of buildings, as they stood within that second."""
    turns = _Turns()
    centre, board, now = desk.centre, desk.centre.board, desk.centre.now()
    owners = Access(desk.people).owners()
    whose = figures.owner_of(owners)
    await turns.pause()
    zone = zone_of(desk_zone(board))
    made = _of_centre(desk, tried, now) | _of_screens(desk, board, now, zone)
    parts: tuple[Callable[[], Figures], ...] = (
        lambda: figures.of_alerts(board, now),
        lambda: figures.of_outbox(board, now),
        lambda: figures.of_channels(board, contacts.channels(desk.people)),
        lambda: figures.of_counts(board),
        lambda: figures.of_agreements(board),
        lambda: figures.of_upkeep(board, now),
        lambda: _of_desks(desk, owners, now, zone),
        lambda: _of_certificates(desk),
        lambda: _of_disks({"journal": centre.file, "people": journal.file_of(desk.people)}),
    )
    for part in parts:
        await turns.pause()
        made |= part()
    plans, sites = list(board.plans.values()), {name: made.setdefault(name, []) for name in _OF_SITES}
    for start in range(0, len(plans), SLICE):
        await turns.pause()
        for plan in plans[start : start + SLICE]:
            sign, unproven_s = centre.sign(plan.site, now), centre.unproven_s(plan.site)
            of_site = figures.of_site(board, plan, now, owner=whose(plan.site), sign=sign, unproven_s=unproven_s)
            for name, labels, value in of_site:
                sites[name].append((labels, value))
    made["collection_seconds"] = [((), turns.busy_s)]
    return made


class _Turns:
    """How long the event loop was held, pauses left out."""

    def __init__(self) -> None:
        self._now_s = asyncio.get_running_loop().time
        self._before_s, self._began_s = 0.0, self._now_s()

    @property
    def busy_s(self) -> float:
        return self._before_s + self._now_s() - self._began_s

    async def pause(self) -> None:
        """Let everybody else have their turn."""
        self._before_s = self.busy_s
        await asyncio.sleep(0)
        self._began_s = self._now_s()


_OF_SITES = ("site_info", "site_homes", "site_heard_age_seconds", "site_proof_age_seconds")


def _of_centre(desk: Operation, tried: Tried, now: datetime) -> Figures:
    centre, at = desk.centre, desk.centre.recorded_at
    ill = wrong(tried, centre, desk.intake, desk.people, desk.lookout)
    refused = {} if desk.intake is None else desk.intake.refused
    return {
        "build_info": [((version(),), 1)],
        "ready": [((str(part),), part not in ill) for part in Part],
        "journal_number": [((), centre.number)],
        "journal_behind_records": [((), max(0, (tried.number or 0) - centre.number))],
        "journal_age_seconds": [] if at is None else [((), max(0.0, (now - at).total_seconds()))],
        "journal_answer_seconds": [((), tried.answer_s)],
        "broker_state_seconds": [((), max(0.0, (now - centre.ear(now).since).total_seconds()))],
        "on_duty": [((), centre.on_duty())],
        "processes": [((), 1 if desk.leases is None else desk.leases.processes)],
        "shares_held": [((), SHARES if desk.leases is None else desk.leases.shares)],
        "lookout_age_seconds": [] if desk.lookout is None else [((), desk.lookout.looked_ago_s)],
        "site_messages_refused_total": [((site,), count) for site, count in sorted(refused.items())],
        "sites_behind": [((), len(centre.board.behind))],
        "homes": [((), len(centre.board.homes))],
        "access_log_waiting": [((), len(desk.looks.waiting))],
        "access_log_lost_total": [((), desk.looks.lost)],
    }


def _of_screens(desk: Operation, board: Board, now: datetime, zone: ZoneInfo) -> Figures:
    screens = desk.screens
    proven = sum(board.shifts.proven_at(screen, now, zone) is not None for screen in screens.in_view)
    return {
        "screens_connected": [((), desk.live.connected)],
        "screens_in_view": [((), screens.watching)],
        "screens_sounding": [((), screens.sounding)],
        "screens_proven": [((), proven)],
    }


def _of_desks(desk: Operation, owners: Mapping[SiteId, OrganisationId], now: datetime, zone: ZoneInfo) -> Figures:
    """Return the figures of the desk of every organisation that has a building, and of the centre's own."""
    acting = desk.screens.people_by_organisation()
    people = {organisation: acting.get(organisation, 0) for organisation in sorted({OWN, *owners.values()})}
    unwatched = figures.Samples(((one,), desk.screens.unwatched(one)) for one in people)
    return figures.of_desks(desk.centre.board, now, zone, people, figures.owner_of(owners)) | {
        "desk_unwatched": unwatched
    }


def _of_certificates(desk: Operation) -> Figures:
    """Return how long certificates are good; one that was taken back is not told, one that cannot be read is over."""
    now = desk.wall.now()
    files = {} if desk.https is None else {"pages": desk.https}
    if desk.authority is not None:
        files |= desk.authority.files
    left = figures.Samples()
    for of, file in files.items():
        try:
            ends = certificates.ends(file.read_bytes())
        except (OSError, BadCertificate):
            ends = now
        left.append(((of,), (ends - now).total_seconds()))
    gateways = [one for one in enrolment.enrolled(desk.people) if one.revoked_at is None]
    return {
        "certificate_left_seconds": left,
        "site_certificate_left_seconds": [((one.site,), (one.valid_until - now).total_seconds()) for one in gateways],
    }


def _of_disks(files: Mapping[str, Path | None]) -> Figures:
    made: Figures = {"disk_free_bytes": [], "disk_bytes": [], "file_bytes": []}
    for of, file in files.items():
        if file is None:
            continue  # in memory
        room = shutil.disk_usage(file.parent)
        beside = [file, file.with_name(f"{file.name}-wal")]
        made["disk_free_bytes"].append(((of,), room.free))
        made["disk_bytes"].append(((of,), room.total))
        made["file_bytes"].append(((of,), sum(one.stat().st_size for one in beside if one.exists())))
    return made
