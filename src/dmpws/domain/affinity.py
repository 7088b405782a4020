"""An affinity domain: what those who share documents by plain IHE have agreed on (profile `ihe`, DMPWS D26)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dmpws.domain import oids


class Coded(StrEnum):
    """Metadata attribute whose codes a domain may bound."""

    CLASS = "classCode"
    CONFIDENTIALITY = "confidentialityCode"
    CONTENT_TYPE = "contentTypeCode"
    EVENT = "eventCodeList"
    FACILITY_TYPE = "healthcareFacilityTypeCode"
    FOLDER = "codeList"
    FORMAT = "formatCode"
    MIME_TYPE = "mimeType"
    """Without system."""
    PRACTICE_SETTING = "practiceSettingCode"
    TYPE = "typeCode"


@dataclass(frozen=True, slots=True)
class AffinityDomain:
    """The default agrees on nothing: any code, any authority.

    repository: OID of our repository. uri: of the domain, the audience of its assertions; empty: any will do.
    providers: subjects of the certificates that sign assertions; empty: any that is trusted.
    authorities: OIDs that identify patients; empty: any. codes: (code, system) by attribute; one that is absent is
    not bounded. fed: patients are those of the patient feed (ITI-44); otherwise a first submission makes one known.
    unknown_is_error: a search about an unknown patient is refused, otherwise it finds nothing.
    initial_version: the code that refuses an update which is a first version.
    """

    repository: str = oids.REPOSITORY
    uri: str = ""
    providers: tuple[str, ...] = ()
    authorities: frozenset[str] = frozenset()
    codes: Mapping[Coded, frozenset[tuple[str, str]]] = field(default_factory=dict)
    fed: bool = True
    unknown_is_error: bool = True
    initial_version: str = "XDSMetadataUpdateError"

    def accepts(self, attribute: Coded, code: str, system: str) -> bool:
        """Tell whether a code may be submitted."""
        known = self.codes.get(attribute)
        return known is None or (code, system) in known

    def identifies(self, authority: str) -> bool:
        """Tell whether an assigning authority identifies the patients of this domain."""
        return not self.authorities or authority in self.authorities
