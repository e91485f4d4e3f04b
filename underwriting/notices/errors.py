"""Why a notice cannot be written."""


class NoticeImpossible(Exception):
    """Nothing is decided yet, or something is missing that the notice has to state; the message says what to do."""
