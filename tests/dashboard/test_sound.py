"""What a screen lets be heard, tone by tone: the page's own time is moved, and every tone it starts is counted."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from care.alerts import alert_of
from tests.dashboard.conftest import Opens, Reader, pass_time
from tests.dashboard.nights import (
    NOW,
    a_calm_night,
    add,
    claimed,
    gone_outside,
    long_in_the_bathroom,
    not_up,
    sensor_silent,
)

# Stands in for the loudspeaker: says of every tone how high it is, and where it falls to.
LOUDSPEAKER = """
    window.tones = [];
    class Knob {
      setValueAtTime() { return this; }
      linearRampToValueAtTime(value) { this.to = value; return this; }
    }
    window.AudioContext = class extends EventTarget {
      destination = {};
      get state() { return window.blocked ? "suspended" : "running"; }
      get currentTime() { return performance.now() / 1000; }
      async resume() {}
    };
    window.GainNode = class { gain = new Knob(); connect(next) { return next; } };
    window.OscillatorNode = class {
      frequency = new Knob();
      constructor(context, { frequency }) { this.hertz = frequency; }
      connect(next) { return next; }
      start() { tones.push([this.hertz, this.frequency.to ?? this.hertz]); }
      stop() {}
    };
"""
ACUTE, SOON, LOW = [659, 659], [523, 523], [220, 220]
FALLING = [740, 370]


def hears(opens: Opens, *, blocked: bool = False) -> Reader:
    """A page whose loudspeaker and whose clock are the story's."""
    reader = opens(a_calm_night(), clock=True)
    reader.page.add_init_script(f"window.blocked = {json.dumps(blocked)};")
    reader.page.add_init_script(LOUDSPEAKER)
    return reader


def tones(page: Page) -> list[list[int]]:
    """Return the tones that were started since they were last asked for."""
    heard: list[list[int]] = page.evaluate("tones.splice(0)")
    return heard


def test_an_urgent_alert_sounds_twice_five_pulses_every_eight_seconds_until_somebody_has_it(opens: Opens) -> None:
    reader = hears(opens)
    page = reader.go()
    pass_time(page, 2)
    assert tones(page) == []
    reader.stage.happen(long_in_the_bathroom())
    expect(page.locator(f"#card-{alert_of(long_in_the_bathroom())}")).to_be_visible()
    pass_time(page, 1)
    assert tones(page) == [ACUTE] * 10
    pass_time(page, 6)
    assert tones(page) == []
    pass_time(page, 3)
    assert tones(page) == [ACUTE] * 10
    reader.stage.happen(claimed(long_in_the_bathroom(), "s-2", "02:31"))
    expect(page.locator(f"#card-{alert_of(long_in_the_bathroom())}")).to_have_class(re.compile("held"))
    pass_time(page, 10)
    assert tones(page) == []


def test_what_must_be_looked_at_this_night_sounds_three_pulses_every_25_seconds(opens: Opens) -> None:
    reader = hears(opens)
    add(reader.stage.board, not_up())
    page = reader.go()
    pass_time(page, 2)
    assert tones(page) == [SOON] * 3
    pass_time(page, 18)
    assert tones(page) == []
    pass_time(page, 8)
    assert tones(page) == [SOON] * 3


def test_a_new_urgent_alert_does_not_wait_its_turn_behind_one_that_has_just_sounded(opens: Opens) -> None:
    reader = hears(opens)
    add(reader.stage.board, long_in_the_bathroom())
    page = reader.go()
    pass_time(page, 4)
    assert tones(page) == [ACUTE] * 10
    reader.stage.happen(gone_outside())
    expect(page.locator(f"#card-{alert_of(gone_outside())}")).to_be_visible()
    pass_time(page, 1)
    assert tones(page) == [ACUTE] * 10


