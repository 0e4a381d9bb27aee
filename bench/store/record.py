"""The record: what one attempt at one cell gave. The only truth; tables, plots and pages are derived from it.

Units are in the field names: `_s` seconds, `_j` joules, `_bytes` bytes. Unknown is None, never a sentinel.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from bench.errors import StoreError
from bench.kinds import KINDS
from bench.kinds.elsewhere import TRANSFER
from bench.kinds.metrics import Metric, Reliability

# The task's step budget, none, or at most so many steps; then what stands in for parts of every recipe.
# "capped": the task's step budget, all rates multiplied by one rule, as records before `tuned` had it.
_COUNTS, _NUMBERS = "(,(batch|negatives|chunk)=[1-9][0-9]{0,8}){0,3}", "(,(lr|rate|length)=[0-9.e-]{1,24}){0,3}"
RECIPE = rf"^(tuned|capped|paper|steps=[1-9][0-9]{{0,8}}){_COUNTS}{_NUMBERS}\Z"

SCHEMA = 2

Status = Literal["ok", "failed", "oom", "timeout", "crashed", "diverged", "not_applicable"]
Quality = Literal["measured", "estimated", "unavailable"]
# What another task is to the fitted one. New classes: the half that wasn't learnt; domain: the same classes, or some of them,
# in other images; corruption: the task's own test images; other set: anything else.
Role = Literal["new classes", "domain", "corruption", "other set"]
By = Literal["model", "class texts"]  # what scores elsewhere; class texts: what was fitted belongs to other classes

UNLABELLED = "unlabelled images"  # as methods declare it, see methods/contract/declared.py


class CellInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which cell: everything that two attempts must share to be attempts at the same thing."""

    method: str  # registry name
    label: str  # name with the parameters that differ from the defaults, "coop[n_ctx=4]"
    params: dict[str, Any]  # every parameter, resolved
    method_code: str  # hash of the method's source, so that an edited method runs again
    family: str
    task: str
    task_version: str
    kind: str  # a key of `bench.kinds.KINDS`
    shots: int  # 0 for methods that use no support
    seed: int
    protocol: Literal["fixed", "val"]
    backbone: str
    fingerprint: str  # hash of the backbone's weights, architecture and preprocessing
    precision: str
    recipe: Annotated[str, msgspec.Meta(pattern=RECIPE)] = "capped"  # as `bench.plan.budget.Terms` has it
    quick: bool = False
    by_count: bool = False  # `shots` counts the support's examples in all instead of per class
    split_origin: str = ""  # whose split, if it isn't the one that the field reports on
    support: str = ""  # name of the folder of index files that gave the supports; "": the harness drew them
    support_file: str = ""  # hash of the index file
    random_weights: bool = False  # the backbone was never trained
    aligned: bool = True  # False: the backbone's towers had never met before this cell
    half: Literal["", "base", "new"] = ""  # the half of the task's classes that this is about; "": all of them
    sees: str = ""  # what the method uses beyond its support, "class names", or "nothing"; "": not told

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of task")

    @property
    def transductive(self) -> bool:
        """Whether the method also learns from images of the test set, without their labels."""
        return UNLABELLED in self.sees.split(", ")

    @property
    def size(self) -> str:
        """How large the support is: "1 shot", "4 shots", "n = 500"."""
        return f"n = {self.shots}" if self.by_count else f"{self.shots} shot{'s' if self.shots != 1 else ''}"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong (or why the method doesn't apply)."""

    phase: str  # "load", "bank", "fit", "predict", "score", "worker", "plan"
    type: str
    message: str
    traceback: str = ""
    signal: int | None = None


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    trainable: int
    total: int  # of the backbone and what the method added
    share: float  # trainable / total
    stored_bytes: int  # size of the file that holds what was trained


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Wall-clock per phase. `bank` is what the frozen work would have cost this cell alone, also when it was shared."""

    bank: float = 0.0
    fit: float = 0.0
    predict: float = 0.0
    total: float = 0.0  # stand-alone: the three together
    cpu: float = 0.0  # CPU seconds of fit and predict
    bank_spent: float = 0.0  # frozen work that this cell really waited for
    elsewhere: float = 0.0  # scoring other tasks, outside of `total`
    cpu_per_phase: dict[str, float] | None = None  # CPU seconds of "bank", "fit", "predict"
    device_per_phase: dict[str, float | None] | None = None  # by the device's own clock, its waits included; None on a CPU


class Joules(msgspec.Struct, frozen=True, kw_only=True):
    """Energy per phase and in all, stand-alone. A phase that is too short for the counter is None, also where `total` is not."""

    bank: float | None = None
    fit: float | None = None
    predict: float | None = None
    total: float | None = None
    quality: Quality = "unavailable"
    source: str = ""  # "nvml", "rapl", "cpu-seconds x 10 W", or the reason why there is no figure
    scope: str = ""  # what the counter covers: "gpu 0", "cpu packages", "this process"
    shared: bool | None = None  # whether others may have been charged to the same counter
    window_s: float = 0.0  # seconds that the figure was taken over
    repeated: dict[str, int] | None = None  # phases that were run so often for a window long enough; their joules are means
    idle_watts: float | None = None  # what the same counter showed while the worker waited, before its first cell


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """Peak memory per phase; `total` is the largest.

    Of `fit` and `predict` above what was in use when fitting started, without what banked rows took since; of `bank`
    above what was in use when the rows were made.
    """

    bank: int | None = None
    fit: int | None = None
    predict: int | None = None
    total: int | None = None
    baseline: int | None = None  # in use in all when fitting started
    reserved_per_phase: dict[str, int | None] | None = None  # most that CUDA's allocator held, in all; None on a CPU
    source: str = ""  # "cuda peak allocated", "process high-water mark"


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """What the recipe asked for and what ran."""

    asked_steps: int
    run_steps: int
    capped: bool
    batch: int
    rate_factor: float | None = None  # what the recipe's rates were multiplied by; None: not known
    length_factor: float = 1.0  # what its steps were multiplied by, before any cap
    loss: list[float] = []  # mean loss of each tenth of the run
    chosen: dict[str, Any] = {}  # hyper-parameters that validation chose
    warmup_s: float | None = None  # the first step, with the compilation and allocation that it brings about
    steps_per_s: float | None = None  # over the steps after it
    samples_per_s: float | None = None


class Data(msgspec.Struct, frozen=True, kw_only=True):
    origin: str  # "bundled generator", "image folder ...", where the split comes from
    classes: int
    n_support: int
    n_val: int
    n_test: int
    support_hash: str
    test_hash: str
    skipped_images: list[str] = []
    majority: float | None = None  # 0..1, accuracy of always giving the test set's most frequent class; None: not known
    notes: list[str] = []  # what a reader of the figures should know: texts that were cut, files that were left out


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """What the fitted model scored on another task than its own; the arrays lie among the cell's predictions under its name."""

    source: str  # what the task was asked for by
    task_version: str
    kind: str
    role: Role
    by: By | Literal[""] = ""  # what scored; "": nothing
    reason: str = ""  # why nothing was scored
    n_test: int = 0
    test_hash: str = ""
    metrics: dict[str, Metric] = {}
    before: dict[str, Metric] = {}  # of the untouched backbone on the same examples, by the texts; none where it can't score them


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    commit: str | None
    dirty: bool | None
    packages: dict[str, str]
    python: str
    device: str
    driver: str | None
    threads: int
    float32_products: str = "none"  # torch's switch for them on CPUs: "none" is its default library, else oneDNN
    host: str
    command: str
    started: str  # UTC, ISO 8601
    finished: str
    flags: dict[str, Any] = {}


class Record(msgspec.Struct, frozen=True, kw_only=True):
    record_id: str
    cell: CellInfo
    status: Status
    schema: int = SCHEMA
    error: Failure | None = None
    metrics: dict[str, Metric] = {}
    reliability: Reliability | None = None  # None where a score isn't a probability of a class
    parameters: Parameters | None = None
    time_s: Seconds | None = None
    energy_j: Joules | None = None
    memory_bytes: Bytes | None = None
    training: Training | None = None
    data: Data | None = None
    provenance: Provenance | None = None
    elsewhere: dict[str, Elsewhere] = {}  # by the name of the task
    artifacts: dict[str, str] = {}  # "predictions", "weights": paths relative to the results folder
    notes: list[str] = []  # what was put right on the way, such as a damaged file of the bank
    corrects: str | None = None  # id of the record of the same attempt whose metrics this one puts right


_decoder = msgspec.json.Decoder(Record)


def headline(record: Record) -> float | None:
    """The record's main metric, 0..1; None if the attempt gave none."""
    metric = record.metrics.get(KINDS[record.cell.kind].headline)
    return None if metric is None else metric.value


def all_metrics(record: Record) -> dict[str, Metric]:
    """The metrics, and of what was fitted to pairs the accuracy on other tasks by their class texts, as zero_shot/TASK."""
    if KINDS[record.cell.kind].has_classes:
        return record.metrics
    others = {name: entry.metrics["accuracy"] for name, entry in record.elsewhere.items() if "accuracy" in entry.metrics}
    return record.metrics | {f"{TRANSFER}{name}": metric for name, metric in others.items()}


def to_json(value: Any, order: Literal["deterministic"] | None = None) -> bytes:
    """One line of JSON without the line break, of a record or of parts of one. deterministic: equal values, equal bytes."""
    try:
        return msgspec.json.encode(value, enc_hook=str, order=order)
    except UnicodeEncodeError:  # a file name that isn't UTF-8, in a message
        return msgspec.json.encode(_writable(msgspec.to_builtins(value, enc_hook=str)), order=order)


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(part) for key, part in value.items()}
    return [_writable(part) for part in value] if isinstance(value, list | tuple) else value


