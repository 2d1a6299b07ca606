"""`tact`: the commands, each imported only when it runs; errors in one plain line, never a traceback."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version

import click

from data_contracts.configuration import tact_home
from data_contracts.errors import TactError

COMMANDS = {
    "demo": ("command_line.demo", "Show the whole path on simulated and real data."),
    "simulate": ("command_line.simulate", "Write the history of a simulated company with known truth."),
    "validate": ("command_line.validate", "Check data against the contract."),
    "train": ("command_line.train", "Train, track and promote a model."),
    "search": ("command_line.search", "Search over the settings of training."),
    "retrain": ("command_line.retrain", "Train on the service's own log against the champion."),
    "rollback": ("command_line.rollback", "Make an earlier version champion again."),
    "monitor": ("command_line.monitor", "Recent days against the training period; silent feeds."),
    "serve": ("command_line.serve", "Run the service with the champion."),
    "ingest": ("command_line.ingest", "Send touchpoints to the service or into its database."),
    "decide": ("command_line.decide", "Ask about messages and print the ranked answer."),
    "evaluate": ("command_line.evaluate", "Value policies from a randomised log."),
    "sensitivity": ("command_line.sensitivity", "How outcomes move with balance, weights and caps."),
    "replay": ("command_line.replay", "Ask a logged decision again and say what differs."),
    "forget": ("command_line.forget", "Erase everything that is stored about a customer."),
    "report": ("command_line.report", "One page: the departments' metrics beside the customer's experience."),
    "ui": ("command_line.ui", "Open the MLflow UI on the same tracking store."),
}
"""Each command's module and its line in `tact --help`."""

_QUIET = {
    "BENTOML_DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
}
"""Three of the packages report usage unless they are told not to."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The lines stand in the table, so that `tact --help` imports no command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


_HELP = """Decide for every message: would this contact help the customer, or interrupt?

\b
The path, from data to an answer:
  tact validate touchpoints.csv
  tact train --touchpoints touchpoints.csv --decisions decisions.csv
  tact serve
  tact ingest touchpoints.csv
  tact decide --customer c-1042 --candidates candidates.json

TACT_HOME (default ./.tact) holds the tracking store, the artifacts and the database;
MLFLOW_TRACKING_URI and TACT_CONFIG are honoured by every command.
"""


@click.group(cls=_Lazy, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tact"), prog_name="tact")
def group() -> None:
    pass


def main() -> None:
    """Run a command; exit 0, 1 for a failed check, 2 for bad input, 130 when interrupted.

    A command's help names further ones that it has.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    sys.exit(_run())


def _run() -> int:
    try:
        result = group.main(prog_name="tact", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except TactError as error:
        _say(error.detail)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        _say(error.format_message())
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"try: {error.ctx.command_path} --help", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        _say("stopped")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # the last line of defence: a person gets one line, not a traceback
        if os.environ.get("TACT_DEBUG"):
            raise
        _say(f"{type(error).__name__}: {error}".splitlines()[0] + _kept())
        return 1


def _say(text: str) -> None:
    click.echo(f"tact: {text}", err=True)


def _kept() -> str:
    """Write the traceback to a file and say where."""
    file = tact_home() / "logs" / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return " (set TACT_DEBUG=1 to see where)"
    return f" (this is a fault of Tact; details in {file})"


if __name__ == "__main__":
    main()
