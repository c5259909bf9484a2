"""The page that `make bench` writes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks import end_to_end, intake, router, stats
from benchmarks.contenders import open_load
from benchmarks.contenders.environment import locked_version
from benchmarks.end_to_end import EndToEndFigures
from benchmarks.figures import Spread, percentile, ratios, spread_of
from benchmarks.intake import Answers, Flood, IntakeFigures
from benchmarks.router import Rate, RouterFigures
from benchmarks.stats import Rates
from services.intake.load_shedder import HOLD_SECONDS
from services.intake.settings import IntakeSettings
from shared.domain.lanes import Lane

ROUTER_GOAL = 0.95
INTAKE_GOAL = 0.8
CALL_PROMISE = 0.15  # seconds; promise I4
MILLI = 1000
MIB = 1024**2

PAGE = """# Benchmarks

Written by `make bench`, on {day}, in {minutes:.0f} minutes. Every ratio compares with a baseline of the same run on
the same machine: higher is better, 1.00 is the baseline. Absolute figures only show what the ratios are based on; they
are valid for this machine, which may also do other work. Where there are brackets, the
figure is the median of {rounds} rounds in which the contenders take turns, and the brackets hold the
lowest and the highest round; figures without brackets, in the other columns, are medians of the same rounds. *From the
report to the call centre* is a single round. The median decides whether a goal is met.

Machine: {machine}

## Router, routine lane

{records} reports wait in Kafka, each for one department, so each gives two records. All do the same job: consume up to
500, parse and check the body, decide by the same rules, send the body to the department's topic and the decision to
`lifecycle.v1`, both keyed and with acks=all, then commit. They differ in the headers. The router's records are
CloudEvents: an id derived from the input's, the decision in headers, a span of the trace. **The same records** means
that a contender writes these byte for byte, with the router's own code; the goal is measured by the clock against the
bare aiokafka loop that does so. *As they came* means that it does not change the headers, which is less work.

The ratio per second of the program's own CPU time is given as well, because other work on the machine changes the time
by the clock a lot and the CPU time little; it does not include time spent waiting.

{router}

{comparison}

How they work: **FastStream** as in its tutorial, one message per call, each publish awaited. **Quix Streams** commits
after 500 reports, when all their output is acknowledged. **Bytewax** waits at the end of each batch until
its sink has sent everything, but checks no result: a record that Kafka refuses permanently is lost silently; and
it stores its position in its own files, every half second, not as a consumer group in Kafka. Those two run in an
environment of their own (`benchmarks/contenders/requirements.lock`), with pydantic {apart_pydantic}, and parse by the
same models. They and **librdkafka** send lz4; aiokafka's loops send uncompressed unless the row says otherwise.
{left_out}

## Intake

{requests} reports a round, {concurrency} at a time, from one aiohttp client. The baseline is **a bare Starlette
handler** under uvicorn that awaits one acknowledged produce: it validates nothing, recognises no repeats, and accepts
nothing without Kafka. Intake validates every field, and answers when the report and its two events are on disk
(`fdatasync`); a relay in the same process publishes them meanwhile.

{intake}

112 calls, {calls_per_second:g} a second; the baseline is intake with nothing else to do. At the same time a separate
process offers routine reports in an open loop: {times} times as many a second as intake accepted just before, through
{connections} connections, independent of the responses. Past {in_hand} reports in hand (`LAKSA_REPORTS_IN_HAND`)
intake refuses routine ones with 503 and `Retry-After`, after delaying the answer by {hold:.1f} s, so that a
connection cannot ask again at once; 112 calls and reports of the emergency lane are never refused. Reports that were
offered while every connection waited for an answer were not sent. The promise for emergencies is a p99 of at most
{promise:.0f} ms.

{calls}

{flood}

## From the report to the call centre