class NotARecord(ValueError):
    """A line that can't be a record of this program."""


def from_json(line: bytes, origin: str) -> Record:
    """Read one line. `origin` names file and line in errors.

    Raises NotARecord for a torn or foreign line, StoreError for a record that a newer program wrote.
    """
    try:
        head = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotARecord(f"{origin}: not JSON ({error})") from error
    if not isinstance(head, dict) or not isinstance(head.get("schema"), int) or "record_id" not in head:
        raise NotARecord(f"{origin}: not a record of this program")
    if head["schema"] > SCHEMA:
        raise StoreError(
            f"{origin}: record of schema {head['schema']}, this program reads up to {SCHEMA}: update it to read this store"
        )
    try:
        return _decoder.decode(line) if head["schema"] == SCHEMA else msgspec.convert(_upgraded(head), Record)
    except msgspec.ValidationError as error:
        raise NotARecord(f"{origin}: {error}") from error


def _upgraded(head: dict[str, Any]) -> dict[str, Any]:
    """A record of an earlier schema as one of the present one. It stays what it was in the file."""
    if head["schema"] == 1 and isinstance(head.get("cell"), dict):
        head = {**head, "cell": _cell_of_schema_1(head["cell"])}
    return {**head, "schema": SCHEMA}


def _cell_of_schema_1(cell: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 told by the backbone's name alone whether its weights are random and its towers have never met."""
    name = str(cell.get("backbone"))
    random = re.search(r"/random(?=[\s,)]|$)", name) is not None
    return {"random_weights": random, "aligned": not name.startswith(("align(", "bundled-unaligned")), **cell}
