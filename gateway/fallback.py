"""The building's own way of calling: what the centre does not have on its disk within a minute, it says itself.

What waits for the centre is a fold of the building's journal, so that a restart forgets no alarm that sounds. Whether
the centre has a record, only the link's answer says (`care.link.Have`), or something a person there did with it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from care.alerts import Tier, alert_of, urgency
from care.homes import Site
from care.ids import AlertId
from care.journal import Entry
from care.records import CENTRE, FellBack, Order
from detectors.findings import Cleared, Finding, What
from detectors.homes import HomeId, Instant
from gateway.channels import ALERT, HELP_ASKED

WITHIN_S = 60.0  # monotonic seconds that the centre has
ANSWER_S = 10.0  # in which the centre, when it can be reached, has answered several times over
LONG_AGO = timedelta(minutes=5)  # a process that starts again and again gives no centre a minute each time


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """An acute alert of which the centre has not said that it has it."""

    number: int  # of its first finding in our journal
    home: HomeId
    open: tuple[What, ...]  # conditions that are not over
    fallen: bool = False  # the building's own alarm has been given
    at: Instant | None = None  # when it was written down; None in a snapshot of an older make
    took: tuple[str, ...] = ()  # channels that have taken the call
    failed: tuple[str, ...] = ()  # and that did not, at first


def due(
    pending: Mapping[AlertId, Pending], have: int, since_s: Mapping[AlertId, float], now_s: float
) -> tuple[AlertId, ...]:
    """Return the alerts for which the building must call by itself now.

    Parameters
    ----------
    pending : what waits.
    have : up to which number of our journal the centre has everything on disk.
    since_s : since which monotonic second the centre has its minute for each: see `since`.
    now_s : the monotonic second it is.
    """
    return tuple(
        alert
        for alert, one in pending.items()
        if not one.fallen and one.number > have and now_s - since_s.get(alert, now_s) >= WITHIN_S
    )


class Start(msgspec.Struct, frozen=True):
    """When this process began, and when it first reached the centre, in monotonic seconds; what waited then."""

    at: Instant
    at_s: float
    waited: frozenset[AlertId]
    linked_s: float | None = None


def since(alert: AlertId, one: Pending, known_s: float, start: Start) -> float:
    """Return the monotonic second from which on the centre has a minute for an alert.

    What came up in this process counts from then (`known_s`), whatever the link does. What waited when it started, the
    centre may have had, and told the process that died: that it can say again, a minute after the start or, where it
    was out of reach at first, after the link is back. But a call of long ago that nobody is known to have waits for no
    more than an answer.
    """
    if alert not in start.waited:
        return known_s
    if one.at is not None and start.at - one.at >= LONG_AGO:
        return start.at_s - (WITHIN_S - ANSWER_S)
    back = start.linked_s is not None and start.linked_s - start.at_s < WITHIN_S
    return start.linked_s if back and start.linked_s is not None else start.at_s


def left(pending: dict[AlertId, Pending], have: int) -> dict[AlertId, Pending]:
    """Return what waits still, now that the centre has everything up to a number."""
    if all(one.number > have for one in pending.values()):
        return pending
    return {alert: one for alert, one in pending.items() if one.number > have}


def sounding(pending: Mapping[AlertId, Pending]) -> tuple[HomeId, ...]:
    """Return the homes for which the building's own alarm is to sound now."""
    return tuple(sorted({one.home for one in pending.values() if one.fallen}))


def folded(pending: dict[AlertId, Pending], entry: Entry, site: Site) -> dict[AlertId, Pending]:
    """Return what waits after an entry of the building's journal."""
    record = entry.record
    if entry.origin == CENTRE:  # who does something with an alert, has it
        return _without(pending, record.alert) if isinstance(record, Order) else pending
    if isinstance(record, FellBack):
        known = pending.get(record.alert)
        return pending if known is None else {**pending, record.alert: _fell(known, record)}
    if isinstance(record, Finding):
        if urgency(record, site.by_id.get(record.home)) is not Tier.ACUTE:
            return pending
        alert = alert_of(record)
        known = pending.get(alert) or Pending(entry.number, record.home, (), at=entry.recorded_at)
        return {**pending, alert: msgspec.structs.replace(known, open=(*known.open, record.what))}
    if isinstance(record, Cleared):
        return _ended(pending, alert_of(record), record.what)
    return pending


def asked(pending: Mapping[AlertId, Pending], channels: Sequence[str]) -> dict[str, dict[AlertId, str]]:
    """Return for each channel the alerts that go out now and that it has not taken, with what is said on a phone."""
    said = {alert: _text(one) for alert, one in pending.items() if one.fallen}
    return {
        channel: {alert: text for alert, text in said.items() if channel not in pending[alert].took}
        for channel in channels
    }


def topic(site: Site) -> str:
    """Where the building's own siren or lamp listens, at the building's own broker."""
    return f"nachtwacht/{site.id}/alarm"


def said(homes: tuple[HomeId, ...]) -> bytes:
    """Return what is said there: "on" for which homes, or "off"."""
    return msgspec.json.encode({"state": "on" if homes else "off", "homes": homes})


def _text(one: Pending) -> str:
    return (HELP_ASKED if What.BUTTON in one.open else ALERT).format(number=one.home.partition("/")[2])


def _fell(known: Pending, record: FellBack) -> Pending:
    took = (*known.took, record.channel) if record.took else known.took
    failed = (*known.failed, record.channel) if record.took is False else known.failed
    return msgspec.structs.replace(known, fallen=True, took=took, failed=failed)


def _ended(pending: dict[AlertId, Pending], alert: AlertId, what: What) -> dict[AlertId, Pending]:
    known = pending.get(alert)
    if known is None or what not in known.open:
        return pending
    still = tuple(one for one in known.open if one is not what)
    return {**pending, alert: msgspec.structs.replace(known, open=still)} if still else _without(pending, alert)


def _without(pending: dict[AlertId, Pending], alert: AlertId) -> dict[AlertId, Pending]:
    return {other: one for other, one in pending.items() if other != alert} if alert in pending else pending
