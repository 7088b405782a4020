"""Nothing a message names is ever fetched: the server calls nobody."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from assault import DS, Forge, Message, Range, find, octets_of, seal_lot, seal_token, signature_of, with_signature
from lxml import etree

from dmpws.xml.names import WSA, XSI

Make = Callable[[Forge, str], Message]


class Listener:
    """Counts the connections made to a port of this machine."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x"
        self.calls = 0
        self._open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while self._open:
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.calls += 1
            connection.close()

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


def doctype(forge: Forge, url: str) -> Message:
    return forge.existence().bent("?>", f'?><!DOCTYPE Envelope SYSTEM "{url}">')


def parameter_entity(forge: Forge, url: str) -> Message:
    return forge.existence().bent("?>", f'?><!DOCTYPE Envelope [<!ENTITY % p SYSTEM "{url}"> %p;]>')


def style_sheet(forge: Forge, url: str) -> Message:
    return forge.existence().bent("?>", f'?><?xml-stylesheet type="text/xsl" href="{url}"?>')


def x_include(forge: Forge, url: str) -> Message:
    return forge.existence().bent(
        "<creationTime", f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}"/><creationTime'
    )


def schema_location(forge: Forge, url: str) -> Message:
    hint = (
        f'xmlns:xsi="{XSI}" xsi:schemaLocation="urn:hl7-org:v3 {url} urn:x {url}" xsi:noNamespaceSchemaLocation="{url}"'
    )
    return (
        forge.existence()
        .bent("<soap:Body>", f"<soap:Body {hint}>")
        .bent("<creationTime", f'<creationTime xmlns:xsi="{XSI}" xsi:schemaLocation="urn:x {url}"')
    )


def reply_to(forge: Forge, url: str) -> Message:
    return forge.existence().bent(f"<wsa:Address>{WSA}/anonymous<", f"<wsa:Address>{url}<")


def xop_include(forge: Forge, url: str) -> Message:
    return forge.deposit().bent("cid:uuid-1@urn%3Aihe%3Aiti%3Axds-b%3A2007", url)


def token_reference(forge: Forge, url: str) -> Message:
    root = etree.fromstring(forge.token())
    find(root, ".//ds:Reference").set("URI", url)
    return forge.existence(seal_token(root, forge.card.signing_key))


def token_key(forge: Forge, url: str) -> Message:
    root = etree.fromstring(forge.token())
    retrieval = etree.fromstring(f'<RetrievalMethod xmlns="{DS}" URI="{url}"/>')
    find(root, ".//ds:KeyInfo").append(retrieval)
    return forge.existence(seal_token(root, forge.card.signing_key))


def lot_reference(forge: Forge, url: str) -> Message:
    lot = forge.lot()
    root = signature_of(lot)
    find(root, ".//ds:Manifest/ds:Reference[2]").set("URI", url)
    return forge.deposit(with_signature(lot, seal_lot(root, forge.card.signing_key)))


def lot_doctype(forge: Forge, url: str) -> Message:
    lot = forge.lot()
    octets = f'<!DOCTYPE Signature SYSTEM "{url}">'.encode() + octets_of(signature_of(lot))
    return forge.deposit(with_signature(lot, octets))


def document_references(forge: Forge, url: str) -> Message:
    """A good document but for its hints: a style sheet, a schema, a doctype."""
    cda = forge.document().to_xml()
    cda = cda.replace(b"?>", f'?><!DOCTYPE a SYSTEM "{url}"><?xml-stylesheet href="{url}"?>'.encode(), 1)
    return forge.deposit(forge.lot().with_document(0, cda))


MAKERS: list[Make] = [
    doctype,
    parameter_entity,
    style_sheet,
    x_include,
    schema_location,
    reply_to,
    xop_include,
    token_reference,
    token_key,
    lot_reference,
    lot_doctype,
    document_references,
]


@contextmanager
def unchanged(target: Range) -> Iterator[None]:
    before = target.contents()
    yield
    assert target.contents() == before


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_nothing_is_fetched(target: Range, forge: Forge, listener: Listener, make: Make) -> None:
    with unchanged(target):
        target.send(make(forge, listener.url))
    assert listener.calls == 0


def test_the_listener_hears(listener: Listener) -> None:
    heard = listener.calls
    address = listener.url.removeprefix("http://").partition("/")[0].partition(":")
    socket.create_connection((address[0], int(address[2]))).close()
    while listener.calls == heard:
        pass
    listener.calls = 0


@pytest.mark.parametrize(
    "query",
    [
        "xsd=../../../../etc/passwd",
        "xsd=%2e%2e/%2e%2e/pyproject.toml",
        "xsd=/etc/passwd",
        "xsd=",
        "xsd=http://192.0.2.1/",
    ],
)
def test_only_contracts_are_served(target: Range, forge: Forge, query: str) -> None:
    message = replace(forge.existence(), octets=b"").with_environ(REQUEST_METHOD="GET", QUERY_STRING=query)
    status, _, octets = target.exchange(message)
    target.sent -= 1
    assert (status, octets) == (404, b"Ce document ne fait pas partie du contrat.\n")
