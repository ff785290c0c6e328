"""Install codes: what a Zigbee device and the network know of each other before they meet. They are secrets.

A code goes to the bridge or into a file that only its owner can read; never into the plan, a journal or a message.
"""

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gateway.installer import plans

_SIZES = (18, 14, 10, 8)  # bytes with the two of the checksum; Zigbee 3.0 has the first of them only
_POLYNOMIAL = 0x8408  # x^16 + x^12 + x^5 + 1, least significant bit first
_HEAD = ("address", "install code")


class InstallCode(NamedTuple):
    """The code of one device. Its text shows the address alone."""

    address: str  # "0x00158d0001234567"
    code: str  # hexadecimal, capitals, with its checksum

    def __repr__(self) -> str:
        return f"InstallCode({self.address!r}, ...)"

    @property
    def value(self) -> str:
        """What the bridge is given (`install_code/add`): the form that labels of several makers carry."""
        return f"{self.address.removeprefix('0x').upper()}|{self.code}"


class BadCode(ValueError):
    """Not an install code: why, without repeating it. `length` is in bytes, None if it is no hexadecimal number."""

    def __init__(self, length: int | None) -> None:
        self.length = length
        super().__init__("not an install code")


def read(text: str) -> str:
    """Return an install code as hexadecimal capitals, its checksum proven. Raises `BadCode`.

    Source: Zigbee Base Device Behavior Specification (16-02828-012), 10.1.1.1: CRC-16/X-25 over the code, appended
    with its low byte first. The example is the specification's own.

    >>> read("83fe d340 7a93 9723 a5c6 39b2 6916 d505 c3b5")
    '83FED3407A939723A5C639B26916D505C3B5'
    """
    try:
        code = bytes.fromhex(re.sub(r"[\s:.-]", "", text))
    except ValueError as error:
        raise BadCode(None) from error
    if len(code) not in _SIZES:
        raise BadCode(len(code))
    if checksum(code[:-2]) != code[-2:]:
        raise BadCode(len(code))
    return code.hex().upper()


def checksum(code: bytes) -> bytes:
    """Return the two bytes that follow a code without them: CRC-16/X-25, low byte first.

    >>> checksum(b"123456789").hex()
    '6e90'
    """
    rest = 0xFFFF
    for byte in code:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ _POLYNOMIAL if rest & 1 else rest >> 1
    return (rest ^ 0xFFFF).to_bytes(2, "little")


def keep(file: Path, codes: Iterable[InstallCode]) -> None:
    """Write codes into a new file that only its owner can read. Raises `FileExistsError`, or another `OSError`."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([_HEAD, *codes])
        out.flush()
        os.fsync(out.fileno())


def kept(file: Path) -> tuple[InstallCode, ...]:
    """Return the codes in a file that `keep` wrote. Raises `OSError`, and `ValueError` if it is no such file."""
    with file.open(encoding="utf-8", newline="") as lines:
        head, *rows = list(csv.reader(lines)) or [[]]
    if tuple(head) != _HEAD:
        raise ValueError("no install codes")
    found = []
    for row in rows:
        address = plans.eui64(row[0]) if len(row) == len(_HEAD) else None
        if address is None:
            raise ValueError("no install codes")
        found.append(InstallCode(address, read(row[1])))
    return tuple(found)
