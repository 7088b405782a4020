"""reasonCode of the messages of record administration: what tells the transactions of one operation apart."""

from dmpws.domain import oids
from dmpws.domain.code import Code


def _reason(code: str, display: str) -> Code:
    return Code(code, oids.REASONS, display)


TEST_EXISTENCE = _reason("TEST_EXST", "Test d'existence de dossier")
CONSULTATION = _reason("CNSLT_DATA", "Consultation des données de gestion de dossier")
CREATION = _reason("CREA_RD", "Création de dossier")
CHANGE = _reason("MODIF_DATA", "Modification des données de gestion du dossier")
REACTIVATION = _reason("REAC", "Réactivation de dossier")
CLOSURE = _reason("FERM", "Fermeture de dossier")
