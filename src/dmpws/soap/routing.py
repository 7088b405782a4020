"""From path, Body element and wsa:Action to the operation."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dmpws.domain.checks import Rule, refusal
from dmpws.soap.addressing import action_mismatch, action_not_supported, action_required
from dmpws.soap.message import Operation

UNKNOWN_BODY = Rule("SOAP-OPERATION", "Le service a une opération pour ce message", "SOAP12 5.3", "DMPInvalidRequest")


@dataclass(slots=True)
class Service:
    """The operations behind one path."""

    name: str
    by_body: dict[str, list[Operation]] = field(default_factory=dict)
    by_action: dict[str, list[Operation]] = field(default_factory=dict)

    def add(self, operation: Operation) -> None:
        self.by_body.setdefault(operation.body, []).append(operation)
        for action in (operation.action, *operation.action_variants):
            self.by_action.setdefault(action, []).append(operation)

    @property
    def mtom(self) -> bool:
        """Whether all its operations answer in MTOM, so that an unreadable request is answered in MTOM too."""
        operations = [operation for same_body in self.by_body.values() for operation in same_body]
        return bool(operations) and all(operation.mtom_answer for operation in operations)

    def select(self, body: str, action: str, *, strict: bool) -> Operation:
        """The operation meant by a Body element and a wsa:Action ("" when absent). Raises Refused and SoapFault.

        strict: the action is required even where the body alone decides.
        """
        candidates = self.by_body.get(body, [])
        if action:
            if action not in self.by_action:
                raise action_not_supported(action, self.name)
            for operation in self.by_action[action]:
                if operation in candidates:
                    return operation
            raise action_mismatch(action, body)
        if strict or len(candidates) > 1:
            raise action_required()
        if not candidates:
            raise refusal(UNKNOWN_BODY, expected=", ".join(self.by_body), found=body)
        return candidates[0]


def services(operations: Iterable[Operation]) -> dict[str, Service]:
    """The services by path segment, aliases included. Raises ValueError when two cannot be told apart."""
    found: dict[str, Service] = {}
    for operation in operations:
        for path in (operation.service, *operation.aliases):
            service = found.setdefault(path, Service(path))
            twin = [o for o in service.by_body.get(operation.body, []) if o.action == operation.action]
            if twin:
                raise ValueError(f"{operation.name} and {twin[0].name} have the same body and action")
            service.add(operation)
    return found
