"""The catalogue of error codes: every code the server may answer, its meaning and its carriers.

Spelling is the DMP's own, `DMPAccessDeniedByExcededThreshold` included.
"""

from dataclasses import dataclass
from enum import StrEnum


class Carrier(StrEnum):
    """How an error travels in an answer."""

    FAULT = "fault"
    """SOAP 1.2 fault: security and transport."""
    REGISTRY = "registry"
    """rs:RegistryError: ITI-18, ITI-41, ITI-43, ITI-57."""
    ACKNOWLEDGEMENT = "acknowledgement"
    """HL7 v3 acknowledgementDetail, typeCode AE."""
    STATUS = "status"
    """output/status and output/context of the services specific to the DMP."""


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One code: its name on the wire, its meaning in French and the source that shows it."""

    name: str
    meaning: str
    reference: str


def _catalogue(*codes: tuple[str, str, str]) -> dict[str, ErrorCode]:
    return {name: ErrorCode(name, meaning, reference) for name, meaning, reference in codes}


CATALOGUE = _catalogue(
    # Security and transport: SOAP faults.
    ("DMPInvalidCertificate", "Le certificat présenté ou signataire est invalide", "DMP-CLIENT"),
    ("DMPAuthenticationError", "L'authentification est refusée", "DMPWS D10"),
    ("DMPInvalidRequest", "La requête n'est pas conforme à l'interface", "DMPWS D11"),
    # The same in profile `ihe`, as WS-Security names them.
    *(
        (code, meaning, "ITI TF-2 3.40.4.1.3")
        for code, meaning in (
            ("InvalidSecurity", "L'en-tête de sécurité est invalide"),
            ("InvalidSecurityToken", "L'assertion est invalide"),
            ("FailedAuthentication", "L'authentification est refusée"),
            ("FailedCheck", "La signature de l'assertion est invalide"),
            ("MessageExpired", "L'assertion est périmée"),
        )
    ),
    # The record and the rights on it.
    ("DMPFound", "Le DMP existe déjà", "DMP-CLIENT"),
    ("DMPClosed", "Le DMP est fermé", "DMP-CLIENT"),
    ("DMPAccessForbidden", "L'accès est bloqué ou le patient s'est opposé à ce mode d'accès", "DMPWS D11"),
    ("DMPAuthorizationNotFound", "Aucune autorisation valide sur ce DMP", "DMPWS D11"),
    (
        "DMPAccessDeniedByRightsService",
        "La matrice des droits fonctionnels refuse cette opération",
        "DMPWS D11",
    ),
    ("DMPAccessDeniedByExcededThreshold", "Trop de requêtes", "DMPWS D11"),
    ("DMPTooManyResult", "Trop de patients répondent aux critères", "DMP-CLIENT"),
    ("DMPErrorLPS", "Paramètre de la requête invalide", "DMP-CLIENT"),
    ("DMPIdentityCertificationFailure", "Le service de certification de l'identité est fermé", "DMP-CLIENT"),
    ("DMPPatientAccessAlreadyExists", "Le compte internet du patient existe déjà", "DMP-CLIENT"),
    ("DMPPatientAccessOTPAlreadyExists", "Le canal OTP existe déjà", "DMP-CLIENT"),
    ("DMPFragmentCVAError", "La vaccination est déjà présente", "DMP-CLIENT"),
    # XDS.b
    ("XDSRegistryMetadataError", "Métadonnées invalides", "ITI TF-3 4.2.4.1"),
    ("XDSRepositoryMetadataError", "Les métadonnées ne correspondent pas au document", "ITI TF-3 4.2.4.1"),
    ("XDSRegistryError", "Erreur interne du registre", "ITI TF-3 4.2.4.1"),
    ("XDSRepositoryError", "Erreur interne de l'entrepôt", "ITI TF-3 4.2.4.1"),
    ("XDSRegistryBusy", "Le registre est surchargé", "ITI TF-3 4.2.4.1"),
    ("XDSUnknownPatientId", "Aucun DMP pour cet identifiant de patient", "DMPWS D11"),
    ("XDSPatientIdDoesNotMatch", "Les identifiants de patient diffèrent", "ITI TF-3 4.2.4.1"),
    ("XDSMissingDocument", "Une fiche n'a pas de document joint", "ITI TF-3 4.2.4.1"),
    ("XDSMissingDocumentMetadata", "Un document joint n'a pas de fiche", "ITI TF-3 4.2.4.1"),
    ("XDSRegistryDuplicateUniqueIdInMessage", "Un uniqueId est répété dans le lot", "ITI TF-3 4.2.4.1"),
    ("XDSDuplicateUniqueIdInRegistry", "Le uniqueId du lot est déjà enregistré", "DMPWS D16"),
    ("XDSNonIdenticalHash", "Le uniqueId est déjà enregistré avec une autre empreinte", "DMPWS D16"),
    ("XDSNonIdenticalSize", "Le uniqueId est déjà enregistré avec une autre taille", "DMPWS D16"),
    ("XDSRegistryDeprecatedDocumentError", "Le document visé n'est plus en vigueur", "DMPWS D32"),
    ("UnresolvedReferenceException", "L'entryUUID visé est inconnu", "DMPWS D32"),
    ("XDSReplaceFailed", "Le remplacement est impossible", "DMPWS D32"),
    ("XDSStoredQueryMissingParam", "Un paramètre obligatoire de la requête manque", "ITI TF-3 4.2.4.1"),
    ("XDSStoredQueryParamNumber", "Un paramètre à valeur unique en a plusieurs", "ITI TF-3 4.2.4.1"),
    ("XDSUnknownStoredQuery", "La requête enregistrée est inconnue", "ITI TF-3 4.2.4.1"),
    ("XDSTooManyResults", "Trop de résultats", "DMPWS D23"),
    ("XDSResultNotSinglePatient", "Les résultats concernent plusieurs patients", "ITI TF-3 4.2.4.1"),
    ("XDSDocumentUniqueIdError", "Le document est inconnu ou non accessible", "ITI TF-3 4.2.4.1"),
    ("XDSUnknownRepositoryId", "Le repositoryUniqueId est inconnu", "ITI TF-3 4.2.4.1"),
    ("XDSMetadataUpdateError", "La mise à jour des métadonnées est impossible", "ITI TF-3 4.2.4.1"),
    ("XDSMetadataVersionError", "La version précédente n'est pas la version courante", "ITI TF-3 4.2.4.1"),
    ("XDSMetadataIdentifierError", "Les identifiants ne sont pas ceux de l'objet", "ITI TF-3 4.2.4.1"),
    ("XDSMetadataUpdateOperationError", "L'opération de mise à jour n'est pas reconnue", "ITI TF-3 4.2.4.1"),
)

WS_SECURITY = frozenset({
    "InvalidSecurity", "InvalidSecurityToken", "FailedAuthentication", "FailedCheck", "MessageExpired"
})  # fmt: skip
"""Codes whose namespace is WS-Security's; the DMP puts its own in that of SOAP."""

OK_STATUS = "DMPOk"
"""output/status of a specific service that succeeded (official td0.3 response frame)."""
