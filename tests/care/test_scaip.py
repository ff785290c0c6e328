"""Messages to an alarm centre: codes and no words."""

import xml.etree.ElementTree as ET

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from care.alerts import Alert
from care.records import Record
from care.scaip import NotToBeSent, message, reference_of
from detectors.findings import What
from detectors.homes import building_of
from tests.care.test_alerts import HOME, SANNE, a_board, a_finding, claim, resolve

CONTROLLER = "10149471"


def an_alert(*records: Record) -> Alert:
    [alert] = a_board(*records).alerts.values()
    return alert


def told(alert: Alert, controller: str = CONTROLLER) -> dict[str, str | None]:
    root = ET.fromstring(message(alert, controller))
    assert root.tag == "mrq"
    return {one.tag: one.text for one in root}


def test_a_call_for_help_is_a_manual_alarm_of_a_button() -> None:
    alert = an_alert(a_finding(What.BUTTON))
    assert told(alert) == {
        "ref": reference_of(alert),
        "mty": "ME",
        "cid": CONTROLLER,
        "dty": "0004",
        "stc": "0010",
        "lco": "002",
    }


@pytest.mark.parametrize("what", [What.BATH, What.STILL, What.DOOR_LEFT])
def test_whatever_was_found_the_alarm_centre_only_hears_that_a_machine_asks_for_somebody(what: What) -> None:
    said = told(an_alert(a_finding(what)))
    assert (said["dty"], said["stc"]) == ("0002", "0009")


def test_a_fault_is_a_malfunction() -> None:
    lost = msgspec.structs.replace(a_finding(What.BRIDGE_LOST), home=building_of("wilg"))
    assert told(an_alert(lost))["stc"] == "0067"


@pytest.mark.parametrize("what", list(What))
def test_no_message_names_what_was_found_or_where(what: What) -> None:
    alert = an_alert(a_finding(what))
    try:
        said = message(alert, CONTROLLER).decode()
    except NotToBeSent:
        return
    values = ET.fromstring(said).itertext()
    assert all(one.isalnum() for one in values)
    assert str(what) not in said
    assert HOME.id not in said
    assert HOME.resident not in said


def test_what_is_closed_or_may_wait_for_the_morning_is_not_sent() -> None:
    for records in ([a_finding(), claim(SANNE, "02:27"), resolve(SANNE, "02:40")], [a_finding(What.DECLINE)]):
        with pytest.raises(NotToBeSent):
            message(an_alert(*records), CONTROLLER)


def test_something_new_in_an_alert_is_another_message_and_the_same_told_again_is_not() -> None:
    alert = an_alert(a_finding())
    more = msgspec.structs.replace(alert, findings=alert.findings * 2)
    assert reference_of(alert) == reference_of(an_alert(a_finding()))
    assert reference_of(more) != reference_of(alert)


@given(controller=st.one_of(st.text(), st.from_regex(r"[0-9]{0,20}", fullmatch=True)))
@example(controller="1</cid><stc>0010</stc><cid>2")
@example(controller="\u0661\u0662")
@example(controller="123\n")
def test_a_number_is_digits_or_nothing_is_sent(controller: str) -> None:
    try:
        said = told(an_alert(a_finding()), controller)
    except NotToBeSent:
        assert not (controller.isascii() and controller.isdigit() and len(controller) <= 16)
    else:
        assert said["cid"] == controller
