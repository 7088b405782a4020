"""The rules of a VIHF, in the order in which they are checked.

Codes (the DMP documents DMPInvalidCertificate only, the rest is DMPWS D10):
    a certificate that is not good, or not the right one      DMPInvalidCertificate
    who calls, from where, with what software, and when       DMPAuthenticationError
    a token or an attribute that is missing or malformed      DMPInvalidRequest
The rules of the signature itself are in dmpws.signature.rules, those of the certificate path in dmpws.pki.trust.
"""

from typing import Final

from dmpws.domain.checks import Rule

_CERTIFICATE: Final = "DMPInvalidCertificate"
_IDENTITY: Final = "DMPAuthenticationError"
_FORM: Final = "DMPInvalidRequest"

# --- form and time ---------------------------------------------------------------------------------------
ONE_ASSERTION = Rule("VIHF-NOMBRE", "L'en-tête de sécurité porte une seule assertion", "DMP-FRAME TD0.2", _FORM)
FORM = Rule(
    "VIHF-FORME",
    "Le VIHF est une assertion SAML : un Issuer, un Subject/NameID, un AuthnStatement, des attributs",
    "SAML2 2.3.3",
    _FORM,
)
COMMENTS = Rule(
    "VIHF-COMMENTAIRE",
    "Le VIHF ne contient ni commentaire ni instruction de traitement",
    "DMPWS D95",
    _FORM,
)
SAML_VERSION = Rule("VIHF-SAML", "L'assertion est de version SAML 2.0", "SAML2 2.3.3", _FORM)
ID = Rule("VIHF-ID", "L'identifiant de l'assertion est un UUID, précédé ou non de _", "SAML2 1.3.4", _FORM)
INSTANT = Rule("VIHF-INSTANT", "IssueInstant est une date et heure UTC", "SAML2 1.3.3", _FORM)
AGE = Rule("VIHF-AGE", "Le VIHF n'est pas trop ancien", "DMPWS D2", _IDENTITY)
AIR_AGE = Rule("VIHF-AIR-AGE", "Un VIHF du mode AIR vit 30 secondes", "GI-DMP EX_AIR-040", _IDENTITY)
FUTURE = Rule("VIHF-FUTUR", "Le VIHF n'est pas émis dans le futur", "DMPWS D2", _IDENTITY)
CONDITIONS = Rule("VIHF-CONDITIONS", "Les Conditions de l'assertion sont remplies", "SAML2 2.5.1", _IDENTITY)
REPEATED = Rule("VIHF-DOUBLON", "Un attribut répété ne se contredit pas", "SAML2 2.7.3", _FORM)
MODE = Rule("VIHF-MODE", "Authentification_mode est un mode connu", "DMP-FRAME TD0.2", _FORM)

# --- certificates ----------------------------------------------------------------------------------------
SIGNED = Rule("VIHF-SIGNE", "Le VIHF est signé quand son mode l'exige", "DMPWS D3", _IDENTITY)
SIGNING_USAGE = Rule(
    "VIHF-CERT-USAGE",
    "Le VIHF est signé par un certificat de signature, distinct du certificat TLS",
    "GI-DMP EX_GEN-1450",
    _CERTIFICATE,
)
SIGNING_KIND = Rule(
    "VIHF-CERT-GENRE", "Le certificat signataire est du genre que le mode demande", "DMPWS D5", _CERTIFICATE
)
TLS_PRESENT = Rule("VIHF-TLS", "L'appel présente un certificat client TLS", "GI-DMP EX_AIR-080", _CERTIFICATE)
TLS_KIND = Rule(
    "VIHF-TLS-GENRE",
    "Le certificat client TLS est un certificat d'authentification du genre que le mode demande",
    "GI-DMP EX_GEN-1450",
    _CERTIFICATE,
)
CARD = Rule("VIHF-CARTE", "La carte est en service et à son porteur", "DMPWS D141", _CERTIFICATE)

