/* SPDX-License-Identifier: Apache-2.0 */
#include "push/kinds.h"
#include "push/link_options.h"

static const struct provider_opt opts[] = {
    {"host", OPT_TEXT, NULL, "the carrier's gateway, a numeric address", 0, 0},
    {"port", OPT_NUMBER, "7890", "", 1, 65535},
    {"sp", OPT_TEXT, NULL, "enterprise code, at most 6 characters", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the shared secret", 0, 0},
    {"src_id", OPT_TEXT, NULL, "access number shown as the sender", 0, 0},
    {"service_id", OPT_TEXT, NULL, "business code of the carrier", 0, 0},
    {"version", OPT_NUMBER, "30", "30 or 20; a gateway that knows only 2.0 brings 30 down to that", 20, 30},
    {"hash_padded", OPT_BOOL, "false", "a code shorter than 6 characters is hashed with its padding; gateways differ", 0, 0},
    {"codes", OPT_TEXT, "",
     "what this gateway means by its own codes: 20-29=throttled 35=config; words: retry throttled config rejected", 0, 0},
};

static void fill(const struct provider *p, struct link_conf *c) {
    c->user        = provider_text(p, "sp");
    c->version     = provider_number(p, "version") < 30 ? 0x20 : 0x30;
    c->hash_padded = provider_flag(p, "hash_padded");
}

const struct provider_kind kind_cmpp = {.name       = "cmpp",
                                        .channel    = "sms",
                                        .vendor     = "",
                                        .doc        = "China Mobile, CMPP 3.0 and 2.0",
                                        .opts       = opts,
                                        .opts_n     = sizeof opts / sizeof opts[0],
                                        .rate_per_s = 100,
                                        .link       = &LINK_CMPP,
                                        .link_fill  = fill,
                                        .open       = link_options_check};
