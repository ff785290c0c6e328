"""A list of sensors from a spreadsheet: what Excel did to it is undone or told, and one wrong cell changes nothing."""

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from care import homes
from care.homes import Device, Family, Site
from detectors.homes import Kind, RoomKind, SensorId
from gateway.installer import install_codes, lists, plans
from gateway.installer.install_codes import BadCode, InstallCode
from gateway.installer.lists import BadList, Mistake
from tests.conftest import examples
from tests.gateway.test_plans import sites

CODE = "83FED3407A939723A5C639B26916D505C3B5"  # the example of the specification
HEAD = "home,role,room,address,install code,model"
EMPTY = plans.with_home(plans.with_home(plans.new_site("wilg", "", "Europe/Amsterdam"), "12", "r-12"), "14", "r-14")


def taken(text: str | bytes, folder: Path, site: Site = EMPTY) -> lists.Imported:
    file = folder / "list.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lists.imported(site, lists.read(file))


def workbook(folder: Path, *rows: list[Any]) -> Path:
    book, file = Workbook(), folder / "list.xlsx"
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file


def mistakes(rows: Any, site: Site = EMPTY) -> list[Mistake]:
    with pytest.raises(BadList) as caught:
        lists.imported(site, rows)
    return list(caught.value.mistakes)


def said(mistake: Mistake) -> str:
    return mistake.message.format(**mistake.values)


@pytest.mark.parametrize(
    "address",
    [
        "0x00158d0001234567",
        "00158d0001234567",
        "00:15:8D:00:01:23:45:67",
        "0X00158D0001234567",
        "00-15-8d-00-01-23-45-67",
    ],
)
def test_an_address_is_one_address_however_it_is_written(address: str, tmp_path: Path) -> None:
    site = taken(f"home,role,room,address\n12,bed,slaapkamer,{address}\n", tmp_path).site
    assert site.devices == {SensorId("12/bed"): Device(address="0x00158d0001234567")}


def test_a_dutch_list_out_of_a_dutch_spreadsheet_is_read(tmp_path: Path) -> None:
    text = "\ufeffWoning;Rol;Ruimte;IEEE-adres;Type\r\n12;Beweging;Badkamer;00158d0001234567;RTCGQ11LM\r\n;;;;\r\n"
    site = taken(text.encode(), tmp_path).site
    home, sensor = site.sensors["12/badkamer"]
    assert (home, sensor.kind, sensor.room) == ("wilg/12", Kind.MOTION, "badkamer")
    assert taken(b"Woning;Rol;Ruimte;Adres;Bewoner\r\n9;Knop;Keuken;00158d0001234567;r-9\r\n", tmp_path).site.by_id
    assert taken(
        "sep=;\r\nwoning;rol;ruimte;naam\r\n12;bed;slaapkamer;bed é\r\n".encode("cp1252"), tmp_path
    ).site.friendly
    assert taken("woning\trol\truimte\tnaam\n12\tbed\tslaapkamer\tb\n".encode("utf-16"), tmp_path).site.friendly


def test_numbers_that_a_workbook_made_of_text_are_undone(tmp_path: Path) -> None:
    file = workbook(
        tmp_path,
        ["Woning", "Rol", "Ruimte", "Adres", "Model"],
        [12.0, "bed", "slaapkamer", "00158d0001234567", 3325.0],
        [None, None, None, None, None],
        [14, "deur", "gang", "00158d0001234568", None],
    )
    site = lists.imported(EMPTY, lists.read(file)).site
    assert site.devices[SensorId("12/bed")].model == "3325"
    assert set(site.friendly) == {"12/bed", "14/door"}


def test_what_a_spreadsheet_lost_is_a_mistake_with_its_row_and_column(tmp_path: Path) -> None:
    file = workbook(
        tmp_path,
        ["home", "role", "room", "address"],
        [date(2026, 2, 1), "bed", "slaapkamer", "00158d0001234567"],
        [12, "bed", "slaapkamer", 158000012345678],
        ["1-feb", "bed", "slaapkamer", "1,58E+13"],
    )
    found = mistakes(lists.read(file))
    assert [(one.row, one.column) for one in found] == [(2, "A"), (3, "D"), (4, "A"), (4, "D")]
    assert "made a date of it" in said(found[0])
    assert "lost digits" in said(found[1])


