"""Measure what faults cost, with the real parts: `python -m benchmarks.reliability`.

Processes are killed, brokers restarted, and what was published is compared with what every journal holds in the end;
then what it costs to keep all that: writes, memory, a start, and a week that the centre missed.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import throughput
from benchmarks.figures import Figure, keep, kept, rounded, table
from benchmarks.parts import CannotMeasure
from benchmarks.reliability import check_ins, lost
from benchmarks.reliability.bare_loop import bare_loop_rate
from benchmarks.reliability.kills import Proof, killed, slow_disk
from benchmarks.reliability.upkeep import (
    EVENTS_A_HOME_DAY,
    MONTH_DAYS,
    MONTH_HOMES,
    SEED,
    SNAPSHOTS_A_DAY,
    month,
    upkeep,
)
from gateway.stage import BrokerGone

FIGURES = (
    Figure("events", "events published"),
    Figure("kills", "kills of the building"),
    Figure("lost", "events lost", at_most=0),
    Figure("doubled", "events doubled", at_most=0),
    Figure("alerts_missed", "findings missed at the centre", at_most=0),
    Figure("alerts_doubled", "findings doubled or invented there", at_most=0),
    Figure("alerts_withheld", "findings that were over before a process was there again"),
    Figure("recovery_s_p50", "from kill to watching, s, half within", 2),
    Figure("recovery_s_max", "from kill to watching, s, at most", 2),
    Figure("slow_disk_lost", "lost, doubled or missed where each fsync takes 20 ms longer", at_most=0),
    Figure("slow_disk_events_per_s", "events/s there, kills and all"),
    Figure("events_per_s", "events/s, to the building's disk"),
    Figure("bare_loop_events_per_s", "events/s, a bare loop that acknowledges after commit"),
    Figure("gateway_mb_50", "memory after a month, 50 homes, MB", 1, at_most=90),
    Figure("gateway_mb_500", "memory after a month, 500 homes, MB", 1, at_most=160),
    Figure("disk_mb_per_home_day", "written, MB per home and day", 2, at_most=4),
    Figure("catch_up_s", "a week of outage caught up, 24 homes, s", 1, at_most=60),
    Figure("start_s", "from start to watching, 50 homes, 30 days, s", 2, at_most=5),
    Figure("gateway_losses", "gateways lost before an open page"),
    Figure("gateway_unseen_s_p50", "until its homes are drawn unseen, s, half within", 1),
    Figure("gateway_unseen_s_max", "until its homes are drawn unseen, s, at most", 1),
    Figure("gateway_lost_s_p50", "until the alert is there too, s, half within", 1),
    Figure("gateway_lost_s_max", "until the alert is there too, s, at most", 1, at_most=90),
    Figure("checkin_sensor_days", "days of living sensors that check in by the hour"),
    Figure("checkin_deaths", "deaths of such sensors"),
    Figure("checkin_dead_min_p50", "from death until told, min, half within", 1),
    Figure("checkin_dead_min_max", "from death until told, min, at most", 1, at_most=135),
    Figure("checkin_false_per_sensor_day", "living sensors told of, a sensor and day", 5),
    *(
        Figure(key, f"{what}, where {share:.0%} is lost", digits)
        for share in check_ins.LOSSES
        if share != check_ins.REALISTIC
        for key, what, digits in zip(
            check_ins.keys_at(share),
            ("from death until told, min, half within", "the same, at most", "living told of, a sensor and day"),
            (1, 1, 5),
            strict=True,
        )
    ),
)

METHOD = {
    "all": "Everything on one machine, over 127.0.0.1, with mosquitto set as in a building.",
    "kills": "A rehearsed building with limits so short that ordinary nights find something, played as fast as the "
    "broker takes it; the building is ended by SIGKILL at even shares of its work and a little chance, the broker "
    "restarted, the centre ended by SIGKILL. Lost: published and not in the journal. Doubled: there twice, by home, "
    "sensor, instant and value. Findings are compared with those of a watch that nothing ever happened to, and "
    "which the centre taught the same when the building heard it.",
    "recovery": "From SIGKILL until the new process says that it is ready: subscribed and watching.",
    "slow disk": "The same again, with every fsync and fdatasync of building, broker and centre 20 ms longer.",
    "events_per_s": "As chain_events_per_s of benchmarks.chain. The bare loop gets the same messages from the same "
    "publisher, writes them to SQLite (WAL, synchronous=FULL) as they come, and acknowledges after the commit.",
    "memory": "Resident memory (RSS) of a building that goes on from the snapshot of a simulated month and has then "
    f"taken ten events of each home. {MONTH_HOMES} homes live the month; the others are their like under other names.",
    "disk": "Bytes that the system says the building and its broker caused to be written, at the true rate of 50 "
    f"homes and {EVENTS_A_HOME_DAY} events a home and day, for some minutes; to which are added the growth of the "
    f"journal (what a checkpoint writes), {SNAPSHOTS_A_DAY} snapshots of a month's learning, each written twice, and "
    "the forgetting of as many events as come.",
    "catch_up": "A building with a week of records that no centre has; from the start of the centre's process until "
    "it has them all on disk.",
    "start": "From the start of the process until it says that it is ready, with 30 days of journal and half an hour "
    "since the last snapshot.",
    "gateway_lost": "Real processes, and the desk's page in a real browser. Gateways of small buildings, five a round "
    "beside one that lives on, end by SIGKILL or hang by SIGSTOP, in turn, at moments by chance within half a minute. "
    "Wall seconds from the signal until the page, looked at ten times a second, draws the building unseen and shows "
    "its acute alert (gateway_lost_s is the later of the two). The desk had been open for more than a minute.",
    "checkin": "gateway.health under virtual time, looked at every 2 minutes: buildings of 80 sensors live 30 days, "
    "of which the first 7 count nothing. Each checks in every 53 to 57 minutes, up to 1.5 min early or late and up to "
    "6 % slower in the cold, besides what people of a rehearsed month make it say. Each message is lost by chance, "
    "alone. Bridge away for 1 to 6 min once a week; gateway down for up to 4 min every five days, half of them killed "
    "and going on from a snapshot up to half an hour old. Deaths: three sensors a home, a week apart, at any moment; "
    "one not told of within a day would be infinite. False: a living sensor told of, in buildings without a death. "
    "The figures without a share are at 0.5 % lost, taken as realistic: a message over three hops that each lose "
    "every fifth transmission and try four times (802.15.4) is lost in 0.5 %. checkin_false_per_sensor_day is of "
    f"{check_ins.LIVING} such buildings and {check_ins.DYING} with deaths; at each other share of {check_ins.FEWER[0]} "
    f"and {check_ins.FEWER[1]}.",
}


class Which(StrEnum):
    """What can be measured by itself."""

    KILLS = "kills"
    SLOW_DISK = "slow-disk"
    RATES = "rates"
    UPKEEP = "upkeep"
    LOST = "lost"
    CHECK_INS = "check-ins"


def reliability(
    *,
    out: Annotated[Path | None, typer.Option(help="write the figures here too, as JSON")] = None,
    only: Annotated[list[Which] | None, typer.Option(help="measure this; the others stay as --out has them")] = None,
    losses: Annotated[int, typer.Option(min=1, help="gateways that are lost before an open page")] = 10,
    kills: Annotated[int, typer.Option(min=0, help="how often the building is killed")] = 20,
    events: Annotated[int, typer.Option(min=100, help="events published while it is")] = 50_000,
    brokers: Annotated[int, typer.Option(min=0, help="restarts of the broker")] = 3,
    centres: Annotated[int, typer.Option(min=0, help="kills of the centre")] = 2,
    days: Annotated[int, typer.Option(min=1, help="how long the simulated month is")] = MONTH_DAYS,
    seconds: Annotated[float, typer.Option(min=1, help="how long writes are counted")] = 240,
    slow_ms: Annotated[int, typer.Option(min=1, help="how much longer a slow disk takes")] = 20,
    rate_events: Annotated[int, typer.Option(min=100, help="events of the round that is timed")] = 30_000,
) -> None:
    """Kill, restart and count; show the figures beside their goals.

    Example: python -m benchmarks.reliability --kills 20 --out reliability.json
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = Console(stderr=True)

    def say(what: str) -> None:
        console.print(what, highlight=False)

    def again(environment: Mapping[str, str]) -> Proof:
        return killed(events=events, kills=kills, brokers=brokers, centres=centres, seed=SEED, environment=environment)

    def slow() -> dict[str, float]:
        with slow_disk(slow_ms) as environment:
            proof = again(environment)
        wrong = proof.lost + proof.doubled + proof.alerts_missed + proof.alerts_doubled
        return {"slow_disk_lost": wrong, "slow_disk_events_per_s": proof.events / proof.took_s}

    def rates() -> dict[str, float]:
        return {
            "events_per_s": throughput.chain_rate(rate_events, lambda _: None),
            "bare_loop_events_per_s": bare_loop_rate(rate_events),
        }

    measures: dict[Which, Callable[[], dict[str, float]]] = {
        Which.KILLS: lambda: again({}).figures(),
        Which.SLOW_DISK: slow,
        Which.RATES: rates,
        Which.UPKEEP: lambda: upkeep(month(days), seconds=seconds, say=say),
        Which.LOST: lambda: lost.figures(lost.lost(losses)),
        Which.CHECK_INS: lambda: check_ins.headline(check_ins.check_ins()),
    }
    figures: dict[str, float] = {}
    try:
        for which in dict.fromkeys(only) if only else measures:
            say(f"{which} ...")
            part = measures[which]()
            say(str(part))
            figures |= part
    except (CannotMeasure, BrokerGone) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if out is not None and only:
        figures = kept(out) | figures
    there = [one for one in FIGURES if one.key in figures]
    measured = rounded(figures, there)
    Console().print(table(measured, there, "Reliability"))
    if out is not None:
        keep(measured, METHOD, out)


if __name__ == "__main__":
    typer.run(reliability)
