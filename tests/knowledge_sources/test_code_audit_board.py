"""The whole audit on a board, by workers: the same report as by hand, on every store."""

import asyncio
from pathlib import Path

from blackboard import Blackboard
from knowledge_sources.code_audit import Report, Target, bb
from tests.knowledge_sources.test_code_audit_report import audit

FILES = {
    "p/__init__.py": "from p import a\n",
    "p/a.py": "import os\nimport p\n\n\ndef f(x):\n    return x or 1\n",
    "p/broken.py": "def f(:\n",
}


async def test_workers_write_the_report_that_the_functions_make(store_url: str, namespace: str, tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    report = await run(tmp_path, namespace, store_url)

    assert report == await asyncio.to_thread(audit, tmp_path)


async def test_an_empty_tree_has_a_report_too(store_url: str, namespace: str, tmp_path: Path) -> None:
    report = await run(tmp_path, namespace, store_url)

    assert report.summary["modules"] == 0
    assert "Was this the right directory?" in report.markdown


async def run(root: Path, namespace: str, url: str) -> Report:
    """Audit a tree with the sources of the audit, in a namespace of its own."""
    blackboard = Blackboard(namespace, url=url)
    for source in bb.sources.values():
        blackboard.add(source)
    async with blackboard, blackboard.workers(concurrency=4):
        board = blackboard.board("audit")
        await board.post(Target(root=str(root)))
        return await board.wait_for(Report, timeout=30)
