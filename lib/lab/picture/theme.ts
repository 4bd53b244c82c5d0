/**
 * The look of all that vtepd draws: two sets of colours, the classes of its drawings. Pure text; the lab's page, its SVG files
 * and the benchmarks' plots take it from here. Must not: fetch anything, or say something by colour alone.
 */
import { markup } from './markup.ts'

/** Custom properties of `:root`; on paper always the light ones. Told apart by those who see colours otherwise, too (after Okabe and Ito). */
export const COLOURS = markup`:root{color-scheme:light dark;--paper:#fff;--card:#f6f8fa;--ink:#1b1f24;--faint:#57606a;--line:#d0d7de;--band:#fbe7dc;--c0:#57606a;--c1:#0072b2;--c2:#c24a00;--c3:#00795a;--c4:#a4487c;--c5:#8f6400}
@media screen and (prefers-color-scheme:dark){:root{--paper:#0d1117;--card:#161b22;--ink:#e6edf3;--faint:#9da7b1;--line:#30363d;--band:#3a2115;--c0:#9da7b1;--c1:#63b8f0;--c2:#ff9a5c;--c3:#3ddbaa;--c4:#e29ac4;--c5:#e8b33f}}
`

/** Classes that every drawing may use. */
export const DRAWING = markup`svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
svg .paper{fill:var(--paper)}svg .ink{fill:var(--ink)}svg .faint{fill:var(--faint)}svg .strong{font-weight:600}svg .title{font-size:15px;font-weight:600}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}
svg .grid{stroke:var(--line);fill:none}svg .band{fill:var(--band)}svg .zero{stroke:var(--c2);stroke-dasharray:2 3}svg .whole{stroke:var(--c3);stroke-dasharray:2 3}
svg .on{fill:var(--paper);font-size:11px;font-weight:600}svg .silent{fill:var(--c2)}svg .well{stroke:var(--c3);stroke-width:2}svg .other{fill:var(--c5)}
svg .kernel{fill:var(--c1);stroke:var(--c1)}svg .agent{fill:var(--c3);stroke:var(--c3)}svg .lab{fill:var(--c2);stroke:var(--c2)}`
