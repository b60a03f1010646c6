/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates that a provider has approved: what may stand behind `template.KIND =` in its section, what its approved text may look
 * like, and what a value may hold. Checked when the provider is made (so also by check-config) and again with the values of each
 * message. Pure functions, any thread.
 *
 *     template.task.due_soon = SMS_100000001 task=t,words=x          FORM_NAMES  the provider wants names; `t` alone is `t=t`
 *     template.task.due_soon = 100001 t,x                            FORM_ORDER  the provider wants {1} {2} in this order
 *     template.task.due_soon = TPL-id thing1=t,time2=time            FORM_TYPED  the name says what the value must be (WeChat)
 *
 * Behind the = stands a variable of the message: t (title of the object), x (the extra words), or made from the message itself:
 *     title      heading of the notice                 signature   sender's name
 *     text       whole text of the notice              time        when it was said, 2019年10月1日 15:01
 *     object     "task:ID"
 */
#ifndef ZB_PUSH_TEMPLATE_CHECK_H
#define ZB_PUSH_TEMPLATE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "push/provider.h"

enum template_form { FORM_NAMES, FORM_ORDER, FORM_TYPED };

/* What one provider allows. */
struct template_rules {
    enum template_form form;
    size_t      text_max; /* characters of the approved text with its values and the signature and its brackets; 0: no rule */
    const char *banned;   /* characters the text may not hold, "" none. Links never stand in a value */
    size_t      vars_max; /* 0: as many as one likes */
    bool        spoken;   /* read out by a machine: each variable once, no links */
};

/* ---- values ---- */
bool        push_value_is_known(const char *var);
const char *push_value(struct arena *a, const struct push_msg *m, const char *var); /* "" when there is none */

struct template_word {
    char        key[36]; /* FORM_ORDER: "" */
    const char *var;
};
bool template_word(const char *word, enum template_form form, struct template_word *out);

/* ---- checks: ERR_INPUT with why, one line ---- */
/* Every template option of the section. texts: lines `CODE approved text`, with ${name} or {1}; "" not known. */
enum err template_check(const struct provider *p, const struct template_rules *rules, const char *texts, const char *signature,
                        char *why, size_t why_n) MUST_CHECK;
/* One approved text. t NULL: the names are not compared with the option. */
enum err template_text_check(const struct template_rules *rules, const struct provider_template *t, const char *text,
                             const char *signature, char *why, size_t why_n) MUST_CHECK;
/* 2 to 12 Chinese characters, letters and digits, without brackets. */
enum err template_signature_check(const char *signature, char *why, size_t why_n) MUST_CHECK;
/* The line of `code` in texts, copied; NULL: none. */
const char *template_text(struct arena *a, const char *texts, const char *code);
/* Characters the finished message has; values in the order of t->var. */
size_t template_length(const struct provider_template *t, const char *const *values, const char *text, const char *signature);

/* ---- WeChat: key is type and number ("thing1"), limits by type ---- */
bool wechat_key_is_known(const char *key);
/* The value made fit where that harms nobody: too long a thing is cut with …, an empty one says 无, dates get their Chinese form.
 */
char *wechat_value_shape(struct arena *a, const char *key, const char *value);
/* ERR_INPUT: WeChat would answer 47003; why names the key and the rule, never the value. */
enum err wechat_value_check(const char *key, const char *value, char *why, size_t why_n) MUST_CHECK;

/* First n characters, the last of them … when something was cut off. */
char *template_cut(struct arena *a, const char *s, size_t n);

#endif
