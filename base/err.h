/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error type of the house, made from base/err.def. ERR_OK is 0; every function that can fail returns
 * enum err and is MUST_CHECK. Any thread; the table is constant.
 */
#ifndef ZB_BASE_ERR_H
#define ZB_BASE_ERR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum err {
    ERR_OK = 0,
#define X(symbol, word, number, http, temporary, zh) ERR_##symbol,
#include "base/err.def"
#undef X
    ERR_MAX
};

struct err_info {
    const char *word;   /* stable wire word, e.g. "E_STATE" */
    int         number; /* error.code of the WebSocket protocol */
    int         http;   /* REST status */
    bool        temporary;
    const char *zh; /* default text for a person */
};

/* Never NULL; UNREACHABLE for a value outside the enum. */
const struct err_info *err_info(enum err e);

#endif
