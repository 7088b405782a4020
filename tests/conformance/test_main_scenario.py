"""conformance/main-scenario.toml against what is played, and the second validator against what is sent."""

import io
import tomllib
from collections.abc import Callable
from typing import Any

from lxml import etree

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.client.envelope import body_of
from dmpws.client.errors import ServerFault
from dmpws.client.received import ReceivedSink
from dmpws.client.scenario import Scenario
from dmpws.client.transport import WsgiTransport
from dmpws.domain.checks import Report
from dmpws.http.limits import Limits
from dmpws.http.media_type import parse_media_type
from dmpws.http.mtom import PackageReader
from dmpws.resources import folder
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import Schemas
from dmpws.testing.local import PATH, LocalApp

TRAITS = cast.PATIENTS["cas12"].traits


def test_what_is_played_is_what_is_written(app: LocalApp) -> None:
    written = tomllib.loads((folder("conformance") / "main-scenario.toml").read_text("utf-8"))["call"]
    scenario = Scenario(app.session, cast.allocate_ins(TRAITS, 7_501_002), TRAITS, lambda step: None, app.clock)
    scenario.play()
    played = [{"transaction": s.transaction, "who": s.who, "title": s.title, "found": s.found} for s in scenario.steps]
    assert [{k: p[k] for k in ("transaction", "who", "title")} for p in played] == [
        {k: w[k] for k in ("transaction", "who", "title")} for w in written
    ]
    owed = [(w["title"], w["expected"]) for w in written if "expected" in w]
    given = [(p["title"], p["found"]) for p, w in zip(played, written, strict=True) if "expected" in w]
    assert given == owed


class Recorder:
    """The application, with the octets of every request and answer that passes through it."""

    def __init__(self, app: LocalApp) -> None:
        self._app = app
        self.envelopes: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        request = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(request)
        self.envelopes.append(_envelope(environ["CONTENT_TYPE"], request))
        types: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            types.append(dict(headers)["Content-Type"])
            return start_response(status, headers, *rest)

        chunks = self._app(environ, start)
        answer = b"".join(chunks)
        chunks.close()  # type: ignore[attr-defined]
        self.envelopes.append(_envelope(types[0], answer))
        return [answer]


def _envelope(content_type: str, octets: bytes) -> bytes:
    media_type = parse_media_type(content_type)
    if media_type.name != "multipart/related":
        return octets
    reader = PackageReader(media_type, ReceivedSink(), Limits())
    reader.feed(octets)
    return reader.finish().envelope


def test_every_message_is_valid_for_both_validators(app: LocalApp) -> None:
    recorder = Recorder(app)

    def connect(card: str, actor: Actor | None) -> LpsSession:
        held = app.pki.card(card)
        return LpsSession(held, transport=WsgiTransport(recorder, held, PATH), actor=actor, clock=app.clock)

    Scenario(connect, cast.allocate_ins(TRAITS, 7_501_003), TRAITS, lambda step: None, app.clock).play()
    schemas, second = Schemas.load(), SecondOpinion()
    names = set()
    for octets in recorder.envelopes:
        try:
            body = body_of(octets)
        except ServerFault:
            continue  # a fault has no schema of the interface
        report = Report()
        schemas.check(body, report)
        second.check(body, report)
        assert report.failures == (), etree.QName(body).localname
        names.add(etree.QName(body).localname)
    assert {"PRPA_IN201308UV02", "ProvideAndRegisterDocumentSetRequest", "RetrieveDocumentSetResponse"} <= names
