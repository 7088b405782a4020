"""A backlog deposited over a network that breaks and by a process that dies: every document once."""

import io
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lxml import etree
from test_documents import report

from dmpws import cast
from dmpws.client import BacklogLot, Deposit, LotState, LpsSession, SentLots, Unreachable, deposit_backlog
from dmpws.client.envelope import envelope
from dmpws.client.errors import ServerFault
from dmpws.client.lot import Lot
from dmpws.client.transport import Answer, Transport
from dmpws.codec.ebxml.names import ERROR, FAILURE
from dmpws.domain.document import Status
from dmpws.domain.patient import Ins
from dmpws.http.mtom import write_package
from dmpws.testing.local import LocalApp
from dmpws.xml.names import RS

INS: Ins = cast.PATIENTS["nessi"].ins
GUIDE = Path(__file__).parents[2] / "docs/how-to/migrate-a-backlog.md"


class ProcessDied(BaseException):
    """Nothing of the kit catches it."""


@dataclass
class Bad:
    """What happens to the next deposits, one entry each: ok, lost, cut, died, busy, late."""

    transport: Transport
    plan: Iterator[str]
    url: str = ""
    held: list[tuple[str, str, bytes]] = field(default_factory=list)

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        if "repository" not in service.lower() or "ProvideAndRegister" not in content_type:
            return self.transport.post(service, content_type, content, length)
        octets = b"".join(content)
        fate = next(self.plan, "ok")
        if fate in ("lost", "late"):
            if fate == "late":
                self.held.append((service, content_type, octets))
            raise Unreachable("cut before the server had it all")
        if fate == "busy":
            return busy()
        if self.held and fate == "arrives":
            late_service, late_type, late = self.held.pop()
            self.transport.post(late_service, late_type, [late], len(late))
        answer = self.transport.post(service, content_type, [octets], length)
        if fate == "cut":
            raise Unreachable("cut before the answer")
        if fate == "died":
            raise ProcessDied
        return answer

    def close(self) -> None:
        self.transport.close()


def busy() -> Answer:
    response = etree.Element(f"{{{RS}}}RegistryResponse", status=FAILURE)
    errors = etree.SubElement(response, f"{{{RS}}}RegistryErrorList")
    etree.SubElement(
        errors, f"{{{RS}}}RegistryError", errorCode="XDSRegistryBusy", codeContext="plus tard", severity=ERROR
    )
    body = envelope(action="urn:x", to="", assertion=b"", body=etree.tostring(response))
    sent = write_package(body, {}, action="urn:x")
    octets = b"".join(sent.chunks)
    return Answer(200, sent.content_type, io.BytesIO(octets))


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[SentLots]:
    with SentLots(tmp_path / "sent.sqlite") as opened:
        yield opened


@pytest.fixture
def start(app: LocalApp, sent: SentLots) -> Callable[..., LpsSession]:
    """A session of Dr LIBRE whose next deposits have these fates."""
    assert app.session("medecin-libre").add_authorisation(INS).ok

    def started(*fates: str) -> LpsSession:
        session = app.session("medecin-libre", sent=sent)
        session._transport = Bad(session._transport, iter(fates), session._transport.url)
        return session

    return started


def archive(lots: int, documents: int = 1) -> Iterator[BacklogLot]:
    """Made anew in each run, under new uniqueIds, as an LPS that makes CDA from its tables would."""
    for number in range(lots):
        titles = [f"{number}/{n}" for n in range(documents)]
        yield BacklogLot(f"lot {number}", INS, [Deposit(report(title=title)) for title in titles])


def on_the_server(app: LocalApp) -> Counter[str]:
    """How often each title is there."""
    found = app.session("medecin-libre").find_documents(INS, statuses=tuple(Status))
    assert found.ok, found.problems
    return Counter(d.title for d in found.documents)


def run(session: LpsSession, lots: Iterable[BacklogLot], **options: object) -> tuple[int, int, list[str]]:
    pauses: list[float] = []
    done = deposit_backlog(session, lots, sleep=pauses.append, **options)  # type: ignore[arg-type]
    return done.deposited, done.already, [kept.code for kept in done.kept]


