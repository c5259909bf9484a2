"""The page that `make bench` writes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks import end_to_end, intake, router, stats
from benchmarks.contenders import open_load
from benchmarks.end_to_end import EndToEndFigures
from benchmarks.figures import Spread, percentile, ratios, spread_of
from benchmarks.intake import Answers, Flood, IntakeFigures
from benchmarks.router import Rate
from benchmarks.stats import Rates
from services.intake.admission import HOLD_SECONDS
from services.intake.settings import IntakeSettings
from shared.domain.lanes import Lane

ROUTER_GOAL = 0.95
INTAKE_GOAL = 0.8
CALL_PROMISE = 0.15  # seconds; promise I4
MILLI = 1000
MIB = 1024**2

PAGE = """# Benchmarks

Written by `make bench`, on {day}, in {minutes:.0f} minutes. Every ratio compares with a baseline of the same run on
the same machine: higher is better, 1.00 is the baseline. Absolute figures only say what the ratios are made of; they
belong to this machine, on which other work may go on. Where brackets stand, the
figure is the median of {rounds} rounds in which the contenders take turns, and they hold the lowest and the highest
round; figures without brackets, in the other columns, are medians of the same rounds. *From the report to the call
centre* is a single round. Whether a goal is met is decided by the median.

Machine: {machine}

## Router, routine lane

{records} reports wait in Kafka, each for one department, so each gives two records. The baseline is **a bare aiokafka
loop**: consume up to 500, parse and check the body, decide by the same rules, send the body to the department's topic
and the decision to `lifecycle.v1`, both keyed and with acks=all, commit. It leaves the headers as they came. The
router's own records are CloudEvents: an id derived from the input's, the decision in headers, a span of the trace;
*the same records* is the bare loop when it writes these. The goal is judged by
the clock. The ratio per second of the program's own CPU time stands beside it, because other work on the machine moves
the clock much and that ratio little; it does not see time spent waiting.

{router}

## Intake

{requests} reports a round, {concurrency} at a time, from one aiohttp client. The baseline is **a bare Starlette
handler** under uvicorn that awaits one acknowledged produce: it checks nothing, recognises no repeat, and accepts
nothing without Kafka. Intake checks every field, and answers when the report and its two events are on disk
(`fdatasync`); a relay in the same process publishes them meanwhile.

{intake}

112 calls, {calls_per_second:g} a second; the baseline is intake with nothing else to do. Beside them a process of its
own offers routine reports in an open loop: {times} times as many a second as intake accepted just before, through
{connections} connections, answered or not. Past {in_hand} reports in hand (`LAKSA_REPORTS_IN_HAND`) intake refuses
routine ones with 503 and `Retry-After`, after holding the answer back for {hold:.1f} s, so that a connection cannot ask
again at once; 112 calls and reports of the emergency lane are never refused. What was offered while every connection
waited for its answer was not sent. The promise is a p99 of at most {promise:.0f} ms, of the emergencies.

{calls}

{flood}

## From the report to the call centre

All services, one receiver that answers at once; {reports} reports of each lane, {reports_per_second:g} a second. The
time runs from the sending to the arrival of the first push. Routine pushes begin with a random delay of up to 2 s by
policy (`services/notifier/schedule.py`), so that a burst does not hit a call centre at once. The queue is {waiting}
routine reports, put into Kafka just before; {queue_rate:.0f} of them a second reached the call centre meanwhile.
Routine reports that are sent behind them wait for them: of {behind_sent}, {behind} had come when the measurement ended
after {watched:.0f} s; at that rate the queue alone takes {queue_minutes:.0f} minutes. With so few reports a p99 is the
third slowest: expect it to differ by some times from run to run.

{end_to_end}

## Stats

{facts} facts, two of each report, in batches of {batch}. The baseline writes **the same facts into one SQLite
table**, a transaction a batch, and counts nothing. Both SQLite rows are synchronous=FULL.

{stats}

{notes}"""

NOTES = """## What costs

Measured once, apart from the run, on the same machine with little else going on; three or four rounds.

