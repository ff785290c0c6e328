"""Reads pages and fragments as a reader does: what they say, and what stands where."""

import html
import re

from care.board import Board
from dashboard.drawing import Drawing
from detectors.homes import HomeId
from tests.dashboard.nights import (
    NOW,
    SANNE,
    People,
    alert_in,
)


def drawing(board: Board) -> Drawing:
    return Drawing(board, People())


def desk(board: Board) -> str:
    return drawing(board).desk(NOW, SANNE)


def page(board: Board, home: str) -> str:
    drawn = drawing(board).alert(alert_in(board, home), NOW, SANNE)
    assert drawn is not None
    return drawn


def home_page(board: Board, home: str) -> str:
    drawn = drawing(board).home(HomeId(home), NOW, SANNE)
    assert drawn is not None
    return drawn


def text(drawn: str) -> str:
    """Return what a reader reads: no tags, and every space alike."""
    drawn = re.sub(r"<(script|style|svg class=\"sprite\").*?</(script|style|svg)>", " ", drawn, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", drawn)))


def tile(drawn: str, home: str) -> str:
    found = re.search(rf'<a class="([^"]*)" id="tile-{re.escape(home.replace("/", ":"))}"', drawn)
    assert found is not None, home
    return found[1]


def part(drawn: str, element: str) -> str:
    """Return the fragment with this id, up to the next one."""
    start = drawn.index(f'id="{element}"')
    end = drawn.find("hx-swap-oob", drawn.index("hx-swap-oob", start) + 1)
    return drawn[start:end] if end > 0 else drawn[start:]


def ids(drawn: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', drawn)


def fragments(drawn: str) -> set[str]:
    return set(re.findall(r'<\w+[^>]*\bid="([^"]+)"[^>]*hx-swap-oob="true"', drawn))


def queued(drawn: str) -> str:
    """Return what stands in the queue, as a reader reads it."""
    return text(drawn[drawn.index('<div id="queue"') : drawn.index('<section id="board"')])
