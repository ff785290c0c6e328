"""The least that keeps what it acknowledges: a loop that writes what comes, commits, and only then acknowledges."""

import sqlite3
import threading
import time
from multiprocessing.connection import Connection

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import throughput
from benchmarks.parts import apart, hear
from benchmarks.reliability.kills import WITHIN_S, Fallible
from gateway import stage


def bare_loop_rate(events: int) -> float:
    """Return the events a second of a loop that writes what comes, commits, and only then acknowledges."""
    with Fallible() as parts:
        file = parts.journal
        with (
            apart(bare_loop, parts.port, str(file), events) as loop,
            apart(throughput.publish, parts.port, events) as publisher,
        ):
            hear(loop, "bare loop", within_s=WITHIN_S)
            hear(publisher, "publisher", within_s=WITHIN_S)
            began_s = time.monotonic()
            publisher.send("go")
            hear(loop, "bare loop", within_s=WITHIN_S)
            return events / (time.monotonic() - began_s)


def bare_loop(pipe: Connection, port: int, file: str, events: int) -> None:
    """Keep what comes, and do nothing else with it. Runs in a process of its own."""
    came: list[mqtt.MQTTMessage] = []
    some, subscribed = threading.Condition(), threading.Event()

    def heard(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        with some:
            came.append(message)
            some.notify()

    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, "bench-loop", clean_session=False, manual_ack=True, protocol=mqtt.MQTTv311
    )
    client.on_message = heard
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(f"{stage.BASE}/#", qos=1)
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, topic TEXT, body BLOB UNIQUE)")
    if not subscribed.wait(WITHIN_S):
        return
    pipe.send("ready")
    kept = 0
    while kept < events:
        with some:
            some.wait_for(lambda: came, timeout=1)
            batch, came[:] = came[:500], came[500:]
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT OR IGNORE INTO kept (topic, body) VALUES (?, ?)",
            [(one.topic, one.topic.encode() + one.payload) for one in batch],
        )
        db.execute("COMMIT")
        for one in batch:
            client.ack(one.mid, 1)
        kept += len(batch)
    pipe.send("done")
    pipe.recv()
