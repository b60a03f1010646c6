// SPDX-License-Identifier: Apache-2.0
//
// The ranking table. One element per unit for the life of the page; a new ranking moves the elements (first, last, invert, play)
// when at most MOVES_MAX rows of the page change place, else the page cross-fades. Only transform and opacity are animated.
import { EASE, el, icon, setText, still } from './dom.js';
import { MARKS, NONE, barShare, rate, score } from './words.js';

const MOVES_MAX = 6;
const LIGHTS = ['red', 'yellow', 'green'];

function makeRow(unit) {
  const row = el('tr', 'row');
  row.setAttribute('role', 'row');
  row.dataset.unit = unit;
  const cell = (name) => {
    const td = el('td', name);
    td.setAttribute('role', 'cell');
    row.append(td);
    return td;
  };
  const rank = el('b');
  cell('c-rank').append(rank);
  const change = cell('c-change');
  const name = el('span', 'name');
  const chip = el('span', 'chip');
  const sub = el('span', 'sub');
  cell('c-unit').append(name, chip, sub);
  const track = el('span', 'track');
  const fill = el('span', 'fill');
  const points = el('b');
  track.setAttribute('aria-hidden', 'true');
  track.append(fill);
  cell('c-score').append(track, points);
  const onTime = cell('c-rate');
  const lights = {};
  for (const light of LIGHTS) {
    const number = el('span');
    const td = cell('c-light');
    td.append(icon(`light-${light}`), number);
    lights[light] = { td, number };
  }
  return { row, rank, change, name, chip, sub, fill, points, onTime, lights, shown: undefined };
}

function setChange(td, r) {
  const kind = r.rank === null ? 'none' : r.change === null ? 'new' : r.change > 0 ? 'up' : r.change < 0 ? 'down' : 'same';
  const key = `${kind} ${r.change}`;
  if (td.dataset.key === key) return;
  td.dataset.key = key;
  td.className = `c-change ${kind}`;
  const n = Math.abs(r.change ?? 0);
  if (kind === 'up' || kind === 'down') {
    const words = el('span', 'sr', kind === 'up' ? `上升${n}位` : `下降${n}位`);
    const number = el('span', '', String(n));
    number.setAttribute('aria-hidden', 'true');
    td.replaceChildren(icon(kind), number, words);
  } else {
    td.textContent = kind === 'new' ? '新' : kind === 'same' ? NONE : '';
  }
}

function setChip(chip, r) {
  const word = MARKS[r.mark] ?? (r.rank === null ? '未参评' : '');
  chip.hidden = word === '';
  chip.className = `chip ${MARKS[r.mark] ? r.mark : 'unranked'}`;
  setText(chip, word);
}

// The number counts up over 600 ms; a newer one takes over.
function setPoints(v, to, count) {
  const from = v.shown;
  v.shown = to;
  if (!count || from === undefined || from === null || to === null || still()) {
    setText(v.points, score(to));
    return;
  }
  const start = performance.now();
  const step = (t) => {
    if (v.shown !== to) return;
    const share = Math.min(1, Math.max(0, (t - start) / 600));
    setText(v.points, score(Math.round(from + (to - from) * share)));
    if (share < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function fillRow(v, r, index, count) {
  setText(v.rank, r.rank === null ? NONE : String(r.rank));
  v.rank.className = r.rank !== null && r.rank <= 3 ? 'top' : '';
  setChange(v.change, r);
  setText(v.name, r.name);
  v.name.title = r.short_name ?? r.name;
  setChip(v.chip, r);
  v.fill.style.transform = `scaleX(${barShare(r.score)})`;
  setPoints(v, r.score, count);
  const onTime = rate(r);
  setText(v.onTime, onTime);
  setText(v.sub, `按时率 ${onTime}`);
  for (const light of LIGHTS) {
    const { td, number } = v.lights[light];
    td.className = r[light] ? 'c-light' : 'c-light zero';
    setText(number, String(r[light]));
  }
  v.row.classList.toggle('even', index % 2 === 1);
}

export class RankingTable {
  constructor(tbody) {
    this.body = tbody;
    this.views = new Map(); // unit code -> view
    this.order = []; // unit codes shown
    this.running = [];
  }

  view(unit) {
    if (!this.views.has(unit)) this.views.set(unit, makeRow(unit));
    return this.views.get(unit);
  }

  // rows: those of the page. how: 'move' (a new ranking of the same page), 'fade' (another page or scope), 'set'.
  // Answers whether a row moved.
  show(rows, how) {
    for (const a of this.running) a.finish();
    this.running = [];
    const next = rows.map((r) => r.unit);
    const changed = next.filter((unit, i) => this.order[i] !== unit).length;
    let way = still() || this.order.length === 0 ? 'set' : how;
    if (way === 'move' && changed > MOVES_MAX) way = 'fade';
    const ghost = way === 'fade' ? this.ghost() : null;
    const first = way === 'move' ? this.tops() : null;
    const before = this.order;

    rows.forEach((r, i) => {
      const v = this.view(r.unit);
      fillRow(v, r, i, way === 'move' && (v.shown ?? 0) < (r.score ?? 0));
      v.row.classList.toggle('first-unranked', r.rank === null && i > 0 && rows[i - 1].rank !== null);
      if (this.body.children[i] !== v.row) this.body.insertBefore(v.row, this.body.children[i] ?? null);
    });
    while (this.body.children.length > rows.length) this.body.lastElementChild.remove();
    this.order = next;

    if (first) this.play(first, before);
    if (ghost) this.fade(ghost);
    return way === 'move' && changed > 0;
  }

  tops() {
    return new Map(this.order.map((unit) => [unit, this.views.get(unit).row.offsetTop]));
  }

  play(first, before) {
    const last = this.tops();
    const moved = [...last].filter(([unit, top]) => first.get(unit) !== top);
    const duration = Math.min(900, 420 + 60 * moved.length);
    for (const [unit, top] of moved) {
      const { row } = this.views.get(unit);
      const from = first.get(unit);
      const dy = from === undefined ? (before.length ? 64 : 0) : from - top;
      const rises = dy > 0;
      row.style.zIndex = rises ? 2 : 1;
      const frames = [
        { transform: `translateY(${dy}px)`, opacity: from === undefined ? 0 : 1 },
        { transform: 'none', opacity: 1 },
      ];
      const move = row.animate(frames, { duration, easing: EASE });
      move.onfinish = () => {
        row.style.zIndex = '';
      };
      this.running.push(move);
      if (rises)
        row.animate([{ opacity: 1 }, { opacity: 1, offset: 0.4 }, { opacity: 0 }], { duration: 4000, pseudoElement: '::before' });
    }
  }

  // What was there lies over the new page and fades.
  ghost() {
    const copy = this.body.cloneNode(true);
    copy.removeAttribute('id');
    copy.classList.add('ghost');
    copy.setAttribute('aria-hidden', 'true');
    for (const row of copy.children) row.removeAttribute('data-unit');
    return copy;
  }

  fade(ghost) {
    const copy = ghost;
    copy.style.top = `${this.body.offsetTop}px`;
    this.body.parentElement.append(copy);
    const out = copy.animate([{ opacity: 1 }, { opacity: 0 }], { duration: 300, fill: 'forwards' });
    out.onfinish = () => copy.remove();
    this.running.push(out, this.body.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 300 }));
  }
}
