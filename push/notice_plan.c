/* SPDX-License-Identifier: Apache-2.0 */
#include "push/notice_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AFTER_MAX_S (7 * 86400)
#define SPARE_MS    600000

static bool seconds(const char *s, int64_t *ms) {
    char *end;
    errno       = 0;
    long long v = strtoll(s, &end, 10);
    *ms         = v * 1000;
    return errno == 0 && *s >= '0' && *s <= '9' && *end == '\0' && v <= AFTER_MAX_S;
}

/* Is there an office message before it that nothing makes louder yet? */
static bool can_raise(const struct notice_plan *p, enum delivery_channel channel) {
    for (size_t i = p->n; i > 0; i--)
        if (p->step[i - 1].channel == channel) return !p->step[i - 1].is_raise;
    return false;
}

/* word: "sms+900/0", "office!+600" */
static enum err step(char *word, struct notice_plan *out, char *why, size_t why_n) {
    char *plus = strchr(word, '+'), *slash = plus ? strchr(plus, '/') : NULL;
    if (plus) *plus = '\0';
    if (slash) *slash = '\0';
    char *loud = plus && plus > word && plus[-1] == '!' ? plus - 1 : NULL;
    if (loud) *loud = '\0';
    int channel = delivery_channel_of(word);
    if (channel < 0 || channel == CHANNEL_LOG) {
        (void)snprintf(why, why_n, "no channel \"%s\" (push, wechat, office, sms, voice, webhook)", word);
        return ERR_INPUT;
    }
    if (out->n == PLAN_STEPS_MAX) {
        (void)snprintf(why, why_n, "more than %d steps", PLAN_STEPS_MAX);
        return ERR_INPUT;
    }
    struct notice_step *s = &out->step[out->n];
    s->channel          = (enum delivery_channel)channel;
    if (plus == NULL || !seconds(plus + 1, &s->after_ms) || (slash && !seconds(slash + 1, &s->alone_ms))) {
        (void)snprintf(why, why_n, "%s: channel+SECONDS or channel+SECONDS/SECONDS, at most %d", word, AFTER_MAX_S);
        return ERR_INPUT;
    }
    if (loud && (channel != CHANNEL_OFFICE || slash || !can_raise(out, s->channel))) {
        (void)snprintf(why, why_n, "%s!: %s", word,
                       channel != CHANNEL_OFFICE ? "only a message of channel office can be made louder"
                       : slash                   ? "has no time of its own behind /: it is never alone"
                                                 : "no office step before it, or it is made louder already");
        return ERR_INPUT;
    }
    s->is_raise = loud != NULL;
    if (slash == NULL) s->alone_ms = s->after_ms;
    if (out->n && s->after_ms < out->step[out->n - 1].after_ms) {
        (void)snprintf(why, why_n, "%s: before the step in front of it", word);
        return ERR_INPUT;
    }
    out->n++;
    return ERR_OK;
}

enum err notice_plan_parse(const char *text, struct notice_plan *out, char *why, size_t why_n) {
    char  buf[512], *save = NULL;
    memset(out, 0, sizeof *out);
    if (strlen(text) >= sizeof buf) {
        (void)snprintf(why, why_n, "too long");
        return ERR_INPUT;
    }
    memcpy(buf, text, strlen(text) + 1);
    for (char *w = strtok_r(buf, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
        enum err e = step(w, out, why, why_n);
        if (e) return e;
    }
    return ERR_OK;
}

int64_t notice_plan_press(int64_t after_ms, int64_t last_ms, int64_t left_ms) {
    int64_t spare = left_ms / 10 < SPARE_MS ? left_ms / 10 : SPARE_MS, room = left_ms - spare;
    if (room <= 0) return 0;
    if (last_ms <= room) return after_ms;
    return last_ms > 0 ? after_ms * room / last_ms : 0;
}
