"""The web inspector: what happens on the boards of a store, in a browser, while it happens. It only reads.

    from blackboard.web import inspector

    app = inspector(bb)                 # an ASGI application; `blackboard web` serves it

It needs the extra ``web``: ``pip install 'blackboard-runtime[web]'``. Pages: ``/`` lists the boards, ``/boards/ID`` shows one.
They are made of this interface, which answers GET and HEAD:

| path | parameters | answers |
|---|---|---|
| ``/api/boards`` | ``text``, ``before``, ``limit`` | boards, the newest first, whose ids have the text in them |
| ``/api/board`` | ``board`` | status, mode, open and dead activations with progress and last lines, open approvals |
| ``/api/entries`` | ``board``, ``after``, ``limit`` | entries in the order of their addresses |
| ``/api/entry`` | ``board``, ``address`` | one entry, whole |
| ``/api/events`` | ``board``, ``before``, ``limit`` | the events before a number, or the latest, the oldest first |
| ``/api/stream`` | ``board``, ``since`` | the events after a number and all to come, as server-sent events |

A page that is not the last has in ``more`` what the next one is asked with: ``before`` or ``after``. What a stream sends has the
number of the event as its id, so that a browser that lost the connection goes on behind the last one it saw (``Last-Event-ID``).
Besides events it sends ``end`` (the board is over), ``anew`` (it is another board than before) and ``failure``. What is refused
is answered with ``{"error": class, "message": what, why, and what to do}``: 400, 403 (a foreign host), 404, 405, or 503 (the
store does not answer).
"""

from blackboard.web.asgi import inspector

__all__ = ["inspector"]
