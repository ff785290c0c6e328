"""Web push and mail: what a phone gets, what nobody else can read of it, and with whom the centre never speaks."""

import json
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from care.asking import Refusal
from care.database import Database
from care.letters import NEXT_TRY_MAX, Letter
from dashboard import contacts, mail, people, push
from dashboard.push import Sender
from dashboard.typed import BadInput
from tests.carriers import Browser, MailServer, PushService, running
from tests.dashboard.conftest import NIGHT

LETTER = Letter(
    "Nachtwacht: nieuwe melding 0A1B.", "a1b2", "https://desk.example/answer/token", answers=True, urgent=True
)
LATER = timedelta(minutes=5)

pytestmark = pytest.mark.both_stores


def subscribed(store: Database, service: PushService, *names: str, whose: str = "c-1") -> None:
    for name in names:
        push.subscribe(store, whose, service.browser(name).says, here=True)


def sends(store: Database, whose: str = "c-1", letter: Letter = LETTER) -> push.Delivery:
    came = push.sender(store, "https://desk.example", here=True).send(push.of(store, whose), letter, NIGHT)
    push.note(store, came, NIGHT)
    return came


def test_every_phone_of_somebody_gets_the_words_and_the_page_and_its_push_service_could_not_read_them(
    store: Database, service: PushService
) -> None:
    subscribed(store, service, "phone", "tablet")
    assert sends(store).receipt.refusal is None
    assert [path for path, _, _ in service.got] == ["/push/phone", "/push/tablet"]
    for _, headers, read in service.got:
        assert read == {"text": LETTER.text, "path": "/answer/token", "tag": "a1b2"}
        assert (headers["TTL"], headers["Urgency"], headers["Topic"]) == ("3600", "high", "a1b2")
        assert headers["Content-Encoding"] == "aes128gcm"
        assert "token" not in json.dumps(headers)
    assert store.execute("SELECT count(*) FROM subscription WHERE taken_at IS NOT NULL").fetchone() == (2,)


def test_a_phone_that_is_gone_is_forgotten_and_counts_as_a_refusal(store: Database, service: PushService) -> None:
    subscribed(store, service, "old", "new")
    service.fate = lambda path: 410 if path.endswith("old") else 0
    assert sends(store).receipt.refusal is None
    assert [one.endpoint.rpartition("/")[2] for one in push.of(store, "c-1")] == ["new"]
    service.fate = lambda _: 404
    assert sends(store).receipt.refusal is Refusal.GONE
    assert push.of(store, "c-1") == []
    assert sends(store).receipt.refusal is Refusal.NO_ADDRESS


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("999999", NEXT_TRY_MAX),
        ("Tue, 03 Mar 2026 01:05:00 GMT", LATER),
        ("soon", None),
        ("", None),
    ],
)
def test_a_push_service_that_is_busy_says_when_it_wants_to_hear_more(
    store: Database, service: PushService, said: str, wait: timedelta | None
) -> None:
    subscribed(store, service, "phone")
    service.fate, service.retry_after = lambda _: 429, said
    assert sends(store).receipt == (Refusal.REFUSED, wait)


def test_a_push_service_that_is_not_there_has_surely_not_taken_it(store: Database, service: PushService) -> None:
    push.subscribe(store, "c-1", Browser("http://127.0.0.1:1/push/x").says, here=True)
    assert sends(store).receipt.refusal is Refusal.REFUSED


