"""What the store refuses by itself: identifiers and versions that another call took in the meantime.

The transactions check the same things before; here they hold against concurrent calls.
"""

from dmpws.domain.checks import Rule

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
PATIENT_EXISTS = Rule(
    "STORE-PATIENT-EXISTS",
    "Le DMP existe déjà",
    "DMP-CLIENT",
    "DMPFound",
)
