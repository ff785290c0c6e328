"""What is agreed with a resident: value by value, beside the plan, until the plan changes that value."""

from datetime import timedelta
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.agreements import (
    ASKED_KEPT,
    LIMITS,
    OFF,
    Agreements,
    NotAgreed,
    Stale,
    agreed,
    differing,
    in_force,
    left,
    taken,
    values,
    with_agreed,
    with_values,
)
from care.alerts import Tier, tier_of
from care.ids import BackTestId, StaffId
from care.records import Agreed, BackTest, BackTested, Cannot, Changed, Comparison, Ground, Plan
from detectors.budget import OWN
from detectors.homes import Home, Limits, ResidentId, SiteId
from tests.stories import a_home, instant

HOME = a_home()
AT = instant("22:00")

minutes = st.floats(1, 720).map(lambda one: round(one, 1))
whatever = st.builds(
    Agreed,
    limits=st.builds(Limits, **dict.fromkeys(LIMITS, minutes)),
    soon=st.sampled_from([(), ("oob-active",)]),
    off=st.sets(st.sampled_from([str(kind) for kind in OFF])).map(
        lambda kinds: tuple(str(kind) for kind in OFF if kind in kinds)
    ),
    budget=st.sampled_from(OWN),
)


def changed(after: Agreed, *, before: Agreed | None = None, home: Home = HOME, minute: int = 0) -> Changed:
    return Changed(
        at=AT + timedelta(minutes=minute),
        home=home.id,
        resident=home.resident,
        by=StaffId("s-1"),
        why=Ground.CARE_PLAN,
        before=before or agreed(home),
        after=after,
        asked=BackTestId("b1"),
    )


def with_limits(home: Home = HOME, **said: float) -> Agreed:
    return with_values(agreed(home), said)


def told(home: Home, minute: int = 5) -> Plan:
    at = AT + timedelta(minutes=minute)
    return Plan(at=at, site=SiteId("wilg"), name="De Wilg", zone="Europe/Amsterdam", homes=(home,))


@given(this=whatever, that=whatever)
def test_what_differs_makes_of_the_one_the_other(this: Agreed, that: Agreed) -> None:
    assert with_values(this, {name: now for name, (_, now) in differing(this, that).items()}) == that
    assert differing(this, this) == {}


def test_only_what_is_never_urgent_can_be_left_untold() -> None:
    assert {tier_of(kind, HOME) for kind in OFF} <= {Tier.SOON, Tier.REVIEW}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"bath": 0.5}, "from 1 to 720"),
        ({"bath": 721}, "from 1 to 720"),
        ({"bath": float("nan")}, "from 1 to 720"),
        ({"bath": True}, "minutes"),
        ({"off:bath": True}, "cannot be agreed"),
        ({"off:shift": 3.0}, "yes or no"),
        ({"soon:button": True}, "cannot be agreed"),
        ({"budget": 3.0}, "Write 0.5, 1, 2 or 4."),
        ({"budget": 0.0}, "Write 0.5, 1, 2 or 4."),
        ({"budget": float("nan")}, "Write 0.5, 1, 2 or 4."),
        ({"budget": True}, "Write 0.5, 1, 2 or 4."),
    ],
)
def test_what_cannot_be_agreed_is_refused(said: dict[str, float], why: str) -> None:
    with pytest.raises(NotAgreed, match=why):
        with_values(agreed(HOME), said)


def test_what_is_agreed_wins_over_the_plan_and_leaves_the_rest_of_it_alone() -> None:
    standing = taken(None, HOME, changed(with_limits(bath=12)))
    moved = msgspec.structs.replace(HOME, limits=msgspec.structs.replace(HOME.limits, door=9))
    assert in_force(moved, standing).limits == msgspec.structs.replace(HOME.limits, bath=12, door=9)


def test_the_plan_wins_again_over_a_value_that_it_changes_and_for_good() -> None:
    standing = taken(None, HOME, changed(with_limits(bath=12, still=9)))
    assert standing is not None
    edited = with_agreed(HOME, with_limits(bath=22))
    still = left(standing, edited)
    assert in_force(edited, still).limits == msgspec.structs.replace(HOME.limits, bath=22, still=9)
    assert still is not None
    assert in_force(HOME, left(still, HOME)).limits.bath == HOME.limits.bath


def test_the_plan_wins_again_over_a_budget_that_it_changes() -> None:
    standing = taken(None, HOME, changed(with_values(agreed(HOME), {"budget": 0.5})))
    assert standing is not None
    assert in_force(HOME, left(standing, HOME)).budget == 0.5
    edited = msgspec.structs.replace(HOME, budget=2.0)
    assert in_force(edited, left(standing, edited)).budget == 2.0


def test_what_was_agreed_before_there_were_budgets_has_that_of_all() -> None:
    old = msgspec.json.encode(agreed(HOME)).replace(b',"budget":1.0', b"")
    assert b"budget" not in old
    assert msgspec.json.decode(old, type=Agreed) == agreed(HOME)