def test_every_mistake_is_told_at_once_with_what_would_be_right(tmp_path: Path) -> None:
    text = (
        f"{HEAD}\n"
        "12,bedd,slaapkamer,00158d0001234567,,\n"
        "99,bed,slaapkamer,00158d0001234568,,\n"
        "12,bed,badkmer,00158d000123456,,\n"
        f"12,bed,slaapkamer,00158d0001234569,{CODE[:-1]}0,\n"
        f"12,bed,,,{CODE},\n"
    )
    with pytest.raises(BadList) as caught:
        taken(text, tmp_path)
    assert [(one.row, one.column, one.head) for one in caught.value.mistakes] == [
        (2, "B", "role"),
        (3, "A", "home"),
        (4, "C", "room"),
        (4, "D", "address"),
        (5, "E", "install code"),
        (6, "C", "room"),
        (6, "D", "address"),
        (6, "E", "install code"),
    ]
    assert not any(CODE[:8] in f"{one}{said(one)}" for one in caught.value.mistakes)


def test_a_list_without_the_columns_it_needs_is_one_mistake_and_unknown_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadList) as caught:
        taken("woning,kleur,adres,mac\n12,rood,00158d0001234567,\n", tmp_path)
    assert [(one.row, one.column) for one in caught.value.mistakes] == [(1, ""), (1, "B"), (1, "D")]


def test_what_stands_twice_in_the_list_names_the_first_row(tmp_path: Path) -> None:
    rows = "12,bed,slaapkamer,00158d0001234567\n12,motion,gang,00:15:8d:00:01:23:45:67\n"
    with pytest.raises(BadList) as caught:
        taken(f"home,role,room,address\n{rows}", tmp_path)
    (mistake,) = caught.value.mistakes
    assert (mistake.row, mistake.column, said(mistake)) == (3, "D", "This address stands in row 2 too.")


def test_what_the_plan_says_otherwise_is_a_mistake_and_the_same_again_is_none(tmp_path: Path) -> None:
    text = "home,role,room,address,model\n12,bed,slaapkamer,00158d0001234567,SPM915\n"
    once = taken(text, tmp_path).site
    assert taken(text, tmp_path, once).site == once
    for wrong, column in ((text.replace("bed,", "motion,"), "B"), (text.replace("slaapkamer", "gang"), "C")):
        with pytest.raises(BadList) as caught:
            taken(wrong, tmp_path, once)
        assert [one.column for one in caught.value.mistakes] == [column]
    other = "home,role,room,name,address\n12,bed,slaapkamer,12/bed,00158d0001234999\n"
    with pytest.raises(BadList) as caught:
        taken(other, tmp_path, once)
    assert "nachtwacht sensor replace" in said(caught.value.mistakes[0])


def test_a_home_that_is_not_there_comes_with_its_resident(tmp_path: Path) -> None:
    text = "home,role,room,address,resident\n20,bed,slaapkamer,00158d0001234567,r-0020\n"
    assert taken(text, tmp_path).site.homes[-1].resident == "r-0020"
    with pytest.raises(BadList) as caught:
        taken(text.replace("r-0020", "Jan de Vries"), tmp_path)
    assert [one.column for one in caught.value.mistakes] == ["E"]


def test_install_codes_are_proven_and_stay_out_of_the_plan(tmp_path: Path) -> None:
    found = taken(f"{HEAD}\n12,bed,slaapkamer,00158d0001234567,{CODE.lower()},\n", tmp_path)
    assert found.codes == (InstallCode("0x00158d0001234567", CODE),)
    assert found.codes[0].value == f"00158D0001234567|{CODE}"
    assert CODE not in homes.write(found.site).upper()
    assert CODE not in repr(found.codes)


