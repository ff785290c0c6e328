"""Whatever people are called, no name of theirs is in the journal, in a message, or in a line of a log."""

import asyncio
import json
from contextlib import closing

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care import journal
from care.escalation import due
from care.messages import Kind, ToTell
from dashboard import contacts, people, push
from dashboard.centre import Centre
from dashboard.contacts import Relation
from dashboard.outbox import Outbox
from detectors.findings import What
from detectors.homes import ResidentId
from tests.carriers import Gateway, MailServer, PushService, running
from tests.dashboard.conftest import HOME, WILG, StoryClock, batch, finding, plan
from tests.dashboard.test_outbox import agreed

RESIDENT_ID = ResidentId("r-0012")
NAMES = st.text(st.sampled_from("ĄĆĘŁŃŚŹŻĐĦŊŦÞ"), min_size=6, max_size=12)


@given(NAMES, NAMES, NAMES, st.sampled_from([What.BATH, What.BUTTON, What.LATE_RISE]), st.integers(0, 3))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_is_ever_in_the_journal_in_a_message_or_in_a_log(
    tmp_path_factory: pytest.TempPathFactory, resident: str, contact: str, worker: str, what: What, failing: int
) -> None:
    """Whatever people are called, whatever is found and whichever carrier fails."""
    folder = tmp_path_factory.mktemp("names")
    carriers = push_service, mail, sms = PushService(), MailServer(), Gateway()
    if failing < len(carriers):
        carriers[failing].fate = lambda _: 500

    async def night() -> None:
        clock = StoryClock()
        with (
            closing(people.connect(folder / "people.db")) as store,
            closing(Centre(journal.connect(folder / "centre.db"), clock)) as centre,
        ):
            push_service.key = push.public_key(store)
            contacts.set_channel(store, "push", push.URL)
            contacts.set_channel(store, "email", f"smtp://127.0.0.1:{mail.port}?from=desk@zorg.example")
            contacts.set_channel(store, "sms", f"json://127.0.0.1:{sms.port}/{{address}}")
            people.name_resident(store, RESIDENT_ID, resident)
            people.add_staff(store, worker, first_name=worker, initials=worker[:4], password=f"{worker} {worker}")
            fatima = contacts.add(store, RESIDENT_ID, contact, Relation.FAMILY)
            push.subscribe(store, "night-team", push_service.browser("team").says, here=True)
            push.subscribe(store, fatima, push_service.browser("fatima").says, here=True)
            contacts.set_address(store, fatima, "email", "f@example.org")
            contacts.set_address(store, "night-team", "sms", "31611111111")
            contacts.set_address(store, "night-team", "email", "team@example.org")
            await centre.write(lambda *_: [agreed("push", "email", "sms")])
            await centre.take(WILG, batch(plan(), finding(what=what)))
            await centre.write(due)
            ways = contacts.ways(store, fatima)
            await centre.write(
                lambda _, at: [ToTell(at=at, to=fatima, kind=kind, channels=ways, home=HOME) for kind in Kind]
            )
            box = Outbox(centre, store, clock, url="https://desk.example", phone="0201234567", here=True)
            for _ in range(4):
                box.look()
                await box.settle()
                clock.wait(seconds=40)
            box.close()

    with running(*carriers), structlog.testing.capture_logs() as logged:
        asyncio.run(night())
    got = [read for _, _, read in push_service.got] + [str(one) for _, one in mail.got] + [text for _, text in sms.got]
    assert got
    written = b"".join(file.read_bytes() for file in folder.glob("centre.db*"))
    said = json.dumps(got, ensure_ascii=False) + repr(logged)
    for name in (resident, contact, worker):
        assert name.encode() not in written
        assert json.dumps(name)[1:-1].encode() not in written
        assert name not in said
