"""What each tag and field of a time series is for: what a DPIA asks before any leaves (`dashboard.datasheet`)."""

PURPOSES = {
    **dict.fromkeys(
        ("site", "home"), "which building and home, by id: figures are compared and faults are found there"
    ),
    **dict.fromkeys(("sensor", "seen", "value", "kind"), "whether a sensor can be believed, and which one to replace"),
    **dict.fromkeys(("presence",), "how a night went, as the picture of it shows"),
    **dict.fromkeys(
        ("sight", "blind", "paused", "in_sight"), "how much of a home could be seen: no data is not no alarm"
    ),
    **dict.fromkeys(
        ("exits", "minutes_out", "visits", "counts", "bed_minutes", "up_minutes", "away_minutes"),
        "what a night came to, beside the nights before it",
    ),
    **dict.fromkeys(("active_minutes", "lain_hours"), "what the day after it came to, beside the days before it"),
    **dict.fromkeys(("what", "tier", "stands"), "what is found how often, and what is the matter now"),
    **dict.fromkeys(("alert",), "so that an alert is counted once; the number says nothing to who has no journal"),
    **dict.fromkeys(("late_s", "answered", "answered_median_s", "answered_longest_s"), "whether help comes in time"),
    **dict.fromkeys(("deed", "outcome", "how", "line"), "what becomes of alerts; never by whom"),
    **dict.fromkeys(
        ("alerts", "needed", "unneeded", "technical", "remote", "near"), "what watching costs and brings, in the mean"
    ),
    **dict.fromkeys(("began_s",), "so that what was withheld is counted, once"),
    **dict.fromkeys(("homes", "sensors"), "what figures are shares of"),
}
"""By name; one name is for one thing in every measurement."""
