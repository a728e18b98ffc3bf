"""What people are told of a store and its boards, as rows of plain data.

The command line prints them, and the web inspector serves them: both say the same of the same board. Nothing here knows a
terminal or a browser.
"""
