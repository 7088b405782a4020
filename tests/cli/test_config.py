"""Options: sources, precedence, types, and what the command line says of them."""

import json
from pathlib import Path

import pytest

from dmpws.cli import main
from dmpws.config import OPTIONS, ConfigError, load


def test_the_first_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "dmpws.toml"
    file.write_text('port = 1\nthreads = 1\nprofile = "production"\n')
    config = load({"port": 3, "host": None}, file, {"DMPWS_PORT": "2", "DMPWS_THREADS": "2"})
    assert (config.port, config.threads, config.host) == (3, 2, "0.0.0.0")
    assert config.origins["port"] == "command line"
    assert config.origins["threads"] == "environment"
    assert config.origins["host"] == "profile production"
    assert config.origins["guide"] == "default"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DMPWS_PORT": "high"}, "port (environment): 'high' is not a int"),
        ({"DMPWS_CRL": "maybe"}, "crl (environment): 'maybe' is not one of strict, tolerant, off"),
        ({"DMPWS_SHA1": "perhaps"}, "sha1 (environment): 'perhaps' is not a bool"),
    ],
)
def test_a_bad_value_is_named_with_its_origin(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(environment=environment)
    assert str(error.value) == said


def test_an_unknown_option_in_the_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "dmpws.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(ConfigError, match="unknown option prot"):
        load(file=file, environment={})


def test_production_is_strict() -> None:
    config = load({"profile": "production"}, environment={})
    assert config.encryption is True
    assert config.sha1 is False
    assert config.crl == "strict"
    assert config.directory == "strict"
    assert config.approval == "listed"
    assert config.strict_action is True


def test_names_are_unique_and_explained() -> None:
    names = [option.name for option in OPTIONS]
    assert len(names) == len(set(names))
    assert all(option.help for option in OPTIONS)


def test_what_show_prints_is_a_file_that_config_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMPWS_PORT", "9999")
    assert main(["config", "show"]) == 0
    file = tmp_path / "shown.toml"
    file.write_text(capsys.readouterr().out)
    monkeypatch.delenv("DMPWS_PORT")
    assert load(file=file, environment={}).port == 9999


def test_explain_gives_the_origin_and_hides_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMPWS_PROXY_SECRET", "very secret")
    assert main(["--format", "json", "config", "explain"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["proxy_secret"]["value"] == "***"
    assert rows["proxy_secret"]["origin"] == "environment"


def test_a_config_error_is_one_sentence_and_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMPWS_PORT", "high")
    assert main(["config", "show"]) == 2
    assert capsys.readouterr().err == "dmpws: port (environment): 'high' is not a int\n"