def test_a_push_service_that_breaks_off_may_have_taken_it(
    store: Database, service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed(store, service, "phone")

    def broken(path: str) -> int:
        raise ConnectionResetError(path)

    service.fate = broken
    monkeypatch.setattr("socketserver.BaseServer.handle_error", lambda *_: None)  # which prints it
    assert sends(store).receipt.refusal is Refusal.NO_ANSWER


def test_another_centre_cannot_write_to_our_phones(store: Database, service: PushService) -> None:
    subscribed(store, service, "phone")
    with closing(people.connect(":memory:")) as other:
        said = push.sender(other, "", here=True).send(push.of(store, "c-1"), LETTER, NIGHT)
    assert said.receipt.refusal is Refusal.REFUSED
    assert service.got == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/x",
        "https://127.0.0.1/x",
        "https://10.0.0.8/x",
        "https://[::1]/x",
        "https://[::ffff:192.168.1.1]/x",
        "https://169.254.169.254/latest",
        "https://push.example:8443/x",
        "https://me@push.example/x",
        "https://push.example/x\r\nHost: y",
        "https://push.example:port/x",
        "file:///etc/passwd",
        "https://push.example/" + "x" * 1_000,
        "https:///x",
        "",
    ],
)
def test_nobody_makes_the_centre_speak_with_its_neighbours(store: Database, endpoint: str) -> None:
    with pytest.raises(BadInput):
        push.subscribe(store, "c-1", Browser(endpoint).says)


def test_a_name_that_leads_to_a_neighbour_is_not_spoken_with(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    push.subscribe(store, "c-1", Browser("https://push.example/x").says)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.168.0.10", 443))])
    said = push.sender(store, "").send(push.of(store, "c-1"), LETTER, NIGHT)
    assert said.receipt.refusal is Refusal.REFUSED


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{}",
        '{"endpoint": "https://push.example/x"}',
        '{"endpoint": "https://push.example/x", "keys": {"p256dh": "AAAA", "auth": "AAAAAAAAAAAAAAAAAAAAAA"}}',
        Browser("https://push.example/x", auth=b"short").says,
        Browser("https://push.example/x").says.replace('"p256dh": "B', '"p256dh": "!'),
        " " * 5_000,
    ],
)
def test_what_no_browser_says_is_refused_in_a_sentence(store: Database, said: str) -> None:
    with pytest.raises(BadInput, match="Turn messages on once more"):
        push.subscribe(store, "c-1", said)


def test_somebody_has_ten_browsers_at_most_and_takes_back_only_their_own(store: Database, service: PushService) -> None:
    subscribed(store, service, *(f"b{n}" for n in range(12)))
    subscribed(store, service, "other", whose="c-2")
    assert [one.endpoint.rpartition("/")[2] for one in push.of(store, "c-1")] == [f"b{n}" for n in range(2, 12)]
    push.forget(store, "c-1", push.of(store, "c-2")[0].endpoint)
    assert len(push.of(store, "c-2")) == 1
    push.forget(store, "c-1", push.of(store, "c-1")[0].endpoint)
    assert len(push.of(store, "c-1")) == 9
    push.forget(store, "c-1")
    assert push.of(store, "c-1") == []


def test_a_further_browser_takes_nothing_from_whoever_shares_the_oldest(store: Database, service: PushService) -> None:
    subscribed(store, service, "b0", whose="c-2")
    subscribed(store, service, *(f"b{n}" for n in range(11)))
    assert [one.endpoint.rpartition("/")[2] for one in push.of(store, "c-2")] == ["b0"]
    subscribed(store, service, "b1")  # once more: the newest
    assert [one.endpoint.rpartition("/")[2] for one in push.of(store, "c-1")] == [f"b{n}" for n in (*range(2, 11), 1)]


def test_the_key_is_made_once_and_nobody_else_on_this_machine_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "people.db"
    with closing(people.connect(file)) as db:
        key = push.public_key(db)
    with closing(people.connect(file)) as db:
        assert push.public_key(db) == key
        assert len(key) == 87
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_who_is_no_longer_a_contact_is_reached_by_no_browser(store: Database, service: PushService) -> None:
    fatima = contacts.add(store, "r-0012", "Fatima", contacts.Relation.NEIGHBOUR)  # type: ignore[arg-type]
    contacts.set_channel(store, "push", push.URL)
    subscribed(store, service, "phone", whose=fatima)
    assert contacts.ways(store, fatima) == ("push",)
    contacts.remove(store, fatima)
    assert push.of(store, fatima) == []


