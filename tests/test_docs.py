"""What the docs name is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text(encoding="utf-8")))
    sources = "\n".join(one.read_text(encoding="utf-8") for one in sorted((ROOT / "tests").rglob("test_*.py")))
    there = set(re.findall(r"def (test_\w+)\(", sources))
    assert named - there == set()
    assert len(named) > 60  # of what the model holds today


def test_the_sections_that_the_threat_model_points_to_are_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    titles = {re.sub(r"[^a-z -]", "", one.lower()).replace(" ", "-") for one in re.findall(r"(?m)^## (.+)$", text)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= titles
