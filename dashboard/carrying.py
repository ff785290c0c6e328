"""Carrying a letter to somebody by one channel, whichever kind it is: web push, our own mail, or what Apprise knows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from urllib.parse import urlsplit

from care import notices
from care.clock import Clock
from care.database import Database
from care.letters import Letter, Receipt
from dashboard import mail, push
from dashboard.contacts import Channel
from dashboard.push import Delivery, Sender

Post = Callable[[str, str, str], bool]  # URL of Apprise's, address, text; whether it was taken
Errand = Callable[[], Receipt | Delivery]


@dataclass(frozen=True)
class Carrier:
    """Knows by its URL what a channel is, and how to speak with it."""

    people: Database
    wall: Clock  # real time
    url: str = ""  # of the centre
    post: Post = notices.send
    here: bool = False  # a push service may stand on this machine, in plain HTTP: in tests, and nowhere else

    def errand(self, channel: Channel, address: str, letter: Letter) -> Errand:
        """Return what hands a letter over. It waits for the network and touches no rows: for another thread.

        What it returns is given to `back`. It may raise anything: whatever goes wrong over there.
        """
        if channel.url == push.URL:
            now = self.wall.now()
            return partial(self._sender.send, push.of(self.people, address, now), letter, now)
        if urlsplit(channel.url).scheme in mail.SCHEMES:
            return partial(mail.send, channel.url, address, letter)
        url = notices.with_once(channel.url, letter.once)
        return lambda: notices.receipt(self.post(url, address, notices.with_link(letter)))

    def back(self, came: Receipt | Delivery) -> Receipt:
        """Keep what was learned of browsers on the way, and return what the channel said."""
        if isinstance(came, Delivery):
            push.note(self.people, came, self.wall.now())
            return came.receipt
        return came

    @cached_property
    def _sender(self) -> Sender:
        return push.sender(self.people, self.url, here=self.here)
