"""Where people find a document: a row for each type that may be submitted, and the public names of the categories."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dmpws.codec.value_sets import rubriques, value_sets
from dmpws.domain.document import SIGNATURE_TYPE
from dmpws.domain.lot.codes import forbidden_code
from dmpws.domain.rubriques import OTHERS, Category, Espace, by_espace
from dmpws.domain.value_sets import Attribute
from dmpws.testing import deposits


def test_each_type_has_a_place_but_the_signature() -> None:
    types = {key: member.code for key, member in value_sets().sets[Attribute.TYPE].items()}
    assert [code.code for code in types.values() if rubriques().of(code) is None] == [SIGNATURE_TYPE.code]
    assert rubriques().table.keys() <= types.keys()


def test_what_an_lps_may_deposit_has_an_espace() -> None:
    """Every type in force that is neither the patient's, the Assurance Maladie's, the DMP's, nor a signature."""
    types = [m.code for m in value_sets().sets[Attribute.TYPE].values() if m.stop is None]
    entries = [deposits.entry(type_code=code, class_code=value_sets().class_of(code)) for code in types]
    mine = [e.type_code for e in entries if not forbidden_code(e, e.class_code) and not e.is_signature]
    assert len(mine) > 80
    assert [code for code in mine if rubriques().espace_of(code) is None] == []


@given(st.lists(st.sampled_from([*Espace, None])))
def test_headings_in_the_order_of_the_record(espaces: list[Espace | None]) -> None:
    found = by_espace(enumerate(espaces), lambda item: item[1])
    headings = [*(espace.value for espace in Espace), OTHERS]
    assert list(found) == [heading for heading in headings if heading in found]
    assert sorted(item for items in found.values() for item in items) == sorted(enumerate(espaces))
    for items in found.values():
        assert items == sorted(items)
        assert len({espace for _, espace in items}) == 1


def test_no_place_is_empty() -> None:
    places = rubriques().table.values()
    assert {place.espace for place in places} == set(Espace)
    assert {place.category for place in places} == set(Category)


def test_the_categories_are_the_public_ones(reference: Path) -> None:
    lines = (reference / "terminology" / "MES_CategorieDocument.tsv").read_text("utf-8").splitlines()
    public = {line.split("\t")[0]: line.split("\t")[2] for line in lines if not line.startswith("#")}
    assert {category.name: category.value for category in Category} == public
