"""How a page looks, in light and in dark."""

STYLE = """
:root {
  color-scheme: light dark;
  --back: #ffffff; --panel: #f6f7f9; --text: #1a1f26; --soft: #57606c; --line: #d5dae1;
  --plain: #2f6fde; --good: #1a7f4b; --warn: #a86400; --bad: #c22f3d; --faint: #aab3bf;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161c; --panel: #1a2029; --text: #e4e8ee; --soft: #9aa5b3; --line: #333c48;
    --plain: #6ea3ff; --good: #4cc38a; --warn: #e3a13c; --bad: #ff7b85; --faint: #5b6675;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1.25rem clamp(0.75rem, 3vw, 2rem) 3rem;
  background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
section {
  margin-top: 1.5rem; padding: 1rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px;
}
p { margin: 0.4rem 0; overflow-wrap: anywhere; }
pre {
  margin: 0; overflow-x: auto;
  font: 13px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
footer, .note, .soft { color: var(--soft); font-size: 0.87rem; }
footer { margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.93rem; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; vertical-align: baseline; font-weight: inherit; }
thead th {
  color: var(--soft); font-size: 0.8rem; font-weight: 600;
  border-bottom: 1px solid var(--line); white-space: nowrap;
}
tbody tr + tr > * { border-top: 1px solid var(--line); }
.right { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
.drawn { width: 100%; }
.drawn tbody tr > * { border: 0; padding-top: 0.12rem; padding-bottom: 0.12rem; }
.drawn th { overflow-wrap: anywhere; max-width: 40vw; min-width: min(13rem, 40vw); }
.drawn .bar { width: 75%; vertical-align: middle; }
.drawn td.right { white-space: nowrap; }
.drawn .note { padding-bottom: 0.4rem; }
svg { display: block; width: 100%; overflow: visible; }
.bar svg { height: 14px; }
svg text { fill: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.axis { stroke: var(--line); }
.band { fill: var(--warn); opacity: 0.16; }
.fill { opacity: 0.18; stroke: none; }
.line { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.hit { fill: transparent; }
.hit:hover { fill: var(--faint); opacity: 0.25; }
.key { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin: 0.9rem 0 0.2rem; }
details { margin-top: 0.7rem; }
summary { cursor: pointer; color: var(--soft); font-size: 0.87rem; }
@media (max-width: 40rem) {
  .drawn th { min-width: 10.6rem; font-size: 0.85rem; }
  .drawn .bar { width: 35%; min-width: 5rem; }
  .drawn td.right { white-space: normal; }
}
@media print { section { break-inside: avoid; } }
""" + "".join(
    f".{tone} {{ color: var(--{tone}); }} svg .{tone} {{ fill: var(--{tone}); }} "
    f"svg .line.{tone} {{ fill: none; stroke: var(--{tone}); }}\n"
    for tone in ("plain", "good", "warn", "bad", "faint")
).replace(".plain { color: var(--plain); } ", "")
