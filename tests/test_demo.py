"""`nachtwacht demo`: a stranger sees homes change and an alert arrive within a minute, and Ctrl-C ends all of it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import browser_part, free_port

ROOT = Path(__file__).parents[1]


@contextmanager
def demo(state: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "nachtwacht", "demo", "--state", str(state), *options]
    environment = {**os.environ, "COLUMNS": "120"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def welcome(process: subprocess.Popen[str]) -> str:
    """Return what the demo says until it has told how to sign in."""
    assert process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_a_visitor_sees_an_alert_within_a_minute_and_handles_it(tmp_path: Path) -> None:
    port = free_port()
    started = time.monotonic()
    with demo(tmp_path / "state", "--port", str(port)) as process:
        said = welcome(process)
        name, password = re.search(r"Sign in as (\S+) with (\S+)", said).groups()  # type: ignore[union-attr]
        parts = psutil.Process(process.pid).children(recursive=True)
        assert len(parts) == 4
        with sync_playwright() as browsers, browsers.chromium.launch(executable_path=browser_part()) as chromium:
            page = chromium.new_page(locale="nl-NL")
            page.goto(f"http://127.0.0.1:{port}/")
            page.fill("input[name=name]", name)
            page.fill("input[name=password]", password)
            page.press("input[name=password]", "Enter")
            expect(page.locator(".tile")).to_have_count(8)
            expect(page.locator("article.alert").first).to_be_visible(timeout=60_000)
            assert time.monotonic() - started < 60
            page.locator("article.alert").first.get_by_role("link", name="Open").click()
            page.get_by_role("button", name="Ik pak op").click()
            page.get_by_text("Hulp gegeven", exact=True).click()
            page.get_by_role("button", name="bij de cliënt thuis").click()
            expect(page.locator("main")).to_contain_text("Hulp gegeven")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest
    assert not any(one.is_running() for one in parts)


def test_an_alert_that_a_visitor_leaves_alone_is_passed_on_and_the_phones_of_the_demo_say_so(tmp_path: Path) -> None:
    port, phones = free_port(), tmp_path / "state" / "phones.log"
    with demo(tmp_path / "state", "--port", str(port)) as process:
        said = welcome(process)
        assert "its 10 minutes to follow up are 10 s" in said
        end = time.monotonic() + 90
        while "06 00000001" not in phones.read_text():
            assert time.monotonic() < end, phones.read_text()
            time.sleep(0.2)  # a night in a process of its own
    assert f"http://127.0.0.1:{port}/answer/" in phones.read_text()
    assert "Jansen" not in phones.read_text()


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo(tmp_path / "state", "--port", str(port)) as process:
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said == f"Port {port} is taken. Choose another: nachtwacht demo --port {port + 1}\n"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear Anna")
    with demo(tmp_path, "--port", str(free_port())) as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "holds something else than an earlier demo" in said
    assert (tmp_path / "letters.txt").exists()


def test_a_recording_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with demo(tmp_path / "state", "--port", str(free_port()), "--recording", str(empty)) as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "sensors.csv" in said
    assert said.count("\n") == 1


def test_a_part_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with demo(tmp_path / "state", "--port", str(free_port())) as process:
        welcome(process)
        gateway = next(
            one for one in psutil.Process(process.pid).children(recursive=True) if "gateway" in one.cmdline()
        )
        gateway.kill()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "The gateway stopped:" in said


@pytest.mark.parametrize("speed", ["0", "-1", "fast"])
def test_a_speed_that_cannot_be_is_refused(tmp_path: Path, speed: str) -> None:
    with demo(tmp_path / "state", "--speed", speed) as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--speed" in said
