"""Where people find a document: a row for each type that may be submitted, and the public names of the categories."""

from pathlib import Path

from dmpws.codec.value_sets import rubriques, value_sets
from dmpws.domain.document import SIGNATURE_TYPE
from dmpws.domain.rubriques import Category, Espace
from dmpws.domain.value_sets import Attribute


def test_each_type_has_a_place_but_the_signature() -> None:
    types = {key: member.code for key, member in value_sets().sets[Attribute.TYPE].items()}
    assert [code.code for code in types.values() if rubriques().of(code) is None] == [SIGNATURE_TYPE.code]
    assert rubriques().table.keys() <= types.keys()


def test_no_place_is_empty() -> None:
    places = rubriques().table.values()
    assert {place.espace for place in places} == set(Espace)
    assert {place.category for place in places} == set(Category)


def test_the_categories_are_the_public_ones(reference: Path) -> None:
    lines = (reference / "terminology" / "MES_CategorieDocument.tsv").read_text("utf-8").splitlines()
    public = {line.split("\t")[0]: line.split("\t")[2] for line in lines if not line.startswith("#")}
    assert {category.name: category.value for category in Category} == public
