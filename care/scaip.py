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

from care.alerts import Alert, Tier
from detectors.findings import What

MEDIA_TYPE = "application/scaip+xml"

_CONTROLLER = re.compile(r"[0-9]{1,16}", re.ASCII)

_MESSAGE = "ME"
_UNIT, _TRIGGER = "0002", "0004"  # types of device: the unit in the home itself, a button that is fixed there
_BY_MACHINE, _BY_PERSON, _FAULT = "0009", "0010", "0067"  # status: automatic alarm, manual alarm, malfunction
_HOME = "002"  # location


class NotToBeSent(Exception):
    """There is nothing to tell an alarm centre, or not as whom; says why in a sentence."""


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
