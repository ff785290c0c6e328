"""A building whose gateway is lost: how long until the page of the desk, in a real browser, says so."""

import random
import signal
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import msgspec
from playwright.sync_api import Error, Page

from benchmarks.page import signed_in
from benchmarks.parts import CannotMeasure, Part, Parts
from care.buildings import GRACE
from care.homes import Site
from care.link import BEAT_S
from detectors.homes import HomeId, SiteId
from gateway import rehearsal

AT_ONCE = 5  # buildings that are lost in the same minute; others live on, so that the centre is not the deaf one
OVER_S = 30.0  # by chance, in which they are lost
WITHIN_S = 120.0
LOOK_EVERY_S = 0.1
SEED = 3

# Which buildings are drawn as unseen, and of which an acute alert is shown, by the names of the sites.
_LOOK = """() => [
  [...document.querySelectorAll(".building.silent")].map(one => one.dataset.site),
  [...document.querySelectorAll("article.alert.acute .who")].map(one => one.textContent.trim()),
]"""
_ALL_HEARD = "all => document.querySelectorAll('.building:not(.silent)').length === all"


class Loss(NamedTuple):
    """One gateway that was lost, and how long in wall seconds until the page said so."""

    how: signal.Signals
    unseen_s: float  # its homes are drawn as unseen
    alert_s: float  # an acute alert is in the queue


def lost(draws: int) -> list[Loss]:
    """Kill so many gateways, and let every second one hang instead, at moments of no meaning.

    Raises `CannotMeasure` if the page does not say so of each of them in time.
    """
    chance, losses = random.Random(SEED), list[Loss]()
    while len(losses) < draws:
        losses += _round(min(AT_ONCE, draws - len(losses)), len(losses), chance)
    return losses


def figures(losses: list[Loss]) -> dict[str, float]:
    """Return the figures: a building is seen to be lost when both are on the page."""
    both = [max(one.unseen_s, one.alert_s) for one in losses]
    unseen = [one.unseen_s for one in losses]
    return {
        "gateway_losses": float(len(losses)),
        "gateway_unseen_s_p50": median(unseen),
        "gateway_unseen_s_max": max(unseen),
        "gateway_lost_s_p50": median(both),
        "gateway_lost_s_max": max(both),
    }


def _round(draws: int, begun: int, chance: random.Random) -> list[Loss]:
    sites = [_site(number) for number in range(draws + 1)]  # the last one is left alone
    with Parts() as parts:
        desk = parts.desk()
        opened_s = time.monotonic()
        buildings = [parts.gateway(site, name=f"gateway-{site.id}") for site in sites]
        victims = [
            _Victim(site, part, (signal.SIGKILL, signal.SIGSTOP)[number % 2], chance.uniform(0, OVER_S))
            for number, (site, part) in enumerate(zip(sites[:draws], buildings, strict=False), begun)
        ]
        try:
            with signed_in(desk.address) as page:
                page.wait_for_function(_ALL_HEARD, arg=len(sites), timeout=WITHIN_S * 1000)
                # Just after a start of the centre every building gets longer; that is not what is measured.
                time.sleep(max(0.0, opened_s + GRACE.total_seconds() + 2 * BEAT_S - time.monotonic()))
                return _lose(page, victims)
        except Error as error:
            raise CannotMeasure(f"The page did not follow: {error.message.splitlines()[0]}") from error


class _Victim(NamedTuple):
    site: Site
    part: Part
    how: signal.Signals
    due_s: float  # after the round began


def _lose(page: Page, victims: Sequence[_Victim]) -> list[Loss]:
    began_s = time.monotonic()
    gone, unseen, alert = dict[str, float](), dict[str, float](), dict[str, float]()
    while min(len(unseen), len(alert)) < len(victims):
        if time.monotonic() - began_s > OVER_S + WITHIN_S:
            raise CannotMeasure(f"The desk did not say within {WITHIN_S:.0f} s that a building was lost.")
        for one in victims:
            if one.site.id not in gone and time.monotonic() - began_s >= one.due_s:
                one.part.process.send_signal(one.how)
                gone[one.site.id] = time.monotonic()
        silent, acute = page.evaluate(_LOOK)
        seen_s = time.monotonic()
        for one in victims:
            if one.site.id in gone and one.site.id in silent:
                unseen.setdefault(one.site.id, seen_s)
            if one.site.id in gone and any(one.site.name in who for who in acute):
                alert.setdefault(one.site.id, seen_s)
        time.sleep(LOOK_EVERY_S)
    for one in victims:
        one.part.process.kill()  # what hangs would not end in order
        one.part.process.wait()
    return [
        Loss(one.how, unseen[one.site.id] - gone[one.site.id], alert[one.site.id] - gone[one.site.id])
        for one in victims
    ]


def _site(number: int) -> Site:
    """Return a small building of its own name; its people are not known to be in bed, for no sensor has spoken yet."""
    like = rehearsal.site(2)
    site = SiteId(f"huis-{number}")
    homes = tuple(
        msgspec.structs.replace(home, id=HomeId(f"{site}/{home.id.partition('/')[2]}")) for home in like.homes
    )
    friendly = {
        name: (HomeId(f"{site}/{home.partition('/')[2]}"), sensor) for name, (home, sensor) in like.friendly.items()
    }
    return msgspec.structs.replace(like, id=site, name=f"Huis {number}", homes=homes, friendly=friendly)
