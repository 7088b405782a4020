"""The public fictitious patients, professionals and structures of the national test plan.

Seed, demo, examples and tests all play with this cast; nobody else may appear in the project.
"""

from dataclasses import dataclass

from dmpws.domain import oids
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.patient import Address, Ins, Name, Traits, nir_key
from dmpws.domain.software import EVERYTHING, Category, Software


@dataclass(frozen=True, slots=True)
class CastPatient:
    """A patient of the test plan. key: short name for the command line."""

    key: str
    ins: Ins
    traits: Traits

    @property
    def label(self) -> str:
        return f"{self.traits.name.birth} {self.traits.name.given}"


def _patient(
    key: str,
    value: str,
    birth: str,
    given: str,
    sex: str,
    birth_date: str,
    used: str = "",
    authority: str = oids.INS_NIR_TEST,
) -> CastPatient:
    prefix = "Mme" if sex == "F" else "M"
    address = Address(postal_code="75001", city="PARIS", country="FRA")
    name = Name(birth=birth, used=used, given=given, prefix=prefix)
    traits = Traits(name=name, sex=sex, birth_date=birth_date, addresses=(address,))
    return CastPatient(key, Ins(value, authority), traits)


PATIENTS: dict[str, CastPatient] = {
    p.key: p
    for p in (
        _patient("conteste", "153078987658513", "CONTESTE", "JEAN", "M", "19530724"),
        _patient("pat-trois", "279035121518989", "PAT-TROIS", "DOMINIQUE", "F", "19790328"),
        _patient("nessi", "277076322082910", "NESSI", "RUTH", "F", "19770714", used="DE VINCI"),
        _patient("petra", "207100486108281", "PETRA", "DIDIER", "M", "20071023"),
        _patient("attribut", "235061058692768", "ATTRIBUT", "MONIQUE", "F", "19350607"),
        _patient("alot", "116095280720767", "ALOT", "CECILE", "F", "19160901"),
        _patient("provisoire", "109076322088835", "PROVISOIRE", "MATRICULE", "M", "20090701", authority=oids.INS_NIA),
        _patient("jumeauun", "199013417202174", "INSFAMILLEQUATRE", "JUMEAUUN", "M", "19990115"),
        _patient("jumeaudeux", "199013417202273", "INSFAMILLEQUATRE", "JUMEAUDEUX", "M", "19990115"),
    )
}

STRUCTURES: dict[str, Structure] = {
    s.identifier: s
    for s in (
        Structure("499900063480001", "CABINET DR LIBRE", frozenset({"SA07"})),
        Structure("11B0062640", "HOPITAL DES 3. DAMES", frozenset({"SA01"})),
        Structure("10B0156832", "HOPITAL DES 3. DAMES SITE", frozenset({"SA01"}), parent="11B0062640", regulation=True),
        Structure("10B0127189", "HOPITAL DES 3 VALLEES", frozenset({"SA01"})),
    )
}

PROFESSIONALS: dict[str, Professional] = {
    p.identifier: p
    for p in (
        Professional("899900063480", "LIBRE", "MAX", frozenset({"499900063480001"})),
        Professional("801234567897", "DOCTORANT", "Charles", frozenset({"10B0127189", "11B0062640"})),
        Professional("801234534765", "CAMPARINI", "Marcel", frozenset({"10B0127189"})),
        Professional("899700433156", "MEDECIN RPPS0043315", "VIRGINIE", frozenset({"10B0127189"})),
    )
}

SOFTWARE = Software("DMPWS-KIT-tmp1", "dmpws kit", "dmpws", Category.LGC, scopes=EVERYTHING)
REGULATION_SOFTWARE = Software("DMPWS-LDRM-tmp1", "dmpws kit régulation", "dmpws", Category.LDRM, scopes=EVERYTHING)
APPROVED = {software.number: software for software in (SOFTWARE, REGULATION_SOFTWARE)}


def allocate_ins(traits: Traits, number: int) -> Ins:
    """Make up a test INS for a patient to whom the test plan gives one "at initialisation".

    number: 0 to 99 999 999, stands for place and order of birth. The key is right; the authority is the test one.
    """
    sex = {"M": "1", "F": "2"}[traits.sex]
    nir = f"{sex}{traits.birth_date[2:6]}{number:08d}"
    return Ins(nir + nir_key(nir), oids.INS_NIR_TEST)


def _case(case: str, birth: str, given: str, sex: str, birth_date: str) -> tuple[str, Traits]:
    return case, Traits(
        name=Name(birth=birth, given=given, prefix="Mme" if sex == "F" else "M"), sex=sex, birth_date=birth_date
    )


# The patients "Cas 1" to "Cas 17" of plan 2.10c that are used so far; their INS comes from `allocate_ins`.
CASES: dict[str, Traits] = dict(
    (
        _case("Cas12", "BONNEL", "SYLVAIN", "M", "19870101"),
        _case("Cas10", "CLÉRICO", "CÔME", "M", "19760101"),
    )
)
