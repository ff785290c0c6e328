"""Tells hooks what changed: reads the journal after what each has been told, posts how it stands now, moves on.

Each hook has a task of its own, so that a receiver that is slow or gone holds up no other. At least once: what was
posted when the process died is posted again, under the same message id.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple

import httpx
import structlog

from care import bundles, journal
from care.fhir import Json, Writer
from care.records import CENTRE, site_of
from dashboard import api, hooks, looking
from dashboard.access_log import Deed, Entry, Ground
from dashboard.hooks import Hook, Kind, Touched
from dashboard.organisations import OWN, Access
from dashboard.pages import Desk
from detectors.homes import HomeId

ENTRIES_MAX = 500  # records of the journal that one message comes of
LOOK_S = 2.0
WITHIN_S = 20.0
_ITS_FAULT = {400, 413, 415, 422}  # it says that what we sent is wrong, and will say so again

log = structlog.get_logger()


class Failed(Exception):
    """The receiver took nothing: why, and for how long it asks us to wait, in seconds."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class _Wait(NamedTuple):
    tries: int
    until: datetime


class Hooking:
    """Looks at every change, and every few seconds, whom something is to be told."""

    def __init__(self, desk: Desk, client: httpx.AsyncClient | None = None) -> None:
        self._desk = desk
        self._client = client or httpx.AsyncClient(timeout=WITHIN_S, follow_redirects=False)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._waits: dict[str, _Wait] = {}
        self._news = asyncio.Event()
        desk.centre.follow(lambda _: self._news.set())

    async def run(self) -> None:
        """Tell until cancelled."""
        try:
            while True:
                self._news.clear()
                with contextlib.suppress(sqlite3.Error):  # told by whoever else asks the people store
                    self.look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._news.wait()
        finally:
            for task in self._under_way.values():
                task.cancel()
            await self._client.aclose()

    def look(self) -> None:
        """Start telling whoever has not been told all and need not be waited for; of several processes one does."""
        if not self._desk.centre.on_duty():
            return
        now, number = self._desk.wall.now(), self._desk.centre.number
        for hook in hooks.of(self._desk.people):
            wait = self._waits.get(hook.id)
            if hook.told < number and hook.id not in self._under_way and (wait is None or wait.until <= now):
                task = asyncio.ensure_future(self._tell(hook))
                self._under_way[hook.id] = task
                task.add_done_callback(partial(self._ended, hook.id))

    def _ended(self, hook: str, _: "asyncio.Task[None]") -> None:
        self._under_way.pop(hook, None)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values())

    async def _tell(self, hook: Hook) -> None:
        people, wall = self._desk.people, self._desk.wall
        try:
            refused, upto = await self._tell_some(hook)
        except (Failed, httpx.HTTPError, looking.NotWritten) as error:
            tries = self._waits[hook.id].tries + 1 if hook.id in self._waits else 1
            asked_s = error.wait_s if isinstance(error, Failed) else None
            self._waits[hook.id] = _Wait(tries, wall.now() + hooks.pause(tries, asked_s))
            why = str(error) or type(error).__name__
            if tries == 1:
                log.warning("a hook takes nothing", hook=hook.id, why=why)
            with contextlib.suppress(sqlite3.Error):
                hooks.note_failed(people, hook, why, wall.now())
            return
        except sqlite3.Error as error:
            log.error("a hook was not told: the disk would not", hook=hook.id, why=str(error))  # noqa: TRY400
            return
        if self._waits.pop(hook.id, None) is not None:
            log.info("a hook takes what it is told again", hook=hook.id)
        if refused is None:
            hooks.note_passed(people, hook, upto)
        else:
            hooks.note_told(people, hook, upto, wall.now(), refused=refused)
        self._news.set()  # there may be more

    async def _tell_some(self, hook: Hook) -> tuple[int | None, int]:
        """Tell a hook what comes next; return how much of it was refused (None: there was nothing), and up to where.

        Raises `Failed`, `httpx.HTTPError` or `looking.NotWritten`, and then it has been told nothing.
        """
        centre = self._desk.centre
        entries = await centre.ask(lambda db: journal.read_after(db, hook.told, limit=ENTRIES_MAX))
        known = [one for one in entries if one.number <= centre.number]  # on disk, and on the board
        if not known:
            return None, hook.told
        changed = self._of(hook, hooks.touched(known))
        if not (changed.alerts or changed.homes or changed.nights):
            return None, changed.upto
        board = centre.board
        homes = {*changed.homes, *changed.nights, *(board.alerts[one].home for one in changed.alerts)}
        await self._write_down(hook, sorted(homes))
        if hook.kind is Kind.FHIR:
            return await self._put(hook, changed), changed.upto
        return await self._post(hook, changed), changed.upto

    def _of(self, hook: Hook, changed: Touched) -> Touched:
        """Return the part that is about the homes of a hook's organisation, as far as it is still at hand."""
        board, owners = self._desk.centre.board, Access(self._desk.people).owners()

        def sees(home: HomeId) -> bool:
            return site_of(home) != CENTRE and owners.get(site_of(home), OWN) == hook.organisation

        return Touched(
            alerts=[one for one in changed.alerts if one in board.alerts and sees(board.alerts[one].home)],
            homes=[one for one in changed.homes if one in board.homes and sees(one)],
            nights=[one for one in changed.nights if one in board.homes and sees(one)],
            upto=changed.upto,
        )

    async def _write_down(self, hook: Hook, homes: Sequence[HomeId]) -> None:
        board, at = self._desk.centre.board, self._desk.wall.now()
        entries = [
            Entry(
                at=at,
                by=f"program:{hook.id}",
                organisation=hook.organisation,
                deed=Deed.EXPORTED,
                what="hook",
                resident=None if (known := board.homes.get(home)) is None else known.resident,
                home=home,
                ground=Ground.CARE,
            )
            for home in homes
        ]
        await looking.note(self._desk, *entries)

    async def _post(self, hook: Hook, changed: Touched) -> int:
        """Tell what changed as JSON of ours, signed; return how much was refused."""
        board, now = self._desk.centre.board, self._desk.wall.now()
        nights = [
            {"home": home, "night": api.night(board.nights.of(home)[-1]).model_dump(mode="json")}
            for home in changed.nights
            if board.nights.of(home)
        ]
        told = {
            "type": "changed",
            "timestamp": now.isoformat(),
            "data": {
                "alerts": [api.told(board, board.alerts[one]).model_dump(mode="json") for one in changed.alerts],
                "homes": [api.seen(board, one).model_dump(mode="json") for one in changed.homes],
                "nights": nights,
            },
        }
        body = json.dumps(told).encode()
        headers = {"Content-Type": "application/json"}
        headers |= hooks.signed(hook.secret, hooks.message_of(hook, hook.told, changed.upto), now, body)
        answer = await self._client.post(hook.url, content=body, headers=headers)
        if answer.status_code in _ITS_FAULT:
            log.error("a hook says that what it was told is wrong", hook=hook.id, status=answer.status_code)
            return len(changed.alerts) + len(changed.homes) + len(nights)
        _must_be_taken(answer, self._desk.wall.now())
        return 0

    async def _put(self, hook: Hook, changed: Touched) -> int:
        """Tell a care record of alerts, as a batch in which each resource is put at its id; return what was refused."""
        board, now = self._desk.centre.board, self._desk.wall.now()
        if not changed.alerts:
            return 0
        residents = {home: known.resident for home, known in board.homes.items()}
        writer = Writer(self._desk.url.rstrip("/") or "urn:nachtwacht", residents)
        told = [one for alert in changed.alerts for one in writer.of_alert(board.alerts[alert])]
        body = json.dumps(bundles.bundle(told, now, base=hook.url.rstrip("/"))).encode()
        headers = {"Content-Type": api.FHIR_JSON, "Accept": api.FHIR_JSON}
        if hook.secret:
            headers["Authorization"] = f"Bearer {hook.secret}"
        answer = await self._client.post(hook.url, content=body, headers=headers)
        if answer.status_code in _ITS_FAULT:
            log.error("a care record says that a batch is wrong", hook=hook.id, status=answer.status_code)
            return len(told)
        _must_be_taken(answer, self._desk.wall.now())
        return _refused(answer)


