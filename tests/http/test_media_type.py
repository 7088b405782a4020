"""Content-Type as clients write it."""

import pytest

from dmpws.http.media_type import parse_media_type


@pytest.mark.parametrize(
    ("value", "name", "parameters"),
    [
        ("", "", {}),
        ("Application/SOAP+XML", "application/soap+xml", {}),
        (
            'application/soap+xml;action="urn:a;b";charset=utf-8',
            "application/soap+xml",
            {"action": "urn:a;b", "charset": "utf-8"},
        ),
        # the quotes that `/` and `:` ask for are often left out
        (
            "multipart/related; type=application/xop+xml; start=<a@b>; boundary=uuid:1-2"
            "; start-info=application/soap+xml",
            "multipart/related",
            {
                "type": "application/xop+xml",
                "start": "<a@b>",
                "boundary": "uuid:1-2",
                "start-info": "application/soap+xml",
            },
        ),
        (
            'application/xop+xml; charset=UTF-8; type="application/soap+xml; action=\\"urn:x\\""',
            "application/xop+xml",
            {"charset": "UTF-8", "type": 'application/soap+xml; action="urn:x"'},
        ),
        ('a/b; Boundary="x"; boundary="y"', "a/b", {"boundary": "x"}),
        ("a/b; ;; =x; y; z=", "a/b", {"z": ""}),
        ('a/b; boundary="unterminated', "a/b", {"boundary": ""}),
    ],
)
def test_what_is_read(value: str, name: str, parameters: dict[str, str]) -> None:
    media_type = parse_media_type(value)
    assert (media_type.name, dict(media_type.parameters)) == (name, parameters)
