/** The style sheet of the lab's page, beside the colours and drawings of theme.ts. Must not: need anything from elsewhere. */
import { markup } from './markup.ts'

export const PAGE_STYLE = markup`
*{box-sizing:border-box}
body{margin:0 auto;max-width:880px;padding:24px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:24px;line-height:1.25;margin:0 0 4px}h2{font-size:19px;line-height:1.3;margin:40px 0 8px}h3{font-size:15px;margin:0}
p{margin:4px 0 12px}.faint,figcaption,summary{color:var(--faint)}a{color:var(--c1)}
.verdict{font-size:17px;font-weight:600;border-left:4px solid var(--c3);padding:2px 0 2px 12px}.verdict.bad{border-color:var(--c2)}
.facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:8px 0 12px}.facts div{min-width:96px}.facts dt{color:var(--faint);font-size:13px}.facts dd{margin:0;font-size:19px;font-weight:600}
figure{margin:12px 0 20px;break-inside:avoid}figure svg{display:block;max-width:100%;height:auto}figcaption{font-size:13px}
.narrow{display:none!important}
.underlay{display:flex;flex-wrap:wrap;gap:4px 16px;border:1px solid var(--line);border-bottom:4px solid var(--c1);background:var(--card);padding:6px 12px}
.nodes{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:0 16px}
.nodes li{margin-top:16px;border:1px solid var(--line);border-top:4px solid var(--c1);background:var(--card);padding:8px 12px;break-inside:avoid}
.nodes dl{margin:4px 0 0;font-size:13px}.nodes dl div{display:flex;gap:8px}.nodes dt{flex:0 0 84px;color:var(--faint)}.nodes dd{margin:0;flex:1}.nodes dd span{display:inline-block}
.matrices{display:flex;flex-wrap:wrap;gap:0 24px}.matrices figure{max-width:100%}svg .reached{fill:var(--card);stroke:var(--line)}
table{border-collapse:collapse;width:100%;margin:12px 0 24px;font-size:14px}th{font-weight:400;text-align:left}thead th{color:var(--faint);font-size:13px;vertical-align:bottom;overflow-wrap:normal}
th,td{padding:4px 8px;border-bottom:1px solid var(--line)}td{white-space:nowrap}.figure{text-align:right}.part{padding-left:24px;color:var(--faint)}
ol.story{list-style:none;margin:8px 0;padding:0;font-size:13px}ol.story li{display:flex;gap:10px}ol.story span{flex:0 0 76px;text-align:right;color:var(--faint)}ol.story b{flex:0 0 50px;font-weight:400;color:var(--faint)}
details{margin:4px 0 8px}summary{cursor:pointer;font-size:13px}pre{white-space:pre-wrap;font-size:12px;background:var(--card);padding:8px 12px}
@media (max-width:700px){body{padding:16px 12px}.wide{display:none!important}.narrow{display:block!important}
thead{display:none}tr,th,td{display:block;border:0}tr{border-bottom:1px solid var(--line);padding:6px 0}th.words{font-weight:600;padding:2px 0}td,.figure{display:flex;justify-content:space-between;gap:12px;padding:1px 0 1px 12px;text-align:right;white-space:normal}td.none{display:none}td[data-label]::before{content:attr(data-label);color:var(--faint);text-align:left}}
@media print{body{max-width:none;padding:0;font-size:12px}h2{break-after:avoid}table,tr{break-inside:avoid}details:not([open]){display:none}}
`
