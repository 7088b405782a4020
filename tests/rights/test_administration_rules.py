"""What the record takes of an LPS: names in every corner of Unicode, dates, contacts, sizes (DMPWS D114)."""

import unicodedata
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.domain.administration import LONGEST, MOST, SCHEMES, check_traits, day_of, is_name, is_text, says_something
from dmpws.domain.checks import Report
from dmpws.domain.patient import Address, Name, Representative, Telecom, Traits

TODAY = date(2026, 11, 21)
GOOD = Traits(name=Name("PAT-TROIS", given="DOMINIQUE"), sex="F", birth_date="19790328")
ALOT = Representative("MTH", Name("ALOT", given="CECILE"))


def broken(traits: Traits) -> list[str]:
    report = Report()
    check_traits(traits, TODAY, report)
    return [check.rule.id.removeprefix("GDP-") for check in report.failures]


def named(birth: str) -> Traits:
    return replace(GOOD, name=replace(GOOD.name, birth=birth))


@pytest.mark.parametrize(
    "name",
    [
        "CLÉRICO",
        unicodedata.normalize("NFD", "CLÉRICO"),
        "GIRODET DE ROUSSY-COEUR",
        "Œuvrard",
        "ŒUF",
        "O'NEIL",
        "O’NEIL",
        "O´NEIL",
        "O`NEIL",
        "OʼNEIL",
        "D‑USAGE",
        "D–USAGE",
        "MEDECIN RPPS0043315",
        "HOPITAL DES 3. DAMES",
        "DUPONT (MARTIN)",
        "NGUYỄN",
        "ŁUKASZ",
        "Straße",
        "İPEKÇİ",
        "كريم",
        "כהן",
        "Иванов",
        "山田",
        "DE\u00a0VINCI",
        "é",
    ],
)
def test_names_people_have(name: str) -> None:
    assert broken(named(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "PAT\x00TROIS",
        "PAT\x07TROIS",
        "PAT\x1bTROIS",
        "PAT\x85TROIS",
        "PAT\u200bTROIS",
        "PAT\u200dTROIS",
        "PAT\u202eSIORT",
        "PAT\u2066TROIS",
        "PAT\u00adTROIS",
        "\ufeffPAT",
        "PAT\ue000",
        "PAT\ud800",
        "PAT\uffff",
        "PAT😀",
        "PAT☃",
        "PAT\u2028TROIS",
        "PAT\nTROIS",
        "5 € PAT",
        "PAT<TROIS>",
        "PAT\U000e0041",
    ],
)
def test_characters_names_do_not_have(name: str) -> None:
    assert broken(named(name)) == ["CHARACTERS"]


@pytest.mark.parametrize("name", ["", " ", "\u00a0", "-", "'", "…", "\u0301"])
def test_a_name_of_nothing(name: str) -> None:
    assert broken(named(name)) == ["NAME"]
    assert broken(replace(GOOD, name=replace(GOOD.name, given=name))) == ["NAME"]


def test_one_of_the_two_names_is_enough() -> None:
    assert broken(replace(GOOD, name=Name(used="ATTRIBUT", given="MONIQUE"))) == []


@pytest.mark.parametrize("size", [LONGEST, LONGEST + 1])
def test_every_text_is_bounded(size: int) -> None:
    long = "é" * size
    person = {"telecoms": (Telecom(f"tel:{'1' * (size - 4)}"),), "addresses": (Address(long, long, long, long, long),)}
    places: list[dict[str, Any]] = [
        {"name": Name(long, given="A")},
        {"name": Name("A", used=long, given="A")},
        {"name": Name("A", given=long)},
        {"name": Name("A", given="A", prefix=long)},
        {"birth_country": long},
        {"telecoms": person["telecoms"]},
        {"telecoms": (Telecom("tel:1", "H" * size),)},
        {"addresses": person["addresses"]},
        {"representatives": (replace(ALOT, **person),)},
        {"representatives": (replace(ALOT, name=Name(long)),)},
        {"vitale_name": Name(long, given="A"), "vitale_birth_date": "19790328"},
    ]
    assert [broken(replace(GOOD, **place)) for place in places] == [["LENGTH"] if size > LONGEST else []] * len(places)


@pytest.mark.parametrize("count", [MOST, MOST + 1])
def test_every_list_is_bounded(count: int) -> None:
    telecoms, addresses = (Telecom("tel:1"),) * count, (Address(city="PARIS"),) * count
    lists: list[dict[str, Any]] = [
        {"telecoms": telecoms},
        {"addresses": addresses},
        {"representatives": (ALOT,) * count},
        {"representatives": (replace(ALOT, telecoms=telecoms),)},
        {"representatives": (replace(ALOT, addresses=addresses),)},
    ]
    assert [broken(replace(GOOD, **one)) for one in lists] == [["NUMBER"] if count > MOST else []] * len(lists)


@pytest.mark.parametrize("day", ["19790328", "20261121", "18761121", "20000229", "19160901"])
def test_birth_dates(day: str) -> None:
    assert broken(replace(GOOD, birth_date=day)) == []


