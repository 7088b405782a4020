"""Fixtures of the signature tests."""

from datetime import datetime

import pytest
from lxml import etree
from signing_lab import LotLab, assertion

from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.signature.core import sign_enveloped


@pytest.fixture(scope="session")
def card(pki: DemoPki) -> Card:
    return pki.card("medecin-libre")


@pytest.fixture(scope="session")
def other_card(pki: DemoPki) -> Card:
    return pki.card("medecin-virginie")


@pytest.fixture
def signed(card: Card) -> etree._Element:
    """A good signed assertion, to bend."""
    return etree.fromstring(sign_enveloped(assertion(), card.signing_key, card.signing_certificate))


@pytest.fixture
def lot(pki: DemoPki, card: Card, now: datetime) -> LotLab:
    return LotLab(card, TrustStore.from_folder(pki.trust_folder, TrustPolicy()), now)
