"""The test server: `python -m tests.wire.server --port 4111 --store sqlite:///runs.db [--studio]`."""

from __future__ import annotations

import argparse
import logging

import uvicorn

from cadenza import Cadenza
from cadenza.server import create_app

from .workflows import ALIASES, WORKFLOWS


def main() -> None:
    """Serve until told to stop; "listening on PORT" is said when it can be reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: one that is free")
    parser.add_argument("--store", default="memory://")
    parser.add_argument("--studio", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level="WARNING")
    cadenza = Cadenza(store=given.store, workflows=WORKFLOWS)
    app = create_app(cadenza, studio=given.studio, aliases=ALIASES)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=5
    )
    with config.bind_socket() as listening:
        listening.listen()  # a client that connects from now on waits until the server takes it
        print(f"listening on {listening.getsockname()[1]}", flush=True)  # noqa: T201  those who started it read that
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
