"""An alert as a message of SCAIP, the alarm protocol of social care (SS 91100:2014, CLC/TS 50134-9). Pure.

The standard is sold, and was not read. What is here rests on public text alone: messages that devices of four makers
send, as they stand in the comments of a receiver, a published gateway, a published proxy with its test scenarios, and
the registration of the media type `application/scaip+xml`. Only elements and codes that at least two of those agree on
are used (`docs/programs.md`). It was never tried with the receiver of an alarm centre.

Only that there is an alarm, in which home, and whether a person or a machine raised it, stands in a message. What was
found there does not: the alarm centre asks the desk.
"""

import re
import xml.etree.ElementTree as ET
from typing import NamedTuple

from care.alerts import Alert, Tier
from detectors.findings import What

MEDIA_TYPE = "application/scaip+xml"
ANSWER_MAX = 4_096  # bytes; ours, and far more than any answer that was seen

_CONTROLLER = re.compile(r"[0-9]{1,16}", re.ASCII)
_REFERENCE = re.compile(r"[0-9a-zA-Z]{1,16}", re.ASCII)
_STATUS = re.compile(r"[0-9]{1,5}", re.ASCII)

_MESSAGE = "ME"
_UNIT, _TRIGGER = "0002", "0004"  # types of device: the unit in the home itself, a button that is fixed there
_BY_MACHINE, _BY_PERSON, _FAULT = "0009", "0010", "0067"  # status: automatic alarm, manual alarm, malfunction
_HOME = "002"  # location
_TAKEN = 0
_REFUSALS = {
    1: "the message is too long",
    2: "its format is wrong",
    3: "something in it is wrong",
    4: "it is to be held",
    5: "it was not treated",
    6: "the receiver is busy",
    7: "something that must be in it is missing",
}


class NotToBeSent(Exception):
    """There is nothing to tell an alarm centre, or not as whom; says why in a sentence."""


class BadAnswer(Exception):
    """An answer says nothing of the message that was sent, so it counts as not taken; says why in a sentence."""


class Answer(NamedTuple):
    """What the alarm centre's receiver said of one message."""

    reference: str
    status: int
    text: str = ""  # of the receiver's own

    @property
    def taken(self) -> bool:
        """Whether the receiver has the message, and deals with it."""
        return self.status == _TAKEN

    @property
    def why(self) -> str:
        """Why it was not taken; nothing if it was."""
        return "" if self.taken else _REFUSALS.get(self.status, f"the receiver says {self.status}")


def reference_of(alert: Alert) -> str:
    """Return the reference of an alert's message: another one when something new was found, for that is to be told."""
    return f"{alert.id}{len(alert.findings):x}"


def message(alert: Alert, controller: str) -> bytes:
    """Return the message about an alert, in UTF-8.

    Parameters
    ----------
    controller : number of the home with the alarm centre, which gave it out: 1 to 16 digits.

    Raises
    ------
    NotToBeSent
        If the alert is closed, may wait for the morning, or the number is none.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from care.alerts import raised
    >>> from detectors.findings import Finding
    >>> from detectors.homes import HomeId
    >>> at = datetime(2026, 3, 3, 1, 10, tzinfo=UTC)
    >>> found = Finding(at=at, home=HomeId("wilg/12"), what=What.BUTTON, since=at, episode=at)
    >>> alert = raised(found, home=None, arrived_at=at)
    >>> said = message(alert, "10149471").decode()
    >>> said.removeprefix(f"<mrq><ref>{reference_of(alert)}</ref>")
    '<mty>ME</mty><cid>10149471</cid><dty>0004</dty><stc>0010</stc><lco>002</lco></mrq>'
    """
    if _CONTROLLER.fullmatch(controller) is None:
        text = "The number of a home with the alarm centre is 1 to 16 digits: 10149471."
        raise NotToBeSent(text)
    if not alert.open:
        text = "This alert is closed: there is nothing to tell an alarm centre."
        raise NotToBeSent(text)
    if alert.tier is Tier.REVIEW:
        text = "This alert may wait for the morning: an alarm centre is not told of it."
        raise NotToBeSent(text)
    device, status = _UNIT, _FAULT if alert.tier is Tier.TECHNICAL else _BY_MACHINE
    if any(one.what is What.BUTTON for one in alert.findings):
        device, status = _TRIGGER, _BY_PERSON
    told = {
        "ref": reference_of(alert),
        "mty": _MESSAGE,
        "cid": controller,
        "dty": device,
        "stc": status,
        "lco": _HOME,
    }
    root = ET.Element("mrq")
    for name, value in told.items():
        ET.SubElement(root, name).text = value
    return ET.tostring(root, encoding="unicode").encode()


def answer(body: bytes, reference: str) -> Answer:
    """Read what a receiver answered to the message with a reference.

    Raises `BadAnswer` for whatever is no answer to it; entities and declarations of types are not read at all.
    """
    if len(body) > ANSWER_MAX:
        text = f"The answer is longer than {ANSWER_MAX} bytes."
        raise BadAnswer(text)
    try:
        said = body.decode()
        if "<!" in said:
            text = "The answer holds a declaration, a comment or CDATA, which none needs."
            raise BadAnswer(text)
        root = ET.fromstring(said)  # noqa: S314  # without declarations nothing in it can grow or be fetched
    except (UnicodeDecodeError, ValueError, ET.ParseError) as error:
        text = "The answer is no XML in UTF-8."
        raise BadAnswer(text) from error
    if root.tag != "mrs":
        text = f"The answer begins with {root.tag[:20]!r}; mrs would be right."
        raise BadAnswer(text)
    of, status = _only(root, "ref", _REFERENCE), _only(root, "snu", _STATUS)
    if of != reference:
        text = f"The answer is to {of}, and not to {reference}."
        raise BadAnswer(text)
    return Answer(of, int(status), " ".join((root.findtext("ste") or "").split()))


def _only(root: ET.Element, name: str, pattern: re.Pattern[str]) -> str:
    found = [(one.text or "").strip() for one in root.findall(name)]
    if len(found) != 1 or pattern.fullmatch(found[0]) is None:
        text = f"The answer has no {name}, or several, or not one as it is written: {pattern.pattern}."
        raise BadAnswer(text)
    return found[0]