# --- who calls -------------------------------------------------------------------------------------------
ISSUER_FORMAT = Rule("VIHF-ISSUER-FORMAT", "Issuer a le Format X509SubjectName", "DMP-FRAME TD0.2", _FORM)
ISSUER = Rule("VIHF-ISSUER", "Issuer est le sujet du certificat signataire", "DMPWS D3", _IDENTITY)
NAME_ID_FORM = Rule(
    "VIHF-NAMEID-FORME",
    "NameID est un PS_IdNat, ou <structure>/<identifiant interne> en mode indirect",
    "GI-DMP EX_0.1-1025",
    _FORM,
)
NAME_ID = Rule("VIHF-NAMEID", "NameID est le PS_IdNat de la carte", "DMPWS D7", _IDENTITY)
LEGAL_ENTITY = Rule(
    "VIHF-PERSONNE-MORALE",
    "Identifiant_Structure est la structure des certificats, ou une entité géographique rattachée",
    "DMPWS D7",
    _IDENTITY,
)
STRUCTURE = Rule("VIHF-STRUCTURE", "La structure est connue du répertoire et active", "DMPWS D8", _IDENTITY)
REGULATION = Rule(
    "VIHF-REGULATION",
    "En mode INDIRECTE, centre_15 est réservé à une structure de régulation médicale",
    "DMPWS D142",
    _IDENTITY,
)
PERSON = Rule("VIHF-PS-STRUCTURE", "Le professionnel exerce dans la structure", "DMPWS D8", _IDENTITY)
SECTOR = Rule("VIHF-SECTEUR", "Secteur_Activite a la forme SAxx^1.2.250.1.71.4.2.4", "DMP-FRAME TD0.2", _FORM)
SECTOR_OF_STRUCTURE = Rule(
    "VIHF-SECTEUR-STRUCTURE", "Secteur_Activite est un secteur de la structure", "DMPWS D8", _IDENTITY
)
CLASS_REF = Rule("VIHF-CLASSE", "AuthnContextClassRef est une valeur du mode", "DMP-CLIENT", _FORM)
AIR_METHOD = Rule("VIHF-AIR-METHODE", "AuthnContextDecl dit l'authentification primaire", "GI-DMP EX_AIR-050", _FORM)
AIR_PERSON = Rule(
    "VIHF-AIR-PS",
    "Le mode AIR est réservé aux personnes, et les professionnels y ont un numéro RPPS",
    "GI-DMP EX_AIR-020",
    _IDENTITY,
)

# --- attributes ------------------------------------------------------------------------------------------
TRAINEE_CARD = Rule("VIHF-CPF", "Avec une CPF, le LPS fournit structure et spécialité", "DMP-CLIENT", _FORM)
PRESENT = Rule("VIHF-ATTRIBUTS", "Les attributs obligatoires sont présents", "DMP-FRAME TD0.2", _FORM)
VERSION = Rule("VIHF-VERSION", "VIHF_Version est une version acceptée", "DMPWS D1", _FORM)
URN = Rule("VIHF-URN", "Ressource_URN vaut urn:dmp", "DMP-FRAME TD0.2", _FORM)
ROLES = Rule("VIHF-ROLE", "Les rôles sont des codes de JDV_J65-SubjectRole-DMP", "DMP-FRAME TD0.2", _FORM)
SPECIALTY = Rule("VIHF-SPECIALITE", "Le second rôle précise le premier quand il le faut", "DMP-CLIENT", _FORM)
PROFESSION = Rule("VIHF-PROFESSION", "La profession est celle de la carte", "DMPWS D144", _IDENTITY)
PURPOSE = Rule("VIHF-MOTIF", "purposeofuse est un code de la table R248", "DMP-FRAME TD0.2", _FORM)
REASON = Rule("VIHF-RAISON", "Un bris de glace est motivé par Mode_Acces_Raison", "DMP-CLIENT", _FORM)
SECRET = Rule(
    "VIHF-SECRET",
    "confidentiality-code ne sert qu'à la connexion secrète d'un mineur",
    "GI-DMP EX_0.1-1100",
    _FORM,
)
PATIENT = Rule("VIHF-PATIENT", "resource-id a la forme <INS>^^^&<OID d'INS>&ISO^NH", "DMP-CLIENT", _FORM)
PATIENT_KEY = Rule("VIHF-CLE", "La clé du matricule INS est juste", "DMP-CLIENT", _FORM)
SOFTWARE = Rule("VIHF-LOGICIEL", "LPS_ID_HOMOLOGATION_DMP est un logiciel homologué", "DMPWS D9", _IDENTITY)
NIA = Rule("VIHF-NIA", "Un NIA ne donne pas accès au DMP", "DMP-CDT 0.2-080", _FORM)
SINGLE_USE = Rule("VIHF-AIR-UNIQUE", "Un VIHF du mode AIR ne sert qu'une fois", "GI-DMP EX_AIR-040", _IDENTITY)

RULES: Final = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""All of the above, in their order."""

# --- sentences of the DMP itself --------------------------------------
NOT_A_SIGNATURE_CERTIFICATE: Final = (
    "Le certificat ayant signé le VIHF est invalide : Not a valid signature certificate"
)
UNKNOWN_STRUCTURE: Final = "Structure introuvable ou Inactive"
NOT_LINKED: Final = "PS et Structure non liés"
LEGAL_ENTITY_ERROR: Final = "Erreur d'authentification de la personne morale"
NO_SPECIALTY: Final = "Aucune spécialité dans le vihf. Spécialité obligatoire pour les Médecins..."
TRAINEE_CARD_ERROR: Final = (
    "La carte utilisée est une carte de professionnel en formation (CPF), une erreur a été détectée"
)
WRONG_RESOURCE_ID: Final = "Le champ Resource_id est incorrect : "