def test_who_comes_to_live_there_begins_with_the_plan() -> None:
    standing = taken(None, HOME, changed(with_limits(bath=12)))
    assert standing is not None
    somebody_else = msgspec.structs.replace(HOME, resident=ResidentId("r-99"))
    assert left(standing, somebody_else) is None
    assert taken(None, somebody_else, changed(with_limits(bath=12))) is None


def test_two_people_who_change_two_things_at_once_both_get_theirs() -> None:
    first = taken(None, HOME, changed(with_limits(bath=12)))
    both = taken(first, HOME, changed(with_limits(still=9), minute=1))
    assert in_force(HOME, both).limits == msgspec.structs.replace(HOME.limits, bath=12, still=9)


def test_a_change_that_nobody_could_agree_changes_nothing() -> None:
    nonsense = Agreed(limits=msgspec.structs.replace(HOME.limits, bath=0))
    with pytest.raises(NotAgreed):
        taken(None, HOME, changed(nonsense))


@given(steps=st.lists(whatever, max_size=5))
def test_what_was_agreed_last_holds(steps: list[Agreed]) -> None:
    standing, before = None, agreed(HOME)
    for step in steps:
        standing = taken(standing, HOME, changed(step, before=before))
        before = step
    assert agreed(in_force(HOME, standing)) == before


# The centre's fold.


def asked(number: int) -> BackTest:
    at = AT + timedelta(seconds=number)
    return BackTest(
        at=at,
        home=HOME.id,
        id=BackTestId(f"b{number}"),
        by=StaffId("s-1"),
        before=agreed(HOME),
        proposed=with_limits(bath=9),
    )


def test_of_two_answers_the_first_counts_and_of_a_question_nobody_asked_none() -> None:
    fold = Agreements()
    fold.add(asked(1))
    answers = [
        BackTested(at=AT, home=HOME.id, id=BackTestId("b1"), cannot=why) for why in (Cannot.NO_EVENTS, Cannot.FAILED)
    ]
    for answer in (*answers, msgspec.structs.replace(answers[0], id=BackTestId("b2"))):
        fold.add(answer)
    assert fold.answer(asked(1)) == answers[0]
    assert fold.answer(asked(2)) is None


def test_a_building_that_says_nothing_of_another_budget_is_not_told_to_keep_to_it() -> None:
    """An older one leaves out what it does not know, and would leave out the order too."""
    proposed = with_values(agreed(HOME), {"budget": 0.5})
    question = msgspec.structs.replace(asked(1), proposed=proposed)
    found = Comparison(before=agreed(HOME), first=AT.date(), nights=28, was=1, would=1)
    for expected, heeded in ((None, False), ({}, True)):
        fold = Agreements()
        answer = BackTested(
            at=AT, home=HOME.id, id=question.id, found=msgspec.structs.replace(found, expected=expected)
        )
        fold.add(question)
        fold.add(answer)
        assert fold.unheeded(question) is not heeded
        agree = partial(fold.changing, question, HOME, StaffId("s-1"), AT, Ground.CLIENT, untested=None)
        if heeded:
            assert [one.after.budget for one in agree()] == [0.5]
        else:
            with pytest.raises(Stale):
                agree()


def test_only_the_newest_questions_of_a_home_are_kept() -> None:
    fold = Agreements()
    for number in range(ASKED_KEPT + 3):
        fold.add(asked(number))
    assert fold.asked(HOME.id, "b2") is None
    assert fold.asked(HOME.id, "b3") == asked(3)


def test_a_change_is_under_way_until_the_building_tells_that_it_holds() -> None:
    fold = Agreements()
    change = changed(with_limits(bath=12))
    fold.add(change)
    assert fold.under_way(HOME) == [change]
    assert fold.now(HOME).limits.bath == 12
    fold.add(told(HOME))
    assert fold.under_way(HOME) == [change]  # a plan of before it
    holds = with_agreed(HOME, with_limits(bath=12))
    fold.add(told(holds))
    assert fold.under_way(holds) == []
    assert fold.now(holds) == agreed(holds)


def test_a_change_that_another_took_the_place_of_on_its_way_is_not_waited_for() -> None:
    fold = Agreements()
    fold.add(changed(with_limits(bath=12)))
    fold.add(changed(with_limits(bath=14), before=with_limits(bath=12), minute=1))
    holds = with_agreed(HOME, with_limits(bath=14))
    fold.add(told(holds))
    assert fold.under_way(holds) == []


def test_changes_for_who_lived_there_before_are_not_shown() -> None:
    fold = Agreements()
    fold.add(changed(with_limits(bath=12)))
    assert [one.after.limits.bath for one in fold.changes(HOME)] == [12]
    assert fold.changes(msgspec.structs.replace(HOME, resident=ResidentId("r-99"))) == []
    assert values(agreed(HOME))["bath"] == HOME.limits.bath
