"""Somebody asks for help. Told at once, at any hour, and every press is told."""

from detectors.episodes import Episode
from detectors.findings import What
from detectors.homes import Home
from detectors.whereabouts import Whereabouts


def help_button(where: Whereabouts, home: Home) -> Episode | None:  # noqa: ARG001  # a call knows no hours and no limits
    """Tell each press; presses within a minute of one another are one call, with its count."""
    since = where.pressed_since
    if since is None:
        return None
    count = len(where.presses)
    return Episode(What.BUTTON, since=since, due=where.presses[-1], began=since, room=where.pressed_room, count=count)
