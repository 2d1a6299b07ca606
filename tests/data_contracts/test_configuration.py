"""The sample file is true, wrong keys are named, and lists replace their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.configuration import Configuration, configuration_from, load_configuration
from data_contracts.errors import ConfigurationError
from data_contracts.items import parse_item

ROOT = Path(__file__).parents[2]


def test_the_sample_file_shows_every_key_with_its_true_default() -> None:
    import tomllib

    sample = ROOT / "docs" / "tact.sample.toml"
    assert load_configuration(sample) == Configuration()
    raw = tomllib.loads(sample.read_text(encoding="utf-8"))
    for section, model in Configuration().model_dump().items():
        keys = set(model) - {"items"} if section == "goals" else set(model)
        assert keys <= set(raw[section]), f"[{section}] lacks {sorted(keys - set(raw[section]))}"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"polices": {}}, "polices: this key is not known"),
        ({"policy": {"cap": []}}, "policy.cap: this key is not known"),
        ({"policy": {"quiet_hours": True}}, "policy.quiet_hours: give {"),
        ({"policy": {"quiet_hours": {"start": "9pm", "end": "08:00"}}}, "policy.quiet_hours.start: '9pm'"),
        ({"policy": {"caps": [{"sends": 1}]}}, "policy.caps.0.window_hours: Field required"),
        ({"policy": {"caps": [{"window_hours": 24, "sends": -1}]}}, "policy.caps.0.sends: "),
        ({"policy": {"exploration": 1.5}}, "policy.exploration: "),
        ({"policy": {"helps_weight": "much"}}, "policy.helps_weight: "),
        ({"policy": {"time_zones_assumed": ["Mars/Olympus"]}}, "policy.time_zones_assumed: 'Mars/Olympus'"),
        ({"goals": {"none": ["logged_in"]}}, "'none' is the name for no goal"),
        ({"goals": {"use": ["a >> 3"]}}, "goals.use: 'a >> 3' is not an item"),
        ({"outcomes": {"progress": "purchased"}}, "outcomes.progress: "),
        ({"attributes": {"customer": {"plan": "text"}}}, "attributes.customer.plan: "),
        ({"service": {"database": "mysql://x"}}, "service.database: write sqlite:///FILE"),
        ({"service": {"api_keys": [{"name": "a", "sha256": "abc"}]}}, "service.api_keys.0.sha256: "),
        ({"vocabulary": {"roles": {"contacts": []}}}, "vocabulary.roles: 'contacts' is not a role"),
    ],
)
def test_wrong_configuration_names_the_key(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configuration_from(raw)
    assert message in caught.value.detail
    assert caught.value.exit_code == 2


def test_a_given_goal_replaces_the_whole_table_and_a_list_its_default() -> None:
    given = configuration_from({"goals": {"move": ["walk_bout"]}, "outcomes": {"harm": []}})
    assert given.goals.names == ("move", "none")
    assert given.outcomes.harm == () and given.outcomes.progress == Configuration().outcomes.progress
    assert configuration_from({"goals": {"horizon_hours": 4}}).goals.items == Configuration().goals.items


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_configuration(tmp_path / "missing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[policy\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_configuration(broken)


def test_the_file_is_found_by_environment_and_by_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TACT_CONFIG", raising=False)
    assert load_configuration() == Configuration()
    (tmp_path / "tact.toml").write_text("[policy]\nbalance = 0.5\n")
    assert load_configuration().policy.balance == 0.5
    (tmp_path / "other.toml").write_text("[policy]\nbalance = 0.25\n")
    monkeypatch.setenv("TACT_CONFIG", str(tmp_path / "other.toml"))
    assert load_configuration().policy.balance == 0.25


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("purchased", ("purchased", None, None, None)),
        ("csat_answered >= 4", ("csat_answered", ">=", 4.0, None)),
        ("steps_counted >= 300 within 1h", ("steps_counted", ">=", 300.0, 1.0)),
        ("x<-2.5", ("x", "<", -2.5, None)),
        ("x within 2 d", ("x", None, None, 48.0)),
        ("x within 30m", ("x", None, None, 0.5)),
    ],
)
def test_items(text: str, expected: tuple[object, ...]) -> None:
    item = parse_item(text)
    assert (item.event_type, item.comparison, item.limit, item.within_hours) == expected


@pytest.mark.parametrize("text", ["", "a b", "a >= x", "a >= 1 within", "a within 0h", ">= 3", "a = 3"])
def test_items_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"item|window|number"):
        parse_item(text)