def test_three_hundred_documents_arrive_once(app: LocalApp, sent: SentLots, start: Callable[..., LpsSession]) -> None:
    """60 lots of 5. The process dies twice and is started again; many answers get lost on the way."""
    fates = [["ok", "cut", "lost", "ok", "busy", "busy", "ok", "died"], ["ok"] * 20 + ["cut"] * 5 + ["died"]]
    for plan in fates:
        with pytest.raises(ProcessDied):
            run(start(*plan), archive(60, 5))
        assert len(sent.lots(LotState.SENT)) == 1
    deposited, already, kept = run(start("lost", "cut", "busy"), archive(60, 5))
    assert (deposited + already, kept) == (60, [])
    assert already > 20
    assert on_the_server(app) == Counter(f"{n}/{m}" for n in range(60) for m in range(5))
    assert {lot.state for lot in sent.lots()} == {LotState.ACKNOWLEDGED}
    assert run(start(), archive(60, 5)) == (0, 60, [])


def test_an_earlier_attempt_that_arrives_late_is_not_doubled(app: LocalApp, start: Callable[..., LpsSession]) -> None:
    """The server registers the first attempt after it was asked for it, before it gets the second."""
    assert run(start("late", "arrives"), archive(1)) == (1, 0, [])
    assert on_the_server(app) == {"0/0": 1}


def test_nor_is_one_of_an_earlier_run(app: LocalApp, start: Callable[..., LpsSession]) -> None:
    """The second run makes another lot, of documents with the same uniqueIds."""
    first, second = start("late"), start("arrives")
    with pytest.raises(Unreachable):
        run(first, archive(1), attempts=1)
    assert isinstance(first._transport, Bad) and isinstance(second._transport, Bad)
    second._transport.held = first._transport.held
    assert run(second, archive(1)) == (1, 0, [])
    assert on_the_server(app) == {"0/0": 1}


def test_it_waits_longer_each_time_and_stops_in_the_end(
    app: LocalApp, sent: SentLots, start: Callable[..., LpsSession]
) -> None:
    pauses: list[float] = []
    with pytest.raises(Unreachable, match="lot 0"):
        deposit_backlog(start(*["busy", "lost"] * 2), archive(1), attempts=4, pause=2, sleep=pauses.append)
    assert pauses == [2, 4, 8]
    assert [lot.state for lot in sent.lots()] == [LotState.SENT]
    with pytest.raises(Unreachable):
        run(start(*["busy"] * 3), archive(1), attempts=3)
    assert on_the_server(app) == {}
    assert run(start(), archive(1)) == (1, 0, [])


def test_what_is_refused_is_kept_aside_with_its_reason(
    app: LocalApp, sent: SentLots, start: Callable[..., LpsSession]
) -> None:
    other = replace(report().author, person="801234534765", family="CAMPARINI")
    lots = [
        BacklogLot("good", INS, [Deposit(report(title="good"))]),
        BacklogLot("somebody else's", INS, [Deposit(report(author=other))]),
        BacklogLot("not a CDA", INS, [Deposit(b"%PDF-1.7")]),
        BacklogLot("good too", INS, [Deposit(report(title="good too"))]),
    ]
    seen: list[int] = []
    done = deposit_backlog(start(), lots, progress=lambda so_far: seen.append(so_far.deposited))
    assert (done.deposited, seen) == (2, [1, 1, 1, 2])
    assert [kept.key for kept in done.kept] == ["somebody else's", "not a CDA"]
    assert all(kept.reason for kept in done.kept)
    (refused,) = sent.lots(LotState.REFUSED)
    assert (refused.key, refused.code, refused.reason) == ("somebody else's", done.kept[0].code, done.kept[0].reason)
    assert on_the_server(app) == {"good": 1, "good too": 1}
    assert run(start(), lots)[:2] == (0, 2)
    lots[1] = BacklogLot("somebody else's", INS, [Deposit(report(title="mine after all"))])
    assert run(start(), lots)[0] == 0
    assert run(start(), lots, retry_refused=True)[:2] == (1, 2)
    assert on_the_server(app)["mine after all"] == 1


