"""The page and its files: self-contained, pseudonymous, the same from the same data, plain where data is thin."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line.report import command
from data_contracts.configuration import Configuration
from data_contracts.errors import ConfigurationError, InvalidRequest, TooLittleData
from data_contracts.tables import validated
from reporting.collisions import pseudonym
from reporting.files import write_report
from reporting.page.page import page
from reporting.report import Report, report_of
from reporting.targets import DEFAULTS, load_targets
from tests.reporting.companies import Row, careless_company, decision, table, touch

_VOID = {"meta", "br"}


def made(folder: Path, rows: list[Row], log: list[Row] | None = None, salt: str | None = None) -> Report:
    chosen = Configuration()
    touchpoints = validated(table(rows, folder / "touchpoints.csv"), "touchpoints", chosen).frame
    decisions = (
        None if log is None else validated(table(log, folder / "decisions.csv"), "decisions", chosen).frame
    )
    return report_of(touchpoints, decisions, chosen, DEFAULTS, salt=salt)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    log = [decision(place, f"customer-number-{place:03d}", 10, "send", 0.5) for place in range(40)]
    return made(tmp_path_factory.mktemp("page"), careless_company(), log)


def lines_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()


def test_the_page_holds_no_address_and_no_script(report: Report) -> None:
    text = page(report, ("report.json",))
    for forbidden in ("http", "//", "url(", "@import", "<script", "<link", "<img", "src=", "href="):
        assert forbidden not in text, f"{forbidden} at {text[max(0, text.index(forbidden) - 60) :][:120]}"


def test_the_page_is_well_formed(report: Report) -> None:
    parser = _Balance()
    parser.feed(page(report, ("report.json",)))
    assert parser.open == []


def test_every_section_is_there(report: Report) -> None:
    text = page(report, ("report.json",))
    for name in (
        "departments",
        "weeks",
        "interaction",
        "collisions",
        "customers",
        "horizons",
        "detractors",
        "tact",
        "ledger",
    ):
        assert f'id="{name}"' in text
    assert "100 % of cases" not in text  # it is said as a fact, in the panel
    assert "of cases had another department writing into them while open" in text


def test_customers_are_pseudonymous_everywhere(report: Report, tmp_path: Path) -> None:
    written = write_report(report, tmp_path / "report.html")
    assert report.timelines
    for path in written:
        assert "customer-number-" not in path.read_text(encoding="utf-8"), path.name
        # No calendar date of a customer's own: timelines tell hours and weekdays.
    assert all(re.fullmatch(r"customer [0-9a-f]{8}", one.pseudonym) for one in report.timelines)


def test_the_salt_decides_the_pseudonym(tmp_path: Path) -> None:
    assert pseudonym("c-1", "one") != pseudonym("c-1", "other")
    assert pseudonym("c-1", "one") == pseudonym("c-1", "one")
    one, other = (made(tmp_path, careless_company(), salt=salt) for salt in ("one", "other"))
    assert {line.pseudonym for line in one.timelines}.isdisjoint(line.pseudonym for line in other.timelines)


def test_the_same_data_give_the_same_page(tmp_path: Path) -> None:
    rows = careless_company()
    first = made(tmp_path, rows)
    again = made(tmp_path, rows)
    assert page(first, ("a",)) == page(again, ("a",))
    assert json.dumps(first.as_dict()) == json.dumps(again.as_dict())


def test_csv_and_json_hold_every_figure(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.html")
    whole = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert whole["format"] == 1
    for figure in whole["figures"]:
        lines = lines_of(tmp_path / "report-figures" / f"{figure['key']}.csv")
        assert len(lines) == len(figure["rows"])
        for line, row in zip(lines, figure["rows"], strict=True):
            assert line["value"] == ("" if row["value"] is None else str(row["value"]))
            assert line["since"] == figure["since"] == "2025-03-03"
            assert row["value"] is not None or row["reason"]
            assert row["customers"] >= 0
    marks = lines_of(tmp_path / "report-figures" / "timelines.csv")
    assert len(marks) == sum(len(one.marks) for one in report.timelines)


def test_timelines_show_what_happened(report: Report) -> None:
    line = report.timelines[0]
    # The worst are those who unsubscribed, then were handed off and scored 8 or 3.
    assert line.contacts == 4
    assert line.departments == 4
    assert {mark.event_type for mark in line.marks if mark.effect == "interrupted"} >= {"unsubscribed"}
    assert all(0 <= mark.hours <= line.hours for mark in line.marks)


def test_thin_data_say_so(tmp_path: Path) -> None:
    rows = careless_company(5)
    text = page(made(tmp_path, rows), ("a",))
    assert "too little data" in text
    assert "5 customers" in text
    assert "There is too little data to say what a further touch does" in text
    # No percentage is claimed of anything.
    assert re.search(r">\d+(\.\d+)? %<", text) is None


def test_names_from_the_data_are_escaped(tmp_path: Path) -> None:
    hostile = {"topic": "<script>alert(1)", "message_id": "x"}
    rows = careless_company() + [touch("x", place, "<b>& co", "message_sent", **hostile) for place in range(9)]
    text = page(made(tmp_path, rows), ("a",))
    assert "<script" not in text
    assert "&lt;b&gt;&amp; co" in text


def test_no_messages_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(TooLittleData, match="no message to a customer"):
        made(tmp_path, [touch("a", 0, "product", "logged_in")])


def test_the_command(tmp_path: Path) -> None:
    source = table(careless_company(), tmp_path / "touchpoints.csv")
    out = tmp_path / "report.html"
    result = CliRunner().invoke(command, ["--touchpoints", str(source), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["customers"] == 40
    assert figures["decisions"] is None
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    plain = CliRunner().invoke(command, ["--touchpoints", str(source), "--out", str(out)])
    assert plain.stdout.startswith("40 customers, 160 messages, 2025-03-03 to ")


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    source = table(careless_company(5), tmp_path / "touchpoints.csv")
    with pytest.raises(InvalidRequest, match="another ending"):
        write_report(made(tmp_path, careless_company(5)), tmp_path / "report.json")
    with pytest.raises(InvalidRequest, match="can't be written"):
        write_report(made(tmp_path, careless_company(5)), source / "report.html")
    result = CliRunner().invoke(
        command, ["--touchpoints", str(source), "--out", str(tmp_path / "r.html"), "--salt", ""]
    )
    assert isinstance(result.exception, InvalidRequest)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("open_rat = 0.2", "open_rat: there is no such target; they are first_response_hours"),
        ('open_rate = "a lot"', "open_rate: expected a number, got 'a lot'"),
        ("open_rate = true", "open_rate: expected a number, got True"),
        ("open_rate = ", "not valid TOML"),
    ],
)
def test_wrong_targets_are_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "targets.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        load_targets(file)
