/* SPDX-License-Identifier: Apache-2.0
 *
 * WeChat mini-program: subscribe messages. Each needs an acceptance of this person for this template, which whoever routes counts
 * (push_consent); a send without one is 43101. Values are made fit or refused before sending (push/wechat_value.c). Pure
 * functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/kinds.h"
#include "push/wechat.h"

static const char *const states[] = {"formal", "trial", "developer"};

static enum err open_it(struct provider *p, char *why, size_t why_n) {
    const char *state = provider_text(p, "state");
    for (size_t i = 0; i < ARRAY_N(states); i++)
        if (strcmp(state, states[i]) == 0) return wechat_open(p, why, why_n);
    (void)snprintf(why, why_n, "option state: formal, trial or developer, not \"%s\"", state);
    return ERR_INPUT;
}

static enum err call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                     struct http_call *out, struct push_answer *why) {
    struct provider_template t;
    struct buf               b;
    struct jw                w;
    (void)wall_ms;
    if (!wechat_is_openid(m->target)) return cloud_refuse(why, "not an openid");
    if (*m->app && strcmp(m->app, provider_text(p, "app_id")) != 0)
        return cloud_refuse(why, "the openid belongs to another AppID");
    if (!provider_template(p, a, m->kind, &t)) return cloud_refuse(why, "no template for this kind of notice");
    buf_init(&b, 64 * 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "touser", m->target);
    jw_kstr(&w, "template_id", t.code);
    if (*provider_text(p, "page")) jw_kstr(&w, "page", wechat_page(a, provider_text(p, "page"), m));
    enum err e = wechat_data(a, m, &t, &w, why);
    jw_kstr(&w, "miniprogram_state", provider_text(p, "state"));
    jw_kstr(&w, "lang", provider_text(p, "lang"));
    jw_obj_end(&w);
    if (e == ERR_OK) wechat_to(p, a, "/cgi-bin/message/subscribe/send", cred, arena_strdup(a, buf_str(&b)), out);
    buf_fini(&b);
    return e;
}

static const struct provider_opt opts[] = {
    WECHAT_OPTS,
    {"page", OPT_TEXT, "", "page of the mini-program that a tap opens, with ?o=object behind it; empty: none", 0, 0},
    {"state", OPT_TEXT, "formal", "which version a tap opens: formal, trial, developer", 0, 0},
    {"lang", OPT_TEXT, "zh_CN", "language of WeChat's own words around the message", 0, 0},
};

const struct provider_kind kind_wechat_mini = {
    .name        = "wechat_mini",
    .channel     = "wechat",
    .vendor      = "wechat_mini",
    .doc         = "Subscribe messages of a mini-program; template.KIND = template_id thing1=t,time2=time,...",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 100,
    .templates   = true,
    .state_size  = sizeof(struct wechat_state),
    .open        = open_it,
    .close       = wechat_close,
    .cred_call   = wechat_cred_call,
    .cred_answer = wechat_cred_answer,
    .call        = call,
    .answer      = wechat_answer,
    .receipts    = wechat_receipts,
    .needs_consent = true,
    .consents    = wechat_consents,
};
