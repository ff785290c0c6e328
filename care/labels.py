"""Every word that stands alone: on tiles, cards and buttons, and as the title of an alert."""

from care.alerts import State, Tier
from care.language import mark
from care.pauses import PauseReason
from care.proofs import Unproven
from care.records import Aside, By, Follow, How, Outcome
from care.sights import Why
from detectors.findings import Presence, Sight, What

TITLE_MAX = 32  # characters

TITLES: dict[What, str] = {
    What.BATH: mark("Long {in_room}"),
    What.STILL: mark("Out of bed, no motion seen"),
    What.OOB_ACTIVE: mark("Still up, not back in bed"),
    What.OOB_UNSEEN: mark("Out of bed, nothing seen since"),
    What.DOOR_LEFT: mark("Probably went outside"),
    What.DOOR_ARRIVED: mark("Someone may have come in"),
    What.BUTTON: mark("Help call: button pressed"),
    What.DAY_INACTIVE: mark("No motion for long by day"),
    What.LATE_RISE: mark("Not up yet, later than usual"),
    What.RESTLESS: mark("Restless night"),
    What.NOCTURIA: mark("More toilet visits at night"),
    What.SHIFT: mark("Other bedtimes"),
    What.DECLINE: mark("Less motion, or less regular"),
    What.SENSOR_SILENT: mark("Sensor sends nothing"),
    What.SENSOR_STUCK: mark("Sensor is stuck"),
    What.SENSOR_STORM: mark("Sensor sends too much"),
    What.GATEWAY_GAP: mark("No sight of this home"),
    What.BATTERY: mark("Battery almost empty"),
    What.LINK_WEAK: mark("Sensor has poor range"),
    What.BUILDING_SILENT: mark("Building is silent"),
    What.BROKER_LOST: mark("Gateway hears no sensors"),
    What.BRIDGE_LOST: mark("Receiver of sensors is gone"),
    What.CLOCK_STEP: mark("Clock of the building jumped"),
    What.DISK: mark("Gateway can hardly store"),
    What.JOURNAL: mark("Logbook of gateway damaged"),
    What.PROOF: mark("Test alert did not arrive"),
    What.CHANNEL: mark("Building cannot warn by itself"),
}
"""What is the matter, in at most `TITLE_MAX` characters; holds no name."""

TIERS: dict[Tier, str] = {
    Tier.ACUTE: mark("Now"),
    Tier.SOON: mark("Soon"),
    Tier.REVIEW: mark("Morning"),
    Tier.TECHNICAL: mark("Technical"),
}
"""When to act, in a word; never a colour, never high or low."""

STATES: dict[State, str] = {
    State.RAISED: mark("new"),
    State.DELIVERED: mark("shown"),
    State.CLAIMED: mark("claimed"),
    State.RETURNED: mark("over by itself, not seen yet"),
    State.SHELVED: mark("aside"),
    State.RESOLVED: mark("closed"),
}

FOLLOW_WORDS: dict[Follow, str] = {
    Follow.TALKING: mark("In contact"),
    Follow.COMING: mark("On the way"),
    Follow.NOT_REACHED: mark("Not reached"),
}

BY_WORDS: dict[By, str] = {
    By.VIDEO: mark("by video"),
    By.PHONE: mark("by phone"),
    By.NIGHT_TEAM: mark("the night team goes"),
    By.FAMILY: mark("family or a friend goes"),
    By.NEIGHBOUR: mark("a neighbour goes"),
    By.EMERGENCY: mark("called 112"),
}

ASIDES: dict[Aside, str] = {
    Aside.TEAM_INSIDE: mark("the night team is inside"),
    Aside.VISITOR: mark("a visitor is inside"),
    Aside.NO_CONTACT: mark("the client wants no contact now"),
    Aside.KNOWN_FAULT: mark("known fault, the installer comes"),
}

OUTCOMES: dict[Outcome, str] = {
    Outcome.HELPED: mark("Help given"),
    Outcome.REASSURED: mark("Reassured"),
    Outcome.NOT_NEEDED: mark("Not needed"),
    Outcome.TECHNICAL: mark("Technical"),
}

HOW_WORDS: dict[How, str] = {
    How.ON_SITE: mark("at the client's home"),
    How.VIDEO: mark("by video"),
    How.PHONE: mark("by phone"),
    How.FAMILY: mark("by family or a friend"),
    How.DOCTOR: mark("called the doctor"),
    How.EMERGENCY: mark("called 112"),
    How.CLIENT_SAID: mark("the client chose “I am fine”"),
    How.USUAL: mark("usual for this client"),
    How.VISITOR: mark("visitor or colleague inside"),
    How.ACCIDENT: mark("by accident"),
    How.AWAY: mark("the client was out"),
    How.SENSOR: mark("sensor"),
    How.BATTERY: mark("battery"),
    How.LINK: mark("connection"),
    How.SETTING: mark("wrong setting"),
}

PRESENCES: dict[Presence, str] = {
    Presence.BED: mark("Bed"),
    Presence.UP: mark("Up"),
    Presence.OUT: mark("Away"),
    Presence.UNKNOWN: mark("Unknown"),
}
"""Where the resident is, in one word of a tile."""

SIGHTS: dict[Sight, str] = {
    Sight.WATCHED: mark("in sight"),
    Sight.PARTLY: mark("Partly"),
    Sight.BLIND: mark("No sight"),
    Sight.PAUSED: mark("Paused"),
}

WHYS: dict[Why, str] = {
    Why.BUILDING: mark("building not heard"),
    Why.BROKER: mark("gateway hears no sensors"),
    Why.BRIDGE: mark("receiver of the sensors is gone"),
    Why.HOME: mark("nothing is heard of this home"),
    Why.STUCK: mark("sensor is stuck"),
    Why.SENSOR: mark("sensor is silent"),
    Why.PAUSED: mark("paused at the client's wish"),
    Why.BARRED: mark("no agreement that holds"),
    Why.UNKNOWN: mark("nothing told yet"),
}
"""Why a home is not, or not wholly, in sight."""

PAUSES: dict[PauseReason, str] = {
    PauseReason.CLIENT: mark("at the client's word"),
    PauseReason.AWAY: mark("away, staying elsewhere"),
}
"""Why a home is paused."""

DOUBTS: dict[Unproven, str] = {
    Unproven.NONE: mark("no walk test yet"),
    Unproven.FORGED: mark("the proof is not as the gateway signed it"),
    Unproven.FAILED: mark("a sensor did not do as it should"),
    Unproven.CHANGED: mark("the plan was changed after the walk test"),
    Unproven.REPLACED: mark("a sensor was replaced after the walk test"),
    Unproven.UNSEEN: mark("the desk has not answered the test alert"),
    Unproven.OLD: mark("the walk test is longer than a year ago"),
}
"""Why a home is not proven."""

KINDS: dict[What, str] = {**TITLES, What.BATH: mark("Long in the bathroom or toilet")}
"""Each kind of alert by itself, of no home in particular."""

CHANNELS: dict[str, str] = {
    "siren": mark("siren or lamp in the building"),
    "sms": mark("text message"),
    "phone": mark("phone call"),
    "push": mark("message on a phone"),
    "email": mark("e-mail"),
}
"""By which way of its own a building called for help (`records.FellBack.channel`)."""
