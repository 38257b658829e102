"""Puts the figures of a run into docs/measured.md, between its marks."""

import places
from report import BARE, EMULATED, STREAMED
from subjects import LITELLM, UNCACHED

PAGE = places.ROOT / "docs" / "measured.md"
COLUMNS = ["gateway", "floor-bare", "floor-keyed", "floor-streamed", "python", "node", LITELLM]
IDLE_LOAD = 0.5  # before the run
HEADS = ["", "gateway", "bare floor", "floor with a key", "streamed floor", "Python", "Node", "LiteLLM"]
# what is said, row of the summary, field, digits
ROWS = [
    ("cold start, ms", "cold start", "cold_ms", 1),
    ("cold start over TLS, ms", "cold start, TLS", "cold_ms", 1),
    ("cold start in AWS's emulator, ms", EMULATED, "emulated_ms", 1),
    ("chat, added, µs", "chat", "added p50", 0),
    ("chat, added, p99, µs", "chat", "added p99", 0),
    ("chat over TLS, added, µs", "chat, TLS", "added p50", 0),
    ("chat over TLS, answer after 20 ms, added, µs", "chat, TLS, 20 ms", "added p50", 0),
    ("first event of a stream, added, µs", "stream", "first", 0),
    ("each further event, added, µs", "stream", "later", 1),
    ("each further event, added, p99, µs", "stream", "later p99", 0),
    ("embed of 96, added, µs", "embed 96", "added p50", 0),
    ("embed of 96 again, added, µs", "embed 96, the same again", "added p50", 0),
    ("rerank of 1 000, added, µs", "rerank 1000", "added p50", 0),
    ("processor time of a chat, µs", "chat", "cpu_us", 0),
    ("memory, chat, MiB", "chat", "peak_mb", 1),
]


def write_summary(results, summary, date):
    """Returns the table of the least of the rounds, and the plots."""
    lines = ["| " + " | ".join(HEADS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for said, row, field, digits in ROWS:
        cells = [f"{found[field]['min']:,.{digits}f}" if field in (found := summary[row].get(name, {})) else "–" for name in COLUMNS]
        lines.append(f"| {said} | " + " | ".join(cells) + " |")
    lines.append("| zip, MB | " + " | ".join(show_zip(results, name) for name in COLUMNS) + " |")
    for place, what in enumerate(("instructions", "system calls")):
        for kind in ("chat", "stream"):
            cells = [f"{results['counts'][name][kind][place]:,.0f}" if name in results["counts"] else "–" for name in COLUMNS]
            lines.append(f"| {what} of a warm {kind} | " + " | ".join(cells) + " |")
    machine = dict(results["machine"])
    rounds = len(results["warm"]["chat"]["gateway"])
    busy = "the machine was not idle" if results["load"] > IDLE_LOAD else "on an idle machine"
    note = (f"\nThe least of {rounds} rounds on {date}, {machine['processor']}, {busy} (load before the run {results['load']:.1f}), in "
            f"{results['secs'] / 60:.0f} minutes. Middle, most and all else: [bench/results/{date}](../bench/results/{date}/results.md).\n")
    plots = [f"![{name}](../bench/results/{date}/{name}.svg)\n" for name in ("cold", "warm", "stream", "memory")]
    return "\n".join([*lines, note, *plots])


def show_zip(results, name):
    return f"{results['zip'][name] / 1e6:.1f}" if name in results["zip"] else "–"


def write_goals(summary, counts):
    """Returns the table of what was aimed at: each row is what, figure, goal, unit."""
    chat, stream, embed = summary["chat"]["gateway"], summary["stream"]["gateway"], summary["embed 96"]
    ours, floor = counts["gateway"], counts[STREAMED]
    rows = [
        ("cold start, against the bare floor", ratio(summary["cold start"], "cold_ms"), 1.0, "×"),
        ("the same over TLS", ratio(summary["cold start, TLS"], "cold_ms"), 1.0, "×"),
        ("the same in AWS's emulator", ratio(summary[EMULATED], "emulated_ms"), 1.0, "×"),
        ("instructions of a warm chat, against the streamed floor", ours["chat"][0] / floor["chat"][0], 1.2, "×"),
        ("system calls of a warm streamed chat", ours["stream"][1], 13, ""),
        ("instructions of a full hit of 96 texts", ours["cached embed 96"][0] / 1e6, 1.0, "million"),
        ("what the cache adds to an embed of 96 new texts",
         (embed["gateway"]["added p50"]["min"] - embed[UNCACHED]["added p50"]["min"]) / 1e3, 0.3, "ms"),
        ("960 texts over TLS, first request of a process, Cohere takes 20 ms", summary["first 960"]["gateway"]["ms"]["min"], 40, "ms"),
        ("first event of a stream, added, against a plain answer", stream["first"]["min"] / chat["added p50"]["min"], 1.5, "×"),
        ("each further event, added", stream["later"]["min"], 15, "µs"),
    ]
    lines = ["| what | measured | goal | |", "|---|---:|---:|---|"]
    for what, figure, goal, unit in rows:
        lines.append(f"| {what} | {figure:.3g} {unit} | ≤ {goal} {unit} | {'met' if figure <= goal else '**missed**'} |")
    return "\n".join(lines) + "\n"


def ratio(by_subject, field):
    return by_subject["gateway"][field]["min"] / by_subject[BARE][field]["min"]


def write_page(results, summary, date):
    text = PAGE.read_text()
    text = replace_part(text, "measured", write_summary(results, summary, date))
    PAGE.write_text(replace_part(text, "goals", write_goals(summary, results["counts"])))


def replace_part(text, name, part):
    start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->\n"
    before, rest = text.split(start)
    return before + start + part + end + rest.split(end)[1]