All services, one receiver that answers at once; {reports} reports of each lane, {reports_per_second:g} a second. The
time is measured from the request to the arrival of the first push. Routine pushes begin with a random delay of up
to 2 s by policy (`services/notifier/schedule.py`), so that a burst does not hit a call centre at once. The queue is
{waiting} routine reports, put into Kafka just before; {queue_rate:.0f} of them per second reached the call centre
meanwhile. Routine reports that are sent behind them wait for them: of {behind_sent}, {behind} had come when the
measurement ended after {watched:.0f} s; at that rate the queue alone takes {queue_minutes:.0f} minutes. With so few
reports a p99 is the third slowest: it may differ by a factor of a few from run to run.

{end_to_end}

## Stats

{facts} facts, two of each report, in batches of {batch}. The baseline writes **the same facts into one SQLite
table**, one transaction per batch, and counts nothing. Both SQLite rows are synchronous=FULL.

{stats}

{notes}"""

NOTES = """## Where the time goes

Measured separately from the run, on the same machine.

- Router: of its own work on a report, parsing and validating takes 30 %, deciding and making both records 40 %, putting
  them into batches 20 %, decompressing the input 10 %. Writing to the socket (another quarter of that) and waiting for
  Kafka's answers come on top.
- It is faster than the loop that uses aiokafka's `send` because it fills whole batches itself
  (`shared/messaging/producer.py`): `send` makes a coroutine and a future of each record, computes its partition in pure
  Python, and splits 500 reports into requests of 16 KiB per partition. Reports with equal inputs are decided once, and
  what the headers of their records share is encoded once (`services/router/routing.py`).
- Compression, in bytes and µs per record, in batches of 42 decisions and of 20 reports:

  | | none | snappy | lz4, as aiokafka has it | zstd |
  | --- | ---: | ---: | ---: | ---: |
  | decision | 913 B, 0.5 µs | 247 B, 0.8 µs | 198 B, 3.5 µs | 120 B, 1.8 µs |
  | report for a department | 1,185 B, 0.6 µs | 352 B, 1.1 µs | 328 B, 5.1 µs | 228 B, 2.9 µs |

  The broker stores the departments' topics uncompressed in any case, so records for them are sent uncompressed: the
  same size on disk, 3.6 times the traffic between router and broker. All other topics use lz4. zstd would be smaller
  and faster, but the broker needs a native library for it, which it extracts below `/tmp` and which was not tried in a
  container; lz4 works without one.
- Intake: the event loop's thread is the limit; the spool's thread, SQLite and `fdatasync`, takes an eighth of its CPU
  time. Of the loop's time for a report, the loop itself, uvicorn and Starlette take a quarter, validating the
  body 18 %, ids and both events 17 %, the relay 9 %, reading key and body 9 %, writing the answer 6 %, the way into the
  spool 6 %, the log line 3 %. The bare handler has only the first part and the answer, and produces one record. The
  rest does not fit into a quarter of its time in one Python process.
- Stats, on SQLite: writing the facts takes a quarter, as the baseline does; the rows of the reports, 18 columns and
  three indexes, another quarter; the fold 10 %, cube and accounts 7 %, looking up known facts 8 %; the rest
  is the commit and the hop to the database's thread. On PostgreSQL locking the reports' rows takes 10 %, so that
  several replicas can count at once.