def test_a_sender_says_by_which_address_it_can_be_complained_to(store: Database) -> None:
    assert isinstance(push.sender(store, "http://127.0.0.1:8000"), Sender)  # no https: a mail address takes its place


# Mail.


@pytest.fixture
def post() -> Iterator[MailServer]:
    made = MailServer()
    with running(made):
        yield made


def mail_url(post: MailServer) -> str:
    return f"smtp://127.0.0.1:{post.port}?from=nachtwacht@zorg.example"


def test_a_mail_says_what_any_lock_screen_may_show(post: MailServer) -> None:
    assert mail.send(mail_url(post), "fatima@example.org", LETTER).refusal is None
    [(to, said)] = post.got
    assert (to, said["Subject"], said["From"]) == ("fatima@example.org", "Nachtwacht", "nachtwacht@zorg.example")
    assert said["Auto-Submitted"] == "auto-generated"
    assert said["Message-ID"].endswith("@zorg.example>")
    assert said.get_payload() == f"{LETTER.text} Antwoord: https://desk.example/answer/token\r\n"


@pytest.mark.parametrize(("status", "refusal"), [(550, Refusal.GONE), (452, Refusal.REFUSED)])
def test_a_mailbox_that_is_full_may_have_room_later_and_one_that_is_not_there_never(
    post: MailServer, status: int, refusal: Refusal
) -> None:
    post.fate = lambda _: status
    assert mail.send(mail_url(post), "fatima@example.org", LETTER).refusal is refusal


def test_a_mail_server_that_breaks_off_may_have_taken_it(post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(to: str) -> int:
        raise ConnectionResetError(to)

    post.fate = broken
    monkeypatch.setattr("socketserver.BaseServer.handle_error", lambda *_: None)
    assert mail.send(mail_url(post), "fatima@example.org", LETTER).refusal is Refusal.NO_ANSWER


def test_the_same_mail_twice_is_one_and_that_help_is_not_needed_is_another(post: MailServer) -> None:
    for letter in (LETTER, LETTER, Letter("Nachtwacht: hulp is niet meer nodig.", LETTER.tag)):
        mail.send(mail_url(post), "fatima@example.org", letter)
    ids = [said["Message-ID"] for _, said in post.got]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("address", ["a@b.nl\r\nBcc: c@d.nl", "a@b.nl, c@d.nl", "<a@b.nl>", "a@b@c.nl", "nobody", ""])
def test_what_is_no_one_address_gets_no_mail(post: MailServer, address: str) -> None:
    assert mail.send(mail_url(post), address, LETTER).refusal is Refusal.NO_ADDRESS
    assert post.asked == []


def test_a_server_elsewhere_that_speaks_no_tls_gets_nothing(post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "is_here", lambda _: False)
    with pytest.raises(OSError, match=r"STARTTLS|SSL|TLS|wrong version|EOF|record"):
        mail.send(mail_url(post), "fatima@example.org", LETTER)
    assert post.asked == []


@pytest.mark.parametrize(
    "url", ["smtp://mail.example", "smtp://?from=a@b.nl", "smtp://mail.example:x?from=a@b.nl", "smtp://h?from=a,b@c.nl"]
)
def test_a_mail_channel_without_a_server_or_a_sender_is_refused_with_an_example(store: Database, url: str) -> None:
    with pytest.raises(BadInput, match=r"mail\.example:587"):
        contacts.set_channel(store, "email", url)


def test_passwords_in_the_url_of_a_server_are_read_and_never_shown() -> None:
    server = mail.server_of("smtps://us%40er:p%3Aw@mail.example?from=a@b.nl")
    assert (server.user, server.password, server.port, server.tls_first) == ("us@er", "p:w", 465, True)
    assert "p:w" not in repr(server)
