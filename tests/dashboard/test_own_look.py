"""The colours of pages of one's own keep their contrast, by night and by day."""

import re

import pytest

from dashboard.pages import STATIC

TEXT, EDGE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
SURFACES = ("night", "room", "raised")


def tokens(scheme: str) -> dict[str, str]:
    """Return every colour that has a name; by day those of own.css in place of the others."""
    night = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", (STATIC / "look.css").read_text()))
    day = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", (STATIC / "own.css").read_text()))
    return night | (day if scheme == "light" else {})


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_can_be_read_and_edges_seen_on_every_surface(scheme: str) -> None:
    known = tokens(scheme)
    wanted = dict.fromkeys(("ink", "ink-2", "ink-3"), TEXT) | dict.fromkeys(
        ("edge", "acute", "soon", "well", "bed"), EDGE
    )
    low = {
        (name, surface): round(ratio(known[name], known[surface]), 2)
        for name, least in wanted.items()
        for surface in SURFACES
        if ratio(known[name], known[surface]) < least
    }
    assert low == {}
    for on in ("acute-deep", "soon-deep"):
        assert ratio(known["ink"], known[on]) >= TEXT
        assert ratio(known["acute"], known[on]) >= EDGE


def test_by_day_every_colour_has_its_other() -> None:
    night, day = tokens("dark"), tokens("light")
    same = {name for name, colour in night.items() if day[name] == colour}
    assert same <= {"hatch"}  # hatching is of the desk's pages
