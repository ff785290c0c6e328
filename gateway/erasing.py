"""What a building takes out when the centre orders it to forget a home: at once, a few records in a turn.

What sensors said, what was told and what was ordered of that home in that time leave; of older plans that home does.
Only what belongs to an acute alert stays that the centre is not known to have: the order is answered when that has left
too. Stopped at any moment, the next process goes on where this one was. What the watch has learned of whoever lived
there is gone with the plan that no longer names them.
"""

import sqlite3
from collections.abc import Collection
from datetime import datetime

import msgspec

from care import forgetting
from care.alerts import alert_of
from care.erasing import Forget, Forgot
from care.homes import Site
from care.ids import AlertId
from care.records import Plan, Record, Unreadable
from detectors.findings import Cleared, Finding
from detectors.homes import HomeId

TURN = 1_000  # records looked at in one turn: some tens of ms on a small machine


class Order(msgspec.Struct, frozen=True, array_like=True):
    """An order that was not answered yet, with its number in the journal."""

    number: int
    said: Forget


def asked(orders: tuple[Order, ...], order: Order) -> tuple[Order, ...]:
    """Return the orders that are to be carried out after one more, which may be among them already."""
    about = [(one.said.home, one.said.until) for one in orders]
    return orders if (order.said.home, order.said.until) in about else (*orders, order)


def answered(orders: Collection[Order], said: Forgot) -> tuple[Order, ...]:
    """Return the orders that are still to be carried out after an answer."""
    return tuple(one for one in orders if (one.said.home, one.said.until) != (said.home, said.until))


def turn(
    db: sqlite3.Connection, order: Order, site: Site, pending: Collection[AlertId], now: datetime, *, limit: int = TURN
) -> Forgot | None:
    """Take out a few records; return the answer when all of it has left. Whoever calls writes it.

    `pending` are the acute alerts that the centre is not known to have. There must be a snapshot of after the order:
    nothing may leave that a start would have to read.
    """

    def instead(record: Record, recorded_at: datetime) -> Record | None:
        return _instead(record, recorded_at, order.said, site)

    def needed(record: Record) -> bool:
        about = alert_of(record) if isinstance(record, Finding | Cleared) else getattr(record, "alert", None)
        return about in pending

    gone = forgetting.forget_some(db, order.number, instead=instead, needed=needed, again=not pending, limit=limit)
    if gone is None:
        return None
    return Forgot(at=now, home=order.said.home, until=order.said.until, asked=order.said.at, count=gone)


def _instead(record: Record, recorded_at: datetime, said: Forget, site: Site) -> Record | None:
    """Return what a record becomes: itself, another, or None where it leaves."""
    if min(record.at, recorded_at) >= said.until or isinstance(record, Forget | Forgot):
        return record
    if isinstance(record, Plan):
        if said.home not in {home.id for home in record.homes}:
            return record
        left = tuple(home for home in record.homes if home.id != said.home)
        theirs = {sensor.id for home in left for sensor in home.sensors}
        devices = {sensor: one for sensor, one in record.devices.items() if sensor in theirs}
        return msgspec.structs.replace(record, homes=left, devices=devices)
    about = _speaks(record.topic, site) if isinstance(record, Unreadable) else getattr(record, "home", None)
    return None if about == said.home else record


def _speaks(topic: str, site: Site) -> HomeId | None:
    """Return of which home a topic is, as far as the plan says."""
    return next((place[0] for name, place in site.friendly.items() if topic.endswith(f"/{name}")), None)
