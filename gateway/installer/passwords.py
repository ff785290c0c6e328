"""Passwords at the building's broker: made here, one for each user, and none that was there before anybody made it.

The broker gets hashes and a list of who may speak where, each user a file of its own with which it signs in. Made
again, those that are there stay, so that a new home is added without going past all the others.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

from care.files import put
from care.homes import Site
from gateway.installer.machine import BROKER_FILES

GATEWAY, BRIDGE = "gateway", "bridge"
FAMILIES = ("zigbee2mqtt", "esphome", "tasmota", "shelly", "nachtwacht-sensors")  # below which a home has its topics
LOGIN = ".login"
SECRET = "secret.yaml"  # noqa: S105  # the file that Zigbee2MQTT reads "!secret.yaml password" from

# mosquitto_passwd's own: PBKDF2 with SHA-512, of a salt of 12 bytes. 128 random bits need no more rounds than its 101,
# and the broker, which has one thread, would stand still for them.
_ROUNDS, _SALT, _BITS = 101, 12, 128


class Login(msgspec.Struct, frozen=True):
    """With what somebody signs in."""

    name: str
    password: str


def make(folder: Path, site: Site, *, per_home: bool, base: str, anew: bool = False) -> list[str]:
    """Write the broker's files and everybody's login; return the users that got another password. Raises `OSError`.

    `per_home` gives each home a user for a sensor network of its own, which may write that home's topics only. With
    `anew` nobody keeps the password they had.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    homes = {f"home-{name}": name for home in site.homes if (name := home.id.partition("/")[2]) and per_home}
    logins, fresh = [], []
    for user in (GATEWAY, BRIDGE, *homes):
        login = None if anew else read(folder / f"{user}{LOGIN}")
        if login is None:
            login = Login(user, secrets.token_urlsafe(_BITS // 8))
            put(folder / f"{user}{LOGIN}", msgspec.json.encode(login), mode=0o600)
            fresh.append(user)
        logins.append(login)
    bridge = next(login for login in logins if login.name == BRIDGE)
    put(folder / SECRET, f"user: {bridge.name}\npassword: {bridge.password}\n".encode(), mode=0o600)
    if fresh or not (folder / "passwords").exists():
        put(
            folder / "passwords", "".join(f"{one.name}:{hashed(one.password)}\n" for one in logins).encode(), mode=0o640
        )
    put(folder / "acl", rights(base, homes.items()).encode(), mode=0o644)
    return fresh


def read(file: Path) -> Login | None:
    """Return the login in a file, or None if it holds none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Login)
    except (OSError, msgspec.DecodeError):
        return None


def ours() -> Login | None:
    """Return the gateway's login, with which the commands sign in too; None where the broker knows none, or not us.

    It is where the gateway's own is kept, or where NACHTWACHT_BROKER_LOGIN says.
    """
    return read(Path(os.environ.get("NACHTWACHT_BROKER_LOGIN") or BROKER_FILES / f"{GATEWAY}{LOGIN}"))


def hashed(password: str, salt: bytes | None = None) -> str:
    """Return what mosquitto keeps of a password (mosquitto_passwd(1): 7 is PBKDF2 with SHA-512)."""
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def rights(base: str, homes: Iterable[tuple[str, str]]) -> str:
    """Return mosquitto's list of who may do what. Whoever is not in it may do nothing."""
    lines = [
        "# Written by nachtwacht gateway passwords; what is changed here is lost.",
        f"\nuser {GATEWAY}\ntopic readwrite #",
        f"\nuser {BRIDGE}\ntopic readwrite {base}/#",
    ]
    for user, home in homes:
        lines.append(f"\nuser {user}")
        lines += [f"topic readwrite {family}/{home}/#" for family in dict.fromkeys((base, *FAMILIES))]
    return "\n".join([*lines, ""])