@given(
    code=st.sampled_from([6, 8, 12, 16]).flatmap(lambda size: st.binary(min_size=size, max_size=size)), data=st.data()
)
def test_one_wrong_digit_of_an_install_code_is_always_noticed(code: bytes, data: st.DataObject) -> None:
    whole = (code + install_codes.checksum(code)).hex().upper()
    assert install_codes.read(whole) == whole
    at = data.draw(st.integers(0, len(whole) - 1))
    digit = data.draw(st.sampled_from([one for one in "0123456789ABCDEF" if one != whole[at]]))
    with pytest.raises(BadCode):
        install_codes.read(whole[:at] + digit + whole[at + 1 :])


def test_kept_install_codes_are_only_for_their_owner(tmp_path: Path) -> None:
    file, codes = tmp_path / "codes.csv", (InstallCode("0x00158d0001234567", CODE),)
    install_codes.keep(file, codes)
    assert file.stat().st_mode & 0o777 == 0o600
    assert install_codes.kept(file) == codes
    with pytest.raises(FileExistsError):
        install_codes.keep(file, codes)
    file.write_text("a,b\n")
    with pytest.raises(ValueError, match="no install codes"):
        install_codes.kept(file)


@pytest.mark.parametrize(("name", "body"), [("a.xlsx", b"no workbook"), ("a.csv", b'x,y\n"' + b"a" * 200_000)])
def test_what_is_no_list_is_a_sentence(name: str, body: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(plans.Wrong, match=name):
        lists.read(tmp_path / name)


def test_a_list_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("home\n" + "12\n" * lists.ROWS_MAX)
    with pytest.raises(plans.Wrong, match="more than 5000 rows"):
        lists.read(tmp_path / "a.csv")


def bare(site: Site) -> Site:
    """Return a site with its homes and without its sensors."""
    homes_ = tuple(msgspec.structs.replace(home, sensors=(), rooms={}) for home in site.homes)
    return msgspec.structs.replace(site, homes=homes_, friendly={}, devices={})


@given(site=sites(), ending=st.sampled_from([".csv", ".xlsx"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(12), deadline=None)
def test_a_list_written_from_a_plan_gives_that_plan_back(site: Site, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"list{ending}"
    lists.save(file, lists.written(site))
    found = lists.imported(bare(site), lists.read(file))
    assert found.site == site
    assert lists.imported(site, lists.read(file)).site == site


BROKEN = {
    "home": ["", "99", "1-feb", "a b"],
    "role": ["", "bedd", "12"],
    "room": ["", "badkmer"],
    "room kind": ["bedrom"],
    "address": ["0x12", "00158d000123456g", "1,58E+15"],
    "family": ["zigbe"],
    "resident": ["Jan de Vries"],
}


@given(site=sites(), data=st.data())
def test_a_list_with_a_broken_cell_changes_nothing_and_names_that_cell(site: Site, data: st.DataObject) -> None:
    zigbee = [one for one, device in site.devices.items() if device.family is Family.ZIGBEE2MQTT and device.address]
    if not zigbee:
        return
    rows = [list(row) for row in lists.written(site)]
    column, sensor = data.draw(st.sampled_from(sorted(BROKEN))), data.draw(st.sampled_from(zigbee))
    number = next(i for i, row in enumerate(rows) if row[0] == sensor)
    if column == "home":
        rows[number][rows[0].index("resident")] = ""  # with one, another home is a new home
    if column == "room":
        rows[number][rows[0].index("room kind")] = ""
    rows[number][rows[0].index(column)] = data.draw(st.sampled_from(BROKEN[column]))
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    read = [(i, row) for i, row in enumerate(csv.reader(io.StringIO(text.getvalue())), start=1)]
    before = bare(site)
    kept = homes.write(before)
    found = mistakes(read, before)
    letter = "ABCDEFGHIJ"[rows[0].index(column)]
    assert (number + 1, letter) in [(one.row, one.column) for one in found]
    assert homes.write(before) == kept


def test_a_room_with_a_name_of_its_own_says_its_kind(tmp_path: Path) -> None:
    site = taken("home,role,room,room kind,name\n12,motion,logeerkamer,slaapkamer,12/gast\n", tmp_path).site
    assert site.homes[0].rooms == {"logeerkamer": RoomKind.BEDROOM}
