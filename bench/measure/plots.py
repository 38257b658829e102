"""Draws what was measured as SVG: bars on a scale of powers, as the subjects lie far apart."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from subjects import LABELS, UNCACHED  # noqa: E402

matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9, "font.family": "sans-serif"})
OURS, OTHERS, FLOORS = "#1f6feb", "#8c959f", "#d0d7de"


def draw_all(summary, folder):
    draw_bars(folder / "cold.svg", "Process to first answer, ms", [
        ("plain", {name: found["cold_ms"] for name, found in summary["cold start"].items()}),
        ("over TLS", {name: found["cold_ms"] for name, found in summary["cold start, TLS"].items()})])
    draw_bars(folder / "warm.svg", "Added to a call, p50, µs", [
        (row, {name: found["added p50"] for name, found in summary[row].items()})
        for row in ("chat", "chat, TLS", "embed 96", "rerank 1000")])
    draw_bars(folder / "stream.svg", "Added to the events of a stream, p50, µs", [
        (label, {name: found[field] for name, found in summary["stream"].items()})
        for label, field in (("first event", "first"), ("each further event", "later"))])
    draw_bars(folder / "memory.svg", "Most memory, MiB", [
        (row, {name: found["peak_mb"] for name, found in summary[row].items()}) for row in ("chat", "embed 96")])


def draw_bars(path, title, panels):
    """Draws a panel for each group; the line on a bar spans from the least to the most of the rounds."""
    heights = [len(figures) for _, figures in panels]
    sheet, axes = plt.subplots(len(panels), 1, figsize=(8.4, 0.7 + 0.55 * len(panels) + 0.27 * sum(heights)), squeeze=False,
                               gridspec_kw={"height_ratios": heights}, layout="constrained")
    for axis, (label, figures) in zip(axes[:, 0], panels):
        names = list(reversed(figures))
        values = [max(figures[name]["median"], 0.1) for name in names]
        errors = [[max(0, value - max(figures[name]["min"], 0.1)) for name, value in zip(names, values)],
                  [max(0, figures[name]["max"] - value) for name, value in zip(names, values)]]
        colours = [OURS if name in ("gateway", UNCACHED) else FLOORS if "floor" in name else OTHERS for name in names]
        axis.barh([LABELS[name].replace("**", "") for name in names], values, color=colours, xerr=errors,
                  error_kw={"elinewidth": 0.8, "ecolor": "#57606a"})
        for place, (name, value) in enumerate(zip(names, values)):
            axis.annotate(f"{value:,.3g}" if value < 100 else f"{value:,.0f}", (max(value, figures[name]["max"]), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
        axis.set_xscale("log")
        axis.set_xlim(left=1)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_title(label, loc="left", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.15)
    sheet.suptitle(f"{title} (middle of the rounds; the line spans all rounds)", fontsize=10)
    sheet.savefig(path, metadata={"Date": None})
    plt.close(sheet)
