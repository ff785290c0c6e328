"""Measure a centre before the fleet of a country: `python -m benchmarks.scale [--out FILE.json]`.

Simulated buildings speak the link to a real mosquitto; desks of one centre on a real PostgreSQL take it in.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.figures import Figure, keep, kept, rounded, table
from benchmarks.parts import CannotMeasure
from benchmarks.scale import board, cost, failover, looking_back, picture, rates
from benchmarks.scale.homes import HOMES
from benchmarks.scale.running import Setting, Store
from care.nights import KEPT
from gateway.fleet.lived_again import LEARNED_IN

CURVE = "scale-cost.svg"


def figures_of(sizes: Sequence[int], offered: Sequence[float]) -> tuple[Figure, ...]:
    """Return what is measured, with fleets of these sizes and at these rates."""
    of = [cost.name(size) for size in sizes]
    at = [Figure(f"page_ms_p99_at_{rate:.0f}", f"the same at {rate:,.0f}/s", 1) for rate in offered]
    cost_of = [Figure(f"cost_ms_{size}", f"ms of a processor a home and hour, {size} homes", 2) for size in of]
    for part in cost.PARTS:
        cost_of += [Figure(f"cost_ms_{part}_{size}", f"of these the {part}, {size}", 2) for size in of]
    for part in cost.PARTS:
        cost_of += [Figure(f"busy_{part}_{size}", f"processors kept busy: {part}, {size}", 3) for size in of]
    return (
        Figure("alerts_per_s", "new alerts/s that pages follow", at_least=500),
        Figure("page_ms_p50", "alert to page at 500/s, ms, half within", 1),
        Figure("page_ms_p99", "alert to page at 500/s, ms, 99 of 100 within", 1, at_most=500),
        *at,
        Figure("heartbeats_per_s", "signs of life/s"),
        Figure("told_of_sites_per_s", "buildings/s that tell of themselves at first", 1),
        Figure("board_mb_130k", "board of 130,000 homes, MB", 1, at_most=1_500),
        Figure("board_mb_130k_first_day", "the same before the first night, MB", 1),
        Figure("board_mb_per_10k_homes", "board of 10,000 homes, MB", 1),
        Figure("centre_mb_130k", "the whole process, MB", 1),
        Figure("failover_s", "from kill to taken over, s, at most", 2, at_most=15),
        Figure("failover_s_p50", "the same, half within", 2),
        Figure("failover_duty_s", "until another is on duty, s, at most", 2),
        Figure("failover_longest_wait_s", "that an alert waited meanwhile, s, at most", 2),
        Figure("failovers", "kills of the desk on duty"),
        Figure("failover_alerts", "alerts said meanwhile"),
        Figure("failover_lost", "alerts lost", at_most=0),
        Figure("failover_doubled", "alerts doubled", at_most=0),
        Figure("cost_ratio_50k_1k", "cost of a home, 50,000 homes over 1,000", 2, at_most=1.3),
        *cost_of,
        *(Figure(f"beats_said_{size}", f"share of the signs of life that were said, {size}", 3) for size in of),
        Figure("dask_speedup_2", "looking back with two workers over one", 2),
        Figure("dask_home_nights_per_s_1", "nights of homes/s, one worker", 1),
        Figure("dask_home_nights_per_s_2", "nights of homes/s, two workers", 1),
    )


FIGURES = figures_of(cost.SIZES, rates.RATES)

METHOD = {
    "all": "Everything on one machine, over 127.0.0.1: mosquitto set as in a building, PostgreSQL as it comes (fsync "
    "on), desks that are processes of one centre, and the fleet and the pages that are measured with.",
    "fleet": "8 to 25 homes in a building, 16.25 on average, and as many organisations as 450 of 130,000 homes. The "
    "buildings speak care.link at QoS 0 over 4 connections: what they have once a minute, their plan and how each home "
    "is first, a sign of life every 5 s, one batch under way at a time and sent again when it is not answered.",
    "alerts": "Each a finding of 1.5 kB that opens an alert, from one home after another, neighbours far apart. Rates "
    f"are offered one after another; one is taken if {rates.KEPT_UP:.0%} of it was really said, all was answered, and "
    f"99 of 100 alerts were on a page within {rates.SHOWN_WITHIN_MS:.0f} ms. Stamped before it is published; on "
    "the page with the end of the live event in which it stands. Every organisation has an open page, at the desks in "
    "turn, so that half of the alerts come to a page of a desk that did not take them. The first "
    f"{rates.WARM_S:.0f} s of each rate count nothing. In PostgreSQL a process beside the desks closes each alert some "
    "seconds later, as people do.",
    "heartbeats": "Signs of life at a rising rate; taken as long as questions between them, which stand in the same "
    f"queue, are answered within {rates.SHOWN_WITHIN_MS:.0f} ms (99 of 100).",
    "board": "A centre in a process of its own, whose board and fleet are given each record decoded from its bytes: "
    f"plans of homes with four sensors, {board.STATUSES} statuses of each home, and {KEPT} nights of two summaries "
    "(1.1 kB each), as many as a board keeps. Resident memory (RSS) after less before; the process as a whole beside.",
    "failover": "The desk on duty ends by SIGKILL while alerts come from everywhere. Taken over: another says that it "
    "is on duty (asked for all the time), and of each share of the buildings that the dead one spoke for a new alert "
    "is on its pages; the latest of these. An alert that nobody took is told again by its building, after 3, 6, "
    "12 s: the longest wait. Lost and doubled: alerts said, compared with the findings in the journal.",
    "cost": f"Signs of life every 5 s, {cost.STATUSES:.0f} statuses and {cost.ALERTS:g} alerts a home and day; time of "
    "processors of desks, database and broker, for a home and hour. What was played faster than homes live is divided "
    "by how much. Processor time of a backend of the database that ends meanwhile is not counted.",
    "dask": "gateway.fleet.lived_again on simulated homes, on a local cluster with one worker and with two, in turn; "
    f"workers have imported what they need; each home lives {LEARNED_IN} further nights first. "
    f"Medians of {looking_back.ROUNDS}; both find the same.",
}


class Which(StrEnum):
    """What can be measured by itself."""

    ALERTS = "alerts"
    BOARD = "board"
    FAILOVER = "failover"
    COST = "cost"
    DASK = "dask"


def scale(
    *,
    out: Annotated[
        Path | None, typer.Option(help="write the figures here too, as JSON, and the curve beside it")
    ] = None,
    only: Annotated[list[Which] | None, typer.Option(help="measure this; the others stay as --out has them")] = None,
    store: Annotated[Store, typer.Option(help="where the centre keeps what it knows")] = Store.POSTGRES,
    desks: Annotated[int, typer.Option(min=1, help="processes of the centre")] = 2,
    homes: Annotated[int, typer.Option(min=1, help="homes on the board")] = HOMES,
    alert_homes: Annotated[int, typer.Option(min=1, help="homes of which alerts come")] = HOMES // 10,
    seconds: Annotated[float, typer.Option(min=1, help="of each rate of alerts")] = 25,
    rate: Annotated[list[float] | None, typer.Option(help="alerts a second that are offered, upwards")] = None,
    closed_after: Annotated[float, typer.Option(min=0, help="seconds until an alert is closed; 0: nobody does")] = 10,
    nights: Annotated[int, typer.Option(min=0, help="nights on the board")] = KEPT,
    deaths: Annotated[int, typer.Option(min=1, help="kills of the desk on duty")] = 5,
    death_homes: Annotated[int, typer.Option(min=1, help="homes meanwhile")] = HOMES // 10,
    death_rate: Annotated[float, typer.Option(min=1, help="alerts a second meanwhile")] = 50,
    size: Annotated[list[int] | None, typer.Option(help="homes of which the cost is measured")] = None,
    cost_seconds: Annotated[float, typer.Option(min=1, help="that the cost of each is counted")] = 60,
    pace: Annotated[float, typer.Option(min=0.01, help="how much faster than true homes live then")] = 1,
    cohort: Annotated[int, typer.Option(min=1, help="simulated homes that are looked back on")] = 16,
    cohort_nights: Annotated[int, typer.Option(min=1, help="nights of each")] = 14,
) -> None:
    """Measure a centre before a simulated fleet, and show the figures beside their goals.

    Example: python -m benchmarks.scale --out scale.json
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(stderr=True)

    def say(what: str) -> None:
        console.print(what, highlight=False)

    figures: dict[str, float] = {}
    try:
        setting = Setting(store=store, desks=desks)
        measures: dict[Which, Callable[[], dict[str, float]]] = {
            Which.ALERTS: lambda: rates.rates(
                alert_homes, setting, seconds=seconds, closed_after_s=closed_after, offered=rate or rates.RATES, say=say
            ),
            Which.BOARD: lambda: board.board(homes, nights),
            Which.FAILOVER: lambda: failover.failover(death_homes, setting, rounds=deaths, rate=death_rate, say=say),
            Which.COST: lambda: cost.cost(size or cost.SIZES, setting, seconds=cost_seconds, pace=pace, say=say),
            Which.DASK: lambda: looking_back.looking_back(cohort, cohort_nights, say=say),
        }
        for which in dict.fromkeys(only) if only else measures:
            say(f"{which} ...")
            part = measures[which]()
            say(str(part))
            figures |= part
    except CannotMeasure as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if out is not None and only:
        figures = kept(out) | figures
    sizes, offered = sorted({*cost.SIZES, *(size or ())}), sorted({*rates.RATES, *(rate or ())})
    there = [one for one in figures_of(sizes, offered) if one.key in figures]
    measured = rounded(figures, there)
    Console().print(table(measured, there, "The scale"))
    first = cost.bottleneck(measured, desks)
    if first:
        typer.echo(first)
    if out is not None:
        asked = (
            f"{store} with {desks} desks; alerts of {alert_homes:,} homes; cost at {pace:g} times the pace of homes."
        )
        keep(measured, {**METHOD, "this": asked, "bottleneck": first}, out)
        drawn = picture.curve(measured)
        if drawn:
            out.with_name(CURVE).write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    typer.run(scale)
