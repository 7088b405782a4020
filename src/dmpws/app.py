"""Puts the server together: the only module that knows everybody."""

import os
import shlex
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

from dmpws import __version__
from dmpws.audit.syslog import Cursor, Repository, Sender
from dmpws.client.received import ReceivedSink
from dmpws.codec.affinity import read_domain
from dmpws.codec.parameters import write_parameters
from dmpws.codec.tables import TableError
from dmpws.codec.type_rights import public_type_rights, read_type_rights
from dmpws.config import Config, ConfigError
from dmpws.domain.affinity import AffinityDomain
from dmpws.domain.checks import Report
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.type_rights import TypeRights
from dmpws.http import SERVICES_PATH
from dmpws.http.journal import Journalled, WsgiApp
from dmpws.http.limits import Limits
from dmpws.http.ops import build_ops_app
from dmpws.http.tls import TlsReader, anonymous, direct, proxy
from dmpws.http.wsgi import ContractWsgi, Observer, Options, build
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.signature import verify_lot
from dmpws.signature.model import ReceivedLot, VerifiedLot
from dmpws.signature.verify_lot import ExpectedSigner, LotPolicy
from dmpws.soap.contracts import Contracts
from dmpws.soap.message import Dispatch, SoapRequest
from dmpws.soap.official_cda import cda_checker
from dmpws.soap.validation import Schemas
from dmpws.store import KeyCommand, KeyFile, Store, StoreOptions, open_store
from dmpws.store.journal import Journal, Retention
from dmpws.store.store import sealer_of
from dmpws.tracing import certificate_shown, trace_refusals
from dmpws.transactions import load
from dmpws.transactions.call import Settings
from dmpws.transactions.ihe_entrance import IheEntrance
from dmpws.transactions.pipeline import Entrance, Pipeline
from dmpws.transactions.ports import LotVerifier, StorageError
from dmpws.transactions.registry import Interface, operations, transactions
from dmpws.transactions.vihf_entrance import VihfEntrance
from dmpws.vihf import verify, xua
from dmpws.vihf.model import VerifiedVihf
from dmpws.vihf.policy import DirectoryPolicy, SoftwarePolicy, VihfPolicy
from dmpws.vihf.xua import XuaPolicy
from dmpws.xml.parser import XmlLimits

if TYPE_CHECKING:
    from dmpws.http.journal_pages import Page
    from dmpws.lab import Lab


def build_app(
    config: Config,
    *,
    store: Store | None = None,
    observers: Sequence[Observer] = (),
    clock: Callable[[], datetime] | None = None,
    lab: "Lab | None" = None,
) -> ContractWsgi:
    """Return the WSGI application of the protocol port.

    store: an open store, for tests; otherwise the one of the configuration. clock: reception time of requests,
    aware UTC; None for that of `lab`, or else of the machine. lab: see `laboratory`. Raises StorageError, Refused,
    ConfigError or OSError when something the configuration names cannot be used.
    """
    if lab is not None and not config.laboratory:
        raise ConfigError(f"profile {config.profile}: nothing is disturbed on purpose outside local and test")
    load()
    store = store or store_of(config)
    trust = TrustStore.from_folder(trust_folder(config), TrustPolicy(crl=config.crl))
    schemas = Schemas.load(Path(config.schemas) if config.schemas else None)
    interface = interface_of(config)
    make = _ihe_entrance if interface is Interface.IHE else _vihf_entrance
    entrance = make(config, store, trust, schemas, lab)
    pipeline = Pipeline(
        store=store,
        entrance=entrance if lab is None else _disturbed(entrance, lab),
        check_body=_body_checker(schemas),
        certificate_shown=certificate_shown,
    )
    return build(
        operations(interface),
        pipeline,
        contracts=Contracts.load(services=CONTRACTS[interface]),
        sink=store.blobs,
        limits=limits_of(config),
        options=Options(strict_action=config.strict_action, http_binding=config.http_binding),
        observers=[*observers, trace_refusals(store)],
        tls=_tls_reader(config),
        clock=clock or (lab.clock if lab else _real_time),
    )


def build_stub_app(config: Config, dispatch: Dispatch) -> ContractWsgi:
    """Return the application of the protocol port with another dispatch: contracts and SOAP, no store, no entrance."""
    load()
    return build(
        operations(),
        dispatch,
        contracts=Contracts.load(services=CONTRACTS[Interface.DMP]),
        sink=ReceivedSink(),
        limits=limits_of(config),
        options=Options(strict_action=config.strict_action, http_binding=config.http_binding),
        tls=anonymous(direct),
    )


CONTRACTS = {Interface.DMP: "services", Interface.IHE: "ihe"}
"""Table of the index of contracts."""


