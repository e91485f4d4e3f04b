"""The places whose histories a form may name. Else whoever reaches Prefect could make the worker read any file."""

from pathlib import Path, PurePosixPath

from underwriting.settings import DATABASE, Settings


def may_be_read(config: Settings, history: str) -> bool:
    """Whether a history is at, or below, a place of the settings. In the sandbox there is nothing to protect."""
    if config.simulated or history in (config.limits_history, DATABASE):
        return True
    return any(_within(history, place) for place in (config.limits_history, *config.limits_histories) if place)


def _within(history: str, place: str) -> bool:
    if "://" not in place:
        return "://" not in history and Path(history).resolve().is_relative_to(Path(place).resolve())
    (here, _, options), (there, _, given) = history.partition("?"), place.partition("?")
    # The options of S3 name its region and its address.
    inside = PurePosixPath(here).is_relative_to(PurePosixPath(there)) and ".." not in PurePosixPath(here).parts
    return inside and options == given
