"""What an operator is given: rules, a dashboard and a page of text, held against the figures that there really are."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard import metrics
from gateway import figures as of_gateway
from tests.conftest import part

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus" / "nachtwacht.rules.yml"
WORLDS = RULES.with_name("nachtwacht.rules.test.yml")
BOARD = ROOT / "deploy" / "grafana" / "operations.json"
PAGE = ROOT / "docs" / "operations.md"
OURS = {metrics.PREFIX + name for name in metrics.TABLE} | {of_gateway.PREFIX + name for name in of_gateway.TABLE}
OF_PROMETHEUS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def named(expression: str) -> set[str]:
    """Return the figures that an expression names."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\b(by|on|group_left)\s*\([^)]*\)', "", expression)
    return {word for word in re.findall(r"\b[a-z][a-z0-9_]+\b(?!\s*\()", bare) if "_" in word or word == "up"} - _WORDS


_WORDS = {"group_left"}


def promtool(*words: str | Path, said: bytes | None = None, where: Path = RULES.parent) -> str:
    done = subprocess.run(
        [part("promtool"), *words], input=said, capture_output=True, check=False, cwd=where, timeout=60
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return (done.stdout + done.stderr).decode()


def test_prometheus_takes_the_rules_and_the_settings() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", RULES)
    promtool("check", "config", "--syntax-only", RULES.with_name("prometheus.yml"))


def test_each_world_calls_whom_it_should_and_a_world_in_which_all_is_well_nobody() -> None:
    promtool("test", "rules", WORLDS)
    worlds = yaml.safe_load(WORLDS.read_text())["tests"]
    asked = [expected for world in worlds for expected in world["promql_expr_test"]]
    called = {re.findall(r'"(\w+)"', sample["labels"])[0] for one in asked for sample in one["exp_samples"]}
    assert called == {rule["alert"] for rule in rules()}, "each rule is seen to fire in some world"
    assert worlds[0]["promql_expr_test"][0]["exp_samples"] == []
    healthy = {figure for series in worlds[0]["input_series"] for figure in named(series["series"])}
    assert healthy >= {figure for rule in rules() for figure in named(rule["expr"])} - {"nachtwacht_notices_total"}


def test_a_world_that_is_told_otherwise_is_refused(tmp_path: Path) -> None:
    """The test of the rules can fail: with another threshold the first world, in which all is well, calls somebody."""
    (tmp_path / RULES.name).write_text(RULES.read_text().replace('tier="acute"} > 600', 'tier="acute"} > 500'))
    told = yaml.safe_load(WORLDS.read_text())
    told["tests"] = told["tests"][:1]
    told["tests"][0]["promql_expr_test"][0]["eval_time"] = "2m"
    (tmp_path / WORLDS.name).write_text(yaml.safe_dump(told))
    with pytest.raises(AssertionError, match="AcuteUnclaimed"):
        promtool("test", "rules", WORLDS.name, where=tmp_path)


def test_every_figure_in_a_rule_is_one_that_there_is() -> None:
    for rule in rules():
        assert named(rule["expr"]), rule["alert"]
        assert named(rule["expr"]) <= OURS | OF_PROMETHEUS, rule["alert"]


def test_labels_in_rules_and_panels_are_those_of_the_figure() -> None:
    labels = {metrics.PREFIX + name: {*about.labels} for name, about in metrics.TABLE.items()}
    labels |= {of_gateway.PREFIX + name: {"site", *own} for name, (own, _) in of_gateway.TABLE.items()}
    for expression in [*(rule["expr"] for rule in rules()), *(one for _, one in panels())]:
        for figure, inside in re.findall(r"(nachtwacht_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', "", inside))) <= labels[figure]


def test_every_rule_says_what_to_do_and_where_it_is_told_at_length() -> None:
    anchors = {anchor(title) for title in re.findall(r"(?m)^#+ (.+)$", PAGE.read_text())}
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        said = rule["annotations"]
        assert said["summary"].endswith("."), rule["alert"]
        assert said["description"].endswith("."), rule["alert"]
        file, _, section = said["runbook_url"].partition("#")
        assert (file, section in anchors) == ("docs/operations.md", True), rule["alert"]


def anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def panels() -> list[tuple[str, str]]:
    made = json.loads(BOARD.read_text())
    return [(panel["title"], one["expr"]) for panel in made["panels"] for one in panel.get("targets", ())]


def test_every_panel_shows_figures_that_there_are_and_every_figure_of_the_centre_is_shown() -> None:
    shown = set()
    for title, expression in panels():
        assert named(expression) <= OURS | OF_PROMETHEUS, title
        shown |= named(expression)
    assert {metrics.PREFIX + name for name in metrics.TABLE} - shown == set()


def test_prometheus_understands_every_panel(tmp_path: Path) -> None:
    """As rules, for promtool of Debian 12 reads expressions in nothing else."""
    made = [{"record": f"panel:{number}", "expr": one} for number, (_, one) in enumerate(panels())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    assert f"{len(made)} rules found" in promtool("check", "rules", tmp_path / "panels.yml")


def test_panels_lie_beside_each_other_and_ask_the_one_source_that_can_be_chosen() -> None:
    made = json.loads(BOARD.read_text())
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_page_for_operators_tells_of_every_figure_what_it_means_and_of_no_other() -> None:
    said = PAGE.read_text()
    rows = dict(re.findall(r"(?m)^\| `(nachtwacht_\w+)` (\|.*\|.*\|)$", said))
    ours = {
        metrics.PREFIX + name: f"| {', '.join(about.labels)} | {about.help} |" for name, about in metrics.TABLE.items()
    }
    ours |= {
        of_gateway.PREFIX + name: f"| {', '.join(('site', *labels))} | {meaning} |"
        for name, (labels, meaning) in of_gateway.TABLE.items()
    }
    assert rows == ours
    for file in ("README.md", "docs/runbook.md"):
        assert "operations.md" in (ROOT / file).read_text(), file