def _must_be_taken(answer: httpx.Response, now: datetime) -> None:
    if not answer.is_success:
        raise Failed(f"it answers {answer.status_code} {answer.reason_phrase}".rstrip(), _asked_s(answer, now))


def _asked_s(answer: httpx.Response, now: datetime) -> float | None:
    """Return for how long a receiver asks us to wait: seconds, or until a date (RFC 9110, 10.2.3)."""
    said = answer.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        return (parsedate_to_datetime(said) - now) / timedelta(seconds=1)
    except (TypeError, ValueError):
        return None


def _refused(answer: httpx.Response) -> int:
    """Return how many resources of a batch a care record says are wrong. Raises `Failed` if it could not take some."""
    try:
        told: Any = answer.json()
    except ValueError as error:
        raise Failed("it answers a batch with what is no JSON") from error
    entries = told.get("entry") if isinstance(told, dict) and told.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        raise Failed("it answers a batch with what is no Bundle")
    statuses = [_status(one) for one in entries]
    if any(status is None or status >= 500 or status in {401, 403, 408, 429} for status in statuses):  # noqa: PLR2004
        raise Failed("it could not take all of a batch")
    wrong = [status for status in statuses if status is not None and status >= 400]  # noqa: PLR2004
    if wrong:
        log.error("a care record says that some resources are wrong", count=len(wrong), statuses=sorted(set(wrong)))
    return len(wrong)


def _status(entry: Json) -> int | None:
    """Return the status of one answer in a batch: it begins with the number ("201 Created")."""
    response = entry.get("response") if isinstance(entry, dict) else None
    said = str(response.get("status", "")) if isinstance(response, dict) else ""
    number = said.partition(" ")[0]
    return int(number) if number.isdecimal() else None
