"""What the README and the pages under docs/ show is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Block = tuple[str, str]  # language, text

PROMPT = """
import ast, asyncio, pathlib
async def main():
    source = pathlib.Path("snippets.py").read_text()
    await eval(compile(source, "snippets.py", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), {"__name__": "__main__"})
asyncio.run(main())
"""


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def python(page: str) -> list[str]:
    return [text for language, text in blocks(page) if language == "python"]


def promised(source: str) -> list[str]:
    """What the comments behind `print(...)` say will be printed."""
    return re.findall(r"^\s*print\(.*\)  # (.*)$", source, re.MULTILINE)


def run(folder: Path, *command: str) -> str:
    process = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert not process.returncode, process.stderr
    assert not process.stderr
    return process.stdout


def test_the_example_of_the_readme_prints_what_its_comments_say(tmp_path: Path) -> None:
    [example] = python("README.md")
    (tmp_path / "example.py").write_text(example)
    assert run(tmp_path, "example.py").splitlines() == promised(example)


def test_the_links_of_the_pages_lead_somewhere() -> None:
    pages = ["README.md", *(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]
    links = [
        (ROOT / page).parent / link
        for page in pages
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text())
    ]
    assert [str(link) for link in links if not link.exists()] == []


def test_the_commands_of_the_readme_are_targets_of_make() -> None:
    commands = re.findall(r"^\$ make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands == ["demo", "test"]
    assert set(commands) <= set(targets)


def test_the_tutorial_does_what_it_shows(tmp_path: Path) -> None:
    """Files are named in their first line, "continued" adds to one; commands are run and print what stands below them."""
    for language, text in blocks("docs/tutorial.md"):
        if language == "python" and (named := re.match(r"# (\w+\.py)(, continued)?\n", text)):
            with (tmp_path / named[1]).open("a" if named[2] else "w") as file:
                file.write(text)
        elif language == "console":
            command, _, expected = text.removeprefix("$ python ").partition("\n")
            assert run(tmp_path, *command.split()) == expected


@pytest.mark.parametrize(
    "page",
    [
        "suspend-and-resume",
        "deploys",
        "human-in-the-loop",
        "deadlines",
        "encryption",
        "testing",
        "schedules",
        "secure-the-server",
    ],
)
def test_the_snippets_of_a_how_to_print_what_their_comments_say(page: str, tmp_path: Path) -> None:
    """Together they are one program, with `await` at its top level, as in `python -m asyncio`."""
    source = "\n".join(python(f"docs/how-to/{page}.md"))
    (tmp_path / "snippets.py").write_text(source)
    (tmp_path / "prompt.py").write_text(PROMPT)
    assert run(tmp_path, "prompt.py").splitlines() == promised(source)


def test_the_page_on_serving_does_what_it_says(tmp_path: Path) -> None:
    first, *rest = python("docs/how-to/serve.md")
    (tmp_path / "shop.py").write_text(first)
    example = "from shop import *\n" + "\n".join(rest)
    (tmp_path / "example.py").write_text(example)
    assert run(tmp_path, "example.py").splitlines() == promised(example)
