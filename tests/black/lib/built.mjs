// SPDX-License-Identifier: Apache-2.0
// Programs of the tests that are compiled (tests/peers/*.c): found, or the file that needs one ends at once and says how to get it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const BUILD = process.env.ZB_BUILD ?? 'build/release';

export function built(name) {
  const file = path.join(BUILD, 'peers', name);
  if (!fs.existsSync(path.join(ROOT, file))) throw new Error(`${file} is not built: make FLAVOUR=${path.basename(BUILD)} ${file} (make black builds all of them)`);
  return path.join(ROOT, file);
}
