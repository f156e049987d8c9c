"""What holds for all commands: which app, how fast, `worker`, `doctor`, `check`, completion."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cadenza.cli.target import Where

from .command import PATIENCE, PROGRAM, cadenza, environment, terminal, typed


def test_the_app_is_the_one_that_the_nearest_word_names(folder: Path) -> None:
    """The command, then pyproject.toml here or above, then the environment."""
    (folder / "pyproject.toml").write_text('[tool.cadenza]\napp = "office:in_memory"\n')
    below = folder / "below"
    below.mkdir()
    (below / "other.py").write_text("app = 3\n")
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    cadenza(folder, "db", "upgrade", CADENZA_STORE="sqlite:///env.db")
    assert (folder / "env.db").exists()

    of_file = cadenza(below, "workflows", "ls", PYTHONPATH=str(folder))
    assert (of_file.code, "payment" in of_file.out) == (0, True)
    of_option = cadenza(below, "workflows", "ls", "--app", "other:app")
    assert (
        of_option.err
        == "error: the app 'other:app' (--app) cannot be loaded: it is int, not Cadenza [app_not_loaded]\n"
    )
    missing = cadenza(below, "doctor", "none:app")
    assert missing.code == 1
    assert "problem  app" in missing.out
    (folder / "pyproject.toml").unlink()
    unnamed = cadenza(folder, "workflows", "ls", CADENZA_APP="")
    assert (unnamed.code, unnamed.err) == (
        2,
        (
            "error: which app? Name it with --app module:attr, as [tool.cadenza] app in pyproject.toml, or in CADENZA_APP "
            "[app_not_named]\n"
        ),
    )


def test_a_worker_goes_on_with_runs_and_ends_when_it_is_told_to(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    with subprocess.Popen(
        [PROGRAM, "worker", "office:make"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline().startswith("looking after 7 workflows: broken, ")
            script = (
                "import asyncio, office\n"
                "async def main():\n"
                "    app = office.make()\n"
                "    row = (await app.inbox.list()).items[0]\n"
                "    await app.store.request_cancel(row.run_id, app.clock.now())\n"
                "    await app.close()\n"
                "asyncio.run(main())\n"
            )
            subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=PATIENCE)
            assert worker.stdout.readline().split()[2:] == ["r1", "payment", "canceled"]
            worker.send_signal(signal.SIGTERM)
            out, err = worker.communicate(timeout=PATIENCE)
            assert (worker.returncode, out, err) == (
                0,
                "stopped; what was under way goes on with the next worker\n",
                "",
            )
        finally:
            worker.kill()
    child = terminal(folder, "worker")
    child.expect_exact("looking after 7 workflows")
    child.sendintr()
    ended = typed(child)
    assert (ended.code, "stopped; what was under way" in ended.out) == (0, True)


def test_the_doctor_looks_and_changes_nothing(folder: Path) -> None:
    ill = cadenza(folder, "doctor")
    assert ill.code == 1
    assert ill.out.splitlines()[-1] == "problem  store      no tables yet; cadenza db upgrade"
    assert not (folder / "runs.db").exists()

    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    well = cadenza(folder, "doctor", "--json")
    assert (well.code, well.json["ok"]) == (0, True)
    found = {one["about"]: one["found"] for one in well.json["findings"]}
    assert found["app"] == (
        "office:make (CADENZA_APP), 7 workflows: broken, double, filled, given-up, order, payment, quick"
    )
    assert found["suspended"] == "1 run"
    assert {found[name] for name in ("pending", "held", "orphaned")} == {"0 runs"}
    assert "ok       store      reachable" in typed(terminal(folder, "doctor")).out

    (folder / "runs.db").write_text("no database at all, and long enough to be taken for one" * 50)
    bad = cadenza(folder, "doctor")
    assert bad.code == 1
    assert "problem  store      DatabaseError: file is not a database; " in bad.out
    assert cadenza(folder, "runs", "ls").err == "error: file is not a database [DatabaseError]\n"


def test_a_check_says_which_runs_go_on_with_this_code(folder: Path) -> None:
    cadenza(folder, "run", "payment", "-i", "420", "--run-id", "r1")
    well = cadenza(folder, "check", "office:make")
    assert (well.code, well.out) == (0, "1 run looked at: 1 open question can go on, 0 cannot\n")

    code = (folder / "office.py").read_text()
    (folder / "office.py").write_text(code.replace("WORKFLOWS = [payment, ", "WORKFLOWS = ["))
    ill = cadenza(folder, "check")
    assert ill.code == 1
    assert ill.out.splitlines()[0] == "1 run looked at: 0 open questions can go on, 1 cannot"
    assert ill.out.splitlines()[1].startswith("problem: run r1 of payment, review: ")
    found = cadenza(folder, "check", "--json")
    assert (found.code, found.json["ok"], found.json["stuck"][0]["run_id"]) == (1, False, "r1")
    assert "problem: run r1 of payment, review: " in typed(
        terminal(folder, "check", "office:make")
    ).out.replace("\n", " ")


def test_help_names_every_command_and_the_shell_can_complete_them(folder: Path) -> None:
    helped = cadenza(folder, "--help", CADENZA_APP="")
    assert helped.code == 0
    for name in [
        "run",
        "resume",
        "runs",
        "inbox",
        "workflows",
        "graph",
        "check",
        "events",
        "worker",
        "db",
        "doctor",
    ]:
        assert f"│ {name} " in helped.out
        assert cadenza(folder, name, "--help").code == 0
    assert cadenza(folder, "--version").out.startswith("0.")
    installed = cadenza(folder, "--install-completion", "--shell", "bash", HOME=str(folder))
    assert installed.code == 0
    mistaken = cadenza(folder, "rusn")
    assert (mistaken.code, mistaken.err.startswith('error: Unknown command "rusn". Did you mean "run')) == (
        2,
        True,
    )


def test_without_the_extra_one_line_says_what_to_install(folder: Path) -> None:
    (folder / "cyclopts.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'cyclopts'\", name='cyclopts')\n"
    )
    found = cadenza(folder, "--help", PYTHONPATH=str(folder))
    assert (found.code, found.out, found.err) == (
        1,
        "",
        "error: the command line needs cyclopts; pip install 'cadenza[cli]'\n",
    )


def fastest(folder: Path, commands: dict[str, list[str]]) -> dict[str, float]:
    """The least CPU time of several, in turn: what else the machine does counts for little then."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(7):
        for name, command in commands.items():
            process = subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            times[name].append(used.ru_utime + used.ru_stime)
    return {name: min(found) for name, found in times.items()}


def test_it_starts_quickly(folder: Path) -> None:
    """`runs ls` loads the app, and with it the library: it is held against that."""
    took = fastest(
        folder,
        {
            "pydantic": [sys.executable, "-c", "import pydantic"],
            "the app": [sys.executable, "-c", "import office; office.make()"],
            "--version": [str(PROGRAM), "--version"],
            "--help": [str(PROGRAM), "--help"],
            "runs ls": [str(PROGRAM), "runs", "ls"],
        },
    )
    assert took["--version"] <= 3 * took["pydantic"], took
    assert took["--help"] <= 3 * took["pydantic"], took
    assert took["runs ls"] <= took["the app"] + 3 * took["pydantic"], took


def test_a_command_that_is_suggested_names_the_store_without_its_password() -> None:
    where = Where(app="shop.app:app", store="postgresql://ann:hush@host/my db")
    assert where.options == " --app shop.app:app --store 'postgresql://ann:…@host/my db'"
