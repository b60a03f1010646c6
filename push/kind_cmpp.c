/* SPDX-License-Identifier: Apache-2.0 */
#include "push/kinds.h"

static const struct provider_opt opts[] = {
    {"host", OPT_TEXT, NULL, "the carrier's gateway, a numeric address", 0, 0},
    {"port", OPT_NUMBER, "7890", "", 1, 65535},
    {"sp", OPT_TEXT, NULL, "enterprise code, 6 characters", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the shared secret", 0, 0},
    {"src_id", OPT_TEXT, NULL, "access number shown as the sender", 0, 0},
    {"service_id", OPT_TEXT, NULL, "business code of the carrier", 0, 0},
};

const struct provider_kind kind_cmpp = {.name       = "cmpp",
                                        .channel    = "sms",
                                        .vendor     = "",
                                        .doc        = "China Mobile, CMPP 3.0; a gateway that knows only 2.0 brings it down to that",
                                        .opts       = opts,
                                        .opts_n     = sizeof opts / sizeof opts[0],
                                        .rate_per_s = 100};
