"""The fixture of the tests of a VIHF."""

from datetime import datetime

import pytest
from vihf_desk import Desk

from dmpws.pki.demo import DemoPki
from dmpws.pki.trust import TrustPolicy, TrustStore


@pytest.fixture
def desk(pki: DemoPki, now: datetime) -> Desk:
    return Desk(pki, now, TrustStore.from_folder(pki.trust_folder, TrustPolicy()))
