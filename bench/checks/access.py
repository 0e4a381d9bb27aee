"""Which public data can be read on this machine: from the data root, and from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError
from tasks.base import NO_SOURCES, Sources
from tasks.catalog import ENTRIES

HUB_SECONDS = 5.0  # that the hub may take to answer
NO_ROOT = "give the folder of your data sets with --data-root, or for good as BENCH_DATA (docs/data.md has the layout)"
NO_HUB = (
    "allow connections to that host, set HF_ENDPOINT to a mirror, or put copies of the repositories into the data root; "
    "what is bundled or in the data root needs no hub"
)
OFFLINE = "unset HF_HUB_OFFLINE to use the hub; what is bundled, in the data root or in the hub's cache needs no network"


@dataclass(frozen=True)
class DataAccess:
    """`problem` and `remedy` are empty where there is a data root, `hub_problem` and `hub_remedy` where the hub answers."""

    root: str
    ready: list[str]  # tasks whose files are all there
    incomplete: dict[str, str]  # task -> what its folder lacks
    problem: str
    remedy: str
    hub: str  # its address
    hub_problem: str
    hub_remedy: str


def data_access(data_root: Path | None) -> DataAccess:
    """Look at the data root and ask the hub; takes at most some seconds and downloads nothing."""
    ready: list[str] = []
    incomplete: dict[str, str] = {}
    problem = "no data root" if data_root is None else ""
    try:
        for name, entry in ENTRIES.items() if data_root else ():
            state = entry.state(Sources(data_root))
            if state == entry.state(NO_SOURCES):  # the data root has nothing of it
                continue
            if state.startswith("ready"):
                ready.append(name)
            else:
                incomplete[name] = state
    except DataError as error:
        problem = str(error)
    address, hub_problem, hub_remedy = ask_hub()
    return DataAccess(
        root="" if data_root is None else str(data_root),
        ready=ready,
        incomplete=incomplete,
        problem=problem,
        remedy=NO_ROOT if problem else "",
        hub=address,
        hub_problem=hub_problem,
        hub_remedy=hub_remedy,
    )


def ask_hub() -> tuple[str, str, str]:
    """The hub's address, what is wrong with it, and the remedy; the latter two are empty where it answers."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return constants.ENDPOINT, f"{constants.ENDPOINT} isn't asked, as HF_HUB_OFFLINE is set", OFFLINE
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS).raise_for_status()
    except Exception as error:  # whatever the library's client raises for names, proxies, certificates and status codes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return constants.ENDPOINT, f"{constants.ENDPOINT} doesn't answer ({reason})", NO_HUB
    return constants.ENDPOINT, "", ""
