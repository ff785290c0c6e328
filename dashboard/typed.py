"""What people typed, before it is kept."""

import unicodedata

NAME_MAX = 60  # characters, of any name


class BadInput(ValueError):
    """What was asked to be kept cannot be, with a sentence that says why."""


def tidy(text: str, *, longest: int = NAME_MAX, empty: bool = False) -> str:
    """Tidy a name, or a few words, that people will read.

    Raises `BadInput` if there is too much of it, what cannot be printed, or nothing where it may not be `empty`.
    """
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    if not tidy.isprintable() or not (0 if empty else 1) <= len(tidy) <= longest:
        raise BadInput(f"{text!r} is not 1 to {longest} printable characters.")
    return tidy
