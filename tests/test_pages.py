"""The generated pages of the documentation are those of today's registry, sheets and catalogue."""

from pathlib import Path

import pytest

from dmpws.domain.errors import CATALOGUE
from dmpws.testing.pages import FAQ, GENERATED, INDEX, pages
from dmpws.transactions.registry import Interface, transactions

DOCS = Path(__file__).parents[1] / "docs"
PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_file_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name], "run `make docs`"


def test_no_generated_page_is_left_over() -> None:
    found = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md") if GENERATED in p.read_text("utf-8")}
    assert found == set(PAGES)


def test_every_transaction_has_a_page_with_its_wire_facts() -> None:
    for entry in (entry for interface in Interface for entry in transactions(interface)):
        page = PAGES[f"reference/transactions/{entry.code}.md"]
        assert entry.title in page
        assert f"[{entry.code}]({entry.code}.md)" in PAGES[INDEX]
        if entry.operation is not None:
            assert {entry.operation.action in page, entry.operation.body in page} == {True}


def test_every_error_code_is_explained() -> None:
    for code in CATALOGUE.values():
        assert f"## {code.name}\n" in PAGES[FAQ]
        assert code.cause.endswith(".") and code.remedy.endswith(".")
        assert code.cause != code.remedy


def test_every_page_is_in_the_index_once() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    found = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if path.name != "README.md"]
    listed = [page for page in found if not page.startswith("reference/transactions/")]
    assert {page: index.count(f"({page})") for page in listed} == dict.fromkeys(listed, 1)
