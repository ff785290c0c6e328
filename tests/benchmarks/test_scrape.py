"""The benchmark of a scrape scrapes what it has made."""

import gc
import re

import pytest

from benchmarks import scrape


def test_a_small_centre_is_scraped_as_a_large_one_is(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        scrape.main(sites=3, runs=1)
    finally:
        gc.unfreeze()
    said = capsys.readouterr().out
    assert "3 buildings, 48 homes" in said
    assert re.search(r"a scrape: \d+\.\d\d s", said)
