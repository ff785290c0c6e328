"""What it costs that every look is written down: `python -m benchmarks.looks [FOLDER]`, on the disk of that folder."""

import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from dashboard import access_log
from dashboard.access_log import Deed, Entry, Ground
from detectors.homes import HomeId, ResidentId

LOOKS = 500


def main(folder: Path) -> None:
    """Write entries one by one, each on disk before the next, and print how long each took."""
    at = datetime(2026, 3, 3, tzinfo=UTC)
    took_ms = []
    with tempfile.TemporaryDirectory(dir=folder) as made, closing(access_log.connect(Path(made) / "log.db")) as db:
        for n in range(LOOKS):
            entry = Entry(
                at=at + timedelta(seconds=n),
                by="staff:s-1a2b3c4d",
                role="desk",
                organisation="own",
                deed=Deed.READ,
                what="alert",
                resident=ResidentId(f"r-{n % 40:04}"),
                home=HomeId(f"wilg/{n % 40}"),
                ground=Ground.ALERT,
                about="0123456789",
            )
            began = time.perf_counter()
            access_log.write(db, entry)
            took_ms.append(1_000 * (time.perf_counter() - began))
        began = time.perf_counter()
        count, _ = access_log.verify(db, [])
        check_us = 1e6 * (time.perf_counter() - began) / count
        size = db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
    p99 = quantiles(took_ms, n=100)[98]
    print(f"an entry on disk: {median(took_ms):.2f} ms, p99 {p99:.2f} ms; {size / LOOKS:.0f} bytes")
    print(f"checked: {check_us:.0f} us an entry")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
