"""Serves the workflows of `flows.py`: `python -m tests.studio.serve PORT STORE [SECRET] [--keys]`."""

from __future__ import annotations

import sys

import uvicorn

from cadenza.server import Links, Principal, api_keys, create_app

from .flows import make

KEYS = {
    "key-of-ada-0123456789": Principal(name="ada"),
    "key-of-rob-0123456789": Principal(name="rob", scopes=frozenset({"read"})),
}


def main(port: str, store: str, secret: str, *options: str) -> None:
    auth = api_keys(KEYS) if "--keys" in options else None
    web = create_app(make(store), auth=auth, links=Links([secret], base_url=f"http://127.0.0.1:{port}"))
    uvicorn.run(web, port=int(port), log_level="warning", timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
