// SPDX-License-Identifier: Apache-2.0
//
// What the page tests look at: the gateway whose address stands in ZB_URL (demo mode), else a stand-in of their own. Tests that
// script the server need the stand-in and are skipped with a real gateway.
import { FakeGateway } from './fake-gateway.mjs';

export async function target() {
  if (process.env.ZB_URL) return { url: process.env.ZB_URL.replace(/\/$/, ''), gw: null, close: async () => {} };
  const gw = await new FakeGateway().listen();
  return { url: gw.url, gw, close: () => gw.close() };
}

export const scripted = { skip: process.env.ZB_URL ? 'scripts the server' : false };
