"""python -m tests.conformance CORPUS_DIR OUT_DIR [--store memory|sqlite|postgres|encrypted] [--engine local|temporal]."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from .on_temporal import on_temporal
from .runner import opener, run_corpus


def main() -> int:
    """Play a corpus and write its records."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--store", choices=["memory", "sqlite", "postgres", "encrypted"], default="memory")
    parser.add_argument("--engine", choices=["local", "temporal"], default="local")
    given = parser.parse_args()
    if not (given.corpus / "scenarios").is_dir():
        print(f"{given.corpus} holds no folder scenarios", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, opener(given.store, Path(folder)) as open_data:
        play = on_temporal if given.engine == "temporal" else run_corpus
        groups = asyncio.run(play(given.corpus, open_data))
    given.out.mkdir(parents=True, exist_ok=True)
    for name, records in groups.items():
        (given.out / f"{name}.json").write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
