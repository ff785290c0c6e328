"""The plan of a site: read strictly, refused with file, line and what would be right."""

from datetime import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care import homes
from care.homes import BadPlan, Device, Site
from detectors.findings import What
from detectors.homes import Home, Kind, Limits, Night, RoomKind, SensorId
from tests.stories import a_home, a_site

GOOD = """\
[site]
id = "wilg"
name = "De Wilg"

[[home]]
id = "12"
resident = "r-0012"
night = "22:30-07:30"
limits = { bath = 25 }
soon = ["oob-active"]

[home.rooms]
logeerkamer = "bedroom"

[[home.sensor]]
name = "12/bed"
role = "bed"
room = "slaapkamer"

[[home.sensor]]
name = "12/bad"
role = "motion"
room = "badkamer"

[[home.sensor]]
name = "12/gast"
role = "motion"
room = "logeerkamer"
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(BadPlan) as caught:
        homes.read(text, file="site.toml")
    return caught.value.mistakes


def test_a_plan_says_who_sleeps_where_and_when() -> None:
    site = homes.read(GOOD)
    (home,) = site.homes
    assert home.id == "wilg/12"
    assert home.night == Night(start=time(22, 30), end=time(7, 30))
    assert home.limits == Limits(bath=25)
    assert home.agreed_soon == (What.OOB_ACTIVE,)
    assert home.rooms == {
        "slaapkamer": RoomKind.BEDROOM,
        "badkamer": RoomKind.BATHROOM,
        "logeerkamer": RoomKind.BEDROOM,
    }
    assert site.sensors["12/bad"][1].kind is Kind.MOTION


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ('room = "badkamer"', 'room = "badkmer"', 23, 'room "badkmer" does not exist. Do you mean "badkamer"?'),
        ('role = "bed"', 'role = "bedd"', 17, 'role "bedd" does not exist. Do you mean "bed"?'),
        ("bath = 25", "bath = -1", 9, 'limit "bath" is -1.0. Write a number of minutes from 1 to 720'),
        ("bath = 25", 'bath = "x"', 9, "limit \"bath\" is 'x'. Write a number of minutes from 1 to 720"),
        ("bath = 25", "baht = 25", 9, '"baht" is not known here. Do you mean "bath"?'),
        ('"22:30-07:30"', '"half elf"', 8, 'night "half elf" is not two times. Write for example "23:00-07:00"'),
        ('"22:30-07:30"', '"23:00-23:00"', 8, "is not two times"),
        ('"12/gast"', '"12/bed"', 26, 'sensor "12/bed" stands in the plan twice, also in home "12"'),
        ('"r-0012"', '"Jan de Vries"', 7, "an id and never a name"),
        ('"12/bed"', '"12/+"', 16, "without + or #"),
        ('soon = ["oob-active"]', 'profile = "Oma Jansen"', 10, "Write a word of small letters"),
        ('soon = ["oob-active"]', 'soon = ["button"]', 10, "the other kinds are always for now"),
        ('soon = ["oob-active"]', 'off = ["bath"]', 10, "the other kinds are always told"),
        ('soon = ["oob-active"]', "off = 3", 10, "the other kinds are always told"),
        ('soon = ["oob-active"]', "budget = 3", 10, "Write 0.5, 1, 2, 4: times what is agreed for all"),
        ('soon = ["oob-active"]', "budget = true", 10, "Write 0.5, 1, 2, 4: times what is agreed for all"),
        ('logeerkamer = "bedroom"', 'logeerkamer = "bedrom"', 13, 'unknown kind "bedrom". Do you mean "bedroom"?'),
        ('name = "De Wilg"', 'nam = "De Wilg"', 3, '"nam" is not known here. Do you mean "name"?'),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_what_would_be_right(
    right: str, wrong: str, line: int, said: str
) -> None:
    text = GOOD.replace(right, wrong, 1).replace("bath = -1", "bath = -1.0")
    (mistake, *_) = mistakes(text)
    assert mistake.startswith(f"site.toml, line {line}: ")
    assert said in mistake


def test_every_mistake_is_told_at_once() -> None:
    text = GOOD.replace('"badkamer"', '"badkmer"').replace('role = "bed"', 'role = "bedd"')
    assert len(mistakes(text)) == 2


def test_a_home_twice_is_refused() -> None:
    again = GOOD + GOOD[GOOD.index("[[home]]") :].replace("12/", "13/")
    assert any('home "12" stands in the plan twice' in mistake for mistake in mistakes(again))


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    text = GOOD.replace('name = "De Wilg"', 'name = "De Wilg"\nzone = "Europe/Amsterdm"')
    assert 'time zone "Europe/Amsterdm" does not exist' in mistakes(text)[0]


@pytest.mark.parametrize("text", ["", "[site]\nid = 3", "home = 4", "[[home]]\n[[home]]", "not toml ["])
def test_what_is_hardly_a_plan_is_refused_with_sentences(text: str) -> None:
    assert all(mistake.startswith("site.toml") for mistake in mistakes(text))


@given(
    bath=st.floats(1, 720),
    start=st.times(),
    numbers=st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True),
    bed=st.booleans(),
    profile=st.sampled_from(["general", "elderly", "mild-id"]),
    off=st.sampled_from([(), ("shift",), ("door-arrived", "late-rise")]),
    budget=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    name=st.sampled_from(["De Wilg", 'De "Oude" Wilg', "C:\\wilg", "Wilg 🌳"]),
)
def test_what_is_written_is_read_back_the_same(
    bath: float,
    start: time,
    numbers: list[int],
    bed: bool,
    profile: str,
    off: tuple[str, ...],
    budget: float,
    name: str,
) -> None:
    night = Night(start=time(start.hour, start.minute), end=time((start.hour + 8) % 24, start.minute))
    limits = Limits(bath=round(bath, 1))
    drawn: list[Home] = [
        msgspec.structs.replace(
            a_home(str(number), bed=bed, limits=limits, night=night), profile=profile, off=off, budget=budget
        )
        for number in numbers
    ]
    site: Site = msgspec.structs.replace(a_site(*drawn), name=name)
    assert homes.read(homes.write(site)) == site


def test_a_sensor_may_say_which_device_it_is_and_what_it_speaks() -> None:
    said = homes.write(a_site()).replace('name = "12/bed"', 'name = "12/bed"\nmodel = "SPM915"\naddress = "0x01"')
    site = homes.read(said)
    assert site.devices[SensorId("12/bed")] == Device(address="0x01", model="SPM915")
    assert homes.read(homes.write(site)) == site


def test_two_sensors_cannot_be_one_device_and_only_zigbee_needs_no_address() -> None:
    lines = homes.write(a_site()).splitlines()
    names = [number for number, line in enumerate(lines) if line.startswith("name = ") and number > 3]
    for number in names[:2]:
        lines[number] += '\naddress = "0x01"'
    lines[names[2]] += '\nfamily = "shelly"'
    with pytest.raises(homes.BadPlan) as wrong:
        homes.read("\n".join(lines))
    assert [one.partition(": ")[2].split('"')[0] for one in wrong.value.mistakes] == ["address ", "a sensor of family "]


def test_a_sensor_may_say_which_property_tells_and_by_which_values() -> None:
    """What no table knows, the installer says. Values are texts, as the device's JSON writes them."""
    said = homes.write(a_site()).replace('name = "12/bed"', 'name = "12/bed"\nkey = "weight"\non = [true, 1, "sit"]')
    site = homes.read(said)
    assert site.devices[SensorId("12/bed")] == Device(key="weight", on=("true", "1", "sit"))
    assert homes.read(homes.write(site)) == site
    alone = homes.read(homes.write(a_site()).replace('name = "12/bed"', 'name = "12/bed"\non = false'))
    assert alone.devices[SensorId("12/bed")].on == ("false",)


@pytest.mark.parametrize("on", ["[]", "[[1]]", "{ a = 1 }", f'"{"x" * 70}"', "9" * 30])
def test_a_value_that_no_device_would_say_is_refused(on: str) -> None:
    with pytest.raises(homes.BadPlan, match='"on" is'):
        homes.read(homes.write(a_site()).replace('name = "12/bed"', f'name = "12/bed"\non = {on}'))


def test_two_sensors_may_be_two_properties_of_one_device() -> None:
    lines = homes.write(a_site()).splitlines()
    names = [number for number, line in enumerate(lines) if line.startswith("name = ") and number > 3]
    for number, key in zip(names[:2], ("Switch1", "Switch2"), strict=True):
        lines[number] += f'\nfamily = "tasmota"\naddress = "board-12"\nkey = "{key}"'
    site = homes.read("\n".join(lines))
    (placed,) = site.addressed.values()
    assert [one.device.key for one in placed["board-12"]] == ["Switch1", "Switch2"]
