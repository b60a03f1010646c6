// SPDX-License-Identifier: Apache-2.0
//
// Which page of which scope is shown, and when the next one comes. Driven by the tick of main.js; owns no timer.

const FIRST_PAGE_MORE_MS = 5000;

export class Rotation {
  // seconds: of a page; 0 stands still. pages(scope): how many there are, 0 leaves the scope out.
  constructor({ scope, seconds, scopes, pages, now = Date.now }) {
    Object.assign(this, { scope, seconds, scopes, pages, now });
    this.page = 0;
    this.held = 0;
    this.restart();
  }

  restart() {
    this.due = this.now() + this.seconds * 1000 + (this.page === 0 ? FIRST_PAGE_MORE_MS : 0);
  }

  hold(ms) {
    this.held = Math.max(this.held, this.now() + ms);
  }

  choose(scope) {
    this.scope = scope;
    this.page = 0;
    this.restart();
  }

  // The page of the scope that exists now (a ranking may have become shorter).
  current() {
    this.page = Math.min(this.page, Math.max(0, this.pages(this.scope) - 1));
    return this.page;
  }

  // True when the page turned.
  tick() {
    if (!this.seconds || this.now() < this.due || this.now() < this.held) return false;
    const { scope, page } = this;
    if (page + 1 < this.pages(scope)) {
      this.page++;
    } else {
      const at = this.scopes.indexOf(scope);
      for (let i = 1; i <= this.scopes.length; i++) {
        this.scope = this.scopes[(at + i) % this.scopes.length];
        if (this.pages(this.scope)) break;
      }
      this.page = 0;
    }
    this.restart();
    return this.scope !== scope || this.page !== page;
  }
}
