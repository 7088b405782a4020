"""Depositing what an LPS has in its archive: many lots, any number of interruptions, every document once."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from dmpws.client.cda import ClinicalDocument
from dmpws.client.errors import BadAnswer, Unreachable
from dmpws.client.lot import Deposit, Lot
from dmpws.client.sent import LotState, SentLot, SentLots
from dmpws.client.session import LpsSession
from dmpws.domain.checks import Refused
from dmpws.domain.patient import Ins

BUSY = "XDSRegistryBusy"


@dataclass(frozen=True, slots=True)
class BacklogLot:
    """Documents of one patient to deposit together. key: its name in the LPS, the same in every run."""

    key: str
    ins: Ins
    deposits: Sequence[Deposit]
    title: str = ""


@dataclass(frozen=True, slots=True)
class KeptAside:
    """A lot that was not deposited. code: of the server, or empty when the lot could not even be made."""

    key: str
    code: str
    reason: str


@dataclass(slots=True)
class BacklogReport:
    """Lots: deposited by this run (or found to have arrived), there since an earlier one, and kept aside."""

    deposited: int = 0
    already: int = 0
    kept: list[KeptAside] = field(default_factory=list)


def deposit_backlog(
    session: LpsSession,
    lots: Iterable[BacklogLot],
    *,
    attempts: int = 8,
    pause: float = 1,
    retry_refused: bool = False,
    progress: Callable[[BacklogReport], None] = lambda _report: None,
    sleep: Callable[[float], None] = time.sleep,
) -> BacklogReport:
    """Deposit lots one after the other; a later run with the same list of sent lots goes on where this one stopped.

    session: with a list (`sent`). attempts: for each lot, without an answer or with XDSRegistryBusy. pause: seconds
    before the second attempt, doubled before each further one. retry_refused: send again what was refused in an
    earlier run. progress: called after each lot.

    Raises Unreachable when the attempts are used up, and ServerFault, which is about the session more often than
    about the lot: the run stops, nothing is lost. ValueError when the session has no list.
    """
    if session.sent is None:
        raise ValueError("a backlog needs the list of what was sent: LpsSession(…, sent=SentLots(path))")
    run = _Run(session, session.sent, attempts, pause, retry_refused, sleep)
    report = BacklogReport()
    for lot in lots:
        run.deposit(lot, report)
        progress(report)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    session: LpsSession
    sent: SentLots
    attempts: int
    pause: float
    retry_refused: bool
    sleep: Callable[[float], None]

    def deposit(self, item: BacklogLot, report: BacklogReport) -> None:
        known = self.sent.of_key(item.key)
        if known is not None and known.state is LotState.ACKNOWLEDGED:
            report.already += 1
            return
        if known is not None and self._is_kept(known):
            report.kept.append(KeptAside(item.key, known.code, known.reason))
            return
        try:
            deposits = _under_the_same_ids(item.deposits, known) if known else item.deposits
            lot = self.session.build_lot(item.ins, deposits, title=item.title)
        except (Refused, ValueError) as error:
            report.kept.append(KeptAside(item.key, "", str(error)))
            return
        unsure = known is not None and known.state is LotState.SENT
        if kept := self._send(item, lot, unsure=unsure):
            report.kept.append(kept)
        else:
            report.deposited += 1

    def _is_kept(self, known: SentLot) -> bool:
        return known.state is LotState.REFUSED and known.code != BUSY and not self.retry_refused

    def _send(self, item: BacklogLot, lot: Lot, *, unsure: bool) -> KeptAside | None:
        """Send a lot until it is answered; unsure: it may have arrived already."""
        for attempt in range(self.attempts):
            if attempt:
                self.sleep(self.pause * 2 ** (attempt - 1))
            try:
                if unsure and self._has_arrived(item, lot):
                    return None
                answer = self.session.send_lot(item.ins, lot, key=item.key)
                if answer.ok:
                    return None
                codes = [problem.code for problem in answer.problems]
                # An earlier attempt may have been registered between the question and this one, which its
                # uniqueIds then made a duplicate: the code depends on the server (DMPWS D16).
                if unsure and BUSY not in codes and self._has_arrived(item, lot):
                    return None
            except (Unreachable, BadAnswer):
                unsure = True
                continue
            if BUSY not in codes:
                first = answer.problems[0] if answer.problems else None
                return KeptAside(item.key, first.code if first else "", first.text if first else answer.status)
        raise Unreachable(f"{item.key}: no answer but {BUSY} or none in {self.attempts} attempts")

    def _has_arrived(self, item: BacklogLot, lot: Lot) -> bool:
        known = self.sent.of_key(item.key)
        if known is None or not self.session.has_arrived(item.ins, lot.document_ids):
            return False
        self.sent.acknowledge(known.unique_id)
        return True


def _under_the_same_ids(deposits: Sequence[Deposit], known: SentLot) -> list[Deposit]:
    """The deposits with the uniqueIds of the first attempt: the server then refuses a second copy.

    Documents given as octets carry theirs. Raises ValueError when the lot has another number of documents now.
    """
    return [
        replace(deposit, document=replace(deposit.document, unique_id=unique_id))
        if isinstance(deposit.document, ClinicalDocument)
        else deposit
        for deposit, unique_id in zip(deposits, known.document_ids, strict=True)
    ]
