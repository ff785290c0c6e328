"""Everything people read is there in both languages, and says nothing that sensors cannot know."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from care.language import CATALOGUE, CATALOGUE_FORMAL, FORMAL, mark, words
from gateway.installer.commands import add_to
from gateway.installer.helps import groups_of, messages

ROOT = Path(__file__).parents[2]
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
KEYWORDS = {"_": None, "gettext": None, "mark": None, "say": None, "ngettext": (1, 2), "counted": (1, 2)}
SPOKEN = {"said_in": (2,), "tell": None, "table": None, "agreed": None, "fail": None}
"""What installers' commands say, where it is not marked: a call within a call is not seen by who gathers."""

NEVER = (
    "gevallen|bewusteloos|overleden|slaapt|slaperig|wakker|alles in orde|veilig|bijzonderheden|rustige nacht|zeker|"
    "altijd|nooit|gegarandeerd|alarm|opgelost|genegeerd|patiënt|dwalen|weggelopen|blind|claimen|escal|notificatie|oeps|"
    "ongeldig|te laat gereageerd|in de gaten|bewak"
)
SAID_AFTER_ALL = {
    "Quiet night",  # family is told so only of a night that was wholly in sight (care.tidings)
    "No limit: this is always told.",  # it is about the alert, and true: there is no limit to wait for
}


def gathered() -> set[str | tuple[str, ...]]:
    """Return every message that code and templates ask for."""
    found: set[str | tuple[str, ...]] = set()
    for room in ("care", "dashboard", "gateway/fleet"):
        for _, _, message, _, _ in extract_from_dir(
            ROOT / room, method_map=METHODS, options_map=OPTIONS, keywords=KEYWORDS
        ):
            found.add(message)
    for keywords in (KEYWORDS, SPOKEN):
        said = extract_from_dir(ROOT / "gateway/installer", method_map=METHODS[:1], keywords=keywords)
        found.update(message for _, _, message, _, _ in said)
    for group in groups_of(installers()).values():
        found.update(messages(group))
    return found


def installers() -> typer.Typer:
    """Return a command that holds the installer's groups alone."""
    cli = typer.Typer()
    add_to(cli)
    return cli


def dutch() -> dict[str | tuple[str, ...], Message]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="nl", abort_invalid=True)
    return {one.id if isinstance(one.id, str) else tuple(one.id): one for one in catalogue if one.id}


def said_in(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}|%\((\w+)\)s", text)) - {("n", "")}


def sentences() -> Iterator[str]:
    for message in dutch().values():
        for text in said_in(message):
            yield from re.split(r"(?<=[.?!]) ", text)


def test_every_message_that_people_read_has_its_dutch() -> None:
    assert gathered() - set(dutch()) == set()


def test_no_dutch_is_left_over_from_what_is_no_longer_said() -> None:
    assert set(dutch()) - gathered() == set()


def test_the_dutch_is_given_the_same_values_as_the_english() -> None:
    for asked, message in dutch().items():
        english = asked if isinstance(asked, str) else asked[-1]
        for text in said_in(message):
            assert text, asked
            assert placeholders(text) == placeholders(english), asked


def test_both_forms_of_a_counted_message_are_there() -> None:
    counted = [message for asked, message in dutch().items() if not isinstance(asked, str)]
    assert counted
    assert all(len(said_in(message)) == 2 for message in counted)


def test_nothing_is_said_that_sensors_cannot_know_or_colleagues_should_not_read() -> None:
    for asked, message in dutch().items():
        if asked in SAID_AFTER_ALL:
            continue
        for text in said_in(message):
            assert not re.search(rf"\b({NEVER})", text, re.IGNORECASE), text


def test_a_sentence_has_at_most_fifteen_words() -> None:
    assert [one for one in sentences() if len(one.split()) > 15] == []


def test_colleagues_are_called_je_and_never_u() -> None:
    assert [one for one in sentences() if re.search(r"\b(u|uw)\b", one, re.IGNORECASE) and "{n} u" not in one] == [
        "{hours} u {minutes}",  # hours on a tile: 1 u 05
        "Zeg u tegen mij",  # what a resident taps who wants to be called u
        "Hun eigen pagina zegt u tegen cliënten.",  # about the word itself, as are the next two
        "Wie daar u koos, houdt u.",
        "Zeg u tegen cliënten",
    ]


def formal() -> dict[str, str]:
    with CATALOGUE_FORMAL.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale="nl", abort_invalid=True) if one.id}


def test_who_is_called_u_is_never_called_je_and_only_what_differs_stands_twice() -> None:
    known = dutch()
    for asked, said in formal().items():
        assert not re.search(r"\b(je|jij|jou|jouw)\b", said, re.IGNORECASE), said
        assert placeholders(said) == placeholders(asked), asked
        assert said != known[asked].string
        assert not re.search(rf"\b({NEVER})", said, re.IGNORECASE), said
    assert words(FORMAL).gettext("Nobody looked at your data.") == "Niemand keek naar uw gegevens."
    assert words(FORMAL).gettext("Soon") == "Straks"  # what is the same for everybody stands once


@pytest.mark.parametrize("language", ["nl", "de", ""])
def test_who_asks_for_another_language_reads_dutch(language: str) -> None:
    assert words(language).gettext("Soon") == "Straks"


def test_english_stands_in_the_code() -> None:
    assert words("en").gettext("Soon") == "Soon"
    assert words("en").ngettext("{n} hour", "{n} hours", 2) == "{n} hours"


def test_hours_stay_singular_after_a_number_in_dutch() -> None:
    assert words("nl").ngettext("{n} hour", "{n} hours", 3) == "{n} uur"
    assert words("nl").ngettext("{n} minute", "{n} minutes", 3) == "{n} minuten"


def test_a_marked_message_stays_what_it_is() -> None:
    assert mark("Soon") == "Soon"
