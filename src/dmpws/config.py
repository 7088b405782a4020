"""Every option, declared once: type, default, help, environment name; and the profiles.

An option takes its value from the first of: command line, environment (`DMPWS_` + name in upper case), the file
given with --config (TOML, one flat table), the profile, the default. `dmpws config explain` prints which.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROFILES = ("local", "test", "production", "ihe")
LABORATORY = ("local", "test")
"""Profiles that make their own PKI, load the fictitious cast, and may be disturbed on purpose."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    profiles: defaults that differ by profile. choices: allowed values, empty when any. parameter: its code in the
    parameters file of the DMP, which LPS read every week (GI-DMP EX_GEN-1540).
    """

    name: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    profiles: Mapping[str, Any] | None = None
    parameter: str = ""

    @property
    def environment(self) -> str:
        return "DMPWS_" + self.name.upper()

    def parse(self, text: Any, origin: str) -> Any:
        """Convert `text` to the type of the default. Raises ConfigError."""
        kind = type(self.default)
        try:
            if kind is bool and isinstance(text, str):
                value: Any = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                    text.lower()
                ]
            else:
                value = kind(text)
        except (KeyError, ValueError, TypeError):
            raise ConfigError(f"{self.name} ({origin}): {text!r} is not a {kind.__name__}") from None
        if self.choices and value not in self.choices:
            allowed = ", ".join(str(c) for c in self.choices)
            raise ConfigError(f"{self.name} ({origin}): {value!r} is not one of {allowed}")
        return value


class ConfigError(Exception):
    """A value cannot be used; the message says which, where it came from and why."""


MB = 1024 * 1024

OPTIONS: tuple[Option, ...] = (
    Option("profile", "local", "set of defaults", PROFILES),
    Option("data", "var", "folder of everything the server keeps: PKI, database, documents, logs"),
    # Listening
    Option("host", "127.0.0.1", "address of the HTTPS port", profiles={"production": "0.0.0.0"}),  # noqa: S104
    Option("port", 8443, "HTTPS port, client certificates required"),
    Option("ops_port", 8080, "operator port, plain HTTP on the loopback address only; 0 for none"),
    Option("workers", 0, "worker processes; 0 for one per core"),
    Option("threads", 4, "threads of each worker"),
    Option("tls", "direct", "who ends TLS: the server itself, or a trusted proxy", ("direct", "proxy")),
    Option("unix_socket", "", "in proxy mode, the unix socket to listen on (headers of the proxy are trusted there)"),
    Option("proxy_secret", "", "in proxy mode on a TCP port, value that the header X-DMPWS-Proxy-Secret must have"),
    Option("tls_crl", "application", "where revocation is checked first", ("application", "handshake")),
    Option("tls_certificate", "", "server certificate, PEM; empty for the one of the demo PKI"),
    Option("tls_key", "", "key of the server certificate, PEM; empty for the one of the demo PKI"),
    # Storage
    Option("database", "", "SQLAlchemy URL; empty for SQLite in the data folder"),
    Option("documents", "", "folder of the document octets; empty for the data folder"),
    Option("encryption", False, "encrypt documents and stored fragments at rest", profiles={"production": True}),
    Option("encryption_key_file", "", "file holding the wrapping key; empty for one made in the data folder"),
    Option("encryption_command", "", "command that wraps and unwraps data keys, instead of a key file"),
    # Journal
    Option(
        "journal",
        True,
        "keep exchanges with their messages and verdicts, to explain them; encrypted outside local and test",
        profiles={"production": False, "ihe": False},
    ),
    Option("journal_message", MB, "octets kept of one message"),
    Option("journal_exchanges", 10_000, "exchanges kept"),
    Option("journal_days", 30, "days an exchange is kept"),
    Option("journal_octets", 500 * MB, "octets kept of all messages"),
    # Audit repository (ATNA)
    Option("atna_host", "", "syslog server that gets an audit message for each trace, over TLS; empty for none"),
    Option("atna_port", 6514, "its port"),
    Option("atna_authorities", "", "PEM of the authorities of its certificate"),
    Option("atna_certificate", "", "client certificate this server shows it, PEM"),
    Option("atna_key", "", "key of that certificate, PEM"),
    Option("atna_source", "dmpws", "AuditSourceID of the messages"),
    Option("atna_site", "", "AuditEnterpriseSiteID of the messages"),
    # Trust
    Option("trust", "", "folder with anchors/, intermediates/ and crls/; empty for the demo PKI"),
    Option(
        "crl",
        "strict",
        "missing or stale revocation lists: refuse, accept with a warning, or do not check at all",
        ("strict", "tolerant", "off"),
        {"local": "tolerant"},
    ),
    Option(
        "sha1", True, "accept SHA-1 signatures, with a warning (DMPWS D4)", profiles={"production": False, "ihe": False}
    ),
    # VIHF
    Option("vihf_max_age", 3600, "age of a VIHF in seconds, outside AIR (DMPWS D2)"),
    Option("vihf_future", 60, "seconds an IssueInstant may lie in the future (DMPWS D2)"),
    Option("vihf_air_max_age", 30, "age of a VIHF in AIR, in seconds (GI-DMP EX_AIR-040)"),
    Option(
        "directory",
        "strict",
        "unknown professionals and structures: refused, or added on first sight (DMPWS D8)",
        ("strict", "open"),
        {"local": "open"},
    ),
    Option(
        "approval",
        "listed",
        "approval number: must be listed and active, or any that is not empty (DMPWS D9)",
        ("listed", "any"),
        {"local": "any"},
    ),
    # Lot signature
    Option("lot_signing_past", 72 * 3600, "seconds a SigningTime or submissionTime may lie before reception"),
    Option("lot_signing_future", 300, "seconds a SigningTime or submissionTime may lie after reception"),
    # Rules of the record
    Option("guide", "2.10", "behaviour set (DMPWS D1)", ("2.9", "2.10")),
    Option("authorisation_days", 365, "duration of an authorisation (DMPWS D12)"),
    Option(
        "care_team",
        "structure",
        "an authorisation of a structure serves the professionals the directory knows there (DMPWS D132)",
        ("structure", "off"),
    ),
    Option("creation", "allowed", "TD1.1 and TD1.2 (DMPWS D13)", ("allowed", "refused")),
    Option("age_majorite", 18, "age of majority, in years", parameter="age-majorite"),
    Option("fonctions_gestion_mineurs", True, "functions for minors", parameter="fonctions-gestion-mineurs"),
    Option(
        "cumul_invisible_patient_masque_ps",
        False,
        "a document may be masked to professionals and invisible to the patient at once (GI-DMP REC_2.1-1065)",
        parameter="cumul-invisible_patient-masque_ps",
    ),
    Option(
        "hr_periode_max_mois",
        24,
        "months of reimbursement data (REMB) that a record shows",
        parameter="hr-periode-max-mois",
    ),
    Option(
        "matrix",
        "strict",
        "types of document that the table gives to no profession: refused to all but doctors, or open (DMPWS D19)",
        ("strict", "open"),
        {"local": "open", "test": "open", "ihe": "open"},
    ),
    Option("matrix_file", "", "table of the types each profession may read; empty for the few public cells"),
    Option("feeding_requires", "nothing", "what a deposit needs (DMPWS D20)", ("nothing", "authorisation")),
    Option("strict_identity", False, "refuse lots whose identity traits differ from the record (DMPWS D36)"),
    Option("cda", "header", "CDA validation level (DMPWS D17)", ("off", "header", "xsd", "schematron")),
    Option("cda_schemas", "", "folder of the official CDA files, for the levels xsd and schematron"),
    Option("vsm", "per_author", "one current VSM (DMPWS D34)", ("per_author", "per_record", "off"), {"ihe": "off"}),
    Option("vsm_reserved", False, "only the médecin traitant deposits a VSM (DMPWS D34)"),
    Option("vaccination_history", True, "keep the historique des vaccinations (DMPWS D33)", profiles={"ihe": False}),
    Option("trace_years", 10, "years a trace is kept (DMPWS D154)"),
    Option(
        "checkpoint_certificate",
        "",
        "certificates whose purges of traces are good, PEM, the one that signs first; empty for the server's",
    ),
    Option("checkpoint_key", "", "key of the first of them, PEM"),
    Option("institution", "", "name and contact of the host, as copies for patients show them"),
    Option("retention_years", 10, "years a record is kept after its closure or its patient's death (DMPWS D150)"),
    Option("notifications", True, "keep a row for each reader and day, for who tells the patient (DMPWS D159)"),
    Option("threshold_user", 0, "searches (TD3.1) of one user in a window; 0 for no threshold (DMPWS D138)"),
    Option("threshold_software", 0, "searches through one approved software in a window; 0 for none (DMPWS D138)"),
    Option("threshold_window", 3600, "seconds of that window"),
    Option("max_results", 2000, "entries, and lots, and folders, of a TD3.1 answer (DMPWS D23)"),
    Option("max_candidates", 50, "patients of a TD0.5 answer (DMPWS D129)"),
    Option("max_listed", 10_000, "patients of a TD0.4 answer (DMPWS D126)"),
    # Plain IHE clients
    Option("affinity_domain", "", "profile ihe: file of the affinity domain (TOML); empty for any code and authority"),
    Option(
        "client_certificate",
        "required",
        "profile ihe and serve --stub: whether clients must have a certificate; the DMP always asks for one",
        ("required", "optional"),
    ),
    Option("xua", "optional", "profile ihe: the XUA assertion of a call (DMPWS D97)", ("optional", "required")),
    # Protocol
    Option("strict_action", False, "refuse a request without wsa:Action", profiles={"production": True}),
    Option(
        "http_binding",
        False,
        "answer 400 instead of 500 to faults of the sender (DMPWS D10)",
        profiles={"ihe": True},
    ),
    Option("schemas", "", "folder of official schemas to validate with instead of the project's own"),
    # Limits
    Option("max_body", 112 * MB, "octets of a request"),
    Option("max_envelope", 10 * MB, "octets of a SOAP envelope"),
    Option("max_document", 100 * MB, "octets of one document"),
    Option("max_xml_document", 32 * MB, "octets of one XML document, which must be canonicalised in memory"),
    Option("max_parts", 64, "MIME parts of a request"),
    Option("max_part_headers", 16 * 1024, "octets of the headers of one MIME part"),
    Option("max_tags", 1_000_000, "tags of one XML document, and as many attributes"),
    Option("max_depth", 100, "depth of one XML document"),
    Option("max_request_seconds", 120, "seconds to receive a whole request"),
)

_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Config:
    """Effective values and where each came from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters file: values as text, by code."""
        return {o.parameter: _xml_text(self.values[o.name]) for o in OPTIONS if o.parameter}

    @property
    def laboratory(self) -> bool:
        """Nothing real is at stake."""
        return self.values["profile"] in LABORATORY

    @property
    def data_folder(self) -> Path:
        return Path(self.values["data"])

    @property
    def database_url(self) -> str:
        return self.values["database"] or f"sqlite:///{self.data_folder / 'dmpws.sqlite'}"

    @property
    def documents_folder(self) -> Path:
        return Path(self.values["documents"] or self.data_folder / "documents")

    @property
    def pki_folder(self) -> Path:
        return self.data_folder / "pki"


def load(
    command_line: Mapping[str, Any] | None = None,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Compute the effective configuration.

    command_line: values by option name; None means not given. Raises ConfigError for an unknown name in the
    file, a value of the wrong type, or an unreadable file.
    """
    environ = os.environ if environment is None else environment
    given = {k: v for k, v in (command_line or {}).items() if v is not None and k in _BY_NAME}
    stored = _read(file) if file else {}
    sources = (
        ("command line", given),
        ("environment", {o.name: environ[o.environment] for o in OPTIONS if o.environment in environ}),
        (f"file {file}", stored),
    )

    def resolve(option: Option, profile: str) -> tuple[Any, str]:
        for origin, values in sources:
            if option.name in values:
                return option.parse(values[option.name], origin), origin
        if option.profiles and profile in option.profiles:
            return option.profiles[profile], f"profile {profile}"
        return option.default, "default"

    profile, _ = resolve(_BY_NAME["profile"], "local")
    resolved = {option.name: resolve(option, profile) for option in OPTIONS}
    return Config({k: v for k, (v, _) in resolved.items()}, {k: origin for k, (_, origin) in resolved.items()})


def _xml_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    if unknown := sorted(values.keys() - _BY_NAME.keys()):
        raise ConfigError(f"{file}: unknown option {', '.join(unknown)}")
    return values
