"""The look of the page: one sheet for the screen, light and dark, and for paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --paper:#faf9f6; --card:#ffffff; --ink:#1c2127; --soft:#5b636e; --faint:#8b929b; --line:#dedbd3; --grid:#ebe8e1;
  --green:#24785a; --green-wash:#e4f1ea; --red:#b53d2a; --red-wash:#fae7e2; --amber:#94690f; --band:#f3e3c8;
  --green-rgb:36,120,90; --red-rgb:181,61,42; }
@media (prefers-color-scheme: dark) { :root {
  --paper:#14171a; --card:#1b1f23; --ink:#ebe8e2; --soft:#a6acb4; --faint:#7b828b; --line:#333940; --grid:#272c32;
  --green:#6cc8a0; --green-wash:#18302a; --red:#f08d76; --red-wash:#3b211c; --amber:#d9b060; --band:#40341c;
  --green-rgb:108,200,160; --red-rgb:240,141,118; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--paper); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
  "Helvetica Neue",Arial,"Liberation Sans",sans-serif; font-variant-numeric:tabular-nums; }
main { max-width:1120px; margin:0 auto; padding:44px 28px 80px; }
h1,h2,.big,.num { font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Source Serif Pro",Georgia,
  "Liberation Serif","DejaVu Serif",serif; font-weight:600; letter-spacing:-.01em; font-variant-numeric:lining-nums tabular-nums; }
h1 { font-size:44px; line-height:1.1; margin:6px 0 14px; max-width:20em; text-wrap:balance; }
h2 { font-size:28px; line-height:1.2; margin:0 0 6px; text-wrap:balance; }
h3 { font-size:14px; margin:0 0 8px; font-weight:650; }
.kicker { font-size:12px; letter-spacing:.09em; text-transform:uppercase; color:var(--soft); font-weight:600; }
.lead { font-size:18px; line-height:1.5; max-width:46em; color:var(--ink); margin:0 0 8px; text-wrap:pretty; }
.soft { color:var(--soft); } .small { font-size:13px; } .nowrap { white-space:nowrap; }
section { margin-top:64px; padding-top:22px; border-top:2px solid var(--ink); }
section > p { max-width:50em; margin:0 0 18px; text-wrap:pretty; }
.note { font-size:12.5px; line-height:1.5; color:var(--soft); margin:12px 0 0; max-width:70em; }
.note b { font-weight:600; color:var(--ink); }
.red { color:var(--red); } .green { color:var(--green); } .amber { color:var(--amber); }
.hero { display:grid; grid-template-columns:1fr 1fr; gap:22px; margin-top:30px; align-items:stretch; }
.panel { background:var(--card); border:1px solid var(--line); border-top:5px solid var(--line); border-radius:4px; padding:22px 24px 20px; }
.panel.good { border-top-color:var(--green); } .panel.bad { border-top-color:var(--red); }
.panel .big { font-size:30px; line-height:1.15; margin:4px 0 16px; }
.depts { width:100%; border-collapse:collapse; }
.depts th { text-align:left; font-weight:600; padding:7px 10px 7px 0; vertical-align:top; white-space:nowrap; }
.depts td { padding:7px 0; } .depts tr { border-top:1px solid var(--grid); }
.pill { display:inline-block; white-space:nowrap; margin:1px 12px 1px 0; font-size:13.5px; }
.pill i { font-style:normal; font-weight:700; margin-right:4px; }
.facts { list-style:none; margin:0; padding:0; }
.facts li { display:grid; grid-template-columns:104px 1fr; gap:16px; align-items:baseline; padding:9px 0; border-top:1px solid var(--grid); }
.facts .num { font-size:31px; line-height:1.05; color:var(--red); text-align:right; white-space:nowrap; }
.facts .soft { font-size:12.5px; display:block; }
table.data { width:100%; border-collapse:collapse; font-size:13.5px; background:var(--card); border:1px solid var(--line); }
table.data th { font-weight:600; text-align:left; padding:9px 12px; vertical-align:bottom; line-height:1.3; }
table.data thead th { border-bottom:1px solid var(--line); font-size:12.5px; color:var(--soft); }
table.data td { padding:9px 12px; vertical-align:middle; border-top:1px solid var(--grid); }
table.data tbody th { border-top:1px solid var(--grid); vertical-align:middle; }
table.data .r { text-align:right; } table.data .top { vertical-align:top; }
.kpis { display:grid; grid-template-columns:16px minmax(96px,auto) auto 1fr auto; column-gap:8px; row-gap:1px; align-items:baseline; }
.kpis .r { text-align:right; }
.ci { color:var(--soft); font-size:12px; white-space:nowrap; } .none { color:var(--faint); font-size:12px; line-height:1.3; }
.pairs { display:grid; grid-template-columns:1fr 1fr; gap:26px; } .pairs > div { min-width:0; }
.tiles { display:grid; grid-template-columns:repeat(4,1fr); gap:14px; }
.tile { background:var(--card); border:1px solid var(--line); border-radius:4px; padding:14px 16px 12px; min-width:0; }
.tile h3 { min-height:2.7em; line-height:1.35; margin:0 0 2px; font-size:13px; color:var(--soft); font-weight:600; }
.tile .num { font-size:29px; line-height:1.15; } .tile .n { font-size:11.5px; color:var(--faint); margin-top:6px; line-height:1.35; }
.tile .none { display:block; padding:8px 0; font-size:13px; }
table.matrix { border-collapse:separate; border-spacing:2px; width:100%; table-layout:fixed; font-size:12.5px; }
table.matrix th.corner { width:72px; }
table.matrix th { font-weight:500; font-size:11px; letter-spacing:-.02em; padding:2px 0; text-align:center; color:var(--soft); line-height:1.2; overflow:hidden; text-overflow:ellipsis; }
table.matrix tbody th { text-align:right; padding-right:6px; }
table.matrix td { height:42px; text-align:center; border-radius:3px; background:var(--grid); line-height:1.15; padding:0; }
table.matrix td b { font-size:14px; display:block; font-weight:650; } table.matrix td span { font-size:10px; letter-spacing:-.02em; white-space:nowrap; color:var(--soft); }
table.matrix td.unsure b { font-weight:400; color:var(--soft); }
table.matrix td.few { background:none; border:1px dashed var(--line); color:var(--faint); font-size:10.5px; }
table.matrix tr.base td, table.matrix tr.base th { border-bottom:2px solid var(--ink); }
.legend { font-size:12px; color:var(--soft); display:flex; flex-wrap:wrap; gap:4px 18px; margin:8px 0 0; align-items:center; }
.legend svg { display:inline-block; vertical-align:-2px; margin-right:5px; width:14px; height:14px; }
svg { display:block; max-width:100%; height:auto; } svg text { font-family:inherit; fill:var(--ink); }
svg .t { font-size:12px; } svg .s { font-size:11px; fill:var(--soft); } svg .xs { font-size:10px; fill:var(--soft); }
svg .grid { stroke:var(--grid); } svg .zero { stroke:var(--faint); } svg .axis { stroke:var(--line); }
svg .ink { fill:var(--ink); } svg .inkline { stroke:var(--ink); fill:none; } svg .softline { stroke:var(--faint); fill:none; }
svg .g { fill:var(--green); } svg .r { fill:var(--red); } svg .gl { stroke:var(--green); fill:none; } svg .rl { stroke:var(--red); fill:none; }
svg .f { fill:var(--faint); } svg .fl { stroke:var(--faint); fill:none; } svg .card { fill:var(--card); }
svg .band { fill:var(--band); } svg .wash { fill:var(--faint); opacity:.22; } svg .bar { fill:var(--soft); opacity:.75; } svg .rw { fill:var(--red-wash); }
.line { background:var(--card); border:1px solid var(--line); border-radius:4px; padding:16px 18px 12px; margin-top:16px; }
.line h3 { font-size:15px; margin:0 0 2px; }
.empty { background:var(--card); border:1px dashed var(--line); border-radius:4px; padding:16px 18px; color:var(--soft); max-width:60em; }
footer { margin-top:64px; border-top:1px solid var(--line); padding-top:18px; font-size:13px; color:var(--soft); columns:2; column-gap:36px; }
footer p { margin:0 0 10px; break-inside:avoid; }
@media (max-width:860px) { main { padding:24px 16px 60px; } .hero,.pairs { grid-template-columns:1fr; } .tiles { grid-template-columns:1fr 1fr; }
  h1 { font-size:32px; } .scroll { overflow-x:auto; } .scroll > * { min-width:640px; } footer { columns:1; } }
@media print { :root { color-scheme:light; --paper:#fff; --card:#fff; --ink:#16191d; --soft:#4c535c; --faint:#7c838c; --line:#cfccc4; --grid:#e4e1da;
  --green:#1f6b50; --green-wash:#e4f1ea; --red:#a33523; --red-wash:#fae7e2; --amber:#7f590b; --band:#f3e3c8; --green-rgb:36,120,90; --red-rgb:181,61,42; }
  @page { size:A4; margin:13mm 12mm; } body { font-size:10.5pt; -webkit-print-color-adjust:exact; print-color-adjust:exact; }
  main { max-width:none; padding:0; } h1 { font-size:27pt; } h2 { font-size:18pt; break-after:avoid; } .lead { font-size:12pt; }
  section { margin-top:26pt; padding-top:10pt; } section > p { break-after:avoid; }
  .panel,.tile,.line,tr,.note,li { break-inside:avoid; } .hero { gap:12px; } .panel { padding:12px 14px; } .panel .big { font-size:17pt; }
  .tiles { grid-template-columns:repeat(4,1fr); gap:8px; } .tile { padding:9px 10px; } .tile .num { font-size:17pt; } .facts .num { font-size:18pt; }
  .facts li { grid-template-columns:74px 1fr; gap:10px; padding:6px 0; } .pairs { grid-template-columns:1fr 1fr; gap:14px; }
  table.data { font-size:8.6pt; } table.data td, table.data th { padding:5px 6px; } table.matrix td { height:32px; }
  table.matrix td b { font-size:9pt; } table.matrix td span { font-size:6.6pt; } table.matrix th { font-size:7pt; } }
"""
