/* SPDX-License-Identifier: Apache-2.0 */
#include "push/link_options.h"

#include <stdio.h>

enum err link_options(const struct provider *p, struct link_code codes[LINK_CODES_MAX], struct link_conf *out, char *why,
                      size_t why_n) {
    const struct provider_kind *k = provider_kind(p);
    *out                          = (struct link_conf){.proto      = k->link,
                                                       .host       = provider_text(p, "host"),
                                                       .port       = (uint16_t)provider_number(p, "port"),
                                                       .service_id = provider_text(p, "service_id"),
                                                       .src_id     = provider_text(p, "src_id"),
                                                       .codes      = codes,
                                                       .window     = (uint32_t)provider_number(p, "window")};
    k->link_fill(p, out);
    if (link_codes_parse(provider_text(p, "codes"), codes, &out->codes_n) == ERR_OK) return ERR_OK;
    (void)snprintf(why, why_n, "option codes: not of the form 20-29=throttled 35=config (also retry, rejected), at most %d",
                   LINK_CODES_MAX);
    return ERR_INPUT;
}

enum err link_options_check(struct provider *p, char *why, size_t why_n) {
    struct link_code codes[LINK_CODES_MAX];
    struct link_conf c;
    enum err         e = link_options(p, codes, &c, why, why_n);
    if (e) return e;
    c.secret = "";
    e        = link_conf_check(&c);
    if (e)
        (void)snprintf(why, why_n,
                       "host must be a numeric address, window at most %d; or the account, src_id, service_id or another number "
                       "is longer than %s has room for",
                       LINK_WINDOW_MAX, provider_kind(p)->name);
    return e;
}
