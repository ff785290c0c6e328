"""What is said of a resident: what was seen, and what is usual here. Never sleep, falls or moods."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from care.telling import COUNTED, EQUIPMENT, Piece, Telling
from detectors.findings import What


def seen(about: Telling) -> tuple[Piece, ...]:  # noqa: PLR0911  # one line for each
    """Say what was seen of somebody."""
    match about.finding.what:
        case What.BATH:
            return _long_in_the_bathroom(about)
        case What.STILL if about.finding.last_at is not None:
            return _still(about, about.finding.last_at)
        case What.OOB_ACTIVE:
            return _up_and_about(about)
        case What.DOOR_LEFT | What.DOOR_ARRIVED:
            return _through_the_door(about)
        case What.BUTTON:
            return _pressed(about)
        case What.DAY_INACTIVE:
            return _quiet_by_day(about)
        case What.LATE_RISE:
            return _not_up(about)
        case What.RESTLESS:
            return _restless(about)
        case What.NOCTURIA | What.SHIFT | What.DECLINE:
            return _over_weeks(about)
        case _:
            return _nothing_since(about)


def _long_in_the_bathroom(about: Telling) -> tuple[Piece, ...]:
    say, last = about.wording.say, about.finding.last_at
    here = about.wording.washing_place(about.finding, about.home)
    pieces = (
        about.piece(say("{client} has probably been {in_room} since {since}: {duration} now."), in_room=here),
        about.piece(say("No motion was seen in other rooms.")),
    )
    if last is None:
        return pieces
    return (*pieces, about.piece(say("Last motion: {last}."), last=about.wording.time(last)))


def _still(about: Telling, last: datetime) -> tuple[Piece, ...]:
    said = about.wording.say(
        "{client} left bed at {left}. The last motion was at {last} {in_room}. "
        "No motion was seen anywhere after that: {duration}."
    )
    left = about.wording.time(about.finding.episode)
    return (about.piece(said, left=left, last=about.wording.time(last), in_room=about.last_place()),)


def _up_and_about(about: Telling) -> tuple[Piece, ...]:
    say, last = about.wording.say, about.finding.last_at
    up = about.piece(say("{client} has been out of bed since {since}: {duration}."))
    if last is None:
        return (up,)
    moving = say("There is still motion, last at {last} {in_room}.")
    return (up, about.piece(moving, last=about.wording.time(last), in_room=about.last_place()))


def _nothing_since(about: Telling) -> tuple[Piece, ...]:
    said = about.wording.say(
        "{client} left bed at {since} and is not back after {duration}. Since then no motion was seen in any room."
    )
    return (about.piece(said),)


def _through_the_door(about: Telling) -> tuple[Piece, ...]:
    say, finding = about.wording.say, about.finding
    opened = about.piece(say("The front door opened at {since}."))
    if finding.what is What.DOOR_ARRIVED:
        said = say("Before that there was no motion inside, after it there was {in_room}.")
        place = about.wording.place(about.home, finding.room or finding.last_room)
        return (opened, about.piece(said, in_room=place))
    if finding.last_room is not None:
        said = say("The front door opened at {since}, after motion {in_room}.")
        opened = about.piece(said, in_room=about.last_place())
    gone = say("Nothing was seen inside after that: {duration}. {client} probably went outside.")
    return (opened, about.piece(gone))


def _pressed(about: Telling) -> tuple[Piece, ...]:
    say, finding = about.wording.say, about.finding
    times = about.wording.words.ngettext("{n} time", "{n} times", finding.count)
    values = {"times": about.wording.count(times, finding.count)}
    if finding.own_page:
        said = say("{client} asked for help on the own page at {since}, {times}.")
        pressed = about.piece(said, **values)
    elif finding.room is None:
        pressed = about.piece(say("{client} pressed the help button at {since}, {times}."), **values)
    else:
        said = say("{client} pressed the help button {in_room} at {since}, {times}.")
        pressed = about.piece(said, in_room=about.wording.place(about.home, finding.room), **values)
    # Once somebody has it, whether they have spoken is not in the records; so nothing is said of it.
    if about.alert is not None and (about.alert.holder is not None or not about.alert.open):
        return (pressed,)
    return (pressed, about.piece(say("Nobody has spoken with {client} yet.")))


def _quiet_by_day(about: Telling) -> tuple[Piece, ...]:
    say = about.wording.say
    quiet = about.piece(say("No motion was seen in the home since {since}: {duration}."))
    if about.finding.last_room is None:
        return (quiet,)
    return (quiet, about.piece(say("The last was {in_room}."), in_room=about.last_place()))


def _not_up(about: Telling) -> tuple[Piece, ...]:
    say, last = about.wording.say, about.finding.last_at
    told = about.wording.time(about.finding.at)
    not_up = about.piece(say("At {told} it was not yet to be seen that {client} is up."), told=told)
    pieces = (*usual_here(about), not_up)
    if last is None:
        return pieces
    said = say("Last motion: {last} {in_room}.")
    last_said = about.wording.moment(last, about.finding.at)
    return (*pieces, about.piece(said, last=last_said, in_room=about.last_place()))


def _restless(about: Telling) -> tuple[Piece, ...]:
    say, finding = about.wording.say, about.finding
    night = about.wording.night(finding.since)
    if finding.value is None:
        return (about.piece(say("In the {night} {client} was out of bed for long."), night=night),)
    times = about.times(finding.value)
    counted = about.piece(say("In the {night} {client} was out of bed {times}."), night=night, times=times)
    return (counted, *usual_here(about))


def _over_weeks(about: Telling) -> tuple[Piece, ...]:
    say, finding = about.wording.say, about.finding
    discuss = about.piece(say("Discuss it with {client}."))
    match finding.what:
        case What.NOCTURIA if finding.value is not None:
            said = say("In recent weeks {client} went to the bathroom or toilet {value} times a night on average.")
            counted = about.piece(said, value=about.wording.number(finding.value))
            return (counted, *usual_here(about), discuss)
        case What.NOCTURIA:
            said = say("In recent weeks {client} went to the bathroom or toilet more often at night than before.")
            return (about.piece(said), discuss)
        case What.SHIFT if finding.value is not None:
            later = say("In recent weeks the bedtimes were about {shift} later than before.")
            earlier = say("In recent weeks the bedtimes were about {shift} earlier than before.")
            quarters = timedelta(minutes=15) * round(abs(finding.value) * 4)
            shift = about.wording.duration(quarters)
            return (about.piece(later if finding.value > 0 else earlier, shift=shift), discuss)
        case What.SHIFT:
            return (about.piece(say("In recent weeks the bedtimes were other than before.")), discuss)
        case _:
            said = say("In recent weeks there was less motion here, or the days were less regular.")
            return (about.piece(said), about.piece(say("What the reason is cannot be seen.")))


def usual_here(about: Telling) -> Iterator[Piece]:
    """Say what is usual in this home, where that is learned."""
    finding, say = about.finding, about.wording.say
    if not finding.nights or finding.what in {What.SHIFT, What.DECLINE} or finding.what in EQUIPMENT:
        return
    if finding.what is What.LATE_RISE:
        yield about.piece(say("Usually up by {since} ({nights})."), nights=about.nights(finding.nights))
    elif finding.usual is None:
        return
    elif finding.what in COUNTED:
        yield about.piece(say("Usually that is {value} times."), value=about.wording.number(finding.usual))
    else:
        usual = about.wording.duration(timedelta(minutes=finding.usual))
        yield about.piece(say("Usually that is {usual}."), usual=usual)
