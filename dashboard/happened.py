"""What happens at the door and with people's posts, as it is told to the log."""

from datetime import datetime
from enum import StrEnum

import structlog

from care.ids import StaffId

log = structlog.get_logger()


class Happened(StrEnum):
    """What is told."""

    SIGNED_IN = "signed in"
    SIGNED_OUT = "signed out"
    REFUSED = "refused"
    FACTOR_ADDED = "factor added"
    FACTOR_REMOVED = "factor removed"
    RECOVERY_CODES = "recovery codes made"
    SESSION_ENDED = "session ended"
    INVITED = "invited"
    JOINED = "joined"
    APPOINTED = "appointed"
    LENT = "lent"
    DISMISSED = "dismissed"
    LINKED = "identity linked"
    DEMANDED = "second factor asked"
    EMERGENCY = "emergency access"
    REVIEWED = "emergency reviewed"


def tell(
    what: Happened,
    at: datetime,
    *,
    by: StaffId | None,
    about: str = "",
    where: str = "",
    client: str = "",
    why: str = "",
) -> None:
    """Tell what happened: who did it (None: somebody unknown), to whom or what, for which organisation, and why."""
    log.info(what.value, at=at.isoformat(), by=by, about=about, where=where, client=client, why=why)
