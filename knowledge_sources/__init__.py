"""Ready-made knowledge sources, to run as they are and to read as examples.

Each module or package here is one application with its `Blackboard` at module level, named `bb`. They use only what
`import blackboard` offers to everyone, never its modules, so that whatever they do a user's own sources can do as well.

- `knowledge_sources.code_audit`: audits a tree of Python files and writes a report.
"""
