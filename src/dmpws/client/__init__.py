"""The client kit: a DMP-compatible software in Python.

>>> with LpsSession(card, url, ca_file=ca) as lps:  # doctest: +SKIP
...     lps.test_existence(ins)
"""

from dmpws.client.actor import Actor
from dmpws.client.backlog import BacklogLot, BacklogReport, KeptAside, deposit_backlog
from dmpws.client.biology import read_results
from dmpws.client.cda import Attachment, ClinicalDocument, Section
from dmpws.client.errors import BadAnswer, ClientError, Problem, ServerFault, Unreachable
from dmpws.client.lot import Deposit, Lot, NewFolder
from dmpws.client.sent import LotState, SentLot, SentLots
from dmpws.client.session import KIT, LpsSession
from dmpws.client.vaccination import Vaccination, vaccination_note
from dmpws.client.vsm import read_vsm
from dmpws.client.vsm_writing import vsm
from dmpws.pki.cards import Card
from dmpws.vihf.issue import Lps

__all__ = [
    "KIT",
    "Actor",
    "Attachment",
    "BacklogLot",
    "BacklogReport",
    "BadAnswer",
    "Card",
    "ClientError",
    "ClinicalDocument",
    "Deposit",
    "KeptAside",
    "Lot",
    "LotState",
    "Lps",
    "LpsSession",
    "NewFolder",
    "Problem",
    "Section",
    "SentLot",
    "SentLots",
    "ServerFault",
    "Unreachable",
    "Vaccination",
    "deposit_backlog",
    "read_results",
    "read_vsm",
    "vaccination_note",
    "vsm",
]
