"""What the night desk looks like: pages, and the fragments that keep them up to date.

A fragment has the id of what it takes the place of, and is the same for every reader of a language and of the same
organisations; whose alert it is the page finds out by itself, from `data-holder` and `data-staff`. What is not heard
is drawn as no sight, never as quiet. A page is drawn from the part of the board that its reader may see: what is
somebody else's is not there to be drawn.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import jinja2
from markupsafe import Markup

from care.agreements import Value, values
from care.alerts import Alert
from care.board import Board
from care.ids import AlertId, StaffId
from care.language import FORMAL, LANGUAGES, words
from care.records import CENTRE, BackTest, site_of
from care.telling import Piece
from care.wording import capital
from dashboard.backtests import LookedBack
from dashboard.glance import Names, Viewer, alert_at, home_at, home_path
from dashboard.homes import Standing
from dashboard.looks import Layout, Looks
from dashboard.organisations import ONLY_OWN, OrganisationId, sees_often
from dashboard.scene import Drawn, Scene
from dashboard.stories import Story
from detectors.homes import Home, HomeId, SiteId, is_building

__all__ = ["Drawing", "Names", "Viewer"]

READERS_MAX = 1_000  # of one language and set of organisations each
MESSAGES_MAX = 400  # pages that only tell something, kept as drawn
RECENT = timedelta(hours=1)  # an alert that was closed within this may still be open on some screen
_OWN_NAMES = {"nl": "Nederlands", "en": "English"}


class Drawing:
    """Draws the board as pages and fragments. Reads, and changes nothing but what it remembers of the last plan."""

    def __init__(
        self, board: Board, names: Names, owners: Callable[[], Mapping[SiteId, OrganisationId]] = dict
    ) -> None:
        """Draw a board; `owners` tells whose each building is, where that is not the centre's own organisation.

        What it gives is not changed afterwards: as long as it gives the same mapping, that says the same.
        """
        self._board = board
        self._names = names
        self._owners = owners
        self._templates = {language: _environment(language) for language in LANGUAGES}
        # By language and organisations: the places of the tiles in the last fragments, and what the queue rests on.
        self._laid_out: dict[tuple[str, frozenset[OrganisationId]], Layout] = {}
        self._queued: dict[tuple[str, frozenset[OrganisationId]], object] = {}
        self._whose: Mapping[SiteId, OrganisationId] = {}
        self._sees: dict[frozenset[OrganisationId], Callable[[SiteId], bool]] = {}  # by whose the buildings are
        self._looks: dict[frozenset[OrganisationId], Looks] = {}
        self._drawn: dict[tuple[str, frozenset[OrganisationId]], Drawn] = {}

    def desk(self, now: datetime, viewer: Viewer) -> str:
        """Draw the whole page of the night desk."""
        return self._page("desk.html", self.scene(now, viewer))

    def alert(self, alert: AlertId, now: datetime, viewer: Viewer) -> str | None:
        """Draw the page of one alert; None if there is no such alert."""
        scene = self.scene(now, viewer)
        known = scene.board.alerts.get(alert)
        if known is None:
            return None
        return self._page("alert.html", scene, alert=scene.story(known), page=f"/alerts/{alert}")

    def home(self, home: HomeId, now: datetime, viewer: Viewer, nights: int = 7) -> str | None:
        """Draw the page of one home, with its last nights; None if no plan has it."""
        scene = self.scene(now, viewer)
        known = scene.board.homes.get(home)
        if known is None:
            return None
        standing = scene.home(known)
        return self._page("home.html", scene, home=standing, album=standing.album(nights), page=home_path(home))

    def only(self, template: str, home: HomeId, now: datetime, viewer: Viewer, **values: Any) -> str | None:
        """Draw a page about one home that its reader does not see otherwise; None if no plan has it.

        It is drawn from a board with nothing but that home on it.
        """
        board = self._board.only(home)
        if home not in board.homes:
            return None
        scene = Scene(board, self._names, now, viewer.language, dataclasses.replace(viewer, acts=False))
        standing = scene.home(board.homes[home])
        return self._page(template, scene, home=standing, album=standing.album(7), **values)

    def scene(self, now: datetime, viewer: Viewer) -> Scene:
        """Return what a whole page is given: of the board, what this reader may see."""
        board = self._part(viewer.organisations)
        return self._fresh(board, now, viewer.language, viewer.organisations, viewer)

    def page(self, template: str, scene: Scene, **values: Any) -> str:
        """Draw a page that is kept up to date from a template of its own."""
        return self._page(template, scene, **values)

    def paper(self, template: str, language: str, **values: Any) -> str:
        """Draw a page that is to be printed: nothing around it, and nothing that goes on."""
        return self._alone(template, language, **values)

    def agreements(
        self,
        home: Home,
        now: datetime,
        viewer: Viewer,
        *,
        asked: BackTest | None = None,
        typed: Mapping[str, str] | None = None,
        switched: Mapping[str, Value] | None = None,
        wrong: Mapping[str, str] | None = None,
        problem: str = "",
    ) -> str:
        """Draw the page on which what is agreed for a home is changed; `problem` is a message, translated here."""
        scene = self.scene(now, viewer)
        looked = LookedBack(asked, home, scene) if asked is not None else None
        return self._page(
            "agreements.html",
            scene,
            home=scene.home(home),
            looked=looked,
            typed=typed or (looked.typed if looked is not None else {}),
            switched=switched or (values(asked.proposed) if asked is not None else None),
            wrong=wrong or {},
            problem=scene.say(problem) if problem else "",
            page=looked.path if looked is not None else f"{home_path(home.id)}/agreements",
        )

    def looked_back(self, home: Home, asked: BackTest, now: datetime, viewer: Viewer) -> str:
        """Draw how a back-test stands, for a page that waits for it."""
        scene = self.scene(now, viewer)
        return self._page("looked-back.html", scene, looked=LookedBack(asked, home, scene), oob=True)

    def load(self, now: datetime, viewer: Viewer, *, gateways: bool = False, overseen: bool = False) -> str:
        """Draw the page that says how busy it is, with the way to the gateways for whom that is open."""
        return self._page("load.html", self.scene(now, viewer), page="/load", gateways=gateways, overseen=overseen)

    def sign_in(
        self,
        language: str,
        *,
        name: str = "",
        problem: str | None = None,
        to: str = "/",
        elsewhere: Collection[tuple[str, str]] = (),
    ) -> str:
        """Draw the page where people sign in; `problem` is the message for why the last try came to nothing.

        `elsewhere` are the organisations with a sign-in of their own: id and name.
        """
        return self.at_the_door("sign-in.html", language, name=name, problem=problem, to=to, elsewhere=elsewhere)

    def at_the_door(self, template: str, language: str, *, problem: str | None = None, **values: object) -> str:
        """Draw a page for who is not, or not quite, signed in; `problem` is a message, translated here."""
        said = words(language).gettext(problem) if problem else None
        return self._alone(template, language, problem=said, **values)

    def message(self, language: str, *, title: str, text: str) -> str:
        """Draw a page that only tells something; title and text are messages, translated here."""
        return _message(language, title, text)

    def answer(self, language: str, **values: object) -> str:
        """Draw the page on which somebody who was asked answers."""
        return self._alone("answer.html", language, **values)

    def own(self, template: str, language: str, *, formal: bool = False, **values: Any) -> str:
        """Draw a page of a resident, or of family and neighbours: to them Dutch may say u (`formal`)."""
        spoken = FORMAL if formal and language != "en" else language if language in LANGUAGES else LANGUAGES[0]
        return _environment(spoken).get_template(template).render(**values)

    def calling_order(self, now: datetime, viewer: Viewer, **values: object) -> str:
        """Draw the page on which it is agreed who is asked, one after another."""
        return self._page("calling-order.html", self.scene(now, viewer), **values)

    def messages(self, now: datetime, viewer: Viewer, **values: object) -> str:
        """Draw the page that says which ways to people's phones work."""
        return self._page("messages.html", self.scene(now, viewer), page="/messages", **values)

    def messages_of(self, now: datetime, viewer: Viewer, **values: object) -> str:
        """Draw the page that says who of a home is reached how, and what reached them."""
        return self._page("messages-of.html", self.scene(now, viewer), **values)

    def changes(
        self,
        homes: Collection[HomeId],
        alerts: Collection[AlertId],
        now: datetime,
        language: str,
        *,
        organisations: frozenset[OrganisationId] = ONLY_OWN,
        pages: Collection[str] | None = None,
    ) -> str:
        """Draw what looks different after these homes and alerts changed; the whole board if the plan did.

        `pages` are the paths of those that are open: of an alert or home that nobody reads, nothing but its card and
        its tile is drawn. None stands for all.
        """
        board = self._part(organisations)
        scene = self._fresh(board, now, language, organisations)
        changed = [board.alerts[alert] for alert in alerts if alert in board.alerts]
        touched = {*homes, *(alert.home for alert in changed)}
        known = [scene.home(board.homes[home]) for home in touched if home in board.homes]
        read = [home for home in known if pages is None or home_path(home.plan.id) in pages]
        stories = [scene.story(one) for one in changed if pages is None or f"/alerts/{one.id}" in pages]
        moved = self._moved(scene, organisations)
        queue = self._queue_differs(scene, organisations, touched) or moved or bool(alerts)
        return self._fragments(scene, read, stories, board=moved, tiles=[] if moved else known, queue=queue)

    def everything(
        self,
        now: datetime,
        language: str,
        *,
        organisations: frozenset[OrganisationId] = ONLY_OWN,
        page: str | None = None,
    ) -> str:
        """Draw all that a page may have missed between being drawn and listening; None stands for every page."""
        board = self._part(organisations)
        scene = self._fresh(board, now, language, organisations)
        self._moved(scene, organisations)
        self._queue_differs(scene, organisations, set())
        if page is None:
            told = [one for one in board.alerts.values() if one.open or _last_touched(one) > now - RECENT]
            homes = list(board.homes.values())
        else:
            alert, home = alert_at(page), home_at(page)
            told = [board.alerts[alert]] if alert in board.alerts else []
            homes = [board.homes[home]] if home in board.homes else []
        stories = [scene.story(one) for one in told]
        whole = page in {None, "/"}
        return self._fragments(scene, [scene.home(home) for home in homes], stories, board=whole, brief=page is None)

    def _fresh(
        self,
        board: Board,
        now: datetime,
        language: str,
        organisations: frozenset[OrganisationId],
        viewer: Viewer | None = None,
    ) -> Scene:
        scene = Scene(board, self._names, now, language, viewer)
        looks = self._looks.pop(organisations, None) or Looks()
        if len(self._looks) >= READERS_MAX:
            del self._looks[next(iter(self._looks))]
        scene.looks_before = self._looks[organisations] = looks
        if viewer is None:  # or a card would say whose reader's it is
            readers = (language, organisations)
            before = self._drawn.pop(readers, {})
            if len(self._drawn) >= READERS_MAX:
                del self._drawn[next(iter(self._drawn))]
            scene.drawn_before = self._drawn[readers] = {
                of: drawn for of, drawn in before.items() if of[1] in board.alerts and board.alerts[of[1]].open
            }
        return scene

    def _queue_differs(
        self, scene: Scene, organisations: frozenset[OrganisationId], touched: Collection[HomeId]
    ) -> bool:
        """Whether the queue may read otherwise than in the last fragments, though no alert changed.

        A card tells of its home, that of a building of all its homes; above them stands which ways to phones do not
        work; and where nothing waits, what can be seen.
        """
        sites = {site_of(home) for home in touched}
        places = {story.alert.home for story in scene.stories}
        about = any(one in touched or (is_building(one) and site_of(one) in {*sites, CENTRE}) for one in places)
        calm = not (scene.waiting or scene.held or scene.returned)
        sight = (scene.heard, scene.in_sight, tuple(scene.without_sight)) if calm else None
        readers, rests = (scene.language, organisations), (calm, sight, tuple(scene.out_of_order))
        before = self._queued.pop(readers, None)
        if len(self._queued) >= READERS_MAX:
            del self._queued[next(iter(self._queued))]
        self._queued[readers] = rests
        return about or before != rests

    def _part(self, organisations: frozenset[OrganisationId]) -> Board:
        owners = self._owners()
        if owners is not self._whose or len(self._sees) >= READERS_MAX:
            self._whose, self._sees = owners, {}
        if organisations not in self._sees:
            self._sees[organisations] = sees_often(organisations, owners)
        return self._board.part(self._sees[organisations])

    def _moved(self, scene: Scene, organisations: frozenset[OrganisationId]) -> bool:
        """Whether tiles stand elsewhere than in the last fragments for the same readers; from now on they stand so."""
        readers = (scene.language, organisations)
        before = self._laid_out.pop(readers, None)
        if len(self._laid_out) >= READERS_MAX:
            del self._laid_out[next(iter(self._laid_out))]
        self._laid_out[readers] = layout = scene.layout
        return before is not layout and before != layout

    def _fragments(
        self,
        scene: Scene,
        homes: list[Standing],
        alerts: list[Story],
        *,
        board: bool,
        tiles: Collection[Standing] = (),
        brief: bool = False,
        queue: bool = True,
    ) -> str:
        template = self._templates[scene.language].get_template("changes.html")
        return template.render(
            scene=scene,
            homes=homes,
            alerts=alerts,
            whole_board=board,
            tiles=tiles,
            brief=brief,
            whole_queue=queue,
            oob=True,
        )

    def _page(self, template: str, scene: Scene, **values: Any) -> str:
        page = self._templates[scene.language].get_template(template)
        return page.render({"scene": scene, "viewer": scene.viewer, "oob": False, "page": "/", **values})

    def _alone(self, template: str, language: str, **values: Any) -> str:
        return _alone(template, language, **values)


