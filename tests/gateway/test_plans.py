"""A plan as an installer edits it: what people wrote stays, what is wrong changes nothing, again is harmless."""

import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import homes
from care.homes import ROOM_NAMES, Device, Family, Site
from detectors.homes import HomeId, Kind, RoomKind, SensorId
from gateway.installer import plans
from gateway.installer.plans import Place, Wrong

WRITTEN = """\
# De Wilg, drawn up by Joris on 2 March.
[site]
id = "wilg"
name = "De Wilg"   # as on the sign

# The home beside the lift.
[[home]]
id = "12"
resident = "r-0012"
limits = { bath = 25 }  # agreed with her daughter

[home.rooms]
logeerkamer = "bedroom"

# above the pillow
[[home.sensor]]
role = "bed"            # the strip, not the pad
name = "12/bed"
room = "slaapkamer"

[[home.sensor]]
name = "12/gast"
role = "motion"
room = "logeerkamer"
"""

ROOMS = st.sampled_from(sorted(ROOM_NAMES))
ADDRESSES = st.integers(0, 2**64 - 1).map("0x{:016x}".format)
MODELS = st.sampled_from(["", "RTCGQ11LM", "SPM915", "3325-S"])


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A building, made as an installer makes one."""
    site = plans.new_site("wilg", draw(st.sampled_from(["De Wilg", 'De "Oude" Wilg'])), "Europe/Amsterdam")
    numbers = draw(st.lists(st.sampled_from(["1", "2A", "10", "12.0", "3-1"]), min_size=1, max_size=4, unique=True))
    for number in numbers:
        site = plans.with_home(site, number, f"r-{number}", profile=draw(st.sampled_from(["", "elderly"])))
    for address in draw(st.lists(ADDRESSES, max_size=6, unique=True)):
        site = draw(with_a_sensor(site, address))
    return site


@st.composite
def with_a_sensor(draw: st.DrawFn, site: Site, address: str) -> Site:
    number = draw(st.sampled_from([home.id.partition("/")[2] for home in site.homes]))
    role, room, kind = draw(st.sampled_from(list(Kind))), draw(ROOMS), None
    if draw(st.booleans()):
        room, kind = "logeerkamer", RoomKind.BEDROOM
    place = Place(home=number, role=role, room=room, room_kind=kind)
    family = draw(st.sampled_from([Family.ZIGBEE2MQTT, Family.ZIGBEE2MQTT, Family.SHELLY]))
    device = Device(family=family, address=draw(st.sampled_from([address, address, ""])), model=draw(MODELS))
    if family is Family.SHELLY and not device.address:
        device = Device(family=family, address=address)
    return plans.with_sensor(site, plans.name_for(site, place), place, device)


def test_what_people_wrote_stays_where_a_change_leaves_it_alone() -> None:
    old = homes.read(WRITTEN)
    new = plans.with_sensor(
        old, "12/badkamer", Place(home="12", role=Kind.MOTION, room="badkamer"), Device(address="0x01")
    )
    text = plans.rewritten(WRITTEN, old, new)
    assert text == (
        f'{WRITTEN}\n[[home.sensor]]\nname = "12/badkamer"\nrole = "motion"\nroom = "badkamer"\naddress = "0x01"\n'
    )


def test_of_a_sensor_that_changes_the_comment_above_it_stays() -> None:
    old = homes.read(WRITTEN)
    new = plans.replaced(old, "12/bed", Device(address="0x02", model="SPM915"))
    text = plans.rewritten(WRITTEN, old, new)
    assert "# above the pillow\n[[home.sensor]]\n" in text
    assert "# agreed with her daughter" in text
    assert homes.read(text) == new


def test_a_sensor_that_moves_to_another_home_is_no_longer_in_the_first() -> None:
    old = plans.with_home(homes.read(WRITTEN), "13", "r-0013")
    new = plans.with_sensor(old, "12/gast", Place(home="13", role=Kind.MOTION, room="badkamer"), Device())
    assert new.friendly["12/gast"] == ("wilg/13", "12/gast")
    assert set(new.by_id[HomeId("wilg/12")].rooms) == {"slaapkamer"}
    assert homes.read(plans.rewritten(WRITTEN, homes.read(WRITTEN), new)) == new


def test_a_text_that_is_laid_out_in_another_way_is_written_anew() -> None:
    text = 'site = { id = "wilg", name = "De Wilg" }\n'
    old = homes.read(text, draft=True)
    new = plans.with_home(old, "12", "r-0012")
    assert plans.rewritten(text, old, new) == homes.write(new)


def test_a_replaced_sensor_is_the_same_sensor() -> None:
    old = homes.read(WRITTEN)
    new = plans.replaced(old, "12/bed", Device(address="0x02"))
    assert new.homes == old.homes
    assert new.friendly == old.friendly
    assert new.devices == {SensorId("12/bed"): Device(address="0x02")}


@pytest.mark.parametrize(
    ("place", "device", "said"),
    [
        (Place(home="99", role=Kind.BED, room="slaapkamer"), Device(), "Home 99 does not stand in the plan"),
        (Place(home="12", role=Kind.BED, room="badkmer"), Device(), 'Do you mean "badkamer"?'),
        (Place(home="12", role=Kind.BED, room="x1y2"), Device(), "Say which kind of room it is: bathroom"),
        (
            Place(home="12", role=Kind.BED, room="logeerkamer", room_kind=RoomKind.HALL),
            Device(),
            'Room "logeerkamer" is a bedroom in the plan already',
        ),
        (Place(home="12", role=Kind.BED, room="gang"), Device(family=Family.SHELLY), "needs an address"),
        (Place(home="12", role=Kind.BED, room="gang"), Device(address="0x+1"), "cannot be an address"),
    ],
)
def test_what_a_plan_cannot_take_is_a_sentence(place: Place, device: Device, said: str) -> None:
    with pytest.raises(Wrong, match=said.replace("?", r"\?")):
        plans.with_sensor(homes.read(WRITTEN), "12/new", place, device)


def test_one_device_cannot_be_two_sensors() -> None:
    site = plans.replaced(homes.read(WRITTEN), "12/bed", Device(address="0x02"))
    with pytest.raises(Wrong, match='stands in the plan already, as sensor "12/bed"'):
        plans.replaced(site, "12/gast", Device(address="0x02"))


def test_a_plan_without_homes_is_a_draft_and_no_plan() -> None:
    site = plans.new_site("wilg", "", "Europe/Amsterdam")
    text = homes.write(site)
    assert homes.read(text, draft=True) == site
    with pytest.raises(homes.BadPlan, match=r"at least one \[\[home\]\]"):
        homes.read(text)


@given(site=sites())
def test_a_plan_that_was_edited_is_read_back_the_same(site: Site) -> None:
    assert homes.read(homes.write(site), draft=True) == site


@given(data=st.data(), old=sites(), address=ADDRESSES)
def test_whatever_is_changed_the_text_says_the_new_plan_and_keeps_every_other_part(
    data: st.DataObject, old: Site, address: str
) -> None:
    text = "".join(f"# about {line}{line}" if line.startswith("[[") else line for line in _lines(homes.write(old)))
    new = (
        data.draw(with_a_sensor(old, address)) if address not in {one.address for one in old.devices.values()} else old
    )
    after = plans.rewritten(text, old, new)
    assert homes.read(after, draft=True) == new
    changed = {one.part for one in plans.edits(old, new)}
    kept = [part for part in homes.parts(old) if part not in changed and part[0] != "site"]
    assert after.count("# about ") >= len(kept)
    assert plans.rewritten(after, new, new) == after


@given(site=sites(), data=st.data())
def test_the_same_change_twice_is_the_change_once(site: Site, data: st.DataObject) -> None:
    for name, (home, sensor) in site.sensors.items():
        place = Place(home=home.partition("/")[2], role=sensor.kind, room=sensor.room)
        assert plans.with_sensor(site, name, place, site.devices.get(sensor.id, Device())) == site
    for home_ in site.homes:
        assert (
            plans.with_home(site, home_.id.partition("/")[2], home_.resident, profile=_profile(home_.profile)) == site
        )


def test_a_file_is_replaced_at_once_and_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    plans.save(file, "one\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    file.chmod(0o640)
    plans.save(file, "two\n")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("two\n", 0o640)
    assert [one.name for one in tmp_path.iterdir()] == ["site.toml"]


def test_a_file_that_cannot_be_replaced_stays_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "site.toml"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        plans.save(folder, "two\n")
    assert [one.name for one in tmp_path.iterdir()] == ["site.toml"]


def test_an_edit_is_told_with_its_lines_before_and_after() -> None:
    old = homes.read(WRITTEN)
    new = plans.replaced(old, "12/bed", Device(address="0x02"))
    (edit,) = plans.edits(old, new)
    assert edit.part == ("sensor", "12", "12/bed")
    assert set(edit.becomes) - set(edit.was) == {'address = "0x02"'}
    gone = msgspec.structs.replace(new, homes=(), friendly={}, devices={})
    assert {one.part[0] for one in plans.edits(new, gone)} == {"home", "sensor"}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _profile(profile: str) -> str:
    return "" if profile == "general" else profile