"""


def page(
    *,
    machine: str,
    minutes: float,
    routing: RouterFigures,
    taking: IntakeFigures,
    pushing: EndToEndFigures,
    counting: Rates,
) -> str:
    """Return the page as Markdown."""
    return PAGE.format(
        day=datetime.now(UTC).date(),
        minutes=minutes,
        rounds=router.ROUNDS,
        machine=machine,
        records=f"{router.RECORDS:,}",
        router=_router_table(routing.rates),
        comparison=_router_comparison(routing.rates),
        apart_pydantic=locked_version("pydantic"),
        left_out=f"Quix Streams and Bytewax were not measured: {routing.left_out}." if routing.left_out else "",
        requests=f"{intake.REQUESTS:,}",
        concurrency=intake.CONCURRENCY,
        intake=_intake_table(taking),
        calls_per_second=intake.CALLS_PER_SECOND,
        times=intake.TIMES_CAPACITY,
        connections=open_load.CONNECTIONS,
        in_hand=IntakeSettings.model_fields["reports_in_hand"].default,
        hold=HOLD_SECONDS,
        promise=CALL_PROMISE * MILLI,
        calls=_calls_table(taking),
        flood=_flood_sentence(taking.floods),
        reports=end_to_end.REPORTS,
        reports_per_second=end_to_end.REPORTS_PER_SECOND,
        waiting=f"{end_to_end.WAITING:,}",
        queue_rate=pushing.queue_rate,
        behind_sent=end_to_end.BEHIND,
        behind=pushing.behind or "none",
        watched=pushing.watched,
        queue_minutes=end_to_end.WAITING / pushing.queue_rate / 60,
        end_to_end=_end_to_end_table(pushing),
        facts=f"{2 * stats.REPORTS:,}",
        batch=stats.BATCH,
        stats=_stats_table(counting),
        notes=NOTES,
    )


def _router_table(rates: Mapping[str, list[Rate]]) -> str:
    def row(name: str, contender: router.Contender, goal: float | None = None) -> list[str]:
        own = rates[contender.name]
        to_same, to_bare = (_by_clock(own, rates[base.name]) for base in (router.SAME, router.BARE))
        by_cpu = ratios([rate.cpu for rate in own], [rate.cpu for rate in rates[router.SAME.name]])
        per_second = spread_of([rate.clock for rate in own]).median
        verdict = _verdict(to_same, goal)
        return [name, _times(to_same), _times(to_bare), _times(by_cpu), f"{per_second:,.0f}", verdict]

    rows = [
        ("**bare aiokafka loop, the same records** (baseline)", router.SAME, None),
        ("**the router**", router.ROUTER, ROUTER_GOAL),
        ("the same loop with the router's uvloop, CRC32 and lz4", router.TUNED_SAME, None),
        ("Quix Streams, the same records", router.QUIX_SAME, None),
        ("Bytewax, the same records", router.BYTEWAX_SAME, None),
        ("librdkafka loop (the limit), the same records", router.LIBRDKAFKA_SAME, None),
        ("FastStream's single-message idiom, no headers", router.IDIOM, None),
        ("bare aiokafka loop, as they came", router.BARE, None),
        ("Quix Streams, as they came", router.QUIX, None),
        ("Bytewax, as they came", router.BYTEWAX, None),
        ("librdkafka loop, as they came", router.LIBRDKAFKA, None),
    ]
    head = [
        "reports decided",
        "ratio, by the clock",
        "to *as they came*",
        "ratio, per CPU second",
        "per second",
        "goal",
    ]
    return _table(head, [row(name, contender, goal) for name, contender, goal in rows if contender.name in rates])


def _by_clock(own: Sequence[Rate], baseline: Sequence[Rate]) -> Spread:
    return ratios([rate.clock for rate in own], [rate.clock for rate in baseline])


def _router_comparison(rates: Mapping[str, list[Rate]]) -> str:
    """Compare the router with the frameworks that do the same job; the goal is to be faster."""
    comparisons = []
    for name, contender in (
        ("FastStream's idiom", router.IDIOM),
        ("Quix Streams", router.QUIX_SAME),
        ("Bytewax", router.BYTEWAX_SAME),
    ):
        if contender.name in rates:
            times = _by_clock(rates[router.ROUTER.name], rates[contender.name])
            comparisons.append(f"{_times(times)} times as many as {name}: {'met' if times.median >= 1 else 'missed'}")
    return "\n".join(
        ["Goal: ahead of the frameworks. By the clock the router decides", "", *(f"- {line}" for line in comparisons)]
    )


def _intake_table(figures: IntakeFigures) -> str:
    def row(name: str, own: Sequence[Answers], goal: float | None = None) -> list[str]:
        rate = ratios([answers.rate for answers in own], [answers.rate for answers in figures.bare])
        per_second = spread_of([answers.rate for answers in own]).median
        slower = _times(_slower(own, figures.bare))
        return [name, _times(rate), f"{per_second:,.0f}", *_latencies(own), slower, _verdict(rate, goal)]

    return _table(
        ["202s", "ratio", "per second", "p50", "p99", "ratio of p99 (lower is better)", "goal of the ratio"],
        [
            row("**bare Starlette handler** (baseline)", figures.bare),
            row("intake", figures.intake, INTAKE_GOAL),
        ],
    )


def _calls_table(figures: IntakeFigures) -> str:
    def row(name: str, own: Sequence[Answers]) -> list[str]:
        p99 = spread_of([percentile(answers.latencies, 99) for answers in own]).median
        kept = "kept" if p99 <= CALL_PROMISE else "broken"
        return [name, _times(_slower(own, figures.quiet_calls)), *_latencies(own), kept]

    return _table(
        ["112 calls", "ratio of p99 (lower is better)", "p50", "p99", "promise"],
        [
            row("**nothing else to do** (baseline)", figures.quiet_calls),
            row(f"routine reports at {intake.TIMES_CAPACITY} times capacity", figures.loaded_calls),
        ],
    )


def _flood_sentence(floods: Sequence[Flood]) -> str:
    def median(values: Iterable[float]) -> float:
        return spread_of(list(values)).median

    return (
        f"Of the flood, a second: {median(flood.offered for flood in floods):,.0f} offered, "
        f"{median(flood.sent for flood in floods):,.0f} sent, "
        f"{median(flood.accepted for flood in floods):,.0f} accepted, "
        f"{median(flood.refused for flood in floods):,.0f} refused; intake's memory after it: "
        f"{median(flood.memory for flood in floods) / MIB:,.0f} MiB."
    )


def _slower(own: Sequence[Answers], baseline: Sequence[Answers]) -> Spread:
    return ratios(
        [percentile(answers.latencies, 99) for answers in own],
        [percentile(answers.latencies, 99) for answers in baseline],
    )


def _latencies(rounds: Iterable[Answers]) -> list[str]:
    """Return the median of p50 and of p99 over the rounds."""
    kept = list(rounds)
    return [
        _milliseconds(spread_of([percentile(answers.latencies, percent) for answers in kept]).median)
        for percent in (50, 99)
    ]


def _end_to_end_table(figures: EndToEndFigures) -> str:
    baseline = figures.idle[Lane.EMERGENCY]

    def row(name: str, own: Sequence[float]) -> list[str]:
        times = percentile(own, 99) / percentile(baseline, 99)
        return [name, f"{times:.2f}", _milliseconds(percentile(own, 50)), _milliseconds(percentile(own, 99))]

    return _table(
        ["sent to pushed", "ratio of p99 (lower is better)", "p50", "p99"],
        [
            row("**emergency, idle** (baseline)", baseline),
            row("emergency, beside the queue of routine reports", figures.beside_queue),
            row("routine, idle", figures.idle[Lane.ROUTINE]),
        ],
    )


def _stats_table(rates: Rates) -> str:
    def row(name: str, kind: str) -> list[str]:
        return [name, _times(ratios(rates[kind], rates[stats.BARE])), f"{spread_of(rates[kind]).median:,.0f}"]

    return _table(
        ["facts", "ratio", "per second"],
        [
            row("**written, not counted**, SQLite (baseline)", stats.BARE),
            row("counted, SQLite", stats.SQLITE),
            row("counted, PostgreSQL on the same machine", stats.POSTGRESQL),
        ],
    )


def _times(ratio: Spread) -> str:
    if ratio.low == ratio.high == 1:
        return "1.00"
    return f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * MILLI:,.0f} ms"


def _verdict(ratio: Spread, goal: float | None) -> str:
    if goal is None:
        return ""
    return f"{goal}: {'met' if ratio.median >= goal else 'missed'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
