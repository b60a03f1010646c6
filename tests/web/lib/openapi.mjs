// SPDX-License-Identifier: Apache-2.0
//
// A small document in the shape of gateway/openapi.c, for the tests of the reference page.
const error = (code, number, status, text, temporary = false) => ({ code, number, status, temporary, text });
const ok = (description) => ({
  200: { description, content: { 'application/json': { schema: { type: 'object' } } } },
  default: { $ref: '#/components/responses/Problem' },
});
const id = (name, object) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,64}$', 'x-object': object },
});
const body = (properties, required) => ({
  required: required.length > 0,
  content: { 'application/json': { schema: { type: 'object', additionalProperties: false, properties, required } } },
});
const IDEM = { $ref: '#/components/parameters/IdempotencyKey' };

export const openapi = {
  openapi: '3.1.0',
  info: {
    title: '掌办 zhangban',
    version: '0.1.0',
    description: '同一张方法表也可经 WebSocket 的 rpc {method, data} 调用；时间为 +08:00 的 ISO 8601，金额为分。',
  },
  servers: [{ url: '/' }],
  security: [{ session: [] }, { system: [] }],
  paths: {
    '/v1/auth/sms-code': {
      post: {
        operationId: 'auth.sms_code',
        summary: '向已登记的手机号发送登录验证码；不论号码是否登记，答复相同。',
        tags: ['auth'],
        'x-rpc': false,
        'x-roles': [],
        security: [],
        parameters: [],
        requestBody: body({ phone: { type: 'string', minLength: 11, maxLength: 14, description: '手机号' } }, ['phone']),
        responses: ok('challenge，resend_after_s'),
      },
    },
    '/v1/board-session': {
      get: {
        operationId: 'board.session',
        summary: '演示模式下大屏自动取得的只读登录。',
        tags: ['board'],
        'x-rpc': false,
        'x-roles': [],
        security: [],
        parameters: [],
        responses: ok('token，now 演示时间，plan，duty_phone'),
      },
    },
    '/v1/me': {
      get: {
        operationId: 'me.get',
        summary: '本人信息：单位、岗位、设备、可用模块和业务时间。',
        tags: ['me'],
        'x-rpc': true,
        'x-roles': ['leader', 'display'],
        parameters: [],
        responses: ok('person、unit、roles、modules、now 业务时间'),
      },
    },
    '/v1/ranking/{period}/{scope}': {
      get: {
        operationId: 'ranking.get',
        summary: '任务办理情况排行榜。',
        tags: ['ranking'],
        'x-rpc': true,
        'x-roles': ['leader', 'dispatcher', 'display'],
        parameters: [
          id('period', ''),
          {
            name: 'scope',
            in: 'path',
            required: true,
            schema: { type: 'string', enum: ['city', 'county', 'department', 'soe'], description: '范围' },
          },
        ],
        responses: ok('一张排行榜'),
      },
    },
    '/v1/tasks': {
      get: {
        operationId: 'task.list',
        summary: '任务列表，可按单位、状态、灯色筛选。',
        tags: ['task'],
        'x-rpc': true,
        'x-roles': ['leader', 'dispatcher', 'responsible'],
        parameters: [
          { name: 'unit', in: 'query', required: false, schema: { type: 'string', maxLength: 64, description: '单位代码' } },
          { name: 'light', in: 'query', required: false, schema: { type: 'string', enum: ['red', 'yellow', 'green', 'none'] } },
          { name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 200 } },
        ],
        responses: ok('items，next'),
      },
    },
    '/v1/tasks/{task_id}/report': {
      post: {
        operationId: 'task.report',
        summary: '责任单位报送进展。',
        tags: ['task'],
        'x-rpc': true,
        'x-roles': ['responsible'],
        parameters: [id('task_id', 'task'), IDEM],
        requestBody: body(
          {
            text: { type: 'string', minLength: 1, maxLength: 4000, description: '进展说明' },
            percent: { type: 'integer', minimum: 0, maximum: 100, description: '完成百分比' },
          },
          ['text'],
        ),
        responses: ok('task'),
      },
    },
  },
  components: {
    parameters: {
      IdempotencyKey: {
        name: 'Idempotency-Key',
        in: 'header',
        required: false,
        schema: { type: 'string', minLength: 1, maxLength: 128 },
        description: '同一个键得到第一次的答复，24 小时有效',
      },
    },
  },
  'x-errors': [
    error('E_AUTH', 1001, 401, '尚未登录或登录已失效，请重新登录'),
    error('E_PERM', 1002, 403, '您的岗位没有这项操作的权限'),
    error('E_INPUT', 1004, 400, '填写的内容有误，请检查后重试'),
    error('E_LIMIT', 1011, 429, '操作太频繁，请稍后再试', true),
    error('E_BUSY', 1101, 503, '系统繁忙，请稍后重试', true),
  ],
  'x-channels': [
    {
      prefix: 'user',
      text: '本人收件箱与会话事件（登录后自动订阅）',
      roles: ['leader', 'responsible'],
      server_side: true,
      latest_wins: false,
      presence: false,
      snapshot: false,
      size: 100,
      ttl_s: 86400,
    },
    {
      prefix: 'ranking',
      text: '任务办理情况排行榜 ranking:<期间>:<范围>',
      roles: ['leader', 'display'],
      server_side: false,
      latest_wins: true,
      presence: true,
      snapshot: true,
      size: 300,
      ttl_s: 604800,
    },
    {
      prefix: 'task',
      text: '一项任务的办理过程',
      roles: ['leader', 'auditor'],
      server_side: false,
      latest_wins: false,
      presence: false,
      snapshot: false,
      size: 300,
      ttl_s: 86400,
    },
  ],
  'x-role-names': { leader: '市领导', dispatcher: '督办', responsible: '责任单位', display: '大屏', auditor: '审计' },
};
