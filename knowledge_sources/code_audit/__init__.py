"""A code audit: a dozen knowledge sources that examine a tree of Python files together and write a report.

`bb` is the application. Post a `Target`, let workers run, and read the `Report`:

async with bb: board = bb.board("audit-1") await board.post(Target(root="src")) report = await
board.wait_for(Report, timeout=60)

`entries` has its words, `sources` its knowledge sources with what each waits for; the other modules are plain
functions from source code to findings and know nothing of boards. The report on the same tree is the same to
the byte, whoever ran what in which order, and whatever crashed meanwhile.
"""

from knowledge_sources.code_audit.entries import Report, Target
from knowledge_sources.code_audit.sources import bb

__all__ = ["Report", "Target", "bb"]
