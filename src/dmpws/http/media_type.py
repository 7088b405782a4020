"""The Content-Type header, read as leniently as real clients need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# A value without quotes ends at the next `;`: clients leave out the quotes that `/` and `:` would ask for.
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """name: `type/subtype` in lower case. parameters: by lower-case name, first occurrence, unquoted."""

    name: str
    parameters: Mapping[str, str]

    @property
    def is_multipart(self) -> bool:
        return self.name.startswith("multipart/")


def parse_media_type(value: str) -> MediaType:
    """Parse a Content-Type value (RFC 2045 5.1). Never raises: what cannot be read is left out."""
    name, _, _ = value.partition(";")
    parameters: dict[str, str] = {}
    for key, quoted, bare in _PARAMETER.findall(value, len(name)):
        parameters.setdefault(key.lower(), _ESCAPE.sub(r"\1", quoted) if quoted else bare.strip())
    return MediaType(name.strip().lower(), parameters)
