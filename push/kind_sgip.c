/* SPDX-License-Identifier: Apache-2.0 */
#include "push/kinds.h"
#include "push/link_options.h"

static const struct provider_opt opts[] = {
    {"host", OPT_TEXT, NULL, "the carrier's gateway, a numeric address; its own connections to us must come from there too", 0,
     0},
    {"port", OPT_NUMBER, "8801", "", 1, 65535},
    {"login", OPT_TEXT, NULL, "name to log in with, at most 16 characters; the gateway logs in to us with the same", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the password, at most 16 characters; the gateway logs in to us with the same", 0,
     0},
    {"node", OPT_NUMBER, NULL, "our node number: 3, area code (4 digits), company code (5 digits)", 1, 4294967295},
    {"corp_id", OPT_TEXT, NULL, "company code, 5 digits", 0, 0},
    {"src_id", OPT_TEXT, NULL, "access number shown as the sender", 0, 0},
    {"service_id", OPT_TEXT, NULL, "business code of the carrier", 0, 0},
    {"listen_host", OPT_TEXT, "0.0.0.0", "our address for the gateway's connections: reports and replies come by them", 0, 0},
    {"listen_port", OPT_NUMBER, "8801", "", 1, 65535},
    {"peer_host", OPT_TEXT, "", "address the gateway calls from, where it is not host", 0, 0},
    {"codes", OPT_TEXT, "",
     "what this gateway means by its own codes: 40-45=throttled 50=config; words: retry throttled config rejected", 0, 0},
};

static void fill(const struct provider *p, struct link_conf *c) {
    c->user        = provider_text(p, "login");
    c->node        = (uint32_t)provider_number(p, "node");
    c->corp_id     = provider_text(p, "corp_id");
    c->listen_host = provider_text(p, "listen_host");
    c->listen_port = (uint16_t)provider_number(p, "listen_port");
    c->peer_host   = provider_text(p, "peer_host")[0] ? provider_text(p, "peer_host") : NULL;
}

const struct provider_kind kind_sgip = {.name       = "sgip",
                                        .channel    = "sms",
                                        .vendor     = "",
                                        .doc        = "China Unicom, SGIP 1.2",
                                        .opts       = opts,
                                        .opts_n     = sizeof opts / sizeof opts[0],
                                        .rate_per_s = 100,
                                        .link       = &LINK_SGIP,
                                        .link_fill  = fill,
                                        .open       = link_options_check};