def test_a_fault_of_the_equipment_is_one_low_pulse_once_whatever_page_is_opened_next(opens: Opens) -> None:
    reader = hears(opens)
    page = reader.go()
    reader.stage.happen(sensor_silent())
    expect(page.locator(f"#card-{alert_of(sensor_silent())}")).to_be_visible()
    pass_time(page, 2)
    assert tones(page) == [LOW]
    pass_time(page, 10)
    assert tones(page) == []
    reader.go("/homes/wilg/12")
    pass_time(page, 3)
    assert tones(page) == []


def test_a_screen_that_hears_nothing_makes_its_own_sound_every_five_seconds_and_no_other(opens: Opens) -> None:
    reader = hears(opens)
    add(reader.stage.board, long_in_the_bathroom())
    page = reader.go()
    pass_time(page, 2)
    tones(page)
    reader.stage.beating = False
    for _ in range(11):
        page.clock.run_for(1_000)
    expect(page.locator("#dead")).to_be_visible()
    tones(page)
    for _ in range(10):
        page.clock.run_for(1_000)
    assert tones(page) == [FALLING] * 4
    reader.expected = "."  # it tries to come back


def test_what_may_wait_is_silent_for_five_minutes_at_most_and_the_bar_says_so(opens: Opens) -> None:
    reader = hears(opens)
    add(reader.stage.board, not_up())
    page = reader.go()
    pass_time(page, 2)
    tones(page)
    page.get_by_role("button", name="Hoe iets klinkt").click()
    mute = page.locator("[data-mute=soon]")
    mute.click()
    expect(mute).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#sound")).to_contain_text("Straks stil, 5")
    pass_time(page, 30)
    assert tones(page) == []
    pass_time(page, 240, step=8)
    assert tones(page) == []
    pass_time(page, 31)
    assert tones(page)[:3] == [SOON] * 3
    expect(page.locator("#sound")).not_to_contain_text("stil")


def test_what_is_urgent_cannot_be_silenced_not_even_by_hand_in_the_browsers_own_memory(opens: Opens) -> None:
    reader = hears(opens)
    page = reader.go()
    assert page.locator("[data-mute]").evaluate_all("(all) => all.map((one) => one.dataset.mute)") == [
        "soon",
        "technical",
    ]
    page.evaluate("sessionStorage.muted = JSON.stringify({ acute: Date.now() + 200_000, soon: Date.now() + 1e9 })")
    reader.stage.happen(long_in_the_bathroom(), not_up())
    expect(page.locator(f"#card-{alert_of(not_up())}")).to_be_visible()
    pass_time(page, 6)
    assert tones(page) == [ACUTE] * 10 + [SOON] * 3  # nor anything for longer than five minutes


def test_a_browser_that_blocks_the_sound_turns_the_field_loud_and_one_tap_mends_it(opens: Opens) -> None:
    reader = hears(opens, blocked=True)
    add(reader.stage.board, long_in_the_bathroom())
    page = reader.go()
    pass_time(page, 3)
    expect(page.locator("#sound")).to_have_class(re.compile("blocked"))
    expect(page.locator("#say-now")).to_have_text("Geluid is geblokkeerd. Tik hier om het aan te zetten.")
    assert tones(page) == []
    page.evaluate("window.blocked = false")
    page.get_by_role("button", name="geblokkeerd: tik hier").click()
    pass_time(page, 5)
    expect(page.locator("#sound")).not_to_have_class(re.compile("blocked"))
    assert ACUTE in tones(page)


@pytest.mark.parametrize(("minutes", "said"), [(2, "Dit scherm was 2\u00a0minuten niet in beeld."), (0, "")])
def test_a_tab_that_nobody_sees_says_so_in_its_title_and_when_it_comes_back(
    opens: Opens, minutes: int, said: str
) -> None:
    reader = hears(opens)
    add(reader.stage.board, long_in_the_bathroom())
    page = reader.go()
    turn = """(state) => {
        Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, "hidden")
    expect(page).to_have_title("Niet in beeld · 1 nu · Nachtwacht")
    pass_time(page, minutes * 60 + 5, step=8)
    page.evaluate(turn, "visible")
    expect(page).to_have_title("1 nu · Nachtwacht")
    expect(page.locator("#notice")).to_have_text(said)
    assert reader.stage.now == NOW
