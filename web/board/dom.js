// SPDX-License-Identifier: Apache-2.0
//
// The few things every file of the board does with elements.

export const $ = (id) => document.getElementById(id);

export function el(tag, className = '', text = undefined) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#${name}`);
  svg.append(use);
  return svg;
}

const less = matchMedia('(prefers-reduced-motion: reduce)');
export const still = () => less.matches || document.hidden;

export const EASE = 'cubic-bezier(.2,0,0,1)';
