"""How a caller comes in: authentication mode and purpose of use."""

from enum import StrEnum


class AuthMode(StrEnum):
    """VIHF attribute `Authentification_mode`."""

    DIRECTE = "DIRECTE"
    INDIRECTE = "INDIRECTE"
    INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"


class Purpose(StrEnum):
    """VIHF attribute purposeofuse, table R248; said by each call, nothing keeps it (GI-DMP EX_0.2-1040)."""

    NORMAL = "normal"
    BRIS_DE_GLACE = "bris_de_glace"
    CENTRE_15 = "centre_15"