@pytest.mark.parametrize(
    "day",
    [
        "", "1979", "197903", "19790230", "19790229", "19000229", "19791301", "19790028", "19790300", "00000000",
        "99999999", "20261122", "18751231", "00010101", "197903281200", "1979-3-28", "+9790328", "19790328 ",
        "１９７９０３２８", "x" * 10_000,
    ],
)  # fmt: skip
def test_impossible_birth_dates(day: str) -> None:
    assert broken(replace(GOOD, birth_date=day)) == ["BIRTH"]


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("20261121", date(2026, 11, 21)),
        ("2026112112", date(2026, 11, 21)),
        ("202611211230", date(2026, 11, 21)),
        ("20261121123000", date(2026, 11, 21)),
        ("20261121123000.1234", date(2026, 11, 21)),
        ("20261121123000+0100", date(2026, 11, 21)),
        ("2026", None),
        ("202611", None),
        ("20261131", None),
        ("20260229", None),
        ("00000101", None),
        ("2026112", None),
        ("202611211", None),
        ("20261121+0100x", None),
        ("hier", None),
        ("", None),
        ("٢٠٢٦١١٢١", None),
    ],
)
def test_days_of_times(time: str, day: date | None) -> None:
    assert day_of(time) == day


@pytest.mark.parametrize("value", ["tel:0102030405", "TEL:+33 1 02", "mailto:a@b", "fax:01"])
def test_contacts(value: str) -> None:
    assert broken(replace(GOOD, telecoms=(Telecom(value, "HP"),))) == []


@pytest.mark.parametrize(
    "value",
    ["0102030405", "javascript:alert(1)", "http://x", "tel:", "tel: ", "data:text/html,x", ":1", "tel", "tel:\x00"],
)
def test_what_is_no_contact(value: str) -> None:
    assert broken(replace(GOOD, telecoms=(Telecom(value),)))[0] in {"TELECOM", "CHARACTERS"}
    assert broken(replace(GOOD, representatives=(replace(ALOT, telecoms=(Telecom(value),)),)))


@pytest.mark.parametrize("sex", ["M", "F", "U", "UN"])
def test_sexes(sex: str) -> None:
    assert broken(replace(GOOD, sex=sex)) == []


@pytest.mark.parametrize("sex", ["", "m", "X", "MF", "1", "M "])
def test_what_is_no_sex(sex: str) -> None:
    assert broken(replace(GOOD, sex=sex)) == ["SEX"]


@pytest.mark.parametrize("relation", ["", "mth", "BOSS", "MTH FTH", "x" * 1000])
def test_relations_out_of_the_table(relation: str) -> None:
    assert broken(replace(GOOD, representatives=(replace(ALOT, code=relation),))) == ["RELATION"]


def test_a_representative_has_a_name() -> None:
    assert broken(replace(GOOD, representatives=(replace(ALOT, name=Name(given="CECILE")),))) == ["RELATION"]


@pytest.mark.parametrize("day", ["19790328", "19790028", "19794228", "19790000"])
def test_a_card_may_have_a_lunar_date(day: str) -> None:
    assert broken(replace(GOOD, vitale_name=Name("PAT", given="D"), vitale_birth_date=day)) == []


@pytest.mark.parametrize(
    ("name", "day"),
    [
        (Name("PAT", given="D"), ""),
        (Name("PAT"), "19790328"),
        (Name(given="D"), "19790328"),
        (Name("PAT", given="D"), "79"),
    ],
)
def test_a_card_that_was_read_in_part(name: Name, day: str) -> None:
    assert broken(replace(GOOD, vitale_name=name, vitale_birth_date=day)) == ["VITALE"]


@pytest.mark.parametrize("text", ["1 bis, rue du 8-Mai n° 5", "A+B = C", "№ 5 ½", "€ §", "😀"])
def test_other_texts_have_symbols(text: str) -> None:
    assert broken(replace(GOOD, addresses=(Address(street=text),))) == []


@given(st.text(max_size=40))
def test_no_text_has_what_moves_other_text(text: str) -> None:
    assert is_text(text) == all(c.isprintable() or unicodedata.category(c) == "Zs" for c in text)
    assert is_text(text) or not is_name(text)


@given(st.text())
def test_texts_without_letters_say_nothing(text: str) -> None:
    assert says_something(text) == any(c.isalpha() or unicodedata.category(c)[0] == "N" for c in text)


@given(
    st.builds(
        Traits,
        name=st.builds(Name, birth=st.text(), used=st.text(), given=st.text(), prefix=st.text()),
        sex=st.text(max_size=3),
        birth_date=st.text(max_size=9),
        telecoms=st.lists(st.builds(Telecom, st.sampled_from(SCHEMES).flatmap(lambda s: st.text().map(s.__add__)))).map(
            tuple
        ),
    )
)
def test_no_data_make_the_check_fail(traits: Traits) -> None:
    report = Report()
    check_traits(traits, TODAY, report)
    assert all(len(check.message) < 2000 for check in report.checks)
