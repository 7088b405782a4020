"""Over-use: a search too many is refused, and a search that is answered is counted with its trace (DMPWS D138)."""

from collections.abc import Callable, Iterator, Sequence

from dmpws.domain.checks import Rule, demand
from dmpws.domain.over_use import Counted, Recent, Threshold
from dmpws.transactions.call import Call
from dmpws.transactions.ports import UnitOfWork

BELOW = Rule(
    "OVER-USE",
    "L'utilisateur et son logiciel restent sous leurs seuils de recherches",
    "GI-DMP EX_3.1-2035",
    "DMPAccessDeniedByExcededThreshold",
)
_FRENCH = {Counted.USER: "par utilisateur", Counted.SOFTWARE: "par logiciel"}


def thresholds(call: Call) -> Iterator[Threshold]:
    """The thresholds that bound this call; none where the options are 0."""
    settings = call.settings
    for who, key, most in (
        (Counted.USER, call.vihf.name_id, settings.threshold_user),
        (Counted.SOFTWARE, call.vihf.approval_number, settings.threshold_software),
    ):
        if most > 0:
            yield Threshold(who, key, most, settings.threshold_window)


def bound(call: Call) -> None:
    """Refuse a search above a threshold; let one that is answered be counted in the transaction of its trace.

    Asked again there, under a lock: of many searches at once none is too many.
    """
    limits = tuple(thresholds(call))
    for limit in limits:
        _require(call, limit, call.store.usage.get)
    if limits:
        call.notes.with_trace.append(lambda work: _count(call, work, limits))


def _count(call: Call, work: UnitOfWork, limits: Sequence[Threshold]) -> None:
    for limit in limits:
        recent = _require(call, limit, work.usage.hold)
        work.usage.put(limit.who, limit.key, limit.with_one_more(recent, call.now))


def _require(call: Call, limit: Threshold, read: Callable[[Counted, str], Sequence[Sequence[int]]]) -> Recent:
    recent = limit.remembered(read(limit.who, limit.key), call.now)
    reached = limit.reached(recent)
    again = f"{limit.free_at(recent):%d/%m/%Y à %H:%M:%S} UTC" if reached else ""
    demand(
        not reached,
        BELOW,
        expected=f"au plus {limit.most} recherches en {limit.window.total_seconds():.0f} s {_FRENCH[limit.who]}",
        found=f"{sum(count for _, count in recent)} ; nouvel essai à partir du {again}",
    )
    return recent