def interface_of(config: Config) -> Interface:
    """What the server of this configuration speaks."""
    return Interface.IHE if config.profile == "ihe" else Interface.DMP


def _vihf_entrance(
    config: Config, store: Store, trust: TrustStore, schemas: Schemas, lab: "Lab | None"
) -> VihfEntrance:
    return VihfEntrance(
        verify_token=_token_verifier(config, store, trust),
        check_cda_header=cda_checker(config.cda, config.cda_schemas, schemas),
        lot_verifier=_lot_verifiers(config, trust),
        settings=settings_of(config),
        new_uuid=_new_uuid,
        learn=_Learner(store, lab.epoch if lab else int) if config.directory == "open" else _learn_nothing,
    )


def cda_check_of(config: Config) -> Callable[[etree._Element, Report], bool]:
    """What checks a CDA document at the level of the configuration. Raises OSError as `build_app` does."""
    schemas = Schemas.load(Path(config.schemas) if config.schemas else None)
    return cda_checker(config.cda, config.cda_schemas, schemas)


def _ihe_entrance(
    config: Config, _store: Store, trust: TrustStore, _schemas: Schemas, _lab: "Lab | None"
) -> IheEntrance:
    domain = affinity_domain(config)
    policy = XuaPolicy(
        certificate=not certificate_optional(config),
        assertion=config.xua == "required",
        audience=domain.uri,
        providers=domain.providers,
        max_age=timedelta(seconds=config.vihf_max_age),
        skew=timedelta(seconds=config.vihf_future),
        sha1=config.sha1,
    )
    return IheEntrance(
        identify=partial(xua.identify, policy=policy, trust=trust),
        domain=domain,
        settings=settings_of(config),
        new_uuid=_new_uuid,
    )


def affinity_domain(config: Config) -> AffinityDomain:
    """The affinity domain of profile `ihe`. Raises ConfigError."""
    if not config.affinity_domain:
        return AffinityDomain()
    try:
        return read_domain(Path(config.affinity_domain))
    except (OSError, ValueError) as error:
        raise ConfigError(f"affinity_domain: {error}") from None


def _new_uuid() -> str:
    return str(uuid.uuid4())


def _real_time() -> datetime:
    return datetime.now(UTC)


def laboratory(config: Config) -> "Lab | None":
    """Faults, clock and snapshots of a server of the profiles `local` and `test`.

    None in the others, which do not even import the code (DMPWS D197).
    """
    if not config.laboratory:
        return None
    from dmpws.lab import Lab  # noqa: PLC0415 - see above

    return Lab(config.data_folder / "lab")


def clock_of(config: Config) -> Callable[[], datetime]:
    """The time at which the server of this configuration plays, aware UTC."""
    lab = laboratory(config)
    return lab.clock if lab else _real_time


def _disturbed(entrance: VihfEntrance | IheEntrance, lab: "Lab") -> Entrance:
    from dmpws.lab.disturbing import DisturbedEntrance  # noqa: PLC0415 - see `laboratory`

    return DisturbedEntrance(entrance, lab.faults)


def disturbed(app: WsgiApp, lab: "Lab | None") -> WsgiApp:
    """Let the faults of the laboratory, if there is one, reach the answers of `app`."""
    if lab is None:
        return app
    from dmpws.lab.disturbing import Disturbed  # noqa: PLC0415 - see `laboratory`

    return Disturbed(app)


def store_of(config: Config) -> Store:
    """Open the store of the configuration. Raises StorageError."""
    return open_store(config.database_url, config.documents_folder, options=store_options(config))


def store_options(config: Config) -> StoreOptions:
    """How the store of the configuration keeps things."""
    return StoreOptions(encryption=key_wrapper(config) if config.encryption else None)


def journal_of(config: Config) -> Journal | None:
    """Open the journal of the configuration; None when none is kept. Raises StorageError."""
    if not config.journal:
        return None
    return Journal(
        config.data_folder / "journal.sqlite",
        sealer=sealer_of(config.documents_folder, store_options(config)),
        retention=Retention(config.journal_exchanges, config.journal_days, config.journal_octets),
    )


