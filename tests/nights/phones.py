"""Who is asked in these nights, and phones that cannot be relied on: the only part of the centre that is not real."""

import random
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from care import escalation
from care.asking import Agreement, CalledOff, Chain, ChainAgreed, Consented, Line, Noticed, NotTonight, Refusal, Step
from care.board import Board
from care.chains import BACK_UP, DESK, NIGHT_TEAM, ORGANISATION
from care.escalation import ToSend
from care.ids import ContactId, StaffId
from care.records import Record

NEIGHBOUR = ContactId("c-next-door")
LIMIT = timedelta(minutes=8)
AGREED = Agreement(
    chains=(
        Chain(
            since=time(0),
            until=time(0),
            steps=(
                Step(line=Line.ZERO, who=NEIGHBOUR, channels=("push", "sms"), minutes=2.0),
                Step(line=Line.ONE, who=DESK, minutes=3.0),
                Step(line=Line.TWO, who=NIGHT_TEAM, channels=("sms", "phone"), minutes=2.0),
                Step(line=Line.TWO, who=BACK_UP, channels=("phone",), minutes=5.0),
            ),
        ),
    ),
    acute=LIMIT / timedelta(minutes=1),
)
EVERYBODY = frozenset(step.who for step in AGREED.chains[0].steps)
DEAD = 0.4  # of all stretches of some minutes in which a channel takes nothing
STRETCH_S = 240


class Phones:
    """Takes notices, or does not, as the seed has it; whatever is restarted meanwhile."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def agreed(self, board: Board, now: datetime) -> Iterator[Record]:
        """Yield what is agreed before the night, as far as this journal does not have it: it may be a backup."""
        about = {"at": now, "by": StaffId("sk")}
        if not board.chains.places:
            yield ChainAgreed(place=ORGANISATION, why="begin", before=None, after=AGREED, **about)  # type: ignore[arg-type]
        for home in board.homes:
            if board.chains.consent(home, NEIGHBOUR) is None:
                tiers = ("acute", "soon") if self._chance(home) < 0.5 else ()
                until = now + timedelta(days=30)
                yield Consented(home=home, contact=NEIGHBOUR, tiers=tiers, until=until, **about)  # type: ignore[arg-type]
        if board.homes and self._chance("away") < 0.3 and board.chains.away(NEIGHBOUR, now) is None:
            yield NotTonight(at=now, contact=NEIGHBOUR, until=now + timedelta(hours=12))

    def answers(self, board: Board, now: datetime) -> Iterator[Noticed | CalledOff]:
        """Yield what became of every notice that is due."""
        due: list[tuple[type[Noticed | CalledOff], ToSend]] = [(Noticed, one) for one in escalation.to_send(board, now)]
        due += [(CalledOff, one) for one in escalation.to_call_off(board, now)]
        for kind, one in due:
            stretch = int(now.timestamp()) // STRETCH_S
            dead = self._chance(f"{one.channel} {stretch}") < DEAD
            refusal = Refusal.REFUSED if dead else None
            about = {"at": now, "home": one.alert.home, "alert": one.alert.id, "to": one.asked.to}
            yield kind(channel=one.channel, refusal=refusal, **about)  # type: ignore[arg-type]

    def _chance(self, what: str) -> float:
        return random.Random(f"phones {self._seed} {what}").random()
