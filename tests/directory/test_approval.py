"""What approved software may do: category, status, dates, and profile × transaction × mode, through the application.

The table is the promise of DMPWS D35; `MESSAGES` plays one message of each transaction.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dmpws import cast
from dmpws.client import KIT, Attachment, ClinicalDocument, Deposit, LpsSession
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.errors import ServerFault
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.client.update import status_request
from dmpws.domain.access import AuthMode
from dmpws.domain.document import Status
from dmpws.domain.software import EVERYTHING, ApprovalStatus, Category, Profile, Scope
from dmpws.testing.local import LocalApp, in_air
from dmpws.transactions import registry
from dmpws.transactions.registry import transaction, transactions
from dmpws.xml.names import RIM

PATIENT = cast.PATIENTS["nessi"]
INS = PATIENT.ins
NEW = cast.PATIENTS["conteste"]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
M, F, C = Profile.MANAGEMENT, Profile.FEEDING, Profile.CONSULTATION
DIRECT = AuthMode.DIRECTE


def deposit(lps: LpsSession) -> str:
    """uniqueId of a new document."""
    body = Attachment("text/plain", b"RAS")
    document = ClinicalDocument(INS, PATIENT.traits, lps.actor, CONSULTATION_REPORT, "CR", body, NOW, NOW - DAY)
    lot = lps.build_lot(INS, [Deposit(document)])
    assert lps.send_lot(INS, lot).ok
    return lot.document_ids[0]


MESSAGES: dict[str, Callable[[LpsSession, str], object]] = {
    "TD0.2": lambda lps, _: lps.test_existence(INS),
    "TD0.3": lambda lps, _: lps.add_authorisation(INS),
    "TD1.1": lambda lps, _: lps.create_record(NEW.ins, NEW.traits, consent=NOW),
    "TD2.1": lambda lps, _: deposit(lps),
    "TD3.1a": lambda lps, _: lps.find_documents(INS),
    "TD3.1b": lambda lps, document: lps.get_documents(INS, unique_ids=[document], return_type="ObjectRef"),
    "TD3.2": lambda lps, document: lps.retrieve(INS, [document]),
    "TD3.3a": lambda lps, document: lps.mask(INS, document),
    "TD3.3b": lambda lps, document: lps.make_visible(INS, document, to_representatives=False),
    "TD3.3d": lambda lps, document: lps.archive(INS, document),
    "TD3.3c": lambda lps, document: lps.delete(INS, document),
}
OPENED = {
    M: {"TD0.2", "TD0.3", "TD1.1"},
    F: {"TD0.2", "TD0.3", "TD2.1", "TD3.1b", "TD3.3c"},
    C: {"TD0.2", "TD0.3", "TD3.1a", "TD3.1b", "TD3.2", "TD3.3a", "TD3.3b", "TD3.3d", "TD3.3c"},
}


def approve(app: LocalApp, **changes: Any) -> None:
    """Change the approval of the kit, while the server runs."""
    with app.store.write() as work:
        work.directory.put_software(replace(cast.SOFTWARE, **changes))


def fault_of(call: Callable[[], object]) -> ServerFault | None:
    try:
        call()
    except ServerFault as fault:
        return fault
    return None


def scopes(*given: tuple[Any, ...]) -> frozenset[Scope]:
    return frozenset(Scope(*words) for words in given)


@pytest.mark.parametrize("profile", Profile)
def test_a_profile_opens_its_transactions(app: LocalApp, profile: Profile) -> None:
    lps = app.session("medecin-libre")
    document = deposit(lps)
    approve(app, scopes=scopes((profile, DIRECT)))
    faults = {code: fault_of(lambda send=send: send(lps, document)) for code, send in MESSAGES.items()}
    assert {code for code, fault in faults.items() if fault is None} == OPENED[profile]
    for fault in faults.values():
        assert fault is None or fault.subcode == "DMPAuthenticationError"
        assert fault is None or [detail.rule for detail in fault.details] == ["CALL-APPROVAL"]


def test_the_refusal_names_what_was_approved_and_what_was_asked(app: LocalApp) -> None:
    approve(app, scopes=scopes((F, DIRECT), (C, AuthMode.INDIRECTE_RENFORCEE, "TD3.2")))
    with pytest.raises(ServerFault) as refused:
        app.session("medecin-libre").find_documents(INS)
    assert "alimentation en DIRECTE ; consultation (TD3.2) en INDIRECTE_RENFORCEE" in refused.value.reason
    assert "TD3.1 (consultation) en DIRECTE" in refused.value.reason
    trace = app.traces()[-1]
    assert (trace["outcome"], trace["code"]) == ("refused", "DMPAuthenticationError")
    assert (trace["person"], trace["approval_number"]) == ("899900063480", "DMPWS-KIT-tmp1")


def test_nothing_approved_opens_nothing(app: LocalApp) -> None:
    approve(app, scopes=frozenset())
    fault = fault_of(lambda: app.session("medecin-libre").test_existence(INS))
    assert fault is not None
    assert "homologué pour : rien" in fault.reason


def test_a_mode_is_approved_by_itself(app: LocalApp) -> None:
    approve(app, scopes=scopes((C, AuthMode.INDIRECTE_RENFORCEE), (F, DIRECT)))
    air = app.session("hopital", in_air(HOSPITAL_DOCTOR))
    indirect = app.session("hopital", HOSPITAL_DOCTOR)
    assert fault_of(lambda: air.test_existence(INS)) is None
    assert fault_of(lambda: air.find_documents(INS)) is None
    assert fault_of(lambda: indirect.test_existence(INS)) is not None
    assert fault_of(lambda: app.session("medecin-libre").test_existence(INS)) is None


def test_one_transaction_of_a_profile(app: LocalApp) -> None:
    approve(app, scopes=scopes((C, DIRECT, "TD3.2")))
    lps = app.session("medecin-libre")
    assert fault_of(lambda: lps.retrieve(INS, ["1.2.3"])) is None
    assert fault_of(lambda: lps.find_documents(INS)) is not None


def test_a_message_of_several_transactions_needs_them_all(app: LocalApp) -> None:
    """Deleting one document opens nothing for the other one of the same message."""
    lps = app.session("medecin-libre")
    mine, other = deposit(lps), deposit(lps)
    assert lps.add_authorisation(INS).ok
    found = lps.get_documents(INS, unique_ids=[mine, other])
    first, second = (document.entry_uuid for document in found.documents)

    def both() -> Any:
        request = status_request(lps._update_set(INS), first, Status.APPROVED, Status.DELETED)
        more = status_request(lps._update_set(INS), second, Status.APPROVED, Status.ARCHIVED)
        [added] = more.iter(f"{{{RIM}}}Association")
        added.set("id", "association2")
        request[0].append(added)
        return lps._update("TD3.3c", INS, request)

    approve(app, scopes=scopes((F, DIRECT)))
    fault = fault_of(both)
    assert fault is not None
    assert "trouvé : TD3.3d (consultation) en DIRECTE" in fault.reason
    assert app.traces()[-1]["transaction"] == "TD3.3c, TD3.3d"
    approve(app, scopes=scopes((F, DIRECT), (C, DIRECT, "TD3.3d")))
    assert both().ok


def test_a_query_that_cannot_be_read_is_not_taken_for_a_reference(app: LocalApp) -> None:
    approve(app, scopes=scopes((F, DIRECT)))
    lps = app.session("medecin-libre")
    assert fault_of(lambda: lps.get_documents(INS, entry_uuids=["urn:uuid:x"], return_type="ObjectRef")) is not None
    assert fault_of(lambda: lps.find_documents(INS, return_type="ObjectRef")) is not None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": ApprovalStatus.REVOKED}, "homologation retirée"),
        ({"status": ApprovalStatus.SUSPENDED}, "homologation suspendue"),
        ({"valid_from": TODAY + DAY}, "homologation valable à partir du 22/11/2026"),
        ({"valid_until": TODAY - DAY}, "homologation échue le 20/11/2026"),
        ({"valid_from": TODAY, "valid_until": TODAY}, ""),
    ],
)
def test_status_and_dates_take_effect_at_once(app: LocalApp, changes: dict[str, Any], sentence: str) -> None:
    lps = app.session("medecin-libre")
    assert fault_of(lambda: lps.test_existence(INS)) is None
    approve(app, **changes, scopes=EVERYTHING)
    fault = fault_of(lambda: lps.test_existence(INS))
    assert (fault is None) == (not sentence)
    assert fault is None or (fault.subcode == "DMPAuthenticationError" and sentence in fault.reason)
    approve(app)
    assert fault_of(lambda: lps.test_existence(INS)) is None


def test_unknown_software(app: LocalApp) -> None:
    stranger = replace(KIT, approval_number="AAA-000000-tmp0")
    with pytest.raises(ServerFault) as refused:
        app.session("medecin-libre", lps=stranger).test_existence(INS)
    assert refused.value.subcode == "DMPAuthenticationError"
    assert "AAA-000000-tmp0, inconnu" in refused.value.reason


def test_the_category_of_a_transaction(app: LocalApp, monkeypatch: pytest.MonkeyPatch) -> None:
    only_regulation = replace(transaction("TD0.2"), categories=frozenset({Category.LDRM}))
    monkeypatch.setitem(registry._TRANSACTIONS, "TD0.2", only_regulation)
    lps = app.session("medecin-libre")
    fault = fault_of(lambda: lps.test_existence(INS))
    assert fault is not None
    assert "attendu : un logiciel LDRM pour TD0.2 ; trouvé : DMPWS-KIT-tmp1, LGC" in fault.reason
    regulation = replace(KIT, approval_number=cast.REGULATION_SOFTWARE.number)
    assert fault_of(lambda: app.session("medecin-libre", lps=regulation).test_existence(INS)) is None
    approve(app, category=None)
    fault = fault_of(lambda: lps.test_existence(INS))
    assert fault is not None and "catégorie inconnue" in fault.reason


def test_any_number_is_good_where_the_configuration_says_so(app: LocalApp) -> None:
    """As in `local`: nothing limits what is approved, and a number withdrawn is still refused (DMPWS D41)."""
    open_app = LocalApp(app.store, app.pki, app.now, approval="any")
    approve(open_app, scopes=frozenset())
    lps = open_app.session("medecin-libre")
    assert fault_of(lambda: lps.find_documents(INS)) is None
    approve(open_app, status=ApprovalStatus.SUSPENDED)
    assert fault_of(lambda: lps.find_documents(INS)) is not None


def test_every_transaction_is_in_a_profile() -> None:
    assert [t.code for t in transactions() if not t.profiles or not t.categories] == []
