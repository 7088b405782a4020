"""A real server for test_server_live: `python live_app.py OPTIONS`, a JSON object.

Its dispatch tells what it saw of the client and of the parts, and sends the first part back.
"""

import hashlib
import json
import sys
from pathlib import Path

from lxml import etree
from wsgi_server import OPERATIONS, FakeContracts, FolderSink

from dmpws.http.limits import Limits
from dmpws.http.server import Listen, Server
from dmpws.http.tls import direct, proxy
from dmpws.http.tls_context import TlsFiles
from dmpws.http.worker import TimedWorker
from dmpws.http.wsgi import ContractWsgi, build
from dmpws.soap.message import SoapReply, SoapRequest
from dmpws.xml.xop import INCLUDE, href_of

options = json.loads(sys.argv[1])
kept: dict[str, FolderSink] = {}


def dispatch(request: SoapRequest) -> SoapReply:
    body = etree.Element("Seen", peer=request.tls.peer if request.tls else "none")
    if request.tls:
        body.set("certificate", hashlib.sha256(request.tls.certificate).hexdigest())
    attachments = {}
    for content_id, octets in request.parts.items():
        part = etree.SubElement(body, "Part", size=str(octets.size), sha256=octets.sha256)
        etree.SubElement(part, INCLUDE, href=href_of(content_id))
        copy = kept["sink"].writer()
        copy.write(octets.read())
        attachments[content_id] = copy.close()
    return SoapReply(body, attachments)


def load() -> ContractWsgi:
    kept["sink"] = FolderSink(Path(options["folder"]))
    return build(
        OPERATIONS,
        dispatch,
        contracts=FakeContracts(),
        sink=kept["sink"],
        limits=Limits(reading_seconds=options.get("reading_seconds", 60)),
        tls=direct if "tls" in options else proxy(options.get("secret", "")),
    )


TimedWorker.head_seconds = options.get("head_seconds", 20)
listen = Listen(
    port=options.get("port", 0),
    unix_socket=options.get("unix_socket", ""),
    tls=TlsFiles(*map(Path, options["tls"])) if "tls" in options else None,
    workers=1,
    reading_seconds=options.get("reading_seconds", 60),
    graceful_seconds=1,
)
Server(listen, load).run()
