"""Rules about certificates. All are answered with the fault code DMPInvalidCertificate (DMPWS D10)."""

from dmpws.domain.checks import Rule

_CODE = "DMPInvalidCertificate"

LOAD = Rule("PKI-LOAD", "Le certificat est lisible", "RFC 5280 4.1", _CODE)
PATH = Rule("PKI-PATH", "Le certificat remonte à une autorité de confiance", "RFC 5280 6.1.3", _CODE)
VALIDITY = Rule("PKI-VALIDITY", "Le certificat et ses autorités sont en cours de validité", "RFC 5280 4.1.2.5", _CODE)
CRL = Rule("PKI-CRL", "Les listes de révocation sont présentes et à jour", "RFC 5280 5.1.2.5", _CODE)
REVOCATION = Rule("PKI-REVOCATION", "Ni le certificat ni ses autorités ne sont révoqués", "RFC 5280 5.3", _CODE)

RULES = (LOAD, PATH, VALIDITY, CRL, REVOCATION)
