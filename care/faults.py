"""What is said of equipment that is out of order: a sensor, everything in a home, or a whole building."""

from datetime import timedelta

from care.labels import KINDS
from care.records import CENTRE, site_of
from care.telling import ABOUT_SENSOR, EQUIPMENT, Piece, Telling
from detectors.coverage import rests_on
from detectors.findings import What


def of_sensor(about: Telling) -> tuple[Piece, ...]:
    """Which sensor a finding is about: said also of what is over."""
    if about.finding.what not in ABOUT_SENSOR:
        return ()
    said = about.wording.say("It is about the {sensor} {in_room}.")
    return (about.piece(said, sensor=about.sensor_name(), in_room=about.sensor_place()),)


def out_of_order(about: Telling) -> tuple[Piece, ...]:  # noqa: PLR0911  # one line for each
    """Say what is the matter with a sensor, or that nothing is heard of a home."""
    say = about.wording.say
    match about.finding.what:
        case What.SENSOR_SILENT:
            return (about.piece(say("It has sent nothing since {since}: {duration}.")), *_without_it(about))
        case What.SENSOR_STUCK:
            said = say("It has said the same since {since}: {duration}. That may not be so.")
            return (about.piece(said), *_without_it(about))
        case What.SENSOR_STORM:
            return (about.piece(say("Since {since} it sends far more messages than can be.")),)
        case What.BATTERY if about.finding.early:
            return (about.piece(say("Its battery will probably be empty within a month. The sensor still works.")),)
        case What.BATTERY if about.finding.value is not None:
            said = say("Its battery has {percent} left. The sensor still works.")
            return (about.piece(said, percent=f"{round(about.finding.value)}%"),)
        case What.BATTERY:
            return (about.piece(say("Its battery is almost empty. The sensor still works.")),)
        case What.LINK_WEAK:
            return (about.piece(say("It is hardly in range. Messages may get lost.")),)
        case _:
            said = say("Nothing was heard of this home since {since}: {duration}. No alert can come from it.")
            nothing = say("This says nothing about how {client} is.")
            return (about.piece(said), about.piece(nothing))


def of_building(about: Telling) -> tuple[Piece, ...]:  # noqa: C901, PLR0911  # one line for each
    """Say what is the matter with a whole building."""
    say, value = about.wording.say, about.finding.value
    nobody = about.piece(say("This says nothing about how the people are."))
    match about.finding.what:
        case What.BUILDING_SILENT:
            said = say("Nothing has come from this building since {since}: {duration}.")
            if site_of(about.finding.home) == CENTRE:
                said = say("The centre has heard no building since {since}: {duration}.")
            return (about.piece(said), *_homes_unseen(about), *_perhaps_up(about), nobody)
        case What.BROKER_LOST:
            said = say("The gateway has heard no sensor since {since}: {duration}.")
            none = about.piece(say("No alert can come from this building."))
            return (about.piece(said), none, nobody)
        case What.BRIDGE_LOST:
            said = say("The receiver of wireless sensors has been gone since {since}: {duration}.")
            return (about.piece(said), *_sensors_unheard(about), nobody)
        case What.CLOCK_STEP:
            wrong = about.piece(say("Times around that moment may be wrong."))
            if value is None:
                return (about.piece(say("The clock of the gateway jumped at {since}.")), wrong)
            ahead = say("The clock of the gateway was put {shift} forward at {since}.")
            back = say("The clock of the gateway was put {shift} back at {since}.")
            shift = about.wording.duration(timedelta(seconds=abs(value)))
            return (about.piece(ahead if value > 0 else back, shift=shift), wrong)
        case What.DISK if value is not None:
            said = say("Since {since} there is little room on the disk of the gateway: {room}.")
            return (about.piece(said, room=f"{round(value)}\u00a0MB"),)
        case What.DISK:
            said = say("The gateway has not been able to store anything since {since}: {duration}.")
            return (about.piece(said), about.piece(say("What sensors send now has to wait for that.")))
        case What.JOURNAL:
            said = say("The logbook of the gateway was damaged at {since}. It has been put aside.")
            return (about.piece(said), about.piece(say("What stood in it may be missing.")))
        case What.CHANNEL:
            said = say("The gateway could not send a message at {since}: {channel}.")
            named = [about.wording.channel(one) for one in (about.finding.channel or "").split(", ")]
            return (about.piece(said, channel=about.wording.every(named)), about.piece(say("It keeps trying.")))
        case _:
            said = say("No test alert has come from this building since {since}: {duration}.")
            return (about.piece(said), about.piece(say("A real alert may not arrive either.")))


def _homes_unseen(about: Telling) -> tuple[Piece, ...]:
    homes = round(about.finding.value or 0)
    said = about.wording.words.ngettext("{n} home cannot be seen.", "{n} homes cannot be seen.", homes)
    return (about.piece(said, n=str(homes)),) if homes > 0 else ()


def _perhaps_up(about: Telling) -> tuple[Piece, ...]:
    n = about.finding.count
    said = about.wording.words.ngettext(
        "{n} client was not in bed then, or that is not known.",
        "{n} clients were not in bed then, or that is not known.",
        n,
    )
    return (about.piece(said, n=str(n)),) if n > 0 else ()


def _sensors_unheard(about: Telling) -> tuple[Piece, ...]:
    n = len(about.finding.blind)
    said = about.wording.words.ngettext(
        "{n} sensor is not heard because of it.", "{n} sensors are not heard because of it.", n
    )
    return (about.piece(said, n=str(n)),) if n > 0 else ()


def _without_it(about: Telling) -> tuple[Piece, ...]:
    """Which alerts cannot come while the sensor is not to be relied on."""
    if about.home is None or about.its_sensor is None:
        return ()
    gone = {*about.blind, about.its_sensor.id}
    lost = [
        what
        for what, groups in rests_on(about.home).items()
        if all(groups)
        and what not in EQUIPMENT
        and any(about.its_sensor in group and all(one.id in gone for one in group) for group in groups)
    ]
    if not lost:
        return (about.piece(about.wording.say("Other sensors still see enough for every kind of alert.")),)
    kinds = about.wording.every([f"“{about.wording.say(KINDS[what])}”" for what in lost])
    return (about.piece(about.wording.say("Without it this cannot be told: {kinds}."), kinds=kinds),)
