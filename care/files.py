"""Files that are there wholly or not at all, whatever happens meanwhile."""

import contextlib
import os
import stat
from pathlib import Path


def put(file: Path, said: bytes, *, mode: int = 0o600, keeps: bool = False) -> None:
    """Put a file in the place of the one that is there, at once: whoever reads it meanwhile reads the old or the new.

    It is on the disk before it is there, and until then its owner alone can read it. With `keeps` the rights and the
    group of the one that is there stay, as far as they are ours to give. Raises `OSError`; the old one is there then.
    """
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:  # noqa: PTH123  # by mode
            out.write(said)
            out.flush()
            os.fsync(out.fileno())
        if keeps:
            with contextlib.suppress(OSError):  # no file yet, or not ours to give away
                os.chown(beside, -1, file.stat().st_gid)
                mode = stat.S_IMODE(file.stat().st_mode)
        beside.chmod(mode)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def settle(path: Path) -> None:
    """Wait until a file, or what a folder holds, is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
