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
    """One code: its name on the wire, the source that shows it and, in French, what it means, the usual cause and
    what a vendor should change. docs/faq.md is made of them."""

    name: str
    meaning: str
    reference: str
    cause: str
    remedy: str


def _catalogue(*codes: tuple[str, str, str, str, str]) -> dict[str, ErrorCode]:
    return {code[0]: ErrorCode(*code) for code in codes}


CATALOGUE = _catalogue(
    # Security and transport: SOAP faults.
    (
        "DMPInvalidCertificate",
        "Le certificat présenté ou signataire est invalide",
        "DMP-CLIENT",
        "Le certificat du VIHF, du lot ou de la connexion est expiré, révoqué, d'une autorité inconnue, d'un "
        "mauvais usage (authentification au lieu de signature), ou il n'est pas celui du professionnel ou de "
        "la structure annoncés.",
        "Signez VIHF et lot avec la clé de signature de la carte (ou le cachet de la structure en mode "
        "indirect), ouvrez la connexion avec la clé d'authentification, et renouvelez ce qui a expiré.",
    ),
    (
        "DMPAuthenticationError",
        "L'authentification est refusée",
        "DMPWS D10",
        "Le VIHF est trop ancien, modifié après signature, incomplet, ou il dit autre chose que la carte ; le "
        "logiciel n'est pas homologué pour cette transaction ; la structure ou le lien avec elle est inconnu "
        "du répertoire.",
        "Émettez un VIHF pour chaque session et ne touchez plus à ses octets une fois signés ; vérifiez "
        "NameID, Issuer, structure, rôles et numéro d'homologation. `dmpws vihf check` montre chaque règle.",
    ),
    (
        "DMPInvalidRequest",
        "La requête n'est pas conforme à l'interface",
        "DMPWS D11",
        "Le message n'est pas celui d'une transaction, ne suit pas son schéma, ou nomme un autre patient que "
        "le VIHF ; l'INS n'a pas de DMP (transactions HL7 et spécifiques).",
        "Comparez le message au contrat (`?wsdl`) et aux trames de `transactions/` ; `dmpws frame check` "
        "donne l'élément, la ligne et la valeur attendue. Faites un test d'existence (TD0.2) avant tout "
        "accès.",
    ),
    # The same in profile `ihe`, as WS-Security names them.
    (
        "InvalidSecurity",
        "L'en-tête de sécurité est invalide",
        "ITI TF-2 3.40.4.1.3",
        "L'en-tête wsse:Security manque ou contient autre chose qu'une assertion.",
        "Envoyez une assertion SAML 2.0 et une seule, ou rendez XUA facultatif.",
    ),
    (
        "InvalidSecurityToken",
        "L'assertion est invalide",
        "ITI TF-2 3.40.4.1.3",
        "L'assertion n'a pas la forme attendue.",
        "Corrigez l'assertion selon ITI-40.",
    ),
    (
        "FailedAuthentication",
        "L'authentification est refusée",
        "ITI TF-2 3.40.4.1.3",
        "L'identité de l'assertion n'est pas celle de la connexion.",
        "Faites émettre l'assertion pour l'utilisateur qui ouvre la connexion.",
    ),
    (
        "FailedCheck",
        "La signature de l'assertion est invalide",
        "ITI TF-2 3.40.4.1.3",
        "L'assertion a été modifiée, ou signée par une autorité inconnue.",
        "N'altérez pas l'assertion ; ajoutez son autorité au dossier de confiance.",
    ),
    (
        "MessageExpired",
        "L'assertion est périmée",
        "ITI TF-2 3.40.4.1.3",
        "L'assertion est hors de sa période de validité.",
        "Demandez une nouvelle assertion et réglez l'horloge du poste.",
    ),
    # The record and the rights on it.
    (
        "DMPFound",
        "Le DMP existe déjà",
        "DMP-CLIENT",
        "Le patient a déjà un DMP : création (TD1.1) ou réactivation (TD1.2) sans objet ; pour une création, "
        "un DMP fermé existe peut-être.",
        "Faites un TD0.2 : si le DMP est actif, employez-le ; s'il est fermé, réactivez-le (TD1.2).",
    ),
    (
        "DMPClosed",
        "Le DMP est fermé",
        "DMP-CLIENT",
        "Le DMP a été fermé, par le patient ou à sa demande.",
        "Affichez la date et le motif donnés par TD0.2 ; avec le consentement du patient, réactivez-le (TD1.2).",
    ),
    (
        "DMPAccessForbidden",
        "L'accès est bloqué ou le patient s'est opposé à ce mode d'accès",
        "DMPWS D11",
        "Le patient a bloqué le professionnel ou sa structure, ou s'est opposé à ce mode d'accès (bris de "
        "glace, centre 15).",
        "N'insistez pas : seul le patient peut lever son blocage ou son opposition. Le mode normal reste "
        "possible avec son autorisation.",
    ),
    (
        "DMPAuthorizationNotFound",
        "Aucune autorisation valide sur ce DMP",
        "DMPWS D11",
        "L'autorisation de consulter manque ou a expiré (12 mois après le dernier ajout).",
        "Recueillez l'accord du patient et ajoutez l'autorisation (TD0.3 AJOUT), puis recommencez.",
    ),
    (
        "DMPAccessDeniedByRightsService",
        "La matrice des droits fonctionnels refuse cette opération",
        "DMPWS D11",
        "La matrice des droits dit non : profession, mode d'authentification ou mode d'accès, auteur ou "
        "médecin traitant requis ; ou le DMP dépend de Mon espace santé.",
        "Lisez la colonne et la ligne citées dans le message ; changez d'utilisateur ou de mode d'accès, ou "
        "n'offrez pas la fonction à cet utilisateur.",
    ),
    (
        "DMPAccessDeniedByExcededThreshold",
        "Trop de requêtes",
        "DMPWS D11",
        "L'utilisateur ou le logiciel a dépassé le nombre de recherches permis ; l'alimentation n'est jamais bloquée.",
        "Attendez l'heure indiquée ; ne relancez pas de recherche automatique à chaque ouverture, limitez-la "
        "dans le temps.",
    ),
    (
        "DMPTooManyResult",
        "Trop de patients répondent aux critères",
        "DMP-CLIENT",
        "La recherche sans INS (TD0.5) porte sur des critères trop larges.",
        "Ajoutez la date de naissance, le prénom ou la commune.",
    ),
    (
        "DMPErrorLPS",
        "Paramètre de la requête invalide",
        "DMP-CLIENT",
        "Un paramètre de TD0.4 ou de TD1.5 n'a pas la forme du contrat ou n'est pas permis à cet utilisateur.",
        "Corrigez le paramètre cité (date AAAAMMJJhhmmss, LASTAUTORIZATION ou LASTDOC, psOwnerId d'un "
        "professionnel de la structure).",
    ),
    (
        "DMPIdentityCertificationFailure",
        "Le service de certification de l'identité est fermé",
        "DMP-CLIENT",
        "TD0.0 a pris fin le 30/09/2023.",
        "Qualifiez l'INS par le téléservice INSi ou l'application carte Vitale.",
    ),
    (
        "DMPPatientAccessAlreadyExists",
        "Le compte internet du patient existe déjà",
        "DMP-CLIENT",
        "Le patient a déjà un compte internet.",
        "Employez TD1.5d pour lui donner de nouveaux identifiants.",
    ),
    (
        "DMPPatientAccessOTPAlreadyExists",
        "Le canal OTP existe déjà",
        "DMP-CLIENT",
        "Le canal de code à usage unique existe déjà.",
        "Employez l'action MODIFICATION de TD1.5b.",
    ),
    (
        "DMPFragmentCVAError",
        "La vaccination est déjà présente",
        "DMP-CLIENT",
        "Une note en vigueur porte déjà ce vaccin (code CIS) à cette date.",
        "Remplacez la note existante (RPLC) au lieu d'en ajouter une, ou ne la renvoyez pas.",
    ),
    # XDS.b
    (
        "XDSRegistryMetadataError",
        "Métadonnées invalides",
        "ITI TF-3 4.2.4.1",
        "Une métadonnée manque, est mal formée, hors des jeux de valeurs ou contraire à une règle ; le "
        "déposant n'est pas auteur ; un document du même uniqueId existe.",
        "Corrigez chaque erreur de la liste : `codeContext` nomme la règle, la valeur attendue et la valeur trouvée.",
    ),
    (
        "XDSRepositoryMetadataError",
        "Les métadonnées ne correspondent pas au document",
        "ITI TF-3 4.2.4.1",
        "Le document et sa fiche ne disent pas la même chose : empreinte, taille, en-tête CDA ; ou le "
        "document n'est pas celui qui a été signé.",
        "Tirez les métadonnées de l'en-tête CDA et calculez empreinte et signature sur les octets réellement envoyés.",
    ),
    (
        "XDSRegistryError",
        "Erreur interne du registre",
        "ITI TF-3 4.2.4.1",
        "La requête enregistrée est mal codée, ou le registre n'a pu répondre.",
        "Vérifiez apostrophes et parenthèses des paramètres ; si la demande est juste, signalez l'identifiant "
        "de corrélation à l'hébergeur.",
    ),
    (
        "XDSRepositoryError",
        "Erreur interne de l'entrepôt",
        "ITI TF-3 4.2.4.1",
        "L'entrepôt n'a pu lire ou écrire le document.",
        "Recommencez plus tard ; signalez l'identifiant de corrélation à l'hébergeur.",
    ),
    (
        "XDSRegistryBusy",
        "Le registre est surchargé",
        "ITI TF-3 4.2.4.1",
        "Trop d'écritures à la fois, ou une autre écriture sur les mêmes objets.",
        "Recommencez le même appel après quelques secondes, avec les mêmes identifiants.",
    ),
    (
        "XDSUnknownPatientId",
        "Aucun DMP pour cet identifiant de patient",
        "DMPWS D11",
        "L'INS n'a pas de DMP dans ce registre.",
        "Faites un test d'existence (TD0.2) ; vérifiez matricule et OID (test, démonstration, production).",
    ),
    (
        "XDSPatientIdDoesNotMatch",
        "Les identifiants de patient diffèrent",
        "ITI TF-3 4.2.4.1",
        "Le patient du lot, d'une fiche ou de la requête n'est pas celui du VIHF ou du document visé.",
        "Mettez le même INS dans le VIHF, le lot et chaque fiche.",
    ),
    (
        "XDSMissingDocument",
        "Une fiche n'a pas de document joint",
        "ITI TF-3 4.2.4.1",
        "Une fiche n'a pas de partie MIME, ou son `Document/@id` ne la désigne pas.",
        "Joignez un `Document` par fiche, `id` exact et `xop:Include` sur un Content-ID présent.",
    ),
    (
        "XDSMissingDocumentMetadata",
        "Un document joint n'a pas de fiche",
        "ITI TF-3 4.2.4.1",
        "Une partie MIME ou un `Document` n'a pas de fiche.",
        "Retirez la partie ou ajoutez sa fiche.",
    ),
    (
        "XDSRegistryDuplicateUniqueIdInMessage",
        "Un uniqueId est répété dans le lot",
        "ITI TF-3 4.2.4.1",
        "Deux objets du lot ont le même uniqueId.",
        "Donnez à chaque document et au lot un OID propre.",
    ),
    (
        "XDSDuplicateUniqueIdInRegistry",
        "Le uniqueId du lot est déjà enregistré",
        "DMPWS D16",
        "Ce lot a déjà été reçu.",
        "Le premier envoi a réussi : ne le renvoyez pas. Pour un nouveau lot, engendrez un nouvel uniqueId.",
    ),
    (
        "XDSNonIdenticalHash",
        "Le uniqueId est déjà enregistré avec une autre empreinte",
        "DMPWS D16",
        "Un autre document porte déjà ce uniqueId.",
        "Donnez un nouvel uniqueId au document changé, et remplacez l'ancien par RPLC.",
    ),
    (
        "XDSNonIdenticalSize",
        "Le uniqueId est déjà enregistré avec une autre taille",
        "DMPWS D16",
        "Un document d'une autre taille porte déjà ce uniqueId.",
        "Donnez un nouvel uniqueId au document changé, et remplacez l'ancien par RPLC.",
    ),
    (
        "XDSRegistryDeprecatedDocumentError",
        "Le document visé n'est plus en vigueur",
        "DMPWS D32",
        "Le document visé a déjà été remplacé, archivé ou supprimé.",
        "Cherchez la version en vigueur (TD3.1) et visez son entryUUID.",
    ),
    (
        "UnresolvedReferenceException",
        "L'entryUUID visé est inconnu",
        "DMPWS D32",
        "L'entryUUID visé n'existe pas, ou n'existe pas pour ce lecteur.",
        "Relisez l'entryUUID par TD3.1 : il change à chaque version des métadonnées.",
    ),
    (
        "XDSReplaceFailed",
        "Le remplacement est impossible",
        "DMPWS D32",
        "Le remplacement enfreint une règle : visibilité, type, autre patient.",
        "Lisez la règle citée ; ce qui a été montré au patient ne peut redevenir invisible.",
    ),
    (
        "XDSStoredQueryMissingParam",
        "Un paramètre obligatoire de la requête manque",
        "ITI TF-3 4.2.4.1",
        "Un paramètre obligatoire de la requête enregistrée manque.",
        "Ajoutez le paramètre nommé.",
    ),
    (
        "XDSStoredQueryParamNumber",
        "Un paramètre à valeur unique en a plusieurs",
        "ITI TF-3 4.2.4.1",
        "Un paramètre à valeur unique en a plusieurs, ou un paramètre est donné deux fois.",
        "Ne donnez qu'une valeur au paramètre nommé.",
    ),
    (
        "XDSUnknownStoredQuery",
        "La requête enregistrée est inconnue",
        "ITI TF-3 4.2.4.1",
        "L'identifiant de la requête n'est pas l'un des quatorze.",
        "Employez l'UUID d'une requête enregistrée d'ITI-18.",
    ),
    (
        "XDSTooManyResults",
        "Trop de résultats",
        "DMPWS D23",
        "La réponse dépasserait le nombre de fiches ou de références permis, ou la demande celui des documents.",
        "Restreignez par type ou par dates, en plusieurs requêtes ; demandez moins d'identifiants à la fois.",
    ),
    (
        "XDSResultNotSinglePatient",
        "Les résultats concernent plusieurs patients",
        "ITI TF-3 4.2.4.1",
        "Les identifiants demandés désignent des documents de plusieurs patients.",
        "Demandez les documents d'un seul patient à la fois.",
    ),
    (
        "XDSDocumentUniqueIdError",
        "Le document est inconnu ou non accessible",
        "ITI TF-3 4.2.4.1",
        "Le document n'existe pas, n'existe pas pour ce lecteur, ou un entryUUID a été donné à la place du uniqueId.",
        "Donnez le uniqueId (OID) lu dans la réponse de TD3.1.",
    ),
    (
        "XDSUnknownRepositoryId",
        "Le repositoryUniqueId est inconnu",
        "ITI TF-3 4.2.4.1",
        "Le repositoryUniqueId n'est pas celui du DMP.",
        "Employez celui de la fiche : 1.2.250.1.213.4.1.1.1.2.",
    ),
    (
        "XDSMetadataUpdateError",
        "La mise à jour des métadonnées est impossible",
        "ITI TF-3 4.2.4.1",
        "La fiche change autre chose que la visibilité, ou rien, ou n'a pas de lid ; OriginalStatus n'est pas le statut"
        " actuel ; le document est supprimé, obsolète ou visé sous une version antérieure.",
        "Relisez la fiche (TD3.1) ; renvoyez-la telle quelle, confidentialityCode seul changé, ou avec son statut"
        " actuel et son entryUUID courant.",
    ),
    (
        "XDSMetadataVersionError",
        "La version précédente n'est pas la version courante",
        "ITI TF-3 4.2.4.1",
        "PreviousVersion n'est pas la version courante : quelqu'un a mis la fiche à jour entre-temps.",
        "Relisez la fiche (TD3.1) et recommencez avec sa version.",
    ),
    (
        "XDSMetadataIdentifierError",
        "Les identifiants ne sont pas ceux de l'objet",
        "ITI TF-3 4.2.4.1",
        "lid ou uniqueId ne sont pas ceux de l'objet mis à jour.",
        "Gardez lid et uniqueId de la fiche lue.",
    ),
    (
        "XDSMetadataUpdateOperationError",
        "L'opération de mise à jour n'est pas reconnue",
        "ITI TF-3 4.2.4.1",
        "Le message ne demande aucune des mises à jour d'ITI-57 permises.",
        "Demandez un changement de statut ou une nouvelle version de fiche, comme dans les trames de TD3.3.",
    ),
    # Profile `ihe`: updates and removals of plain IHE.
    (
        "XDSPatientIDReconciliationError",
        "Des objets liés seraient de patients différents",
        "ITI TF-2 3.57.4.1.3",
        "Profil `ihe`, ITI-57 : après la mise à jour, une association en vigueur relierait deux patients.",
        "Changez le patient de tous les objets liés dans le même message, ou envoyez AssociationPropagation no.",
    ),
    (
        "XDSInvalidRequestException",
        "La mise à jour contient une première version",
        "ITI TF-2 3.57.4.1.3",
        "Profil `ihe`, ITI-57 : lid est absent ou égal à l'id, et le domaine d'affinité demande ce code-là.",
        "Enregistrez une première version par ITI-41 ou ITI-42 ; une nouvelle version porte le lid de la fiche lue.",
    ),
    (
        "ReferencesExistException",
        "L'objet à retirer est encore désigné par une association",
        "ITI TF-2 3.62.4.1.3",
        "Profil `ihe`, ITI-62 : une association qui reste dans le registre a cet objet pour source ou pour cible.",
        "Nommez dans le même message les associations de l'objet, celles des lots comprises (GetAssociations).",
    ),
    (
        "XDSUnreferencedObjectException",
        "Un objet qui reste ne serait plus membre d'aucun lot",
        "ITI TF-2 3.62.4.1.3",
        "Profil `ihe`, ITI-62 : le HasMember retiré est le dernier qui relie un lot à cet objet.",
        "Retirez aussi l'objet, ou laissez l'association.",
    ),
    (
        "XDSRemoveDocumentsError",
        "L'entrepôt ne peut pas retirer le document",
        "ITI TF-2 3.86.4.2.3",
        "Profil `ihe`, ITI-86 : le document est la signature d'un lot, qui reste comme preuve.",
        "Ne demandez pas le retrait d'une signature de lot.",
    ),
    # Profile `ihe`: acknowledgements of ITI-44 and ITI-47, numbers of HL7 v2 table 0357.
    (
        "102",
        "Le message sur le patient ne suit pas sa définition",
        "DMPWS D102",
        "Profil `ihe`, ITI-44 et ITI-47 : un élément manque, est en trop, ou n'a pas une valeur permise.",
        "Lisez le texte de l'acknowledgementDetail : il nomme l'élément et la clause.",
    ),
    (
        "204",
        "L'identifiant du patient, ou son autorité, est inconnu",
        "ITI TF-2 3.47.4.2",
        "Profil `ihe` : l'autorité n'est pas du domaine d'affinité, ou le patient n'a pas été annoncé (ITI-44).",
        "Donnez un identifiant d'une autorité du domaine, et annoncez le patient avant de le réviser ou fusionner.",
    ),
    (
        "205",
        "L'identifiant du patient est déjà pris",
        "DMPWS D102",
        "Profil `ihe`, ITI-44 : les identifiants sont de plusieurs patients, ou une fusion a retiré l'un d'eux.",
        "Fusionnez d'abord les patients (PRPA_IN201304UV02) ; n'employez plus un identifiant fusionné.",
    ),
    (
        "206",
        "La fiche du patient ne peut pas être changée maintenant",
        "DMPWS D102",
        "Profil `ihe`, ITI-44 : un autre appel vient d'annoncer ce patient, ou sa fiche est fermée.",
        "Renvoyez le message.",
    ),
    (
        "207",
        "La recherche trouve plus de patients que la réponse n'en peut contenir",
        "ITI TF-2 3.47.4.1.3",
        "Profil `ihe`, ITI-47 : plus que initialQuantity, ou que `max_results` ; il n'y a pas de suite à demander.",
        "Précisez la recherche ; les patients d'une réponse qui en contient sont les plus proches.",
    ),
)

WS_SECURITY = frozenset({
    "InvalidSecurity", "InvalidSecurityToken", "FailedAuthentication", "FailedCheck", "MessageExpired"
})  # fmt: skip
"""Codes whose namespace is WS-Security's; the DMP puts its own in that of SOAP."""

OK_STATUS = "DMPOk"
"""output/status of a specific service that succeeded (official td0.3 response frame)."""
