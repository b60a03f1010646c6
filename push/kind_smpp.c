/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "push/kinds.h"
#include "push/link_options.h"

static const struct provider_opt opts[] = {
    {"host", OPT_TEXT, NULL, "the gateway (SMSC), a numeric address", 0, 0},
    {"port", OPT_NUMBER, "2775", "", 1, 65535},
    {"system_id", OPT_TEXT, NULL, "account, at most 15 characters", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the password, at most 8 characters", 0, 0},
    {"src_id", OPT_TEXT, NULL, "number or name shown as the sender", 0, 0},
    {"service_id", OPT_TEXT, "", "service_type, at most 5 characters", 0, 0},
    {"system_type", OPT_TEXT, "", "at most 12 characters", 0, 0},
    {"src_ton", OPT_NUMBER, "0", "kind of the sender's number: 0 unknown, 1 international, 5 letters", 0, 6},
    {"src_npi", OPT_NUMBER, "0", "", 0, 18},
    {"dst_ton", OPT_NUMBER, "0", "kind of the phone numbers", 0, 6},
    {"dst_npi", OPT_NUMBER, "0", "", 0, 18},
    {"id_form", OPT_TEXT, "learn",
     "message ids in answer and receipt: learn, same, hex_dec, dec_hex; learn fails for receipts of an earlier process", 0, 0},
    {"codes", OPT_TEXT, "",
     "what this gateway means by its own codes: 1024-1039=throttled 1045=config; words: retry throttled config rejected", 0, 0},
};

static void fill(const struct provider *p, struct link_conf *c) {
    static const char *const forms[] = {
        [LINK_ID_LEARN] = "learn", [LINK_ID_SAME] = "same", [LINK_ID_HEX_DEC] = "hex_dec", [LINK_ID_DEC_HEX] = "dec_hex"};
    c->user        = provider_text(p, "system_id");
    c->system_type = provider_text(p, "system_type");
    c->src_ton     = (uint8_t)provider_number(p, "src_ton");
    c->src_npi     = (uint8_t)provider_number(p, "src_npi");
    c->dst_ton     = (uint8_t)provider_number(p, "dst_ton");
    c->dst_npi     = (uint8_t)provider_number(p, "dst_npi");
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(provider_text(p, "id_form"), forms[i]) == 0) c->id_form = (enum link_id_form)i;
}

const struct provider_kind kind_smpp = {.name       = "smpp",
                                        .channel    = "sms",
                                        .vendor     = "",
                                        .doc        = "any gateway that speaks SMPP 3.4",
                                        .opts       = opts,
                                        .opts_n     = sizeof opts / sizeof opts[0],
                                        .rate_per_s = 100,
                                        .link       = &LINK_SMPP,
                                        .link_fill  = fill,
                                        .open       = link_options_check};
