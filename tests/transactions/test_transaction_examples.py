"""Every frame of the folder `transactions/` gets the answer it promises, from the whole server."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dmpws.domain.checks import Report
from dmpws.domain.errors import CATALOGUE, OK_STATUS, Carrier
from dmpws.pki.demo import DemoPki
from dmpws.soap.validation import Schemas
from dmpws.store import open_store
from dmpws.testing.examples import Example, examples
from dmpws.testing.official import errors
from dmpws.testing.stage import Stage, body_child

EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def stage(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
    yield Stage(store, pki, now)
    store.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example(example: Example, stage: Stage) -> None:
    stage.play(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_bodies_against_the_official_schemas(example: Example, stage: Stage, reference: Path) -> None:
    assert (errors(body_child(stage.request(example)), reference) == []) is example.valid
    if example.carrier != Carrier.FAULT:
        assert (errors(stage.play(example), reference) == []) is example.official


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_answers_against_our_schemas(example: Example, stage: Stage, schemas: Schemas) -> None:
    report = Report()
    if example.carrier != Carrier.FAULT:
        schemas.check(stage.play(example), report)
    assert [check.message for check in report.failures] == []


def test_ids_are_distinct() -> None:
    ids = [example.id for example in EXAMPLES]
    assert len(set(ids)) == len(ids) > 40


def test_codes_and_carriers_are_of_the_catalogue() -> None:
    good = {"AA", OK_STATUS, "Success"}
    assert {e.code for e in EXAMPLES} - good <= CATALOGUE.keys()
    assert {e.carrier for e in EXAMPLES} <= set(Carrier)
    assert [e.id for e in EXAMPLES if (e.code in good) == ("/refused-" in e.id)] == []


def test_every_folder_has_a_sheet_a_request_and_an_answer() -> None:
    for folder in {example.folder for example in EXAMPLES}:
        names = {path.name for path in folder.iterdir()}
        assert {"sheet.md", "request.xml", "response.xml", "cases.toml"} <= names
        played = {e.request for e in EXAMPLES if e.folder == folder} | {
            e.answer for e in EXAMPLES if e.folder == folder
        }
        assert {name for name in names if name.endswith(".xml")} <= played, f"{folder.name}: a frame nobody plays"
