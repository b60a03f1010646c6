// SPDX-License-Identifier: Apache-2.0
//
// Made-up boards over real units (samples/nanping-2018/units.json), in the shape of handlers/ranking.h. Deterministic.
import fs from 'node:fs';

const sample = JSON.parse(fs.readFileSync(new URL('../../../samples/nanping-2018/units.json', import.meta.url)));
const BOARD_NAMES = {
  'NP-XZFW': '市行政中心',
  'NP-BDC': '不动产中心',
  'NP-FZB': '市法制办',
  'NP-WYXQ': '武夷新区',
  'NP-BB': '市审改办',
  'NP-XFZD': '市消防支队',
  'NP-GJJ': '公积金中心',
  'NP-SYJ': '市食药监局',
  'NP-ZZB': '市委组织部',
};
const boardName = (u) => BOARD_NAMES[u.code] ?? u.short_name.replace(/政府$/, '').slice(0, 5);
const units = sample.units.filter((u) => u.kind !== 'group');
const pick = (test) => units.filter(test).map((u) => ({ code: u.code, name: boardName(u), short_name: u.short_name }));

export const UNITS = {
  county: pick((u) => u.type === 'county'),
  department: pick((u) => u.level === 'city' && ['government_department', 'service_centre'].includes(u.type)),
  soe: [
    { code: 'NP-SOE-1', name: '市水务集团', short_name: '南平市水务投资集团有限公司' },
    { code: 'NP-SOE-2', name: '武夷发展', short_name: '南平武夷发展集团有限公司' },
  ],
};
export const DAY = '2018-06-27';
export const NOW = Date.parse('2018-06-27T14:32:05+08:00');

// A score of each place and what goes with it, from the top to the bottom.
function row(u, place, n) {
  const h = 10450 - Math.round((place * 2210) / Math.max(9, n - 1)) - (place % 3) * 7;
  const due = 20 + ((place * 7) % 11);
  const late = place < 2 ? 0 : Math.min(due - 1, Math.floor(place / 2));
  return {
    rank: place + 1,
    change: [2, -1, 3, 0, -2, 1, -3, 0, 1, -1, null][place % 11],
    unit: u.code,
    name: u.name,
    short_name: u.short_name,
    score: h,
    on_time: due - late,
    due,
    on_time_rate: Math.round(((due - late) * 10000) / due),
    closed: due,
    counted: due + 5,
    red: place < 4 ? 0 : Math.min(4, Math.floor((place - 1) / 3)),
    yellow: 1 + ((place * 7) % 5),
    green: Math.max(3, 23 - ((place * 3) % 11)),
    mark: place === 0 ? 'incentive' : place === n - 1 ? 'warning' : '',
  };
}

export function rows(list, { unranked = 0 } = {}) {
  return list.map((u, i) => {
    const r = row(u, i, list.length - unranked);
    if (i < list.length - unranked) return r;
    return { ...r, rank: null, change: null, score: null, on_time_rate: null, due: 0, on_time: 0, red: 0, mark: '' };
  });
}

function weeks() {
  const due = [
    0, 0, 0, 0, 0, 2, 0, 3, 1, 4, 6, 5, 9, 2, 3, 4, 12, 14, 2, 3, 3, 11, 4, 5, 3, 18, 2, 4, 3, 3, 9, 2, 3, 2, 6, 2, 1, 2, 8, 1, 2,
    1, 2, 10, 2, 1, 2, 4, 2, 3, 2, 5, 31,
  ];
  return due.map((n, i) => {
    const from = new Date(Date.parse('2018-01-01T00:00:00Z') + i * 7 * 86400e3).toISOString().slice(0, 10);
    return {
      week: i + 1,
      from,
      due: n,
      open: i >= 25 ? n : [17, 21, 23].includes(i) ? 1 : 0,
      overdue: [17, 21, 23].includes(i) ? 1 : 0,
      soon: i === 25 ? 4 : 0,
    };
  });
}

const EVENTS = [
  ['14:31', 'close', 'XZ-350702', '综合出件窗口建成启用'],
  ['14:28', 'dispatch', 'NP-SZB', '主题数据库建设'],
  ['14:22', 'due_soon', 'NP-GSJ', '还有3个工作日'],
  ['14:15', 'sign', 'XZ-350783', '县级平台建设'],
  ['14:03', 'overdue', 'XZ-350725', '数据交换接入'],
  ['13:40', 'return', 'NP-BDC', '不动产登记网上预约与进度查询功能上线'],
];

export function board(scope, { period = '2018', version = 1, at = '2018-06-27T14:32:04+08:00', list, unranked = 0, ...more } = {}) {
  const all = list ?? (scope === 'city' ? [...UNITS.county, ...UNITS.department, ...UNITS.soe] : UNITS[scope]);
  return {
    period,
    scope,
    rule: '2018-1',
    version,
    at,
    day: DAY,
    frozen: false,
    min_tasks: 2,
    totals: {
      tasks: 328,
      closed: 196,
      open: 132,
      long_term: 5,
      red: 11,
      yellow: 28,
      green: 93,
      on_time: 196,
      due: 205,
      on_time_rate: 9561,
    },
    rows: rows(all, { unranked }),
    weeks: weeks(),
    events: EVENTS.map(([t, kind, unit, title], i) => ({
      at: `${DAY}T${t}:00+08:00`,
      kind,
      unit,
      title,
      task: `NP2018-1-1-${i + 1}`,
    })),
    events_today: 47,
    ...more,
  };
}

// The board with the unit lifted to another place (1 = top) and the ranks written anew.
export function lifted(b, unit, place) {
  const list = b.rows.filter((r) => r.unit !== unit);
  list.splice(
    place - 1,
    0,
    b.rows.find((r) => r.unit === unit),
  );
  const scores = b.rows.map((r) => r.score);
  return {
    ...b,
    version: b.version + 1,
    rows: list.map((r, i) => ({ ...r, rank: i + 1, change: b.rows.findIndex((o) => o.unit === r.unit) - i, score: scores[i] })),
  };
}
