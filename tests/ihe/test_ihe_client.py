"""The plain IHE client of the kit, the contracts it calls, and docs/how-to/use-plain-ihe-clients.md."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ihe_world import AUTHORITY, Lab, MakeLab

from dmpws.cli import EXIT_USAGE, _parser, main
from dmpws.client import Actor, Attachment, ClinicalDocument
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.errors import ServerFault
from dmpws.client.ihe import PLAIN, IheSession, PlainCodes
from dmpws.client.lot import Deposit, NewFolder
from dmpws.client.pdf import one_page_pdf
from dmpws.client.transport import WsgiTransport
from dmpws.codec.affinity import read_domain
from dmpws.config import load
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.patient import Ins, Name, Traits
from dmpws.domain.patient_search import PatientCriteria
from dmpws.http import SERVICES_PATH
from dmpws.soap.contracts import Contracts
from dmpws.transactions.registry import Interface, operations
from dmpws.vihf.issue import make, request_for
from dmpws.xml.parser import parse

GUIDE = Path(__file__).parents[2] / "docs/how-to/use-plain-ihe-clients.md"
TEXT = GUIDE.read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


[DOMAIN], [PROGRAM] = blocks("toml"), blocks("python")
IMPORTS = PROGRAM.partition("patient = Ins")[0]


def codes() -> PlainCodes:
    """Those of the guide."""
    names: dict[str, Any] = {}
    exec(IMPORTS, names)
    found = names["codes"]
    assert isinstance(found, PlainCodes)
    return found


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(DOMAIN)


def client(lab: Lab, **options: Any) -> IheSession:
    transport = WsgiTransport(lab.app, lab.pki.card(lab.card), SERVICES_PATH)
    return IheSession(lab.pki.card(lab.card), codes=codes(), transport=transport, clock=lambda: lab.now, **options)


def test_the_program_of_the_guide(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAM, {"open_session": lambda _codes: client(lab)})
    assert capsys.readouterr().out.splitlines() == ["OK P-1", "Note b'A note'", "Note of the day version 2"]
    with client(lab) as ihe:
        assert ihe.find_documents(Ins("P-1", AUTHORITY), statuses=tuple(Status)).documents == ()


def test_the_commands_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = blocks("console")
    command, _, promised = example.removeprefix("$ dmpws ").partition("\n")
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out == promised
    for line in blocks("sh")[0].splitlines():
        name, value, words = re.fullmatch(r"(?:(DMPWS_\w+)=(\S+) )?dmpws (.*)", line).groups()  # type: ignore[union-attr]
        environment = {name: value} if name else {}
        parsed = vars(_parser(words.split()).parse_args(words.split()))
        config = load(parsed, environment=environment)
        assert (config.profile, config.affinity_domain) == ("ihe", environment.get("DMPWS_AFFINITY_DOMAIN", ""))


def test_the_domain_of_the_guide(tmp_path: Path) -> None:
    file = tmp_path / "domain.toml"
    file.write_text(DOMAIN, "utf-8")
    domain = read_domain(file)
    assert (domain.authorities, domain.fed, len(domain.codes)) == (frozenset({AUTHORITY}), True, 3)


# The contracts


SERVICES = sorted({operation.service for operation in operations(Interface.IHE)})


@pytest.mark.parametrize("service", SERVICES)
def test_every_contract_is_served_and_shown(lab: Lab, service: str, capsys: pytest.CaptureFixture[str]) -> None:
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": f"{SERVICES_PATH}/{service}", "QUERY_STRING": "wsdl", "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "8443", "HTTP_HOST": "localhost:8443", "wsgi.url_scheme": "https",
    }  # fmt: skip
    octets = b"".join(lab.app(environ, lambda status, *_: started.append(status)))
    assert started == ["200 OK"]
    served = {o.get("name", "") for o in parse(octets).iterfind(".//{*}binding/{*}operation")}
    assert served == {operation.name for operation in operations(Interface.IHE) if operation.service == service}
    assert main(["--profile", "ihe", "wsdl", "show", service]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in served)


def test_a_service_of_the_dmp_is_none_of_ihe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", "ihe", "wsdl", "show", "habilitations"]) == EXIT_USAGE
    assert "patients, registry, repository" in capsys.readouterr().err
    assert main(["wsdl", "show", "habilitations"]) == 0
    assert sorted(Contracts.load(services="ihe").services) == SERVICES


# The client


TRAITS = Traits(name=Name(birth="NESSI", given="RUTH"), sex="F", birth_date="19770714")


def announced(ihe: IheSession, value: str) -> Ins:
    patient = Ins(value, AUTHORITY)
    assert ihe.add_patient([patient], TRAITS).ok
    return patient


def test_patients(lab: Lab) -> None:
    with client(lab) as ihe:
        kept, gone = announced(ihe, "C-1"), announced(ihe, "C-2")
        assert ihe.revise_patient([kept], Traits(name=Name(birth="ALOT", given="EVE"))).ok
        found = ihe.query_demographics(identifiers=[kept], domains=[AUTHORITY], quantity=1)
        assert [(p.birth_name, p.given, p.sex, p.percentage) for p in found.patients] == [("ALOT", "EVE", "", 100)]
        assert ihe.merge_patients(kept, gone, TRAITS).ok
        assert ihe.query_demographics(identifiers=[gone]).response == "NF"
        refused = ihe.revise_patient([gone], TRAITS)
        assert [p.code for p in refused.problems] == ["204"]
        assert not refused.ok


def test_a_search_between_bounds(lab: Lab) -> None:
    with client(lab) as ihe:
        kept, other = announced(ihe, "D-1"), announced(ihe, "D-2")
        assert ihe.revise_patient([kept], Traits(name=Name(birth="BORNE"), birth_date="19900101")).ok
        assert ihe.revise_patient([other], Traits(name=Name(birth="BORNE"), birth_date="19950101")).ok
        between = PatientCriteria(family="BORN", similar_name=True, born_from="1990", born_to="1994")
        assert [p.identifiers for p in ihe.query_demographics(between).patients] == [(kept,)]
        found = ihe.query_demographics(PatientCriteria(family="BORNE"), quantity=1)
        assert (found.too_many, found.total, len(found.patients)) == (True, 2, 1)
        assert ihe.query_demographics(PatientCriteria(family="%")).response == "QE"


def test_documents_of_every_kind(lab: Lab) -> None:
    """A CDA gives its own metadata; others are described. Relations and folders are those of a lot."""
    with client(lab) as ihe:
        patient = announced(ihe, "E-1")
        entry = ihe.describe(patient, b"one", "text/plain", title="One", unique_id="1.2.3.4")
        folder = NewFolder("Folder", (Code("Referrals", "1.2.3", "Referrals"),))
        assert ihe.submit(patient, [Deposit(b"one", entry=entry, folders=(folder,))], title="A set").ok
        [one] = ihe.find_documents(patient).documents
        assert (one.unique_id, one.title, one.size) == ("1.2.3.4", "One", 3)
        second = ihe.describe(patient, b"two", "text/plain")
        assert ihe.submit(patient, [Deposit(b"two", entry=second, replaces=one.entry_uuid)]).ok
        assert len(ihe.find_documents(patient, statuses=[Status.DEPRECATED]).documents) == 1
        [found] = ihe.find_folders(patient).folders
        assert found.title == "Folder"
        elsewhere = ihe.describe(patient, b"three", "text/plain", repository_unique_id="1.2.3")
        assert ihe.register(patient, [elsewhere]).ok
        assert {d.repository for d in ihe.find_documents(patient).documents} == {"1.2.250.1.999.2.1", "1.2.3"}
        refused = ihe.retrieve([elsewhere.unique_id], "1.2.3")
        assert [p.code for p in refused.problems] == ["XDSUnknownRepositoryId"]
        assert ihe.change_texts(patient, second.unique_id, comments="Seen").ok
        with pytest.raises(LookupError):
            ihe.change_texts(patient, "1.2.3.4.5", title="x")
        bad = ihe.describe(patient, b"four", "image/jpeg")
        assert [p.code for p in ihe.submit(patient, [Deposit(b"four", entry=bad)]).problems] == [
            "XDSRegistryMetadataError"
        ]


def test_a_cda_describes_itself(make_lab: MakeLab) -> None:
    lab = make_lab()
    with client(lab) as ihe:
        patient, card = announced(ihe, "F-1"), lab.pki.card("medecin-libre")
        attachment = Attachment("application/pdf", one_page_pdf("Bonjour"))
        cda = ClinicalDocument(
            patient, TRAITS, Actor.of_card(card), CONSULTATION_REPORT, "Compte rendu", attachment, lab.now, lab.now
        )
        assert ihe.submit(patient, [Deposit(cda)]).ok
        [document] = ihe.find_documents(patient).documents
        assert document.mime_type == "text/xml"


def test_with_an_assertion(lab: Lab) -> None:
    patient, card = Ins("P-1", AUTHORITY), lab.pki.card("medecin-libre")
    token = make(request_for(card, patient, PLAIN), card=card, now=lab.now)
    with client(lab, xua=lambda: token) as ihe:
        ihe.find_documents(patient)
    assert lab.traces()[-1]["person"] == card.identity.person
    with client(lab, xua=lambda: token.replace(b"LIBRE", b"AUTRE")) as ihe, pytest.raises(ServerFault) as fault:
        ihe.find_documents(patient)
    assert fault.value.subcode == "FailedCheck"


def test_an_https_session_needs_the_authorities_of_the_server(lab: Lab) -> None:
    with pytest.raises(ValueError, match="ca_file"):
        IheSession(lab.pki.card("hopital"), "https://localhost:8443", codes=codes())
