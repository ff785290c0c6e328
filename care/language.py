"""The two languages people read: English as it stands in the code, and Dutch from the catalogue beside it."""

import functools
import gettext
import io
from pathlib import Path

LANGUAGES = ("nl", "en")
FORMAL = "nl@formal"  # Dutch that says u: only the sentences that differ, and for any other what `nl` says
_LOCALE = Path(__file__).parent / "locale"
CATALOGUE = _LOCALE / "nl" / "LC_MESSAGES" / "nachtwacht.po"
CATALOGUE_FORMAL = _LOCALE / "nl_NL@formal" / "LC_MESSAGES" / "nachtwacht.po"


def mark(message: str) -> str:
    """Return the message as it is; tells whoever gathers messages that it is translated elsewhere."""
    return message


@functools.cache
def words(language: str) -> gettext.NullTranslations:
    """Return what turns a message into the reader's language.

    Dutch for every language but "en": a page in the language of the place is better than no page.
    Raises `babel.messages.pofile.PoFileError` if the catalogue cannot be read.

    >>> words("nl").gettext("In bed")
    'In bed'
    >>> words("nl").ngettext("{n} minute", "{n} minutes", 24).format(n=24)
    '24 minuten'
    """
    if language == "en":
        return gettext.NullTranslations()
    if language != FORMAL:
        return _read(CATALOGUE)
    formal = _read(CATALOGUE_FORMAL)
    formal.add_fallback(words("nl"))
    return formal


def _read(file: Path) -> gettext.GNUTranslations:
    # Imported here, for the daemon in the building has no use for it.
    from babel.messages import mofile, pofile

    with file.open("rb") as opened:
        catalogue = pofile.read_po(opened, locale="nl", abort_invalid=True)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
