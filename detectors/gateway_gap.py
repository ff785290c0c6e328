"""Nothing at all is heard from a home, for far longer than is its habit. By behaviour: a backup for heartbeats."""

from datetime import timedelta

from detectors.episodes import Episode
from detectors.findings import What
from detectors.rhythms import Pulse, enough_gap

AWAY_MIN = 72.0  # hours: who was seen to go out may be away for a weekend


def gateway_gap(pulse: Pulse, *, away: bool = False) -> Episode | None:
    """Watch the silence of a whole home. It becomes true with the clock alone, at the episode's `due`.

    The limit is at least 18 h and twice the longest silence this home is known for, and 72 h when the resident is
    known to be out (`away`); the hour of day therefore plays no part. It says as little about the resident as about
    the gateway, and is far too late to be the only one who notices: see heartbeats.
    """
    if pulse.last_at is None:
        return None
    hours = max(enough_gap(pulse), AWAY_MIN if away else 0.0)
    since = pulse.last_at
    return Episode(What.GATEWAY_GAP, since=since, due=since + timedelta(hours=hours), began=since, limit=hours * 60.0)
