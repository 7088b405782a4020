"""Passwords, their hashes, and what a channel of one-time codes may be."""

import base64
import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.domain import internet_account
from dmpws.domain.internet_account import (
    SIGNS,
    Channel,
    ChannelType,
    Credentials,
    InternetAccount,
    channel_of,
    draw_credentials,
    hash_password,
    is_password,
)

SMS, EMAIL = ChannelType.SMS, ChannelType.EMAIL


def test_what_is_drawn_has_the_bits_it_promises() -> None:
    assert len(set(SIGNS)) == len(SIGNS) == 24
    assert set(SIGNS).isdisjoint("0O1ILl2Z5S8BUoiz")
    drawn = [draw_credentials() for _ in range(200)]
    for credentials in drawn:
        groups = credentials.password.split("-")
        assert [len(group) for group in groups] == [5, 5, 5, 5]
        assert len(credentials.login) == 10
        assert set("".join(groups)) | set(credentials.login) <= set(SIGNS)
    assert len({c.password for c in drawn} | {c.login for c in drawn}) == 400
    assert set("".join(c.password for c in drawn)) == {*SIGNS, "-"}  # every sign comes
    assert math.floor(20 * math.log2(24)) == 91


def test_the_stored_form_is_scrypt_with_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """The true cost, once: 32 MiB and three passes."""
    monkeypatch.undo()
    monkeypatch.setattr(internet_account, "COST", (15, 8, 3))
    password = "34679-ACDEF-GHJKM-NPQRT"
    stored = hash_password(password)
    name, log_n, r, p, salt, digest = stored.split("$")
    assert (name, log_n, r, p, len(salt), len(digest)) == ("scrypt", "15", "8", "3", 24, 44)
    assert is_password(password, stored)
    assert not is_password("34679-ACDEF-GHJKM-NPQRV", stored)


def test_a_hash_of_other_days_is_still_checked() -> None:
    digest = hashlib.scrypt(b"ACD", salt=b"", n=2**4, r=1, p=1, dklen=32)
    stored = f"scrypt$4$1$1$${base64.b64encode(digest).decode()}"
    assert is_password("a-c-d", stored)
    assert not is_password("acd ", stored)


def test_two_hashes_of_one_password_differ() -> None:
    first, second = hash_password("A"), hash_password("A")
    assert first != second
    assert is_password("A", first)
    assert is_password("A", second)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "A",
        "scrypt$4$8$1$!$!",
        "scrypt$x$8$1$YQ==$YQ==",
        "md5$4$8$1$YQ==$YQ==",
        "scrypt$4$8$1$YQ==",
        "scrypt$0$0$0$$",
    ],
)
def test_a_bad_hash_is_nobodys(stored: str) -> None:
    assert not is_password("A", stored)
    assert not is_password("", stored)


def test_secrets_are_not_shown_by_accident() -> None:
    assert "SECRET" not in repr(Credentials("LOGIN", "SECRET"))
    assert "SECRET" not in repr(InternetAccount("LOGIN", "SECRET", ()))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SMS, "0612345678", "0612345678"),
        (SMS, " 07 12.34-56 78 ", "0712345678"),
        (SMS, "+33 6 12 34 56 78", "0612345678"),
        (SMS, "+33 (0)6 12 34 56 78", "0612345678"),
        (SMS, "0033612345678", "0612345678"),
        (SMS, "06\u00a012\u202f34 56 78", "0612345678"),
        (SMS, "0690123456", "0690123456"),
        (SMS, "+590690123456", "+590690123456"),
        (SMS, "0032470123456", "+32470123456"),
        (EMAIL, "D.Pat-Trois@Exemple.FR", "D.Pat-Trois@exemple.fr"),
        (EMAIL, "a+b=c@sous.domaine-x.example", "a+b=c@sous.domaine-x.example"),
        (EMAIL, "a@xn--caf-dma.fr", "a@xn--caf-dma.fr"),
        (EMAIL, "a" * 64 + "@b.fr", "a" * 64 + "@b.fr"),
    ],
)
def test_channels(kind: ChannelType, text: str, value: str) -> None:
    assert channel_of(kind, text) == Channel(kind, value)


NO_PHONE = (
    *("", "6", "0112345678", "061234567", "06123456789", "+33112345678", "+336123456789", "+0612345678"),
    *("++33612345678", "06123A5678", "+1234567890123456", "tel:0612345678", "0612345678;0712345678"),
    *("0612345678\n0712345678", "06123 45678 ext 9", "0" * 300, "a@b.fr", "٠٦١٢٣٤٥٦٧٨"),
)
NO_MAIL = (
    *("", "a", "a@", "@b.fr", "a@b", "a@b.f", "a@@b.fr", "a b@c.fr", ".a@b.fr", "a.@b.fr", "a..b@c.fr", "a@-b.fr"),
    *("a@b-.fr", "a@b..fr", "a@.fr", "a@b.fr.", "a@[127.0.0.1]", '"a b"@c.fr', "é@b.fr", "a@é.fr", "<a@b.fr>"),
    *("a@b.fr\nBcc:c@d.fr", "a@b.fr,c@d.fr", "a" * 65 + "@b.fr", "a@" + "b" * 64 + ".fr", "a@" + "b." * 130 + "fr"),
    "0612345678",
)


@pytest.mark.parametrize(("kind", "text"), [*((SMS, text) for text in NO_PHONE), *((EMAIL, text) for text in NO_MAIL)])
def test_what_receives_no_code(kind: ChannelType, text: str) -> None:
    assert channel_of(kind, text) is None


TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="+0123456789 .-()\u00a0", max_size=30),
    st.from_regex(r"[a-zA-Z0-9.+_-]{0,20}@[a-zA-Z0-9.-]{0,30}", fullmatch=True),
    st.from_regex(r"(\+33|0033|0)[67][ .]?([0-9]{2}[ .]?){4}", fullmatch=True),
)


@given(st.sampled_from(ChannelType), TEXTS)
def test_a_channel_has_one_spelling(kind: ChannelType, text: str) -> None:
    channel = channel_of(kind, text)
    if channel is not None:
        assert channel_of(kind, channel.value) == channel
        assert channel.value.isascii()
        assert not any(c.isspace() or c in '<>",;:\\' for c in channel.value)
        assert len(channel.value) <= 254
