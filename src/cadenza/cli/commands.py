"""All commands, and what becomes of what they raise: one line on the standard error, and an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from .. import __version__

EPILOGUE = "Exit codes: 0 done, 1 failed or found something, 2 not possible, 3 waits, 4 canceled, 5 held."

app = App(
    name="cadenza",
    help="Typed workflows that wait for people: run them, answer them, look after them.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=()),
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
# By name: each is loaded when it is called, so that `--help` is there at once.
COMMANDS = {
    "run": ("run:run", "Start a run and follow it until it has ended or waits."),
    "resume": ("run:resume", "Answer a question of a run and follow it on."),
    "runs": ("runs:runs", "Look at runs; cancel, restart or remove them."),
    "inbox": ("inbox:inbox", "Go through the open questions of all runs."),
    "workflows": ("look:workflows", "Look at the workflows of the app."),
    "graph": ("look:graph", "Draw a workflow."),
    "check": ("look:check", "Say whether the stored runs go on with this code."),
    "events": ("events:events", "Send events to runs that wait for them."),
    "schedules": ("schedules:schedules", "What starts by the clock: look at it, pause it, run it now."),
    "link": ("link:link", "Make a link by which somebody answers a question."),
    "worker": ("worker:worker", "Look after runs until told to stop."),
    "serve": ("serve:serve", "Serve the app over HTTP."),
    "dev": ("serve:dev", "Serve the app while you write it."),
    "openapi": ("serve:openapi", "Print the OpenAPI document of the server."),
    "temporal": ("temporal:temporal", "Set up a Temporal namespace."),
    "db": ("db:db", "Bring the store up to date; remove old runs."),
    "doctor": ("doctor:doctor", "Look whether all is well."),
}
for _name, (_place, _help) in COMMANDS.items():
    app.command(f"cadenza.cli.{_place}", name=_name, help=_help)
app.register_install_completion_command(
    name="--install-completion", help="Let your shell complete these commands."
)


def call(arguments: Sequence[str]) -> int:
    """Do what *arguments* say; the exit code."""
    try:
        code = app(list(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Else the interpreter complains when it flushes what nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except CycloptsError as error:
        return _complain("usage", f"{error} (--help lists what there is)", error, arguments)
    except Exception as error:  # the last place where one line can be made of it
        return _complain(getattr(error, "code", None) or type(error).__name__, str(error), error, arguments)
    return code if isinstance(code, int) else 0


def _complain(code: object, message: str, error: BaseException, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exception(error)
    # Lists of what is wrong with a value come with a line each.
    line = "; ".join(part.strip().removeprefix("- ") for part in message.splitlines() if part.strip())
    line = line.replace(":; ", ": ")
    if "--json" in arguments:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": line}}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"error: {line} [{code}]\n")
    return 2
