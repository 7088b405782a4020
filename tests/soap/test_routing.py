"""The table from path, body and action to operation."""

import pytest

from dmpws.soap.message import Operation
from dmpws.soap.routing import services


def operation(
    name: str, body: str, action: str, *, service: str = "s", mtom: bool = False, **more: object
) -> Operation:
    return Operation(service, name, body, action, action + "Response", mtom_answer=mtom, **more)  # type: ignore[arg-type]


def test_aliases_serve_the_same_operations() -> None:
    provide = operation("Provide", "{x}P", "urn:p", service="repository", aliases=("repositoryCPE",))
    known = services([provide])
    assert sorted(known) == ["repository", "repositoryCPE"]
    assert known["repositoryCPE"].select("{x}P", "urn:p", strict=True) is provide


def test_a_variant_shared_by_two_operations_is_resolved_by_the_body() -> None:
    one = operation("One", "{x}A", "urn:one", action_variants=("urn:both",))
    two = operation("Two", "{x}B", "urn:two", action_variants=("urn:both",))
    service = services([one, two])["s"]
    assert service.select("{x}A", "urn:both", strict=True) is one
    assert service.select("{x}B", "urn:both", strict=True) is two


def test_operations_that_nothing_distinguishes_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="have the same body"):
        services([operation("One", "{x}A", "urn:a"), operation("Two", "{x}A", "urn:a")])


def test_a_service_answers_unreadable_requests_in_mtom_when_all_its_operations_do() -> None:
    mtom, simple = operation("One", "{x}A", "urn:a", mtom=True), operation("Two", "{x}B", "urn:b")
    assert services([mtom])["s"].mtom
    assert not services([mtom, simple])["s"].mtom
