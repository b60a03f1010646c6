// SPDX-License-Identifier: Apache-2.0
// A gateway with the 2018 sample, and a task of it under way that can be reported on again and again.
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from '../../black/lib/gateway.mjs';
import { pin, say } from './tools.mjs';

export const BOARD = 'ranking:2018:city';

export async function city(scene, conf = {}) {
  const gw = new Gateway({ conf: { 'gateway.rate_per_min': 1000000, ...conf } });
  await gw.start();
  await scene.keep(gw);
  pin(gw.pid);
  return gw;
}

/** Where the private redis-server of this gateway is: "unix:/path". */
export const redisOf = (gw) => fs.readFileSync(path.join(gw.conf.data, 'redis/address'), 'utf8').trim();

/** A new task of NP-BB, approved and signed for: its id. */
export async function openTask(gw, n = 1) {
  const made = await gw.ok('POST', '/v1/tasks', { as: 'demo-dispatcher', body: {
    title: `性能测试事项 ${n}`, requirement: '按月报送进展', kind: '重点工作', units: ['NP-BB'], lead_unit: 'NP-BB', supervising_unit: 'NP-ZFB', deadline: '2018-12-28' } });
  const id = made.id ?? made.task?.id;
  const version = async () => { const t = await gw.ok('GET', `/v1/tasks/${id}`, { as: 'demo-dispatcher' }); return (t.task ?? t).version; };
  await gw.ok('POST', `/v1/tasks/${id}/submit-draft`, { as: 'demo-dispatcher', body: { version: await version() } });
  await gw.ok('POST', `/v1/tasks/${id}/approve`, { as: 'demo-approver', body: { version: await version() } });
  await gw.ok('POST', `/v1/tasks/${id}/sign-for`, { as: 'demo-responsible', body: {} });
  say(`  task ${id} is under way`);
  return id;
}

export const report = (task, n) => ({ task_id: task, text: `第 ${n} 次报送：土地征收已完成，主体工程施工中，累计完成投资过半。`, progress: 50 });
