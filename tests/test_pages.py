"""Every command and code block of the documentation, run as a reader would."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from pages import PAGES, ROOT, blocks_of, session

WITH_BLOCKS = [path for path in PAGES if blocks_of(path)]


def go_through(path: Path, folder: Path) -> None:
    with session(path, folder) as reader:
        for block in blocks_of(path):
            try:
                reader.go_through(block)
            except AssertionError as error:
                raise AssertionError(f"{block.place}: {error}") from error


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", WITH_BLOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks(path: Path, tmp_path: Path) -> None:
    go_through(path, tmp_path)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("```sh\nfalse\ntrue\n```", "page.md:1: false"),
        ("```sh status=2\nfalse\n```", "page.md:1: false"),
        ("```sh until=ready\ntrue\n```", "ended"),
        ("```sh\necho a\n```\n\n```output\nb\n```", "page.md:5: a"),
        ("```sh\necho 3 in 1.5 s\n```\n```output decimals=any\n4 in 1.5 s\n```", "page.md:4: 3 in"),
        ("```ruby\nputs 1\n```", "nothing is done with 'ruby'"),
        ("```sh check\nvaurien --rule nope\n```", "is an unknown behavior"),
        ("```toml\n[proxies.a]\n```", "backend is missing"),
    ],
)
def test_what_is_not_so_is_told(page: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(AssertionError) as caught:
        go_through(path, tmp_path)
    assert says in str(caught.value)


def test_what_a_page_may_do(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("""
<!-- hidden sh terminal=server until=up
echo up; sleep 50
-->

<!-- not run: it would fail -->
```sh
false
```

```python file=program/a.py
print(6379 + 1.5)
```

```sh
(cd program && python a.py)
echo localhost:7777
```

```output decimals=any
1.0
...host:7777
```

```sh terminal=server status=1
false
```
""")
    go_through(path, tmp_path)


def test_nothing_is_left_running(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("```sh\nenv -i sleep 50 &\nsetsid --fork sleep 50\npwd\n```")
    go_through(path, tmp_path)
    folder = str(tmp_path / "work")
    for each in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            assert str(each.readlink()) != folder
