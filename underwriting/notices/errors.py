"""Why a notice cannot be written."""


class NoticeImpossible(Exception):
    """Something is missing that the notice has to state; the message says what, and where to add it."""
