"""What the structured documents of the set `plan` say: a synthesis, results, a certificate and refunds. All ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from lxml import etree

from dmpws.client.biology import OBSERVATION
from dmpws.client.cda import LOINC, Section
from dmpws.client.clinical import Interval, Quantity
from dmpws.client.clinical_writing import value
from dmpws.client.vsm import Allergy, Entry, FamilyProblem, Finding, Heading, Problem, Procedure, Treatment
from dmpws.codec.cda_writing import E, coded, hl7_time, template
from dmpws.domain.code import Code

_ICD10, _CCAM, _ATC = "2.16.840.1.113883.6.3", "1.2.250.1.213.2.5", "2.16.840.1.113883.6.73"
_SNOMED, _ROLES = "2.16.840.1.113883.6.96", "2.16.840.1.113883.5.111"
_INTERPRETATION = "2.16.840.1.113883.5.83"
_TABLET, _DAY = "{tablet}", "d"
_PRESSURE = Code("I10", _ICD10, "Hypertension essentielle (primitive)")
_DIABETES = Code("E11.9", _ICD10, "Diabète sucré de type 2, sans complication")

SYNTHESIS: Mapping[Heading, Sequence[Entry]] = {
    Heading.PROBLEMS: (
        Problem(_PRESSURE, "Hypertension artérielle", "20120315"),
        Problem(_DIABETES, "Diabète de type 2", "2016"),
    ),
    Heading.MEDICAL_HISTORY: (
        Problem(
            Code("J18.9", _ICD10, "Pneumopathie, sans précision"), "Pneumopathie", "201801", "201802", active=False
        ),
    ),
    Heading.SURGICAL_HISTORY: (
        Procedure(
            Code("HHFA001", _CCAM, "Appendicectomie, par abord de la fosse iliaque"), "Appendicectomie", "1998", "1998"
        ),
    ),
    Heading.ALLERGIES: (
        Allergy(
            Code("416098002", _SNOMED, "Allergie à un médicament"),
            Code("J01C", _ATC, "Bêtalactamines : pénicillines"),
            "Pénicilline",
            "2004",
        ),
    ),
    Heading.LIFESTYLE: (
        Finding(
            Code("74011-8", LOINC, "Consommation tabagique"), "Tabac, arrêté en 2015", Quantity(Decimal(12), "{pack}/a")
        ),
    ),
    Heading.FAMILY_HISTORY: (
        FamilyProblem(
            Code("FTH", _ROLES, "Père"), Code("I21", _ICD10, "Infarctus aigu du myocarde"), "Infarctus du myocarde"
        ),
    ),
    Heading.TREATMENTS: (
        Treatment(
            Code("C09AA05", _ATC, "Ramipril"),
            "Ramipril 5 mg, comprimé",
            "20120315",
            dose=Quantity(Decimal(1), _TABLET),
            every=Quantity(Decimal(1), _DAY),
            reason=_PRESSURE,
        ),
        Treatment(
            Code("A10BA02", _ATC, "Metformine"),
            "Metformine 500 mg, comprimé",
            "2016",
            dose=Quantity(Decimal(1), _TABLET),
            every=Quantity(Decimal(12), "h"),
            reason=_DIABETES,
        ),
    ),
}
VIGILANCE: Mapping[Heading, Sequence[str]] = {
    Heading.VIGILANCE: ["Fonction rénale et HbA1c tous les trois mois."],
    Heading.OCCUPATIONAL_RISKS: ["Travail de nuit jusqu'en 2019."],
}


@dataclass(frozen=True, slots=True)
class _Measure:
    test: Code
    label: str
    found: Quantity
    usual: Interval
    verdict: str


@dataclass(frozen=True, slots=True)
class _Panel:
    chapter: Code
    battery: Code
    measures: tuple[_Measure, ...]


def _measure(code: str, label: str, found: str, unit: str, low: str, high: str) -> _Measure:
    lowest, amount, highest = (Quantity(Decimal(number), unit) for number in (low, found, high))
    verdict = "L" if amount.value < lowest.value else "H" if amount.value > highest.value else "N"
    return _Measure(Code(code, LOINC, label), label, amount, Interval(lowest, highest), verdict)


PANELS = {
    "blood-count": _Panel(
        Code("18723-7", LOINC, "Hématologie"),
        Code("58410-2", LOINC, "Hémogramme"),
        (
            _measure("718-7", "Hémoglobine", "11.2", "g/dL", "12.0", "16.0"),
            _measure("789-8", "Hématies", "4.1", "10*6/uL", "3.8", "5.8"),
            _measure("787-2", "Volume globulaire moyen", "78", "fL", "80", "100"),
            _measure("6690-2", "Leucocytes", "7.4", "10*3/uL", "4.0", "10.0"),
            _measure("777-3", "Plaquettes", "262", "10*3/uL", "150", "400"),
        ),
    ),
    "electrolytes": _Panel(
        Code("18719-5", LOINC, "Biochimie"),
        Code("24326-1", LOINC, "Ionogramme sanguin"),
        (
            _measure("2951-2", "Sodium", "139", "mmol/L", "136", "145"),
            _measure("2823-3", "Potassium", "5.3", "mmol/L", "3.5", "5.1"),
            _measure("2075-0", "Chlorure", "102", "mmol/L", "98", "107"),
        ),
    ),
}
CERTIFICATE = (
    Section(
        Code("57075-4", LOINC, "Informations sur l'accouchement et le nouveau-né"),
        "Informations sur le nouveau-né",
        ["Naissance à 39 semaines d'aménorrhée, voie basse.", "Poids 3 320 g, taille 50 cm, périmètre crânien 35 cm."],
    ),
    Section(
        Code("29545-1", LOINC, "Examen physique"),
        "État de l'enfant à la naissance",
        ["Apgar 9 à une minute, 10 à cinq minutes.", "Examen des hanches et dépistage auditif normaux."],
    ),
    Section(Code("18776-5", LOINC, "Plan de soins"), "Plan de soins", ["Allaitement maternel.", "Vitamines K et D."]),
)
"""The certificat de santé du 8e jour, in words."""


def refunds(until: date) -> Sequence[Section]:
    """What was paid back in the months before a day."""

    def line(days: int, what: str) -> str:
        return f"{until - timedelta(days=days):%d/%m/%Y} : {what}"

    return (
        Section(
            Code("10160-0", LOINC, "Médication administrée"),
            "Médicaments",
            [
                line(20, "ramipril 5 mg, 30 comprimés"),
                line(20, "metformine 500 mg, 60 comprimés"),
                line(50, "les mêmes"),
            ],
        ),
        Section(
            Code("29554-3", LOINC, "Actes"),
            "Soins médicaux et dentaires",
            [line(21, "consultation de médecine générale"), line(140, "détartrage")],
        ),
        Section(Code("29554-3", LOINC, "Actes"), "Biologie", [line(45, "ionogramme sanguin"), line(45, "hémogramme")]),
    )


_VERDICTS = {"L": "Bas", "N": "Normal", "H": "Haut"}


def synthesis(new_id: str) -> Mapping[Heading, Sequence[Entry]]:
    """The entries of a synthesis. new_id: a format of their identifiers, `{}` stands for a number."""
    numbers = iter(range(1, 100))
    return {
        heading: [replace(entry, id=new_id.format(f"{next(numbers):02d}")) for entry in entries]
        for heading, entries in SYNTHESIS.items()
    }


def biology(panel: str, at: datetime) -> etree._Element:
    """The body of a biology report (CR-BIO): a chapter, its table, and a battery of results."""
    of = PANELS[panel]
    rows = [_row(number, measure) for number, measure in enumerate(of.measures, 1)]
    titles = E.tr(*(E.th(title) for title in ("Examen", "Résultat", "Valeurs de référence")))
    results = [E.component(_result(number, measure, at)) for number, measure in enumerate(of.measures, 1)]
    battery = E.organizer(
        template("1.3.6.1.4.1.19376.1.3.1.4"),
        coded(E.code, of.battery),
        E.statusCode(code="completed"),
        E.effectiveTime(value=hl7_time(at)),
        *results,
        classCode="BATTERY",
        moodCode="EVN",
    )
    act = E.act(
        coded(E.code, of.chapter),
        E.statusCode(code="completed"),
        E.entryRelationship(battery, typeCode="COMP"),
        classCode="ACT",
        moodCode="EVN",
    )
    section = E.section(
        template("1.3.6.1.4.1.19376.1.3.3.2.1"),
        template("1.2.250.1.213.1.1.2.70"),
        coded(E.code, of.chapter),
        E.title(f"{of.chapter.display} : {of.battery.display}"),
        E.text(E.table(E.thead(titles), E.tbody(*rows))),
        E.entry(template("1.3.6.1.4.1.19376.1.3.1"), template("1.2.250.1.213.1.1.3.21"), act, typeCode="DRIV"),
    )
    return E.structuredBody(E.component(section))


def _row(number: int, measure: _Measure) -> etree._Element:
    low, high = measure.usual.low, measure.usual.high
    unit = measure.found.unit
    usual = f"{low.value} - {high.value} {unit}" if low and high else ""
    found = f"{measure.found.value} {unit} ({_VERDICTS[measure.verdict]})"
    return E.tr(E.td(E.content(measure.label, ID=f"r{number}")), E.td(found), E.td(usual))


def _result(number: int, measure: _Measure, at: datetime) -> etree._Element:
    test = coded(E.code, measure.test)
    test.append(E.originalText(E.reference(value=f"#r{number}")))
    (usual,), (found,) = value(measure.usual), value(measure.found)
    return E.observation(
        template(OBSERVATION),
        template("1.2.250.1.213.1.1.3.80"),
        test,
        E.statusCode(code="completed"),
        E.effectiveTime(value=hl7_time(at)),
        found,
        coded(E.interpretationCode, Code(measure.verdict, _INTERPRETATION, _VERDICTS[measure.verdict])),
        E.referenceRange(
            E.observationRange(
                usual,
                coded(E.interpretationCode, Code("N", _INTERPRETATION, "Normal")),
                classCode="OBS",
                moodCode="EVN.CRT",
            )
        ),
        classCode="OBS",
        moodCode="EVN",
    )
