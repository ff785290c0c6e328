"""Which version of Nachtwacht runs."""

import functools
from importlib import metadata


@functools.cache
def version() -> str:
    """Return the version, or "unknown" where the program runs as it lies and is not installed."""
    try:
        return metadata.version("nachtwacht")
    except metadata.PackageNotFoundError:
        return "unknown"
