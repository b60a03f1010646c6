/* SPDX-License-Identifier: Apache-2.0
 *
 * WeChat official account: template messages to its followers. client_msg_id is the delivery, so that WeChat itself drops a
 * second one. A tap opens the page of a mini-program where there is one, else a web address. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/kinds.h"
#include "push/wechat.h"

static enum err open_it(struct provider *p, char *why, size_t why_n) {
    if (*provider_text(p, "mini_page") && !*provider_text(p, "mini_app_id")) {
        (void)snprintf(why, why_n, "option mini_page: needs mini_app_id");
        return ERR_INPUT;
    }
    return wechat_open(p, why, why_n);
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
    jw_kstr(&w, "client_msg_id", m->id);
    if (*provider_text(p, "url")) jw_kstr(&w, "url", wechat_page(a, provider_text(p, "url"), m));
    if (*provider_text(p, "mini_app_id")) {
        jw_key(&w, "miniprogram");
        jw_obj(&w);
        jw_kstr(&w, "appid", provider_text(p, "mini_app_id"));
        jw_kstr(&w, "pagepath", wechat_page(a, provider_text(p, "mini_page"), m));
        jw_obj_end(&w);
    }
    enum err e = wechat_data(a, m, &t, &w, why);
    jw_obj_end(&w);
    if (e == ERR_OK) wechat_to(p, a, "/cgi-bin/message/template/send", cred, arena_strdup(a, buf_str(&b)), out);
    buf_fini(&b);
    return e;
}

static const struct provider_opt opts[] = {
    WECHAT_OPTS,
    {"url", OPT_URL, "", "web address that a tap opens, with ?o=object behind it; empty: none", 0, 0},
    {"mini_app_id", OPT_TEXT, "", "AppID of the mini-program that a tap opens instead", 0, 0},
    {"mini_page", OPT_TEXT, "", "its page", 0, 0},
};

const struct provider_kind kind_wechat_mp = {
    .name        = "wechat_mp",
    .channel     = "wechat",
    .vendor      = "wechat_mp",
    .doc         = "Template messages of an official account; template.KIND = template_id thing1=t,time2=time,...",
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
    .consents    = wechat_consents,
};
