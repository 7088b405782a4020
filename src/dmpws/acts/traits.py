"""Rectification of a patient's identity by the host: before, after, who and why are in the traces (DMPWS D151)."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Act, Desk, Kind
from dmpws.acts.rectifying import require_fields
from dmpws.domain.administration import check_traits
from dmpws.domain.checks import Report
from dmpws.domain.patient import Ins, Traits

RECTIFY = Kind("act:rectify", "Rectification des données du patient", frozenset({ActorKind.OPERATOR}), motive=True)

NAME_FIELDS = {"birth_name": "birth", "used_name": "used", "given_names": "given", "civility": "prefix"}
TRAIT_FIELDS = ("sex", "birth_date", "birth_country")
FIELDS = (*NAME_FIELDS, *TRAIT_FIELDS)
"""What is rectified; addresses and contacts are changed by TD1.3b."""


def rectify(desk: Desk, ins: Ins, values: Mapping[str, str]) -> bool:
    """Rectify traits of the patient, by field (FIELDS); False when they were so already."""
    with desk.act(RECTIFY, ins) as act:
        require_fields(values, FIELDS)
        before = act.record.traits
        name = replace(before.name, **{NAME_FIELDS[f]: v for f, v in values.items() if f in NAME_FIELDS})
        others: dict[str, Any] = {f: v for f, v in values.items() if f in TRAIT_FIELDS}
        after = replace(before, name=name, **others)
        if after == before:
            return False
        report = Report()
        check_traits(after, act.now.date(), report)
        report.raise_failures()
        _note(act, before, after)
        record = act.record
        act.store.patients.update(
            record.id,
            after,
            opposes_bris_de_glace=record.opposes_bris_de_glace,
            opposes_centre_15=record.opposes_centre_15,
        )
        return True


def _note(act: Act, before: Traits, after: Traits) -> None:
    flat = [{**asdict(traits), **asdict(traits.name)} for traits in (before, after)]
    for field in (*NAME_FIELDS.values(), *TRAIT_FIELDS):
        old, new = (values[field] for values in flat)
        if old != new:
            act.note(field, old, new)
