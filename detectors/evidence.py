"""The evidence of a finding: what was heard in the hours before it, thinned so that a vigil stays small."""

from datetime import timedelta

from detectors.findings import Mark
from detectors.homes import Kind
from detectors.moments import SensorEvent

MARKS_FOR = timedelta(hours=6)
MARKS_MAX = 240
MARK_EVERY = timedelta(seconds=60)  # motion in one room closer together than this is one mark


def marked(marks: tuple[Mark, ...], event: SensorEvent) -> tuple[Mark, ...]:
    """Add an event to the evidence, thinned where it only repeats, and forget what is too old."""
    if event.kind in (Kind.MOTION, Kind.USE):
        if event.value == 0.0:
            return marks
        for mark in reversed(marks):
            if event.at - mark.at >= MARK_EVERY:
                break
            if mark.room == event.room and mark.kind is event.kind:
                return marks
    marks = (*marks, Mark(event.at, event.room, event.kind, event.value))[-MARKS_MAX:]
    keep = next((i for i, mark in enumerate(marks) if event.at - mark.at <= MARKS_FOR), len(marks))
    return marks[keep:] if keep else marks
