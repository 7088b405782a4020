"""What the store refuses by itself: identifiers and versions that another call took in the meantime.

The transactions check the same things before; here they hold against concurrent calls.
"""

from dmpws.domain.checks import Rule

NEW_ID, NEW_UUID = "un uniqueId nouveau", "un id nouveau"
"""What the rules about identifiers expect."""
SHOWN = 200
"""Characters of a list of identifiers."""

DOCUMENT_ID = Rule(
    "STORE-DOCUMENT-ID",
    "Le uniqueId du document est déjà enregistré",
    "DMPWS D16",
    "XDSRegistryMetadataError",
)
DOCUMENT_HASH = Rule(
    "STORE-DOCUMENT-HASH",
    "Le uniqueId du document est déjà enregistré avec une autre empreinte",
    "DMPWS D16",
    "XDSNonIdenticalHash",
)
DOCUMENT_SIZE = Rule(
    "STORE-DOCUMENT-SIZE",
    "Le uniqueId du document est déjà enregistré avec une autre taille",
    "DMPWS D16",
    "XDSNonIdenticalSize",
)
DOCUMENT_SET = Rule(
    "STORE-DOCUMENT-SET",
    "Un document de même setId et de même versionNumber est déjà enregistré",
    "DMPWS D73",
    "XDSRepositoryMetadataError",
)
ENTRY_UUID = Rule(
    "STORE-ENTRY-UUID",
    "L'entryUUID est déjà enregistré",
    "ITI TF-3 4.2.4.1",
    "XDSRegistryMetadataError",
)
SUBMISSION_SET_ID = Rule(
    "STORE-SUBMISSION-SET-ID",
    "Le uniqueId du lot de soumission est déjà enregistré",
    "DMPWS D16",
    "XDSDuplicateUniqueIdInRegistry",
)
REPLACED = Rule(
    "STORE-REPLACED",
    "Le document à remplacer n'est plus en vigueur",
    "DMPWS D32",
    "XDSRegistryDeprecatedDocumentError",
)
FOLDER_ID = Rule(
    "STORE-FOLDER-ID",
    "Le uniqueId ou l'id du classeur est déjà enregistré",
    "ITI TF-2 3.42.4.1.3",
    "XDSDuplicateUniqueIdInRegistry",
)
RELIED_ON = Rule(
    "STORE-RELIED-ON",
    "Le document auquel le lot se rattache n'est plus en vigueur",
    "ITI TF-2 3.42.4.1.3.5",
    "XDSRegistryDeprecatedDocumentError",
)
VERSION_MOVED = Rule(
    "STORE-VERSION-MOVED",
    "La fiche est toujours celle que la mise à jour a lue",
    "ITI TF-2 3.57.4.1.3",
    "XDSMetadataVersionError",
)
STATUS_MOVED = Rule(
    "STORE-STATUS-MOVED",
    "Le statut de la fiche est toujours celui que la mise à jour a lu",
    "ITI TF-2 3.57.4.1.3",
    "XDSMetadataUpdateError",
)
PATIENT_EXISTS = Rule(
    "STORE-PATIENT-EXISTS",
    "Le DMP existe déjà",
    "DMP-CLIENT",
    "DMPFound",
)
SIGNED_LOT = Rule(
    "STORE-SIGNED-LOT",
    "Un lot signé reste, avec sa preuve",
    "DMPWS D101",
    "XDSRegistryError",
)
SIGNATURE_KEPT = Rule(
    "STORE-SIGNATURE-KEPT",
    "La signature d'un lot reste, avec sa preuve",
    "DMPWS D101",
    "XDSRemoveDocumentsError",
)
MERGED = Rule(
    "STORE-MERGED",
    "Les deux identifiants sont toujours ceux de deux patients",
    "ITI TF-2 3.44.4.2",
    "204",
)
ACCOUNT_EXISTS = Rule(
    "STORE-ACCOUNT-EXISTS",
    "Le patient n'a pas encore de compte internet",
    "DMP-CLIENT",
    "DMPPatientAccessAlreadyExists",
)
