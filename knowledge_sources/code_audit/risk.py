"""Risk: code that changes often and is hard to change (A. Tornhill, "Your Code as a Crime Scene", 2015:
hotspots)."""

from knowledge_sources.code_audit.entries import Churn, Complexity, Risk


def rate(churn: Churn, complexity: Complexity) -> Risk:
    """The risk of a module: its commits times the sum of its functions' complexities."""
    return Risk(
        path=churn.path,
        score=churn.commits * complexity.total,
        commits=churn.commits,
        authors=churn.authors,
        last_change=churn.last_change,
        complexity=complexity.total,
        worst=complexity.functions[0] if complexity.functions else None,
    )
