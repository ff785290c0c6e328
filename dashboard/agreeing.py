"""The routes by which what is agreed with a resident is changed: look back first, then agree, with a reason.

A page never changes anything but by appending a record. What may be agreed is decided in `care.agreements`.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from care.agreements import BUDGET, LIMITS, MINUTES, OFF, SOON, Stale, Value, asking, differing, with_values
from care.fading import later
from care.language import mark
from care.records import BackTest, Ground
from dashboard.backtests import UNTESTED, State, state_of
from dashboard.door import Problem
from dashboard.organisations import Right
from dashboard.pages import Desk, Reader, SignedIn, TheDesk, TheHome, lived_in
from detectors.budget import OWN
from detectors.homes import Home, HomeId

TYPED_MAX = 20  # characters of a number of minutes

router = APIRouter()

_NUMBER = re.compile(r"\d{1,6}(?:[.,]\d{1,3})?")
_BUDGETS = {f"{one:g}": one for one in OWN}
_BACK_TEST = re.compile(r"[0-9a-f]{10}")


async def back_test_id(back_test: str) -> str:
    if not _BACK_TEST.fullmatch(back_test):
        raise no_back_test()
    return back_test


TheBackTest = Annotated[str, Depends(back_test_id)]


@router.get("/homes/{site}/{home}/agreements")  # noqa: FAST003  # `home_id` takes both
async def agreements(home: TheHome, desk: TheDesk, reader: Reader, *, less: bool = False) -> Response:
    """Show what is agreed; with `less`, the form proposes longer times (`care.fading`)."""
    known, typed = lived_in(desk.centre.board, home), dict[str, str]()
    if less:
        typed = {name: f"{minutes:g}" for name, minutes in later(known).items()}
    return HTMLResponse(desk.drawing.agreements(known, desk.centre.now(), reader.viewer, typed=typed))


@router.post("/homes/{site}/{home}/agreements")  # noqa: FAST003
async def post_back_test(request: Request, home: TheHome, desk: TheDesk, reader: Reader) -> Response:
    """Ask the building what something else would have given; nothing is changed by it."""
    known = lived_in(desk.centre.board, home)
    form = await request.form()
    typed = {name: str(form.get(name, ""))[:TYPED_MAX].strip() for name in LIMITS}
    wrong = {name: why for name, text in typed.items() if (why := _wrong(text))}
    now = desk.centre.board.agreements.now(known)
    often = str(form.get(BUDGET, f"{now.budget:g}"))[:TYPED_MAX]
    if often not in _BUDGETS:
        wrong[BUDGET] = "choice"
    switched: dict[str, Value] = {f"soon:{kind}": f"soon:{kind}" in form for kind in SOON}
    switched |= {f"off:{kind}": f"off:{kind}" in form for kind in OFF}
    problem = ""
    proposed = now
    if wrong:
        problem = mark("Nothing was asked yet. Look at what is marked.")
    else:
        said: dict[str, Value] = {name: _minutes(text) for name, text in typed.items()} | {BUDGET: _BUDGETS[often]}
        proposed = with_values(now, said | switched)
        if not differing(now, proposed):
            problem = mark("Nothing differs from what is agreed now. Change something first.")
    if problem:
        moment = desk.centre.now()
        page = desk.drawing.agreements(
            known, moment, reader.viewer, typed=typed | {BUDGET: often}, switched=switched, wrong=wrong, problem=problem
        )
        return HTMLResponse(page, 422)
    reader.must(Right.CHANGE, desk, home)
    (entry,) = await desk.centre.write(lambda _, at: [asking(known, now, proposed, reader.staff, at)])
    assert isinstance(entry.record, BackTest)
    return RedirectResponse(f"{request.url.path}/{entry.record.id}", 303)


@router.get("/homes/{site}/{home}/agreements/{back_test}")  # noqa: FAST003
async def looked_back(home: TheHome, back_test: TheBackTest, desk: TheDesk, reader: Reader) -> Response:
    known, asked = _asked(desk, home, back_test)
    return HTMLResponse(desk.drawing.agreements(known, desk.centre.now(), reader.viewer, asked=asked))


@router.get("/homes/{site}/{home}/agreements/{back_test}/result")  # noqa: FAST003
async def result(home: TheHome, back_test: TheBackTest, desk: TheDesk, reader: Reader, state: str = "") -> Response:
    """Answer a page that waits: with nothing, as long as there is nothing new to draw."""
    known, asked = _asked(desk, home, back_test)
    now = desk.centre.now()
    if state_of(asked, known, desk.centre.board, now).value == state:
        return Response(status_code=204)
    return HTMLResponse(desk.drawing.looked_back(known, asked, now, reader.viewer))


@router.post("/homes/{site}/{home}/agreements/{back_test}")  # noqa: FAST003
async def post_change(
    request: Request,
    home: TheHome,
    back_test: TheBackTest,
    desk: TheDesk,
    reader: Reader,
    *,
    why: Annotated[Ground | None, Form()] = None,
    state: Annotated[State, Form()],
) -> Response:
    """Agree what was looked back on, as its reader saw it; whatever has come in between is shown first."""
    reader.must(Right.CHANGE, desk, home)
    known, asked = _asked(desk, home, back_test)
    if why is None:
        return _again(desk, known, asked, reader, (422, mark("Nothing was agreed yet. Choose why.")))
    if state is not State.FOUND and state not in UNTESTED:
        raise Problem(
            422, mark("Not saved"), mark("Something in the form is missing or is not right. Go back and try again.")
        )
    try:
        await desk.centre.write(
            lambda board, at: board.agreements.changing(
                asked, board.homes[home], reader.staff, at, why, untested=UNTESTED.get(state)
            )
        )
    except Stale:
        new = mark("Nothing was agreed yet: something new has come in. Look here first.")
        return _again(desk, known, asked, reader, (409, new))
    return RedirectResponse(request.url.path.rpartition("/")[0], 303)


def _again(desk: Desk, known: Home, asked: BackTest, reader: SignedIn, problem: tuple[int, str]) -> Response:
    page = desk.drawing.agreements(known, desk.centre.now(), reader.viewer, asked=asked, problem=problem[1])
    return HTMLResponse(page, problem[0])


def _asked(desk: Desk, home: HomeId, back_test: str) -> tuple[Home, BackTest]:
    known = lived_in(desk.centre.board, home)
    asked = desk.centre.board.agreements.asked(home, back_test)
    if asked is None:
        raise no_back_test()
    return known, asked


def _wrong(text: str) -> str:
    """Return what is wrong with a number of minutes as it was typed, by its name in `agreements.GONE_WRONG`."""
    if not text:
        return "missing"
    if not (text.isascii() and _NUMBER.fullmatch(text)):
        return "number"
    return "" if MINUTES[0] <= _minutes(text) <= MINUTES[1] else "range"


def _minutes(text: str) -> float:
    return float(text.replace(",", "."))


def no_back_test() -> Problem:
    return Problem(404, mark("Not there any more"), mark("This was asked too long ago, or never. Look back again."))
