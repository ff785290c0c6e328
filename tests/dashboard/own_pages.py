"""One resident with a daughter and a son, at a centre that really runs, and the devices on which they read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from care import journal
from care.asking import Agreement, Chain, ChainAgreed, Consented, Line, Step
from care.chains import DESK, NIGHT_TEAM, ORGANISATION, RESIDENT
from care.ids import Asker, ContactId, StaffId
from care.records import Record
from care.sharing import Part, Shared
from dashboard import contacts, housekeys
from dashboard.contacts import Relation
from dashboard.people import name_resident
from detectors.findings import Presence, Status
from detectors.homes import HomeId, ResidentId
from tests.dashboard.conftest import PATIENCE_MS, StoryClock
from tests.dashboard.nights import a_plan, local
from tests.dashboard.two_screens import NightDesk

HOME = HomeId("wilg/12")
JANSEN = ResidentId("r-wilg-12")
OTHER = ResidentId("r-wilg-1")
PHONE, TABLET = (390, 844), (1024, 768)


class Going(StoryClock):
    """Goes on a little whenever somebody looks at it, as clocks do: what was written a moment ago is past."""

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


class Household(NightDesk):
    """Mevrouw Jansen of home 12, with Eva, her daughter, and Bram, her son."""

    eva: ContactId
    bram: ContactId

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = Going(self.clock.moment)
        self.wall = self.clock  # no rehearsal: the log of looks is dated by the same clock

    @contextmanager
    def lived_in(self) -> Iterator["Household"]:
        with self.open():
            self.do(self._meet())
            asked = (
                Step(line=Line.ZERO, who=RESIDENT, channels=("sms",), minutes=2.0),
                Step(line=Line.ZERO, who=self.eva, channels=("sms",), minutes=2.0),
                Step(line=Line.ONE, who=DESK, minutes=3.0),
                Step(line=Line.TWO, who=NIGHT_TEAM, channels=("sms",), minutes=3.0),
            )
            after = Agreement(chains=(Chain(since=time(0), until=time(0), steps=asked),))
            begun, by = local("22:00"), Asker("s-1")
            until = begun + timedelta(days=90)
            self.at(
                "22:00",
                a_plan("wilg", "De Wilg", (1, 12)),
                ChainAgreed(at=begun, place=ORGANISATION, by=StaffId("s-1"), why="new", before=None, after=after),
                *(
                    Consented(at=begun, home=HOME, contact=one, by=by, tiers=("acute", "soon"), until=until)
                    for one in (self.eva, self.bram)
                ),
                Status(at=begun, home=HOME, presence=Presence.BED, since=begun),
            )
            try:
                yield self
            finally:
                self.leave()

    async def _meet(self) -> None:
        name_resident(self.store, JANSEN, "mevrouw Jansen")
        name_resident(self.store, OTHER, "meneer De Boer")
        self.eva = contacts.add(self.store, JANSEN, "Eva", Relation.FAMILY)
        self.bram = contacts.add(self.store, JANSEN, "Bram", Relation.FAMILY)

    @property
    def records(self) -> list[Record]:
        """Everything that stands in the journal."""
        return [one.record for one in self.do(self.centre.ask(lambda db: journal.read_after(db, 0)))]

    def shares(self, contact: ContactId, *parts: Part) -> None:
        at = self.clock.now()
        self.write(
            Shared(
                at=at,
                home=HOME,
                resident=JANSEN,
                contact=contact,
                parts=parts,
                until=at + timedelta(days=90),
                by=Asker(RESIDENT),
            )
        )

    def token(self, resident: ResidentId = JANSEN, contact: ContactId | None = None) -> str:
        """Let a device in, as its code would."""

        async def open_door() -> str:
            code = housekeys.invite(self.store, resident, contact, self.wall.now())
            token = housekeys.let_in(self.store, code, self.wall.now(), housekeys.Device.PHONE)
            assert token is not None
            return token

        return self.do(open_door())

    def hold(
        self,
        browser: Browser,
        contact: ContactId | None = None,
        *,
        size: tuple[int, int] = PHONE,
        light: bool = False,
        resident: ResidentId = JANSEN,
    ) -> Page:
        """Open the page of a resident, or of a contact, on a device of theirs."""
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=True,
            reduced_motion="reduce",
            color_scheme="light" if light else "dark",
            timezone_id="Europe/Amsterdam",
        )
        cookie = {"name": "nachtwacht-own", "value": self.token(resident, contact), "url": self.address}
        context.add_cookies([cookie])  # type: ignore[list-item]  # a dict is what it takes
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        self._pages.append(page)
        page.goto(self.address + ("/mine" if contact is None else "/with"))
        return page


def household(folder: Path) -> Household:
    return Household(folder)
