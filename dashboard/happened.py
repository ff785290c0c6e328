"""What happens at the door and with people's posts, as it is told to the access log. Ids, never names."""

from datetime import datetime
from enum import Enum

from care.ids import StaffId
from dashboard import looking
from dashboard.access_log import Deed, Entry, Ground
from detectors.homes import HomeId, ResidentId


class Happened(Enum):
    """What is told: the deed, what of it, and on what ground."""

    SIGNED_IN = (Deed.SIGNED_IN, "session", Ground.OWN)
    SIGNED_OUT = (Deed.SIGNED_OUT, "session", Ground.OWN)
    REFUSED = (Deed.TRIED, "session", Ground.OWN)
    FACTOR_ADDED = (Deed.CHANGED, "second-factor", Ground.OWN)
    FACTOR_REMOVED = (Deed.ERASED, "second-factor", Ground.OWN)
    RECOVERY_CODES = (Deed.CHANGED, "recovery-codes", Ground.OWN)
    SESSION_ENDED = (Deed.ERASED, "session", Ground.OVERSIGHT)
    INVITED = (Deed.CHANGED, "invitation", Ground.OVERSIGHT)
    INVITATION_TAKEN_BACK = (Deed.ERASED, "invitation", Ground.OVERSIGHT)
    JOINED = (Deed.CHANGED, "post", Ground.OWN)
    APPOINTED = (Deed.CHANGED, "post", Ground.OVERSIGHT)
    LENT = (Deed.CHANGED, "lent-post", Ground.OVERSIGHT)
    DISMISSED = (Deed.ERASED, "post", Ground.OVERSIGHT)
    LINKED = (Deed.CHANGED, "identity", Ground.OVERSIGHT)
    DEMANDED = (Deed.CHANGED, "second-factor-asked", Ground.OVERSIGHT)
    SPOKEN = (Deed.CHANGED, "manner", Ground.OVERSIGHT)
    EMERGENCY = (Deed.CHANGED, "emergency", Ground.EMERGENCY)
    REVIEWED = (Deed.CHANGED, "emergency-review", Ground.OVERSIGHT)


def tell(
    what: Happened,
    at: datetime,
    *,
    by: StaffId | None,
    about: str = "",
    where: str | None = None,
    why: str = "",
    home: HomeId | None = None,
    resident: ResidentId | None = None,
) -> None:
    """Hand over what happened: who did it (None: somebody who did not come in), to whom or what, for whom, and why.

    It is on disk before the answer to what they asked goes out. `why` is a word of the program's, never
    what somebody typed.
    """
    deed, thing, ground = what.value
    looking.told(
        Entry(
            at=at,
            by="system" if by is None else f"staff:{by}",
            organisation=where,
            deed=deed,
            what=f"{thing}: {why}" if why else thing,
            ground=ground,
            about=about,
            home=home,
            resident=resident,
        ),
    )