def audit_sender_of(config: Config) -> Sender:
    """What sends the traces to the audit repository of the configuration. Raises StorageError."""
    store = store_of(config)

    def spool(after: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        with store.read() as work:
            return [(record.seq, record.content) for record in work.traces.after(after)]

    def head() -> int:
        with store.read() as work:
            return work.traces.head()[0]

    repository = Repository(
        config.atna_host,
        config.atna_port,
        Path(config.atna_authorities),
        Path(config.atna_certificate),
        Path(config.atna_key),
        config.atna_source,
        config.atna_site,
    )
    return Sender(repository, spool, Cursor(config.data_folder / "atna.cursor", head))


def journalled(app: WsgiApp, config: Config) -> WsgiApp:
    """Let the journal of the configuration, if there is one, keep what `app` answers. Raises StorageError."""
    journal = journal_of(config)
    return app if journal is None else Journalled(app, journal.add, most=config.journal_message)


def key_wrapper(config: Config) -> KeyFile | KeyCommand:
    """What wraps the data keys of encrypted documents: a command, or a key file, made where none is named."""
    if config.encryption_command:
        return KeyCommand(tuple(shlex.split(config.encryption_command)))
    path = Path(config.encryption_key_file or config.data_folder / "wrapping.key")
    return KeyFile(path) if path.exists() or config.encryption_key_file else KeyFile.create(path)


def trust_folder(config: Config) -> Path:
    """The folder of trusted authorities: the one configured, or that of the demo PKI."""
    return Path(config.trust or config.pki_folder / "trust")


def type_rights(config: Config) -> TypeRights:
    """Which professions read which types of document (DMPWS D19). Raises ConfigError."""
    unlisted = config.matrix == "open"
    if not config.matrix_file:
        return public_type_rights(unlisted=unlisted)
    path = Path(config.matrix_file)
    try:
        return read_type_rights(path.read_bytes(), path.name, unlisted=unlisted)
    except OSError as error:
        raise ConfigError(f"matrix_file: {path}: {error.strerror}") from None
    except TableError as error:
        raise ConfigError(f"matrix_file: {error}") from None


def settings_of(config: Config) -> Settings:
    """What the transactions obey."""
    return Settings(
        guide=config.guide,
        authorisation_duration=timedelta(days=config.authorisation_days),
        care_team=config.care_team,
        creation=config.creation,
        majority_age=config.age_majorite,
        minors_enabled=config.fonctions_gestion_mineurs,
        masked_and_invisible=config.cumul_invisible_patient_masque_ps,
        cda=config.cda,
        cda_limits=limits_of(config).xml_document,
        type_rights=type_rights(config),
        feeding_requires=config.feeding_requires,
        strict_identity=config.strict_identity,
        vsm=config.vsm,
        vsm_reserved=config.vsm_reserved,
        vaccination_history=config.vaccination_history,
        notifications=config.notifications,
        threshold_user=config.threshold_user,
        threshold_software=config.threshold_software,
        threshold_window=timedelta(seconds=config.threshold_window),
        max_results=config.max_results,
        max_candidates=config.max_candidates,
        max_listed=config.max_listed,
        retention_years=config.retention_years,
        trace_years=config.trace_years,
        institution=config.institution,
        software=f"dmpws {__version__}",
        refund_months=config.hr_periode_max_mois,
    )


def vihf_policy(config: Config) -> VihfPolicy:
    """What the checks of a VIHF demand."""
    return VihfPolicy(
        max_age=timedelta(seconds=config.vihf_max_age),
        max_future=timedelta(seconds=config.vihf_future),
        air_max_age=timedelta(seconds=config.vihf_air_max_age),
        sha1=config.sha1,
        directory=DirectoryPolicy(config.directory),
        software=SoftwarePolicy(config.approval),
        secret_connection=config.fonctions_gestion_mineurs,
    )


def limits_of(config: Config) -> Limits:
    """What one request may weigh."""
    return Limits(
        body=config.max_body,
        envelope=XmlLimits(config.max_envelope, config.max_tags, config.max_depth),
        document=config.max_document,
        xml_document=XmlLimits(config.max_xml_document, config.max_tags, config.max_depth),
        parts=config.max_parts,
        part_headers=config.max_part_headers,
        reading_seconds=config.max_request_seconds,
    )


def _tls_reader(config: Config) -> TlsReader:
    read = proxy(config.proxy_secret) if config.tls == "proxy" else direct
    return anonymous(read) if certificate_optional(config) else read


def certificate_optional(config: Config) -> bool:
    """Whether clients may come without certificate: in profile `ihe`, when the configuration says so."""
    return interface_of(config) is Interface.IHE and config.client_certificate == "optional"


def _body_checker(schemas: Schemas) -> Callable[[etree._Element], None]:
    def check(body: etree._Element) -> None:
        report = Report()
        schemas.check(body, report)
        report.raise_failures()

    return check


def _token_verifier(config: Config, store: Store, trust: TrustStore) -> Callable[[SoapRequest], VerifiedVihf]:
    policy = vihf_policy(config)

    def check(request: SoapRequest) -> VerifiedVihf:
        # One connection for all that is asked of the directory, and no transaction, since nothing is changed.
        with store.write() as work:
            return verify.verify(
                verify.only(request.assertions),
                tls=request.tls,
                policy=policy,
                trust=trust,
                directory=work.directory,
                memory=store.tokens,
                now=request.received_at,
            )

    return check


def _lot_verifiers(config: Config, trust: TrustStore) -> Callable[[VerifiedVihf], LotVerifier]:
    policy = LotPolicy(
        sha1_allowed=config.sha1,
        max_signing_skew=timedelta(seconds=config.lot_signing_future),
        max_signing_age=timedelta(seconds=config.lot_signing_past),
        xml_document=limits_of(config).xml_document,
    )

    def for_caller(vihf: VerifiedVihf) -> LotVerifier:
        def check(lot: ReceivedLot) -> VerifiedLot:
            structures = frozenset({vihf.structure, vihf.legal_entity} - {""})
            signer = ExpectedSigner(vihf.mode, vihf.name_id, structures)
            return verify_lot.verify(lot, policy=policy, trust=trust, signer=signer)

        return check

    return for_caller


def _learn_nothing(_vihf: VerifiedVihf) -> None:
    """Strict directories take nobody's word for who he is."""


class _Learner:
    """Adds people, structures and links the directory does not know, on first sight (DMPWS D8, `local` only).

    epoch: a number that changes when the directory may have lost what was learned.
    """

    def __init__(self, store: Store, epoch: Callable[[], int]) -> None:
        self._store = store
        self._epoch = epoch
        self._seen: set[tuple[str, str, int]] = set()

    def __call__(self, vihf: VerifiedVihf) -> None:
        key = (vihf.name_id, vihf.structure, self._epoch())
        if key in self._seen:
            return
        with self._store.write() as work:
            work.directory.lock()  # what an operator changes meanwhile is not undone
            if work.directory.structure(vihf.structure) is None:
                # No sector: the first token's would be taken for the only one.
                work.directory.put_structure(Structure(vihf.structure, vihf.structure, frozenset()))
            known = work.directory.professional(vihf.name_id)
            if known is None:
                known = Professional(vihf.name_id, "", vihf.subject_id, frozenset())
            if vihf.structure not in known.structures:
                work.directory.put_professional(replace(known, structures=known.structures | {vihf.structure}))
        self._seen.add(key)


def build_operator_app(config: Config, opened: ExitStack | None = None) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application of the operator port. Raises StorageError or TrustFolderError.

    opened: closes what the application opens, for who does not end with it.
    """
    store, journal = store_of(config), journal_of(config)
    if opened is not None:
        opened.callback(store.close)
        opened.callback(journal.close if journal else lambda: None)
    return build_ops_app(
        _probe(config, store),
        _info(config),
        journal,
        parameters=write_parameters(config.parameters),
        lab=_lab_pages(config, store, journal),
    )


def _lab_pages(
    config: Config, store: Store, journal: Journal | None
) -> "Callable[[Mapping[str, Any]], Page | None] | None":
    """The pages of the laboratory, where there is one."""
    if (lab := laboratory(config)) is None:
        return None
    from dmpws.lab.pages import LabPages  # noqa: PLC0415 - see `laboratory`
    from dmpws.lab.resetting import Resetting  # noqa: PLC0415
    from dmpws.lab.snapshots import Snapshots  # noqa: PLC0415

    options = store_options(config)
    snapshots = Snapshots(lab.folder / "snapshots", store, config.documents_folder, options, lab.begin_epoch)
    return LabPages(lab, snapshots, Resetting(config, lab, snapshots, journal))


def _probe(config: Config, store: Store) -> Callable[[], dict[str, str]]:
    """What must work for a deposit to be taken: database, document folder, trust folder, the protocol port."""
    trust = TrustStore.from_folder(trust_folder(config), TrustPolicy(crl=config.crl))

    def problems() -> dict[str, str]:
        found = {}
        try:
            with store.read():
                pass
        except StorageError as error:
            found["database"] = str(error)
        if not os.access(config.documents_folder, os.W_OK):
            found["documents"] = f"{config.documents_folder} is not writable"
        trust.reload_if_changed()
        if trust.problem:
            found["trust"] = trust.problem
        if not _listening(config):
            found["server"] = "the protocol port does not accept connections"
        return found

    return problems


def _listening(config: Config) -> bool:
    if config.unix_socket:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(config.unix_socket) == 0
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
        return probe.connect_ex((config.host, config.port)) == 0


def _info(config: Config) -> dict[str, Any]:
    load()
    return {
        "name": "dmpws",
        "version": __version__,
        "profile": config.profile,
        "guide": config.guide,
        "url": f"https://localhost:{config.port}{SERVICES_PATH}",
        "transactions": {t.code: t.title for t in transactions(interface_of(config))},
    }