def test_a_document_that_was_there_before_is_no_success(start: Callable[..., LpsSession]) -> None:
    """Another lot has brought this uniqueId: the list cannot say that this deposit is the one."""
    octets = report().to_xml()
    first, second = (BacklogLot(key, INS, [Deposit(octets)]) for key in ("first", "second"))
    done = deposit_backlog(start(), [first, second])
    assert done.deposited == 1
    (kept,) = done.kept
    assert (kept.key, kept.code, "REG-KNOWN" in kept.reason) == ("second", "XDSRegistryMetadataError", True)


def test_a_fault_stops_the_run(app: LocalApp, sent: SentLots, start: Callable[..., LpsSession]) -> None:
    session = start()
    broken = app.session("medecin-libre", sent=sent, lps=replace(session.lps, approval_number="inconnu"))
    with pytest.raises(ServerFault) as fault:
        run(broken, archive(2))
    assert [(lot.key, lot.code) for lot in sent.lots()] == [("lot 0", fault.value.subcode)]


def test_a_backlog_needs_a_list(app: LocalApp) -> None:
    with pytest.raises(ValueError, match="sent=SentLots"):
        deposit_backlog(app.session("medecin-libre"), [])


# The list itself


def test_a_lot_is_on_the_list_before_it_is_sent(sent: SentLots, start: Callable[..., LpsSession]) -> None:
    session = start("died", "lost")
    arrived, lost = (session.build_lot(INS, [Deposit(report())]) for _ in range(2))
    with pytest.raises(ProcessDied):
        session.send_lot(INS, arrived)
    with pytest.raises(Unreachable):
        session.send_lot(INS, lost)
    assert [lot.unique_id for lot in sent.lots(LotState.SENT)] == [arrived.unique_id, lost.unique_id]
    assert [lot.unique_id for lot in session.check_sent()] == [lost.unique_id]
    assert [lot.unique_id for lot in sent.lots(LotState.ACKNOWLEDGED)] == [arrived.unique_id]
    assert session.send_lot(INS, lost).ok
    assert session.check_sent() == []


def test_the_list_says_what_and_for_whom(app: LocalApp, sent: SentLots, start: Callable[..., LpsSession]) -> None:
    session = start()
    lot: Lot = session.build_lot(INS, [Deposit(report())])
    assert session.send_lot(INS, lot).ok
    (row,) = sent.lots()
    (document,) = session.get_documents(INS, unique_ids=lot.document_ids).documents
    assert (row.ins, row.sent_at, row.key) == (INS, app.now, "")
    assert [(d.unique_id, d.sha1) for d in row.documents] == [(document.unique_id, document.hash)]
    assert not session.send_lot(INS, lot).ok  # a second time by mistake
    assert [lot.state for lot in sent.lots()] == [LotState.ACKNOWLEDGED]


def test_only_the_owner_reads_the_list(tmp_path: Path) -> None:
    SentLots(tmp_path / "list").close()
    assert stat.S_IMODE((tmp_path / "list").stat().st_mode) == 0o600


def test_the_guide_does_what_it_says(
    app: LocalApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.session("medecin-libre").add_authorisation(INS).ok
    rows = [(str(n), INS, report(title=str(n)).to_xml()) for n in range(3)]
    given = {"open_session": lambda sent: app.session("medecin-libre", sent=sent), "archive": rows}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for _ in range(2):
        for block in blocks:
            exec(block, given)
    assert on_the_server(app) == {"0": 1, "1": 1, "2": 1}
    printed = capsys.readouterr().out.splitlines()
    assert printed.count("3 deposited, 0 there before, 0 kept aside") == 1
    assert printed.count("0 deposited, 3 there before, 0 kept aside") == 1