- Router: the records, not the frame round them, are most of the distance to the bare loop. Reading the attributes,
  two derived ids, two sets of some fifteen headers and the decision take about as much CPU as all the rest. Against a
  loop that writes the same records it needs as much CPU (0.99 to 1.03), but by the clock reached only 0.88 to 0.94.
- That gap is lz4: with it taken out of the router's producer, tried in a copy, the clock gave 0.98 to 1.06 of the same
  loop (0.88 to 0.94 with it). Taking it out costs disk and network, which was
  not weighed here, so it was left in. CRC32 with uvloop gained the bare loop nothing (0.94 to 0.98).
- Intake: the event loop's thread is what limits it; the spool's thread, SQLite and `fdatasync`, takes an eighth as much
  CPU beside it. Of the loop's time for a report, the loop itself, uvicorn and Starlette take a quarter, checking the
  body 18 %, ids and both events 17 %, the relay 9 %, reading key and body 9 %, writing the answer 6 %, the way into the
  spool 6 %, the log line 3 %. All but the first and the answer is what the bare handler does not do; beside these it
  only produces one record. Within a quarter of its time there is no room for the rest, in one process of Python.

Quix Streams and Bytewax were not measured: no loops were written for them.
"""


def page(
    *,
    machine: str,
    minutes: float,
    routing: Mapping[str, list[Rate]],
    taking: IntakeFigures,
    pushing: EndToEndFigures,
    counting: Rates,
) -> str:
    """The whole page, as Markdown."""
    return PAGE.format(
        day=datetime.now(UTC).date(),
        minutes=minutes,
        rounds=router.ROUNDS,
        machine=machine,
        records=f"{router.RECORDS:,}",
        router=_router_table(routing),
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
    def row(name: str, contender: router.Contender, base: router.Contender, goal: float | None = None) -> list[str]:
        own, other = rates[contender.name], rates[base.name]
        by_cpu = ratios([one.cpu for one in own], [one.cpu for one in other])
        by_clock = ratios([one.clock for one in own], [one.clock for one in other])
        per_second = spread_of([one.clock for one in own]).median
        return [name, _times(by_clock), _times(by_cpu), f"{per_second:,.0f}", _verdict(by_clock, goal)]

    return _table(
        ["reports decided", "ratio, by the clock", "ratio, per CPU second", "per second", "goal"],
        [
            row("**bare aiokafka loop** (baseline)", router.BARE, router.BARE),
            row("the router", router.ROUTER, router.BARE, ROUTER_GOAL),
            row("the bare loop writing the same records", router.SAME, router.BARE),
            row("the router, against *the same records*", router.ROUTER, router.SAME, ROUTER_GOAL),
            row("the bare loop with uvloop, CRC32 and lz4, as the router has them", router.TUNED, router.BARE),
            row("*the same records* with uvloop, CRC32 and lz4", router.TUNED_SAME, router.BARE),
            row("FastStream, one message a call, publish awaited", router.IDIOM, router.BARE),
            row("librdkafka loop (the limit), lz4", router.LIBRDKAFKA, router.BARE),
        ],
    )


def _intake_table(figures: IntakeFigures) -> str:
    def row(name: str, own: Sequence[Answers], goal: float | None = None) -> list[str]:
        rate = ratios([one.rate for one in own], [one.rate for one in figures.bare])
        per_second = spread_of([one.rate for one in own]).median
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
        p99 = spread_of([percentile(one.latencies, 99) for one in own]).median
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
        f"Of the flood, a second: {median(one.offered for one in floods):,.0f} offered, "
        f"{median(one.sent for one in floods):,.0f} sent, {median(one.accepted for one in floods):,.0f} accepted, "
        f"{median(one.refused for one in floods):,.0f} refused; intake's memory after it: "
        f"{median(one.memory for one in floods) / MIB:,.0f} MiB."
    )


def _slower(own: Sequence[Answers], baseline: Sequence[Answers]) -> Spread:
    return ratios([percentile(one.latencies, 99) for one in own], [percentile(one.latencies, 99) for one in baseline])


def _latencies(rounds: Iterable[Answers]) -> list[str]:
    """Median over the rounds of p50 and p99."""
    kept = list(rounds)
    return [
        _milliseconds(spread_of([percentile(one.latencies, percent) for one in kept]).median) for percent in (50, 99)
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