def rehearse(names: Names, now: datetime) -> None:
    """Draw the desk of nothing in each language: whoever asks first waits for no template.

    Of nothing, so that it takes no longer for a larger centre, and nothing on a board can keep one from starting.
    """
    empty = Drawing(Board(), names)
    for language in LANGUAGES:
        empty.desk(now, Viewer(StaffId(""), "", "", language))
        empty.everything(now, language, page="/")


def _alone(template: str, language: str, **values: Any) -> str:
    language = language if language in LANGUAGES else LANGUAGES[0]
    return _environment(language).get_template(template).render(language=language, **values)


@functools.lru_cache(maxsize=MESSAGES_MAX)
def _message(language: str, title: str, text: str) -> str:
    """Draw what is told. Kept: a refusal costs whoever asks nothing, and is to cost us little."""
    say = words(language).gettext
    return _alone("message.html", language, title=say(title), text=say(text))


def _last_touched(alert: Alert) -> datetime:
    closed = [alert.resolved.at] if alert.resolved is not None else []
    return max([alert.findings[-1].at, alert.arrived_at, *closed])


def _told(piece: Piece | str) -> Markup:
    """Write a piece out, with a mark around the duration that goes on growing."""
    if isinstance(piece, str):
        return Markup.escape(piece)
    values = dict(piece.values)
    if piece.since is None:
        return Markup.escape(piece.template).format(**values)
    grows = Markup('<b class="grows" data-form="long" data-since="{}">{}</b>').format(
        piece.since.isoformat(), values.pop("duration")
    )
    return Markup.escape(piece.template).format(duration=grows, **values)


@functools.cache
def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(words(language), newstyle=True)  # type: ignore[attr-defined]  # i18n adds it
    environment.filters["told"] = _told
    environment.filters["capital"] = capital
    environment.globals["languages"] = _OWN_NAMES
    environment.globals["this_language"] = language.partition("@")[0]
    return environment
