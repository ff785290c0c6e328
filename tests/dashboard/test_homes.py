"""What the page of a home says: how it stands, and what it can and cannot tell."""

import re
from datetime import timedelta

import msgspec

from dashboard import homes
from dashboard.glance import Glance
from detectors.coverage import rests_on
from detectors.findings import BUILDING, Presence, Sight, What
from detectors.homes import HomeId
from tests.dashboard.nights import (
    NOW,
    People,
    a_busy_night,
    a_calm_night,
    a_home,
    a_plan,
    add,
    contacts_only,
    hear,
    status,
)
from tests.dashboard.reading import (
    home_page,
    text,
)


def test_a_home_says_how_it_stands_and_what_it_cannot_see() -> None:
    said = text(home_page(a_busy_night(), "wilg/12"))
    assert "Jan · Woning\u00a012".replace("\u00a0", " ") in said
    assert "Uit bed sinds 02:09. Deze woning is deels in zicht." in said
    assert "Keuken Bewegingssensor geen zicht" in said
    assert "Lang in de badkamer of op de wc na hooguit 20 minuten, meestal na 13 minuten in zicht" in said
    assert "Waarschijnlijk naar buiten na 4 minuten deels in zicht" in said
    assert "In de nacht 23:00\u201307:00 Hulpoproep: knop ingedrukt meteen, ook overdag in zicht" in said
    assert "Met deze sensoren kan elk soort melding over de cliënt komen." in said


def test_a_home_of_a_silent_building_claims_nothing() -> None:
    board = a_busy_night()
    hear(board, NOW - timedelta(minutes=4))
    said = text(home_page(board, "wilg/4"))
    assert "Uit dit gebouw komt sinds 02:27 niets binnen. Dit zegt niets over hoe het met de mensen gaat." in said
    assert "in zicht" not in said.replace("geen zicht", "")
    assert said.count("nu geen zicht") == len(set(What) - BUILDING)


def test_a_kind_of_alert_without_its_sensor_is_named_as_missing() -> None:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", [1])
    home = msgspec.structs.replace(plan.homes[0], sensors=plan.homes[0].sensors[:5])
    add(board, msgspec.structs.replace(plan, homes=(home,)))
    said = text(home_page(board, "wilg/1"))
    assert (
        "Waarschijnlijk naar buiten Geen deursensor bij de voordeur: of iemand naar buiten ging, is niet te zien. "
        "geen sensor hiervoor"
    ) in said
    assert "Geen hulpknop: daarmee kan niemand om hulp vragen." in said
    assert (
        "Met deze sensoren kunnen 9 van de 13 soorten meldingen over de cliënt komen. Hier is geen bedsensor." in said
    )


def test_without_a_motion_sensor_in_the_bathroom_nobody_is_said_to_be_long_in_it() -> None:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", [1])
    sensors = tuple(one for one in plan.homes[0].sensors if one.room != "badkamer")
    add(board, msgspec.structs.replace(plan, homes=(msgspec.structs.replace(plan.homes[0], sensors=sensors),)))
    said = text(home_page(board, "wilg/1"))
    assert "Geen bewegingssensor in badkamer of wc: hoe lang iemand daar blijft, is niet te zien." in said
    assert "Geen sensor in badkamer of wc: bezoeken in de nacht zijn niet te tellen." in said
    assert said.count("geen sensor hiervoor") == 2


def test_a_home_with_contacts_only_says_that_hardly_anything_can_be_seen() -> None:
    board = a_calm_night()
    home = contacts_only("wilg", "1")
    add(board, msgspec.structs.replace(a_plan("wilg", "De Wilg", ()), homes=(home,)))
    said = text(home_page(board, "wilg/1"))
    assert "In deze woning is \u2019s nachts bijna niets te zien: geen bewegingssensor en geen bedsensor." in said
    for kind in ("Lang in de badkamer of op de wc", "Uit bed, geen beweging gezien", "Waarschijnlijk naar buiten"):
        assert re.search(rf"{kind} Geen [^.]*\. geen sensor hiervoor", said)
    assert re.search(r"Nog niet op, later dan meestal Geen [^.]*\. geen sensor hiervoor", said)
    assert "Andere bedtijden na een paar weken, naast de weken daarvoor in zicht" in said


def test_for_every_kind_the_page_knows_what_it_rests_on() -> None:
    """In the order of `detectors.coverage`: a group more there would be drawn as nothing here."""
    for home in (a_home("wilg", "1"), a_home("wilg", "1", bed=False), contacts_only()):
        for what, groups in rests_on(home).items():
            assert len(homes.RESTS[what][0]) == len(groups), what
    told = [what for _, _, kinds in homes.GROUPS for what in kinds]
    assert sorted(told) == sorted(set(What) - BUILDING)


def test_what_a_home_has_taught_stands_beside_what_was_agreed() -> None:
    board = a_calm_night()
    home = board.homes[HomeId("wilg/1")]
    standing = homes.Standing(home, Glance(board, People(), NOW, "nl"), None, {What.BATH: 9.0, What.LATE_RISE: 80.0})
    after = {one.kind: one.after.replace("\u00a0", " ") for group in standing.groups for one in group.kinds}
    assert after["Lang in de badkamer of op de wc"] == "na hooguit 20 minuten, meestal na 9 minuten"
    assert after["Nog niet op, later dan meestal"].endswith(": dat wordt geleerd, meestal na 1 uur en 20 minuten")


def test_a_kind_that_is_not_told_by_agreement_is_shown_as_such_and_not_as_seen() -> None:
    board = a_calm_night()
    plan = a_plan("wilg", "De Wilg", ("12",))
    add(board, msgspec.structs.replace(plan, homes=(msgspec.structs.replace(plan.homes[0], off=("shift",)),)))
    said = text(home_page(board, "wilg/12"))
    assert "Andere bedtijden na een paar weken, naast de weken daarvoor niet melden, volgens afspraak" in said


def test_a_sensor_that_is_not_heard_takes_no_sight_from_the_alert_about_it() -> None:
    board = a_calm_night()
    add(board, status("wilg/12", Presence.BED, "23:10", sight=Sight.PARTLY, blind="badkamer"))
    said = text(home_page(board, "wilg/12"))
    assert "Sensor geeft niets door langer dan meestal bij die sensor: dat wordt geleerd in zicht" in said
    assert "Lang in de badkamer of op de wc na hooguit 20 minuten, meestal na 13 minuten nu geen zicht" in said
