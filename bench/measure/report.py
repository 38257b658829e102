"""Makes tables of what was measured."""

import statistics

from subjects import LABELS

BARE, STREAMED = "floor-bare", "floor-streamed"
EMULATED = "started by AWS's emulator"


def find_percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def describe(values):
    """Returns the least, the middle and the most of a figure over the rounds."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def describe_added(rounds, field, share):
    """Returns how much longer a call through a subject takes than a direct one of the same round, in microseconds."""
    return describe([find_percentile(told["function"][field], share) - find_percentile(told["direct"][field], share)
                     for told in rounds])


def summarise(results):
    """Returns rows by name: for each subject the figures of that row over its rounds."""
    rows = {}
    for row, by_subject in results["cold"].items():
        rows[row] = {name: {"cold_ms": describe([told["cold_ms"] for told in rounds]),
                            "init_ms": describe([told["init_ms"] for told in rounds])}
                     for name, rounds in by_subject.items()}
    rows[EMULATED] = {name: {"emulated_ms": describe(rounds)} for name, rounds in results["emulated"].items()}
    for row, by_subject in results["warm"].items():
        rows[row] = {name: summarise_warm(row, rounds) for name, rounds in by_subject.items()}
    for row, pick in (("first 960", lambda sample: sample[0]), ("later 960", lambda sample: min(sample[1:]))):
        rows[row] = {name: {"ms": describe([pick(sample) / 1e3 for sample in rounds])}
                     for name, rounds in results["batches"].items()}
    return rows


def summarise_warm(row, rounds):
    found = {"added p50": describe_added(rounds, "whole_us", 0.5), "added p99": describe_added(rounds, "whole_us", 0.99),
             "direct p50": describe([find_percentile(told["direct"]["whole_us"], 0.5) for told in rounds]),
             "peak_mb": describe([told["peak_kb"] / 1024 for told in rounds])}
    if all(told["cpu_us"] for told in rounds):
        found["cpu_us"] = describe([told["cpu_us"] for told in rounds])
    if row.startswith("stream"):
        found |= {"first": describe_added(rounds, "first_us", 0.5), "later": describe_added(rounds, "later_us", 0.5),
                  "later p99": describe_added(rounds, "later_us", 0.99)}
    return found


def write_page(results, summary, date):
    parts = [f"# Measured on {date}\n", write_machine(results), write_cold(summary), write_emulated(summary[EMULATED]),
             write_sizes(results, summary)]
    parts += [write_warm(row, summary[row]) for row in results["warm"] if not row.startswith("stream")]
    parts += [write_streams(row, summary[row]) for row in results["warm"] if row.startswith("stream")]
    parts += [write_batches(summary), write_counts(results["counts"])]
    return "\n".join(parts)


def write_machine(results):
    lines = [f"- {name}: {value}" for name, value in results["machine"]]
    lines += [f"- load before and after: {results['load']:.1f} and {results['load_after']:.1f}; {results['secs'] / 60:.1f} minutes"]
    return "\n".join(lines) + "\n\nAll subjects in turns, over loopback. A figure is the least of the rounds, with middle and most in brackets.\n"


def write_table(title, head, rows):
    lines = [f"## {title}\n", "| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def show(figure, digits=0):
    return f"{figure['min']:,.{digits}f} ({figure['median']:,.{digits}f} – {figure['max']:,.{digits}f})"


def show_ratio(figure, floor):
    return f"{figure['min'] / floor['min']:.2f}" if floor["min"] > 0 else "–"


def write_cold(summary):
    text = ""
    for row in (name for name in summary if name.startswith("cold")):
        floor = summary[row][BARE]["cold_ms"]
        text += write_table(f"{row[0].upper()}{row[1:]}: process to first answer, ms", ["", "to first answer", "× bare floor", "to first question"], [
            [LABELS[name], show(found["cold_ms"], 1), show_ratio(found["cold_ms"], floor), show(found["init_ms"], 1)]
            for name, found in summary[row].items()]) + "\n"
    return text


def write_emulated(by_subject):
    floor = by_subject[BARE]["emulated_ms"]
    return write_table("Cold start, AWS's emulator: first invocation to its answer, ms", ["", "to the answer", "× bare floor"], [
        [LABELS[name], show(found["emulated_ms"], 1), show_ratio(found["emulated_ms"], floor)] for name, found in by_subject.items()])


def write_sizes(results, summary):
    chat = summary["chat"]
    rows = [[LABELS[name], f"{size / 1e6:.2f}", show(chat[name]["peak_mb"], 1), show(summary["embed 96"][name]["peak_mb"], 1)]
            for name, size in results["zip"].items()]
    lite = chat.get("litellm")
    if lite:
        rows.append([LABELS["litellm"], "–", show(lite["peak_mb"], 1), show(summary["embed 96"]["litellm"]["peak_mb"], 1)])
        rows[-1][0] += f", ready after {results['litellm_start_ms'] / 1e3:.1f} s"
    return write_table("Size", ["", "zip, MB", "memory, chat, MiB", "memory, embed of 96, MiB"], rows)


def write_warm(row, by_subject):
    floor = by_subject[BARE]
    direct = min(found["direct p50"]["min"] for found in by_subject.values())
    rows = [[LABELS[name], show(found["added p50"]), show_ratio(found["added p50"], floor["added p50"]), show(found["added p99"]),
             show(found["cpu_us"]) if "cpu_us" in found else "–"] for name, found in by_subject.items()]
    return write_table(f"{row[0].upper()}{row[1:]}: added time, µs (a direct call takes {direct:,.0f})",
                       ["", "added p50", "× bare floor", "added p99", "processor time"], rows)


def write_streams(row, by_subject):
    rows = [[LABELS[name], show(found["first"]), show(found["later"], 1), show(found["later p99"], 1)] for name, found in by_subject.items()]
    return write_table(f"{row[0].upper()}{row[1:]}: added time of events, µs",
                       ["", "first event", "each further event, p50", "p99"], rows)


def write_batches(summary):
    rows = [[label, show(summary["first 960"][name]["ms"], 1), show(summary["later 960"][name]["ms"], 1)]
            for name, label in (("gateway", LABELS["gateway"]), ("direct", "ten calls at once, a plain client"))]
    return write_table("960 texts over TLS, upstream 20 ms: ms", ["", "first of a process", "later"], rows)


def write_counts(counts):
    rows = [[kind, LABELS[name], f"{instructions:,.0f}", f"{calls:.1f}"]
            for kind in counts["gateway"] for name in counts if kind in counts[name]
            for instructions, calls in [counts[name][kind]]]
    return write_table("Counts of a warm request", ["", "", "instructions", "system calls"], rows)
