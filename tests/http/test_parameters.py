"""The parameters file (GI-DMP EX_GEN-1540), and the server that obeys what it says: one value, changed in both.

The limits of visibility that may be lifted one day are among them (GI-DMP REC_2.1-1065).
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from dmpws import cast
from dmpws.app import build_operator_app
from dmpws.client import Attachment, BadAnswer, ClinicalDocument, Deposit, LpsSession, Unreachable
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.parameters import Parameters, fetch, read
from dmpws.codec.parameters import read_parameters, write_parameters
from dmpws.config import OPTIONS, load
from dmpws.domain.document import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from dmpws.pki.demo import DemoPki
from dmpws.testing.local import LocalApp

PETRA = cast.PATIENTS["petra"]
"""Born on 23 October 2007: nineteen years old in these tests."""
DEFAULTS = Parameters(True, 18, False, 24, {})


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal of the tests."""


@contextmanager
def operator_port(tmp_path: Path, pki: DemoPki, **options: Any) -> Iterator[str]:
    """URL of the file on the operator port of a server with these options."""
    config = load({"data": str(tmp_path), "trust": str(pki.trust_folder), **options}, environment={})
    with (
        ExitStack() as opened,
        make_server("127.0.0.1", 0, build_operator_app(config, opened), handler_class=_Silent) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/parameters"
        finally:
            server.shutdown()
            thread.join()


def file_of(**options: Any) -> Parameters:
    return read(write_parameters(load(options, environment={}).parameters))


def deposit(app: LocalApp, *visibility: str) -> str:
    """Deposit a document of Petra's and return the code of the answer."""
    lps: LpsSession = app.session("medecin-libre")
    body = Attachment("text/plain", b"RAS")
    yesterday = app.now - timedelta(days=1)
    document = ClinicalDocument(PETRA.ins, PETRA.traits, lps.actor, CONSULTATION_REPORT, "CR", body, app.now, yesterday)
    answer = lps.submit(PETRA.ins, [Deposit(document, visibility=visibility)])
    return "" if answer.ok else answer.problems[0].code


def test_the_operator_port_serves_it(tmp_path: Path, pki: DemoPki) -> None:
    with operator_port(tmp_path, pki) as url:
        assert fetch(url) == DEFAULTS
    with operator_port(tmp_path, pki, age_majorite=21, hr_periode_max_mois=12) as url:
        assert fetch(url) == replace(DEFAULTS, majority_age=21, reimbursement_months=12)
        with pytest.raises(BadAnswer):
            fetch(url.replace("/parameters", "/health"))
    for nowhere in (url, "file:///etc/hostname"):
        with pytest.raises(Unreachable):
            fetch(nowhere)


def test_its_form() -> None:
    assert write_parameters({"age-majorite": "18", "fonctions-gestion-mineurs": "true"}).decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<dmp-parameters>\n"
        '  <parameter-list code="param-si-dmp">\n'
        '    <parameter code="age-majorite">\n'
        "      <value>18</value>\n"
        "    </parameter>\n"
        '    <parameter code="fonctions-gestion-mineurs">\n'
        "      <value>true</value>\n"
        "    </parameter>\n"
        "  </parameter-list>\n"
        "</dmp-parameters>\n"
    )


def test_what_another_server_may_send_is_read() -> None:
    octets = b"""<dmp-parameters><parameter-list code="other"><parameter code="a"><value>1</value></parameter>
        </parameter-list><parameter-list code="param-si-dmp"><parameter code="b"><value> 2 <!-- --></value></parameter>
        <parameter code="c"/></parameter-list></dmp-parameters>"""
    assert read_parameters(octets) == {"b": "2"}
    with pytest.raises(BadAnswer, match="fonctions-gestion-mineurs"):
        read(octets)


def test_every_parameter_is_an_option() -> None:
    codes = [option.parameter for option in OPTIONS if option.parameter]
    assert sorted(codes) == [
        "age-majorite",
        "cumul-invisible_patient-masque_ps",
        "fonctions-gestion-mineurs",
        "hr-periode-max-mois",
    ]


@pytest.mark.parametrize(
    ("options", "hidden_from_representatives"),
    [
        ({}, "XDSRegistryMetadataError"),
        ({"age_majorite": 21}, ""),
        ({"age_majorite": 19}, "XDSRegistryMetadataError"),
        ({"age_majorite": 21, "fonctions_gestion_mineurs": False}, "XDSRegistryMetadataError"),
    ],
)
def test_who_is_a_minor(app: LocalApp, options: dict[str, Any], hidden_from_representatives: str) -> None:
    server = LocalApp(app.store, app.pki, app.now, **options)
    parameters = file_of(**options)
    assert parameters.minors is options.get("fonctions_gestion_mineurs", True)
    assert parameters.majority_age == options.get("age_majorite", 18)
    assert deposit(server, INVISIBLE_REPRESENTANTS_LEGAUX) == hidden_from_representatives
    assert deposit(server) == ""


@pytest.mark.parametrize("together", [False, True])
def test_masked_and_invisible_at_once(app: LocalApp, together: bool) -> None:
    options = {"cumul_invisible_patient_masque_ps": together}
    assert file_of(**options).masked_and_invisible is together
    code = deposit(LocalApp(app.store, app.pki, app.now, **options), MASQUE_PS, INVISIBLE_PATIENT)
    assert code == ("" if together else "XDSRegistryMetadataError")
