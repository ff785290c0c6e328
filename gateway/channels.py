"""By what a building calls for help itself, as its installer sets it up: `alarm.toml`, read strictly.

A switch is a topic at the site's broker with what is published there, on and off: a Zigbee siren, a plug with a lamp. A
command is a program of the machine that takes a text on its standard input: a modem that sends text messages.
"""

import re
import tomllib
from collections.abc import Iterator

import msgspec

TEXT_MAX = 100
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_TOPIC = re.compile(r"[^+#\x00]{1,200}")
SIREN = "siren"  # what listens at `fallback.topic`, and is always told

# In Dutch, and not by the catalogue, whose reader would cost the daemon as much memory as twenty homes. Whoever reads
# this on a phone learns that somebody is needed, and where: nothing of health, and no name.
HELP_ASKED = "Woning {number}: hulp gevraagd."
ALERT = "Woning {number}: melding."
TEST = "Nachtwacht: proef. U hoeft niets te doen."


class Switch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What sounds or shines in the building when it is told so over MQTT."""

    name: str
    topic: str
    on: str  # payloads
    off: str


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What reaches somebody by a program: its name and arguments, as they are, with no shell in between."""

    name: str
    run: tuple[str, ...]
    within_s: float = 30.0  # that it may take


class Channels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them; each works, or not, by itself."""

    switch: tuple[Switch, ...] = ()
    command: tuple[Command, ...] = ()


NONE_SET = Channels()


class BadChannels(ValueError):
    """Channels that cannot be used: what is wrong, where, and what would be right."""


def read(text: str, *, file: str = "alarm.toml") -> Channels:
    """Read the channels. All of it is right, or none of it is used.

    Raises `BadChannels` with a sentence for every mistake.
    """
    try:
        channels = msgspec.convert(tomllib.loads(text), Channels)
    except tomllib.TOMLDecodeError as error:
        raise BadChannels(f"{file}: not TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise BadChannels(
            f"{file}: {error}. A [[switch]] has name, topic, on, off; a [[command]] name, run."
        ) from error
    mistakes = list(_mistakes(channels))
    if mistakes:
        raise BadChannels("\n".join(f"{file}: {one}" for one in mistakes))
    return channels


def _mistakes(channels: Channels) -> Iterator[str]:
    names = [one.name for one in channels.switch] + [one.name for one in channels.command]
    for name in names:
        if not _NAME.fullmatch(name):
            yield f'the name "{name}" is none: at most 20 of a-z, 0-9 and -, like "sms".'
    for name in sorted({one for one in names if names.count(one) > 1 or one == SIREN}):
        yield f'"{name}" is taken already: give each a name of its own, like "{name}-2".'
    for switch in channels.switch:
        if not _TOPIC.fullmatch(switch.topic):
            yield f'"{switch.topic}" is no topic to publish at: write it whole, like zigbee2mqtt/siren/set.'
    for command in channels.command:
        if not command.run or not command.run[0]:
            yield f'the command "{command.name}" runs nothing: write run = ["gammu-smsd-inject", "TEXT", "06..."].'
        if not 1 <= command.within_s <= 120:  # noqa: PLR2004  # said in the sentence
            yield f'the command "{command.name}" may take {command.within_s:g} s: write within_s from 1 to 120.'
